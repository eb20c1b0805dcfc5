/* SPDX-License-Identifier: MIT */
/*
 * Clients that want to hear of the links' changes.
 */
#ifndef DAEMON_WATCH_H
#define DAEMON_WATCH_H

#include <stdint.h>

struct usocketd;
struct watchers;

/* NULL: no memory. */
struct watchers *watchers_new(struct usocketd *daemon);
/* Ends all subscriptions. */
void watchers_free(struct watchers *watchers);

/* Tells all of the state of link @index; one that does not read is dropped. */
void watchers_link_changed(struct watchers *watchers, uint32_t index);

#endif
