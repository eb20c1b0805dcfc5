/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * usocket_poll() knows all but what was pushed back, so a set with such a
 * socket in it is polled without waiting and the socket is readable besides.
 * The descriptors are read once, when the call begins: a socket that another
 * thread closes meanwhile is POLLNVAL at the next call.
 */
#include "client/script/script.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

/* Sets of this size and less need no memory. */
#define FEW 16

/* Fills in @fds. Returns true if some socket is readable already. */
static bool prepare(struct pollfd *fds, const struct usocket_script_poll *polls, size_t n)
{
	bool is_ready = false;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct usocket_script *s = polls[i].socket;

		fds[i].fd = s ? script_fd(s) : polls[i].fd;
		fds[i].events = polls[i].events;
		fds[i].revents = 0;
		/* poll(2) passes over negative numbers; these are closed. */
		if (fds[i].fd < 0 || (s && (polls[i].events & POLLIN) && usocket_script_pending(s)))
			is_ready = true;
	}
	return is_ready;
}

static int conclude(struct usocket_script_poll *polls, const struct pollfd *fds, size_t n)
{
	int n_ready = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		polls[i].revents = fds[i].fd < 0 ? POLLNVAL : fds[i].revents;
		if (fds[i].fd >= 0 && polls[i].socket && (polls[i].events & POLLIN) &&
			usocket_script_pending(polls[i].socket))
			polls[i].revents |= POLLIN;
		n_ready += polls[i].revents != 0;
	}
	return n_ready;
}

int usocket_script_poll(struct usocket_script_poll *polls, size_t n,
	struct usocket_script_call *call)
{
	struct pollfd few[FEW], *fds = few;
	int rc;

	if (n > FEW)
		fds = calloc(n, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	rc = usocket_poll(fds, n, prepare(fds, polls, n) ? 0 : usocket_script_left_ms(call));
	rc = rc < 0 ? -errno : conclude(polls, fds, n);
	if (fds != few)
		free(fds);
	return rc;
}
