/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A watch is the daemon's own event channel, handed to the program: the kernel
 * makes it readable, the program closes it, and nothing is kept of it here. The
 * daemon begins each with the state of every link, so no change can fall between
 * a look and the subscription.
 */
#include "client/result.h"
#include "client/session.h"
#include "client/usocket.h"
#include "proto/channel.h"
#include "proto/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int watch_links(void)
{
	struct session_call call = session_call_make(SESSION_ANY_INSTANCE,
		usp_Request_watch_tag);
	int r;

	call.wants_fd = true;
	r = session_request(&call);
	if (r < 0)
		return r == -ENOSYS ? -EOPNOTSUPP : r;
	if (fcntl(call.fd_in, F_SETFL, O_NONBLOCK) == 0)
		return call.fd_in;
	r = -errno;
	close(call.fd_in);
	return r;
}

int usocket_watch_links(void)
{
	return (int)posix_result(watch_links());
}

/* Not a usocket, whose data reading it here would take. */
static int check_watch(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);
	uint64_t instance;
	socket_id id;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return -errno;
	if (type != SOCK_SEQPACKET || channel_identify(fd, &instance, &id) == 0)
		return -EINVAL;
	return 0;
}

static void fill_event(struct usocket_link_event *event, const usp_Event *message)
{
	struct table_link link;

	memset(event, 0, sizeof(*event));
	event->index = message->link;
	event->state = (uint8_t)message->state;
	event->reason = message->reason <= UINT8_MAX ? (uint8_t)message->reason : UINT8_MAX;
	event->is_refused = message->is_refused;
	memcpy(event->cause, message->cause, sizeof(event->cause) - 1);
	if (session_read_link(message->link, &link) == 0)
		memcpy(event->name, link.name, sizeof(event->name) - 1);
}

static int next_event(int fd, struct usocket_link_event *event)
{
	usp_Event message = usp_Event_init_zero;
	uint8_t bytes[PROTOCOL_EVENT_MAX];
	ssize_t n;
	int r = check_watch(fd);

	if (r < 0)
		return r;
	n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return -ENODEV;
	if (n < 0)
		return -errno;
	if (codec_decode_event(&message, bytes, (size_t)n) < 0 || message.state > UINT8_MAX)
		return -EPROTO;
	fill_event(event, &message);
	return 1;
}

int usocket_watch_next(int fd, struct usocket_link_event *event, size_t size)
{
	struct usocket_link_event whole;
	int r = next_event(fd, &whole);

	if (r == 1) {
		memset(event, 0, size);
		memcpy(event, &whole, size < sizeof(whole) ? size : sizeof(whole));
	}
	return (int)posix_result(r);
}
