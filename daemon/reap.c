/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An object that ends inside its own callback, or inside a callback of
 * something it owns, cannot be freed on the spot: its callers are still on
 * the stack. It is put on this list instead, and one event, made active by
 * hand, frees the list when the loop is back in charge. An item is put at
 * most once; whoever puts it has removed the object's own events, so nothing
 * reaches it any more.
 */
#include "daemon/reap.h"

#include <event2/event.h>
#include <stdlib.h>

struct reaper {
	struct reap_item *items;
	struct event *event;
};

static void reap(struct reaper *reaper)
{
	while (reaper->items) {
		struct reap_item *item = reaper->items;

		reaper->items = item->next;
		item->free(item);
	}
}

static void on_reap(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	reap(arg);
}

struct reaper *reaper_new(struct event_base *base)
{
	struct reaper *reaper = calloc(1, sizeof(*reaper));

	if (!reaper)
		return NULL;
	reaper->event = event_new(base, -1, 0, on_reap, reaper);
	if (!reaper->event) {
		free(reaper);
		return NULL;
	}
	return reaper;
}

void reaper_free(struct reaper *reaper)
{
	if (!reaper)
		return;
	reap(reaper);
	event_free(reaper->event);
	free(reaper);
}

void reaper_put(struct reaper *reaper, struct reap_item *item,
	void (*free)(struct reap_item *item))
{
	item->free = free;
	item->next = reaper->items;
	reaper->items = item;
	event_active(reaper->event, EV_TIMEOUT, 0);
}
