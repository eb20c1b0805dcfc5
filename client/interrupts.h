/* SPDX-License-Identifier: MIT */
/*
 * poll(2) for all that this library waits with. A thread that holds interrupts
 * (usocket_script.h) has SIGINT blocked but for these waits, so that one which
 * comes a moment before ends the wait all the same.
 */
#ifndef CLIENT_INTERRUPTS_H
#define CLIENT_INTERRUPTS_H

#include <poll.h>
#include <signal.h>

/*
 * The signals that are blocked in this thread's waits; the caller keeps them.
 * NULL: what is blocked anyway.
 */
void interrupts_set_mask(const sigset_t *mask);

/* As poll(2). */
int interrupts_poll(struct pollfd *fds, nfds_t n_fds, int timeout_ms);

#endif
