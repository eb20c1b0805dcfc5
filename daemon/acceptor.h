/* SPDX-License-Identifier: MIT */
/*
 * Takes connections off a listening socket, a few in each turn of the loop.
 */
#ifndef DAEMON_ACCEPTOR_H
#define DAEMON_ACCEPTOR_H

struct event;
struct event_base;

struct acceptor {
	int fd;		  /* listening, non-blocking; not owned */
	const char *whom; /* who connects, for the log */
	/* Takes over an accepted descriptor, non-blocking and close-on-exec. */
	void (*take)(int fd, void *arg);
	void *arg;
	struct event *on_acceptable, *on_pause_over; /* its own; NULL at first */
};

/* The first four members are the caller's to fill. Returns 0 or -ENOMEM. */
int acceptor_start(struct acceptor *acceptor, struct event_base *base);

/* Legal after a failed start, and if all is zero. */
void acceptor_stop(struct acceptor *acceptor);

#endif
