/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The kernel says when a channel is ready. What only the connection table
 * knows - a pending error, a TCP socket that is not connected - is
 * usocket_poll()'s to add (client/poll.c). It is asked for sets with a socket
 * of which something can be unknown to the kernel; a set of connected sockets,
 * listeners and what is not ours waits in the kernel, and only what it shows of
 * ours is looked at afterwards.
 *
 * select() with such a socket in its sets is made a poll. For epoll see epoll.c.
 */
#include "client/preload/calls.h"

#include "client/interrupts.h"
#include "client/preload/kind.h"
#include "client/preload/linux_errno.h"
#include "client/usocket.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000

/* Sets up to this size need no memory. */
#define SMALL_SET 64

/* What select(2) means by its three sets. */
#define SELECT_IN     (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define SELECT_OUT    (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define SELECT_EXCEPT POLLPRI

/* An end shows in POLLIN; who does not want that is told of it by us only. */
static bool is_uncertain(int fd, short events)
{
	enum kind kind = fd >= 0 ? kind_of(fd) : KIND_OTHER;

	if (kind == KIND_CONNECTED)
		return !(events & (POLLIN | POLLRDHUP));
	return kind == KIND_STREAM || kind == KIND_DATAGRAM;
}

static bool has_uncertain(const struct pollfd *fds, nfds_t n)
{
	for (nfds_t i = 0; i < n; i++)
		if (is_uncertain(fds[i].fd, fds[i].events))
			return true;
	return false;
}

/* Whether what the kernel says of @fd is all there is to say. */
static bool is_complete(int fd)
{
	enum kind kind = kind_of(fd);

	return !kind_is_ours(kind) || (kind == KIND_CONNECTED && kind_is_sound(fd));
}

/* What the kernel's poll has found, corrected; may be less than before. */
static int correct(struct pollfd *fds, nfds_t n, int n_ready)
{
	for (nfds_t i = 0; i < n; i++) {
		short wanted = (short)(fds[i].events | POLLERR | POLLHUP | POLLNVAL);

		if (!fds[i].revents || fds[i].fd < 0 || is_complete(fds[i].fd))
			continue;
		fds[i].revents = usocket_adjust_events(fds[i].fd, fds[i].revents) & wanted;
		if (!fds[i].revents)
			n_ready--;
	}
	return n_ready;
}

/* Rounded up; -1: for ever. */
static int milliseconds(const struct timespec *timeout)
{
	if (!timeout)
		return -1;
	if (timeout->tv_sec > INT_MAX / 1000 - 1)
		return INT_MAX;
	return (int)(timeout->tv_sec * 1000 + (timeout->tv_nsec + NS_PER_MS - 1) / NS_PER_MS);
}

static void clear_mask(void *unused)
{
	(void)unused;
	interrupts_set_mask(NULL);
}

static int poll_uncertain(struct pollfd *fds, nfds_t n, int timeout_ms, const sigset_t *mask)
{
	int r;

	interrupts_set_mask(mask);
	pthread_cleanup_push(clear_mask, NULL);
	r = usocket_poll(fds, n, timeout_ms);
	pthread_cleanup_pop(1);
	return r;
}

int preload_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	int r;

	if (fds && has_uncertain(fds, n))
		return poll_uncertain(fds, n, timeout_ms, NULL);
	r = poll(fds, n, timeout_ms);
	if (r <= 0)
		return r;
	r = correct(fds, n, r);
	/* Only of a listener an event can have been taken away. */
	return r > 0 || timeout_ms == 0 ? r : poll_uncertain(fds, n, timeout_ms, NULL);
}

int preload_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
	const sigset_t *mask)
{
	int r;

	if (fds && has_uncertain(fds, n))
		return poll_uncertain(fds, n, milliseconds(timeout), mask);
	r = ppoll(fds, n, timeout, mask);
	if (r <= 0)
		return r;
	r = correct(fds, n, r);
	return r > 0 || milliseconds(timeout) == 0
		? r
		: poll_uncertain(fds, n, milliseconds(timeout), mask);
}

/* ---- select ------------------------------------------------------------- */

struct sets {
	int n; /* numbers */
	fd_set *in, *out, *except;
	struct pollfd *fds;
	nfds_t n_fds;
	struct pollfd small[SMALL_SET];
};

/* Programs make sets of more than FD_SETSIZE numbers: no FD_ISSET. */
#define WORD_BITS (8 * (int)sizeof(fd_mask))

static bool has(const fd_set *set, int fd)
{
	const fd_mask *words = (const fd_mask *)set;

	return set && (unsigned long)words[fd / WORD_BITS] >> (fd % WORD_BITS) & 1;
}

static void put(fd_set *set, int fd, bool on)
{
	fd_mask *words = (fd_mask *)set;
	fd_mask bit = (fd_mask)(1UL << (fd % WORD_BITS));

	if (set && on)
		words[fd / WORD_BITS] |= bit;
	else if (set)
		words[fd / WORD_BITS] &= ~bit;
}

/* select(2) does not tell of a hang-up by itself; listeners are never writable. */
static bool sets_have_uncertain(const struct sets *s)
{
	for (int fd = 0; fd < s->n; fd++) {
		bool out = has(s->out, fd);

		if (!out && !has(s->in, fd) && !has(s->except, fd))
			continue;
		if (is_uncertain(fd, POLLIN) || (out && kind_of(fd) == KIND_LISTENER))
			return true;
	}
	return false;
}

static int sets_to_poll(struct sets *s)
{
	s->fds = s->n <= SMALL_SET ? s->small : calloc((size_t)s->n, sizeof(*s->fds));
	if (!s->fds)
		return linux_fail(ENOMEM);
	for (int fd = 0; fd < s->n; fd++) {
		short events = (short)((has(s->in, fd) ? POLLIN | POLLRDNORM | POLLRDBAND : 0) |
			(has(s->out, fd) ? POLLOUT | POLLWRNORM | POLLWRBAND : 0) |
			(has(s->except, fd) ? POLLPRI : 0));

		if (events)
			s->fds[s->n_fds++] = (struct pollfd){ .fd = fd, .events = events };
	}
	return 0;
}

static int sets_from_poll(const struct sets *s)
{
	int n_ready = 0;

	for (nfds_t i = 0; i < s->n_fds; i++)
		if (s->fds[i].revents & POLLNVAL)
			return linux_fail(EBADF);
	for (nfds_t i = 0; i < s->n_fds; i++) {
		const struct pollfd *p = &s->fds[i];
		bool in = has(s->in, p->fd) && p->revents & SELECT_IN;
		bool out = has(s->out, p->fd) && p->revents & SELECT_OUT;
		bool except = has(s->except, p->fd) && p->revents & SELECT_EXCEPT;

		put(s->in, p->fd, in);
		put(s->out, p->fd, out);
		put(s->except, p->fd, except);
		n_ready += in + out + except;
	}
	return n_ready;
}

static void sets_fini(void *arg)
{
	struct sets *s = arg;

	if (s->fds != s->small)
		free(s->fds);
}

static int select_by_poll(struct sets *s, int timeout_ms, const sigset_t *mask)
{
	int r = sets_to_poll(s);

	if (r < 0)
		return r;
	pthread_cleanup_push(sets_fini, s);
	r = poll_uncertain(s->fds, s->n_fds, timeout_ms, mask);
	if (r >= 0)
		r = sets_from_poll(s);
	pthread_cleanup_pop(1);
	return r;
}

/* Linux leaves in the argument how much of the time was not used. */
static void subtract_elapsed(struct timeval *timeout, const struct timespec *start)
{
	struct timespec now;
	long long left;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left = timeout->tv_sec * 1000000LL + timeout->tv_usec -
		((now.tv_sec - start->tv_sec) * 1000000LL + (now.tv_nsec - start->tv_nsec) / 1000);
	if (left < 0)
		left = 0;
	timeout->tv_sec = left / 1000000;
	timeout->tv_usec = left % 1000000;
}

int preload_select(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout)
{
	struct sets s = { .n = n, .in = in, .out = out, .except = except };
	struct timespec limit, start;
	int r;

	if (!sets_have_uncertain(&s))
		return select(n, in, out, except, timeout);
	if (!timeout)
		return select_by_poll(&s, -1, NULL);
	if (timeout->tv_sec < 0 || timeout->tv_usec < 0)
		return linux_fail(EINVAL);
	limit.tv_sec = timeout->tv_sec;
	limit.tv_nsec = timeout->tv_usec * 1000;
	clock_gettime(CLOCK_MONOTONIC, &start);
	r = select_by_poll(&s, milliseconds(&limit), NULL);
	subtract_elapsed(timeout, &start);
	return r;
}

int preload_pselect(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout,
	const sigset_t *mask)
{
	struct sets s = { .n = n, .in = in, .out = out, .except = except };

	if (!sets_have_uncertain(&s))
		return pselect(n, in, out, except, timeout, mask);
	if (timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0))
		return linux_fail(EINVAL);
	return select_by_poll(&s, milliseconds(timeout), mask);
}
