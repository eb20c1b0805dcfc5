/* SPDX-License-Identifier: MIT */
/*
 * What the table says of the links: whether a destination can be reached,
 * and waiting until it can.
 */
#ifndef CLIENT_LINKS_H
#define CLIENT_LINKS_H

#include "client/deadline.h"
#include "client/holder.h"
#include "proto/address.h"

#include <stdbool.h>

/* Where a datagram comes from and goes to. */
struct links_way {
	const struct address *from; /* NULL: whatever there is */
	const struct address *to;   /* NULL: anywhere */
};

/*
 * Whether a link that is up, and has the address @from, has one of the family of
 * @to; or @to is loopback or an address of ours.
 */
bool links_reach(const struct links_way *way);

/* Whether a link that is down, and has the address @from, dials on demand. */
bool links_may_dial(const struct links_way *way);

/* All hosts, or all of the network of some link. */
bool links_is_broadcast(const struct address *to);

/* Whether some link that is up has a global or private address of this kind. */
bool links_have_family(enum address_family family);

/*
 * Waits until links_reach(@way). The close of @holder ends it; NULL: none. The
 * deadline is resolved already. Returns 0 or -errno, among them deadline->error.
 */
int links_wait(const struct links_way *way, const struct holder *holder,
	const struct deadline *deadline);

#endif
