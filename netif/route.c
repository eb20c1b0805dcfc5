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
 * - An IPv6 packet to elsewhere goes by the first usable link that has an
 *   address other than link-local.
 *
 * Anything else is lwIP's: networks, then netif_default, which is kept at the
 * first usable link in the order of the configuration. When no link is up
 * there is no route, and a connect fails at once.
 */
#include "netif/route.h"

#include "netif/hooks.h"
#include "netif/loopback.h"

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
	struct route *r;

	for (r = routes; r && !route_usable(r->netif); r = r->next)
		;
	if (!r)
		r = routes;
	netif_set_default(r ? r->netif : NULL);
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

struct netif *route_ip4(const ip4_addr_t *src, const ip4_addr_t *dest)
{
	struct netif *owner;

	owner = route_owner4(dest);
	if (owner)
		return to_ourselves(owner);
	if (!src || ip4_addr_isany(src))
		return NULL;
	owner = route_owner4(src);
	return owner ? from_owner(owner) : NULL;
}

static bool has_address6(const struct netif *netif)
{
	int i;

	for (i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
		if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
			!ip6_addr_islinklocal(netif_ip6_addr(netif, i)))
			return true;
	}
	return false;
}

/* A link whose network the destination is in comes first; lwIP knows /64. */
static struct netif *by_network6(const ip6_addr_t *dest)
{
	struct route *r;
	int i;

	for (r = routes; r; r = r->next) {
		for (i = 0; route_usable(r->netif) && i < LWIP_IPV6_NUM_ADDRESSES; i++) {
			if (ip6_addr_isvalid(netif_ip6_addr_state(r->netif, i)) &&
				ip6_addr_net_eq(dest, netif_ip6_addr(r->netif, i)))
				return r->netif;
		}
	}
	return NULL;
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
	netif = by_network6(dest);
	if (netif)
		return netif;
	for (r = routes; r; r = r->next) {
		if (route_usable(r->netif) && has_address6(r->netif))
			return r->netif;
	}
	return NULL;
}

const ip6_addr_t *route_gateway6(struct netif *netif, const ip6_addr_t *dest)
{
	const struct route *r = find(netif);

	(void)dest;
	return r && !ip6_addr_isany(&r->gateway6) ? &r->gateway6 : NULL;
}
