/* SPDX-License-Identifier: MIT */
/*
 * IPv4 addresses inside IPv6 ones, as NAT64 has them (RFC 6052), and finding
 * the prefix (RFC 7050). In a prefix' address, the port is its length.
 */
#ifndef PROTO_NAT64_H
#define PROTO_NAT64_H

#include "proto/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The name whose IPv6 addresses tell, and its only IPv4 addresses. */
#define NAT64_WELL_KNOWN_NAME "ipv4only.arpa"

/*
 * Whether @prefix can be one: 32, 40, 48, 56, 64 or 96 bits of unicast, with
 * nothing behind them and bits 64 to 71 clear.
 */
bool nat64_is_prefix(const struct address *prefix);

/*
 * Whether @ip4 may travel by @prefix: it is no address of this host, its
 * link or a group, and global if the prefix is 64:ff9b::/96 (RFC 6052 3.1).
 */
bool nat64_may_carry(const struct address *prefix, const uint8_t ip4[4]);

/* @ip4 in the form that @prefix, a valid one, gives it. */
void nat64_map(const struct address *prefix, const uint8_t ip4[4], uint8_t ip6[16]);

/* And back; false if @ip6 is not of @prefix. */
bool nat64_unmap(const struct address *prefix, const uint8_t ip6[16], uint8_t ip4[4]);

/*
 * The prefix that the IPv6 addresses of NAT64_WELL_KNOWN_NAME tell of. Returns
 * false if there is none.
 */
bool nat64_find(const struct address *addresses, size_t n, struct address *prefix);

#endif
