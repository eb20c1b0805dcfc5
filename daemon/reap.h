/* SPDX-License-Identifier: MIT */
/*
 * Frees objects after the callback that ended them has returned.
 */
#ifndef DAEMON_REAP_H
#define DAEMON_REAP_H

struct event_base;
struct reaper;

/* A member of whatever may have to be freed later. */
struct reap_item {
	struct reap_item *next;
	void (*free)(struct reap_item *item);
};

/* NULL: no memory. */
struct reaper *reaper_new(struct event_base *base);

/* Frees what is still waiting. */
void reaper_free(struct reaper *reaper);

/* Has @free called with @item from the loop, once, with no other callback on
 * the stack. */
void reaper_put(struct reaper *reaper, struct reap_item *item,
	void (*free)(struct reap_item *item));

#endif
