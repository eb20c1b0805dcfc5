/* SPDX-License-Identifier: MIT */
/*
 * What the table says of the links: whether a destination can be reached,
 * and waiting until it can.
 */
#ifndef CLIENT_LINKS_H
#define CLIENT_LINKS_H

#include "client/deadline.h"
#include "proto/address.h"

#include <stdbool.h>

/*
 * Whether some link that is up has an address of the family of @to, or @to is
 * loopback or an address of ours. @to NULL: whether any link is up.
 */
bool links_reach(const struct address *to);

/* All hosts, or all of the network of some link. */
bool links_is_broadcast(const struct address *to);

/* Whether some link that is up has a global or private address of this kind. */
bool links_have_family(enum address_family family);

/*
 * Waits until links_reach(@to). @fd is the descriptor whose close ends it, or
 * -1. Returns 0 or -errno, among them deadline->error.
 */
int links_wait(const struct address *to, int fd, const struct deadline *deadline);

#endif
