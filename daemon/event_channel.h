/* SPDX-License-Identifier: MIT */
/*
 * The daemon's end of a channel that carries nanopb messages to one client:
 * the result of a look-up, or a stream of events.
 */
#ifndef DAEMON_EVENT_CHANNEL_H
#define DAEMON_EVENT_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct event_channel;

/*
 * The client has closed its end, or did not in time after
 * event_channel_finish(). Called once, from the loop; the owner frees the
 * channel, but not before this returns (see reap.h).
 */
typedef void (*event_channel_closed_fn)(void *arg);

/*
 * Returns 0 with *@client_end, which is to be handed over and closed, or
 * -errno.
 */
int event_channel_new(struct event_channel **out, struct event_base *base,
	event_channel_closed_fn closed, void *arg, int *client_end);

/* Closes it at once, without a call of closed. */
void event_channel_free(struct event_channel *channel);

/*
 * Sends one message of at most PROTOCOL_EVENT_MAX bytes. Returns 0; -EAGAIN
 * if the client has not read what was sent before; -EPIPE if it is gone.
 */
int event_channel_send(struct event_channel *channel, const uint8_t *buf, size_t len);

/*
 * Calls @writable once, from the loop, as soon as the client has made room; with
 * the argument of closed, and not any more once that was called.
 */
typedef void (*event_channel_writable_fn)(void *arg);
void event_channel_when_writable(struct event_channel *channel,
	event_channel_writable_fn writable);

/*
 * No more will be sent: shuts the channel down so that the client gets all
 * that was sent, then end of stream.
 */
void event_channel_finish(struct event_channel *channel);

#endif
