/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The channel is a SOCK_SEQPACKET pair. The client has nothing to say on it:
 * what it sends is read and thrown away, because a socket that is closed with
 * unread data gives its peer ECONNRESET, and on SOCK_SEQPACKET that error
 * comes before the messages the peer has not read yet. For the same reason
 * the end is orderly: half-close, then wait for the client's close, and only
 * then close; the wait is bounded.
 *
 * States: open; finishing (half-closed, deadline armed); closed (descriptor
 * and events are gone, the owner has been told). The owner frees in any of
 * them.
 */
#include "daemon/event_channel.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a client may take to read its last message and close. */
#define FINISH_TIMEOUT_S 3
/* Messages thrown away in one loop turn. */
#define DRAIN_BUDGET 16

struct event_channel {
	int fd;
	struct event *readable;
	struct event *roomy;	/* armed by event_channel_when_writable() */
	struct event *deadline; /* of finishing */
	event_channel_closed_fn closed;
	event_channel_writable_fn writable;
	void *arg;
};

/* Returns true when the client has closed. */
static bool drain(struct event_channel *channel)
{
	char byte;

	for (int i = 0; i < DRAIN_BUDGET; i++) {
		/* The rest of a longer message is cut off by the kernel. */
		ssize_t n = recv(channel->fd, &byte, 1, MSG_DONTWAIT);

		if (n < 0)
			return errno != EAGAIN && errno != EINTR;
		if (n == 0)
			return true;
	}
	return false;
}

static void tell_closed(struct event_channel *channel)
{
	event_del(channel->readable);
	event_del(channel->roomy);
	event_del(channel->deadline);
	close(channel->fd);
	channel->fd = -1;
	channel->closed(channel->arg);
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
	struct event_channel *channel = arg;

	(void)fd;
	(void)events;
	if (drain(channel))
		tell_closed(channel);
}

static void on_roomy(evutil_socket_t fd, short events, void *arg)
{
	struct event_channel *channel = arg;

	(void)fd;
	(void)events;
	channel->writable(channel->arg);
}

static void on_deadline(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	tell_closed(arg);
}

int event_channel_new(struct event_channel **out, struct event_base *base,
	event_channel_closed_fn closed, void *arg, int *client_end)
{
	struct event_channel *channel;
	int pair[2];

	channel = calloc(1, sizeof(*channel));
	if (!channel)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		int error = -errno;

		free(channel);
		return error;
	}
	channel->fd = pair[0];
	channel->closed = closed;
	channel->arg = arg;
	channel->readable = event_new(base, pair[0], EV_READ | EV_PERSIST, on_readable, channel);
	channel->roomy = event_new(base, pair[0], EV_WRITE, on_roomy, channel);
	channel->deadline = evtimer_new(base, on_deadline, channel);
	if (!channel->readable || !channel->roomy || !channel->deadline ||
		event_add(channel->readable, NULL) < 0) {
		close(pair[1]);
		event_channel_free(channel);
		return -ENOMEM;
	}
	*client_end = pair[1];
	*out = channel;
	return 0;
}

void event_channel_free(struct event_channel *channel)
{
	if (!channel)
		return;
	if (channel->readable)
		event_free(channel->readable);
	if (channel->roomy)
		event_free(channel->roomy);
	if (channel->deadline)
		event_free(channel->deadline);
	if (channel->fd >= 0)
		close(channel->fd);
	free(channel);
}

int event_channel_send(struct event_channel *channel, const uint8_t *buf, size_t len)
{
	if (channel->fd < 0)
		return -EPIPE;
	if (send(channel->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

void event_channel_when_writable(struct event_channel *channel, event_channel_writable_fn writable)
{
	if (channel->fd < 0)
		return;
	channel->writable = writable;
	event_add(channel->roomy, NULL);
}

void event_channel_finish(struct event_channel *channel)
{
	const struct timeval timeout = { .tv_sec = FINISH_TIMEOUT_S };

	if (channel->fd < 0)
		return;
	shutdown(channel->fd, SHUT_WR);
	event_add(channel->deadline, &timeout);
}
