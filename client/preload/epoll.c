/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What the kernel shows of a channel is right but for a pending error and a TCP
 * socket that is not connected: EPOLLERR and EPOLLHUP are added to what it
 * shows, from the connection table (client/poll.c). A failed connect ends with
 * an event that everybody waits for, EPOLLOUT, so there is nothing to wait for
 * besides, and the kernel's call is made as it is, once.
 *
 * An event names no descriptor, only what the program gave to epoll_ctl(2). That
 * is remembered of sockets that are not connected yet, and of datagram sockets
 * (move.c); programs that have none pay nothing. Of a connection the end shows in
 * EPOLLIN, and the read that follows tells the error.
 */
#include "client/preload/calls.h"

#include "client/preload/kind.h"
#include "client/preload/move.h"
#include "client/usocket.h"

#include <errno.h>
#include <stdint.h>

int preload_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	enum kind kind = kind_of(fd);
	struct epoll_event wanted;
	int r;

	/* A channel always can be written to, a listener never. */
	if (kind == KIND_LISTENER && event) {
		wanted = *event;
		wanted.events &= ~(uint32_t)EPOLLOUT;
		event = &wanted;
	}
	r = epoll_ctl(epoll, operation, fd, event);
	if (r < 0)
		return r;
	if (kind == KIND_STREAM || kind == KIND_DATAGRAM)
		move_note_epoll(epoll, operation, fd, event);
	return r;
}

/* The bits are those of poll(2). */
static uint32_t added(int fd, uint32_t events)
{
	short revents = usocket_adjust_events(fd, (short)(events & INT16_MAX));

	return (uint32_t)revents & (EPOLLERR | EPOLLHUP);
}

static int correct(int epoll, struct epoll_event *events, int n)
{
	int error = errno;

	for (int i = 0; i < n && move_has_epoll(); i++) {
		int fd = move_find_epoll(epoll, events[i].data.u64);

		if (fd >= 0)
			events[i].events |= added(fd, events[i].events);
	}
	errno = error;
	return n;
}

int preload_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms)
{
	return correct(epoll, events, epoll_wait(epoll, events, max, timeout_ms));
}

int preload_epoll_pwait(int epoll, struct epoll_event *events, int max, int timeout_ms,
	const sigset_t *mask)
{
	return correct(epoll, events, epoll_pwait(epoll, events, max, timeout_ms, mask));
}

int preload_epoll_pwait2(int epoll, struct epoll_event *events, int max,
	const struct timespec *timeout, const sigset_t *mask)
{
	return correct(epoll, events, epoll_pwait2(epoll, events, max, timeout, mask));
}
