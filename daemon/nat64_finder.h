/* SPDX-License-Identifier: MIT */
/*
 * Finds the NAT64 prefix of each link that has IPv6 only, by asking the link's
 * name servers for the name that tells it (RFC 7050).
 */
#ifndef DAEMON_NAT64_FINDER_H
#define DAEMON_NAT64_FINDER_H

#include <stdbool.h>

struct address;
struct nat64_finder;
struct usocketd;

/* NULL: no memory. */
struct nat64_finder *nat64_finder_new(struct usocketd *daemon);
void nat64_finder_free(struct nat64_finder *finder);

/* Links' records have changed. */
void nat64_finder_update(struct nat64_finder *finder);

/*
 * Whether @to, for which there is no route, may have one in a moment: it is
 * IPv4, and some link's first answer is awaited, for a few seconds at most. The
 * sockets are told when that is over, as of a link that changes.
 */
bool nat64_finder_may_help(const struct usocketd *daemon, const struct address *to);

#endif
