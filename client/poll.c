/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The kernel knows when a channel is readable, writable or closed; that is
 * most of what poll(2) must say. Three things only the table knows: an error is
 * pending (POLLERR), a TCP socket is not connected (POLLHUP), it is listening
 * (no POLLOUT). They are there before the kernel's poll is entered, or come
 * with an event that the kernel shows: the end of the stream, or of a connect.
 * So streams are polled for those besides what the caller wants, and the
 * records are looked at before and after.
 */
#include "client/holder.h"
#include "client/deadline.h"
#include "client/interrupts.h"
#include "client/pending.h"
#include "client/usocket.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Sets up to this size need no memory. */
#define SMALL_SET 32

struct poll_set {
	struct pollfd *caller; /* as the caller gave it */
	struct pollfd *kernel; /* as the kernel gets it */
	nfds_t n;
	struct pollfd small[SMALL_SET];
};

/*
 * Whether the channel shows the end that the record tells already. The daemon
 * publishes first; until the channel follows, nothing has happened.
 */
static bool end_is_visible(const struct holder *h)
{
	short sign = holder_was_connected(h) ? POLLRDHUP : POLLOUT;
	struct pollfd p = { .fd = h->fd, .events = sign };

	return poll(&p, 1, 0) == 1 && p.revents & (sign | POLLHUP);
}

/*
 * The same for a datagram socket whose connect to a name has failed: the error
 * is there before the daemon has read the filler.
 */
static bool is_being_freed(const struct holder *h)
{
	struct pollfd p = { .fd = h->fd, .events = POLLOUT };

	return pending_get_buffer(h, &(int){ 0 }) && poll(&p, 1, 0) == 0;
}

static short adjust_stream(const struct holder *h, short revents)
{
	if (h->record.state == TABLE_STATE_LISTEN)
		return revents & (short)~(POLLOUT | POLLWRNORM | POLLWRBAND);
	if (h->record.state != TABLE_STATE_CLOSED || holder_is_connecting(h))
		return revents;
	if (!end_is_visible(h))
		return revents & (short)~POLLERR;
	return revents | POLLHUP;
}

short usocket_adjust_events(int fd, short revents)
{
	struct holder h;

	if (fd < 0 || revents & POLLNVAL || holder_look(&h, fd) < 0)
		return revents;
	/* Only a hang-up makes it worth asking whether the daemon has ended. */
	if (revents & POLLHUP)
		holder_is_lost(&h);
	if (holder_has_error(&h) && (holder_is_stream(&h) || !is_being_freed(&h)))
		revents |= POLLERR;
	if (h.view != HOLDER_SEEN || !holder_is_stream(&h))
		return revents;
	return adjust_stream(&h, revents);
}

/* What the kernel is asked about @fd besides what the caller wants. */
static short extra_interest(int fd)
{
	struct holder h;

	if (fd < 0 || holder_look(&h, fd) < 0 || !holder_is_stream(&h))
		return 0;
	return holder_was_connected(&h) ? POLLRDHUP : POLLRDHUP | POLLOUT;
}

static int set_init(struct poll_set *set, struct pollfd *fds, nfds_t n)
{
	set->caller = fds;
	set->n = n;
	set->kernel = n <= SMALL_SET ? set->small : calloc(n, sizeof(*set->kernel));
	if (!set->kernel)
		return -ENOMEM;
	for (nfds_t i = 0; i < n; i++) {
		set->kernel[i] = fds[i];
		set->kernel[i].revents = 0;
		set->kernel[i].events |= extra_interest(fds[i].fd);
	}
	return 0;
}

static void set_fini(void *arg)
{
	struct poll_set *set = arg;

	if (set->kernel != set->small)
		free(set->kernel);
}

/* All that is to be said of one descriptor after the kernel's poll. */
static short merge_one(struct pollfd kernel)
{
	short revents = usocket_adjust_events(kernel.fd, kernel.revents);

	/* What the record adds may be newer than what the kernel said. */
	if (revents & ~kernel.revents && poll(&kernel, 1, 0) == 1)
		revents |= kernel.revents;
	return revents;
}

/* Puts the caller's revents together; returns how many are not 0. */
static int set_merge(struct poll_set *set)
{
	int n_ready = 0;

	for (nfds_t i = 0; i < set->n; i++) {
		short wanted = (short)(set->caller[i].events | POLLERR | POLLHUP | POLLNVAL);
		short revents = merge_one(set->kernel[i]);

		set->caller[i].revents = (short)(revents & wanted);
		if (set->caller[i].revents)
			n_ready++;
		/* What is no event for this caller would come again at once. */
		else
			set->kernel[i].events &= (short)~set->kernel[i].revents;
	}
	return n_ready;
}

static int set_poll(struct poll_set *set, int timeout_ms)
{
	int64_t until_ns = timeout_ms < 0 ? DEADLINE_NEVER : time_after_ms(timeout_ms);
	int n_ready, n = 0;

	/* The first look is without waiting, in case the records have events. */
	for (bool first = true;; first = false) {
		int left_ms = time_left_ms(until_ns);

		n = interrupts_poll(set->kernel, set->n, first ? 0 : left_ms);
		if (n < 0)
			return -errno;
		n_ready = set_merge(set);
		if (n_ready > 0 || (n == 0 && left_ms == 0))
			return n_ready;
	}
}

int usocket_poll(struct pollfd *fds, nfds_t n_fds, int timeout_ms)
{
	struct poll_set set;
	int r = set_init(&set, fds, n_fds);

	if (r == 0) {
		pthread_cleanup_push(set_fini, &set);
		r = set_poll(&set, timeout_ms);
		pthread_cleanup_pop(1);
	}
	if (r < 0)
		errno = -r;
	return r < 0 ? -1 : r;
}
