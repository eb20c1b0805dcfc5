/* SPDX-License-Identifier: MIT */
/*
 * Which link a packet leaves by: the one whose address the socket is bound
 * to, else the one whose network it is in, else the best that is up.
 */
#ifndef NETIF_ROUTE_H
#define NETIF_ROUTE_H

#include "proto/address.h"

#include "lwip/ip_addr.h"

#include <stdbool.h>
#include <stdint.h>

struct netif;

/* A link's part of the routing table; owned by the link. */
struct route {
	struct netif *netif;
	uint32_t metric;      /* the lowest goes first, then the one added first */
	bool is_degraded;     /* goes after all that are not, whatever its metric */
	ip6_addr_t gateway6;  /* any: none */
	struct address nat64; /* prefix, port its length; family NONE: none */
	bool is_waiting;      /* for an address: packets flow, but no route leads here */
	struct route *next;
};

void route_add(struct route *route);
void route_remove(struct route *route);

/* After anything has changed of a link: the default may be another one. */
void route_update(void);

/* The link's place among those that can send, from 1; 0: it cannot. */
unsigned int route_rank(const struct route *route);

/* Whether what is not bound leaves by this link, by family. */
bool route_is_default4(const struct route *route);
bool route_is_default6(const struct route *route);

/* The netif that has this address, loopback included, or NULL. */
struct netif *route_owner4(const ip4_addr_t *ip);
struct netif *route_owner6(const ip6_addr_t *ip);

/* True if the netif can send now. */
bool route_usable(const struct netif *netif);

/*
 * Whether IPv4 to @dest has to travel through NAT64, and then as @mapped: by
 * @netif, or, if that is NULL, by the link that is best for it.
 */
bool route_map4(const struct netif *netif, const ip4_addr_t *dest, ip6_addr_t *mapped);

/* Whether @ip is of some link's NAT64 prefix, and then of which IPv4 address. */
bool route_unmap6(const ip6_addr_t *ip, ip4_addr_t *ip4);

/* The neighbour a packet to @dest goes to: its gateway, or itself. */
const ip6_addr_t *route_next_hop6(const struct netif *netif, const ip6_addr_t *dest);

#endif
