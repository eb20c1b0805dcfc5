/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A watch is an event channel (events.c). The daemon begins each with the state of
 * every link, so no change can fall between a look and the subscription.
 */
#include "client/events.h"
#include "client/result.h"
#include "client/session.h"
#include "client/usocket.h"
#include "proto/codec.h"

#include <errno.h>
#include <string.h>

int usocket_watch_links(void)
{
	struct session_call call = session_call_make(SESSION_ANY_INSTANCE,
		usp_Request_watch_tag);

	return (int)posix_result(events_open(&call));
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
	int n = events_receive(fd, bytes, sizeof(bytes));

	if (n <= 0)
		return n == -ENODATA ? -ENODEV : n;
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
