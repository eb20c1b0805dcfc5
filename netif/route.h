/* SPDX-License-Identifier: MIT */
/*
 * Which link a packet leaves by: the one whose address the socket is bound
 * to, else the one whose network it is in, else the default.
 */
#ifndef NETIF_ROUTE_H
#define NETIF_ROUTE_H

#include "lwip/ip_addr.h"

#include <stdbool.h>

struct netif;

/* A link's part of the routing table; owned by the link. */
struct route {
	struct netif *netif;
	ip6_addr_t gateway6; /* any: none */
	bool is_waiting;     /* for an address: packets flow, but no route leads here */
	struct route *next;
};

/* Links count in the order in which they are added. */
void route_add(struct route *route);
void route_remove(struct route *route);

/* After a link has come up or gone down: the default may be another one. */
void route_update(void);

/* The netif that has this address, loopback included, or NULL. */
struct netif *route_owner4(const ip4_addr_t *ip);
struct netif *route_owner6(const ip6_addr_t *ip);

/* True if the netif can send now. */
bool route_usable(const struct netif *netif);

#endif
