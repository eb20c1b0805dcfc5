/* SPDX-License-Identifier: MIT */
/*
 * systemd, or whatever speaks its protocols: the listening socket by
 * activation, readiness, watchdog. Without libsystemd all of it does nothing.
 */
#ifndef DAEMON_SUPERVISOR_H
#define DAEMON_SUPERVISOR_H

struct event_base;
struct supervisor;

/*
 * The rendezvous socket that was handed over, -ENOENT if none was, or -EINVAL
 * (logged) for what is no listening SOCK_SEQPACKET socket.
 */
int supervisor_take_socket(void);

/* Sends watchdog pings from the loop if they are wanted. NULL: no memory. */
struct supervisor *supervisor_new(struct event_base *base);
void supervisor_free(struct supervisor *supervisor);

void supervisor_tell_ready(void);
void supervisor_tell_reloading(void);
void supervisor_tell_stopping(void);

#endif
