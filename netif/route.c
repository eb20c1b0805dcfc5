/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * lwIP asks the hooks here before it looks at netmasks and at its default
 * netif. What they decide:
 *
 * - A packet to one of our own addresses goes to the netif that has it, whose
 *   output loops it back; if that link is down, to loopback.
 * - A packet from a bound address goes by the netif that has it. If that link
 *   is down while another is up, it still goes there and is refused: leaving
 *   by the other with this source would be worse than failing.
 * - A packet to a link's own network goes by that link; of several the one
 *   with the longest prefix, then the better one.
 * - A packet to a link's NAT64 prefix goes by that link.
 * - Any other goes by the best link that can send and has an address of its
 *   family, other than link-local.
 *
 * Which of two links is better is said in one place, is_better(): one that
 * works before one that is degraded, then the lower metric, then the order in
 * which they were added, which is that of the list. Nothing is remembered of
 * earlier choices, so a better link that returns is used at once, while the
 * connections of the other stay where their address is.
 *
 * A link without IPv4 can still carry it if a NAT64 prefix is known there. To
 * the sockets that counts as IPv4: whether a destination is to be mapped follows
 * from which link is the best for it. lwIP sees the IPv6 packets only.
 *
 * netif_default is what lwIP, and an address without its scope, fall back to.
 * When no link is up there is no route, and a connect fails at once.
 */
#include "netif/route.h"

#include "netif/hooks.h"
#include "netif/loopback.h"

#include "proto/nat64.h"

#include "lwip/netif.h"

#include <stddef.h>

static struct route *routes;

static const struct route *find(const struct netif *netif)
{
	const struct route *r = routes;

	while (r && r->netif != netif)
		r = r->next;
	return r;
}

bool route_usable(const struct netif *netif)
{
	const struct route *r = find(netif);

	return netif_is_up(netif) && netif_is_link_up(netif) && !(r && r->is_waiting);
}

static bool has_address4(const struct route *r)
{
	return !ip4_addr_isany(netif_ip4_addr(r->netif));
}

static bool has_address6(const struct route *r)
{
	const struct netif *netif = r->netif;
	int i;

	for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
		if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
			!ip6_addr_islinklocal(netif_ip6_addr(netif, i)))
			return true;
	}
	return false;
}

/* For find_best(). */
typedef bool (*fits_fn)(const struct route *r, const ip4_addr_t *dest);

static bool is_any(const struct route *r, const ip4_addr_t *dest)
{
	(void)r;
	(void)dest;
	return true;
}

static bool has4(const struct route *r, const ip4_addr_t *dest)
{
	(void)dest;
	return has_address4(r);
}

static bool has6(const struct route *r, const ip4_addr_t *dest)
{
	(void)dest;
	return has_address6(r);
}

/* @dest NULL: any that is global. */
static bool carries4(const struct route *r, const ip4_addr_t *dest)
{
	if (has_address4(r))
		return true;
	return r->nat64.family && has_address6(r) &&
		(!dest || nat64_may_carry(&r->nat64, (const uint8_t *)&dest->addr));
}

/* Of two that can send; the earlier of equals stays. */
static bool is_better(const struct route *a, const struct route *b)
{
	if (a->is_degraded != b->is_degraded)
		return b->is_degraded;
	return a->metric < b->metric;
}

/* The best that can send and that @fits, or NULL. */
static struct route *find_best(fits_fn fits, const ip4_addr_t *dest)
{
	struct route *r, *best = NULL;

	for (r = routes; r; r = r->next) {
		if (route_usable(r->netif) && fits(r, dest) && (!best || is_better(r, best)))
			best = r;
	}
	return best;
}

void route_add(struct route *route)
{
	struct route **at;

	for (at = &routes; *at; at = &(*at)->next)
		;
	route->next = NULL;
	*at = route;
	route_update();
}

void route_remove(struct route *route)
{
	struct route **at;

	for (at = &routes; *at && *at != route; at = &(*at)->next)
		;
	if (*at)
		*at = route->next;
	route_update();
}

void route_update(void)
{
	struct route *r = find_best(has4, NULL);

	if (!r)
		r = find_best(is_any, NULL);
	if (!r)
		r = routes;
	netif_set_default(r ? r->netif : NULL);
}

unsigned int route_rank(const struct route *route)
{
	unsigned int rank = 1;
	bool is_before = true;
	struct route *r;

	if (!route_usable(route->netif))
		return 0;
	for (r = routes; r; r = r->next) {
		if (r == route)
			is_before = false;
		else if (route_usable(r->netif) &&
			(is_better(r, route) || (is_before && !is_better(route, r))))
			rank++;
	}
	return rank;
}

bool route_is_default4(const struct route *route)
{
	return find_best(carries4, NULL) == route;
}

bool route_is_default6(const struct route *route)
{
	return find_best(has6, NULL) == route;
}

struct netif *route_owner4(const ip4_addr_t *ip)
{
	struct netif *netif;

	if (ip4_addr_isany(ip))
		return NULL;
	NETIF_FOREACH(netif) {
		if (ip4_addr_eq(ip, netif_ip4_addr(netif)))
			return netif;
	}
	return NULL;
}

struct netif *route_owner6(const ip6_addr_t *ip)
{
	struct netif *netif;
	int i;

	NETIF_FOREACH(netif) {
		for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
			if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
				ip6_addr_eq(ip, netif_ip6_addr(netif, i)))
				return netif;
		}
	}
	return NULL;
}

static struct netif *to_ourselves(struct netif *owner)
{
	return route_usable(owner) ? owner : loopback_netif();
}

/* See the theory above; NULL: nobody else could send it either. */
static struct netif *from_owner(struct netif *owner)
{
	if (route_usable(owner) || (netif_default && route_usable(netif_default)))
		return owner;
	return NULL;
}

static unsigned int network_bits4(const struct route *r, const ip4_addr_t *dest)
{
	const ip4_addr_t *mask = netif_ip4_netmask(r->netif);

	if (!has_address4(r))
		return 0;
	/* The other end of a point-to-point link. */
	if (!(r->netif->flags & NETIF_FLAG_BROADCAST) &&
		ip4_addr_eq(dest, netif_ip4_gw(r->netif)))
		return 32;
	if (!ip4_addr_net_eq(dest, netif_ip4_addr(r->netif), mask))
		return 0;
	return (unsigned int)__builtin_popcount(mask->addr);
}

/* The link whose network the destination is in, or NULL. */
static struct route *by_network4(const ip4_addr_t *dest)
{
	struct route *r, *best = NULL;
	unsigned int bits, best_bits = 0;

	for (r = routes; r; r = r->next) {
		bits = route_usable(r->netif) ? network_bits4(r, dest) : 0;
		if (bits > best_bits || (bits > 0 && bits == best_bits && is_better(r, best))) {
			best = r;
			best_bits = bits;
		}
	}
	return best;
}

struct netif *route_ip4(const ip4_addr_t *src, const ip4_addr_t *dest)
{
	struct netif *owner;
	struct route *r;

	owner = route_owner4(dest);
	if (owner)
		return to_ourselves(owner);
	owner = src ? route_owner4(src) : NULL;
	if (owner)
		return from_owner(owner);
	if (ip4_addr_isloopback(dest))
		return NULL;
	r = by_network4(dest);
	if (!r)
		r = find_best(has4, NULL);
	return r ? r->netif : NULL;
}

/* A router may give an address whose prefix is not on the link. */
static bool is_in_network6(const struct netif *netif, const ip6_addr_t *dest)
{
	int i;

	for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
		if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
			netif_ip6_addr_isstatic(netif, i) &&
			ip6_addr_net_eq(dest, netif_ip6_addr(netif, i)))
			return true;
	}
	return false;
}

/* As by_network4(); prefixes are /64. */
static struct route *by_network6(const ip6_addr_t *dest)
{
	struct route *r, *best = NULL;

	for (r = routes; r; r = r->next) {
		if (route_usable(r->netif) && is_in_network6(r->netif, dest) &&
			(!best || is_better(r, best)))
			best = r;
	}
	return best;
}

/* As by_network4(), among NAT64 prefixes. */
static struct route *by_nat64(const ip6_addr_t *dest)
{
	struct route *r, *best = NULL;
	uint8_t ip4[4];

	for (r = routes; r; r = r->next) {
		if (r->nat64.family && route_usable(r->netif) &&
			nat64_unmap(&r->nat64, (const uint8_t *)dest->addr, ip4) &&
			(!best || is_better(r, best)))
			best = r;
	}
	return best;
}

bool route_map4(const struct netif *netif, const ip4_addr_t *dest, ip6_addr_t *mapped)
{
	const struct route *r;

	if (route_owner4(dest) || (!netif && by_network4(dest)))
		return false;
	r = netif ? find(netif) : find_best(carries4, dest);
	if (!r || has_address4(r) || !carries4(r, dest))
		return false;
	nat64_map(&r->nat64, (const uint8_t *)&dest->addr, (uint8_t *)mapped->addr);
	ip6_addr_clear_zone(mapped);
	return true;
}

bool route_unmap6(const ip6_addr_t *ip, ip4_addr_t *ip4)
{
	const uint8_t *bytes = (const uint8_t *)ip->addr;
	const struct route *r;

	for (r = routes; r; r = r->next) {
		if (r->nat64.family && nat64_unmap(&r->nat64, bytes, (uint8_t *)&ip4->addr))
			return true;
	}
	return false;
}

struct netif *route_ip6(const ip6_addr_t *src, const ip6_addr_t *dest)
{
	struct netif *netif;
	struct route *r;

	netif = route_owner6(dest);
	if (netif)
		return to_ourselves(netif);
	netif = src && !ip6_addr_isany(src) ? route_owner6(src) : NULL;
	if (netif)
		return from_owner(netif);
	r = by_nat64(dest);
	if (!r)
		r = by_network6(dest);
	if (!r)
		r = find_best(has6, NULL);
	return r ? r->netif : NULL;
}

const ip6_addr_t *route_gateway6(struct netif *netif, const ip6_addr_t *dest)
{
	const struct route *r = find(netif);

	(void)dest;
	return r && !ip6_addr_isany(&r->gateway6) ? &r->gateway6 : NULL;
}

const ip6_addr_t *route_next_hop6(const struct netif *netif, const ip6_addr_t *dest)
{
	const struct route *r = find(netif);

	if (!r || ip6_addr_isany(&r->gateway6) || ip6_addr_ismulticast(dest) ||
		ip6_addr_islinklocal(dest) || is_in_network6(netif, dest))
		return dest;
	return &r->gateway6;
}
