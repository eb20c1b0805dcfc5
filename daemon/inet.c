/* SPDX-License-Identifier: MIT */
#include "daemon/inet.h"

#include "daemon/usocketd.h"
#include "netif/link.h"
#include "netif/route.h"

#include <errno.h>
#include <lwip/ip.h>
#include <lwip/netif.h>
#include <string.h>

struct netif *inet_netif_of(const struct usocketd *daemon, uint32_t link)
{
	if (link == 0 || link > daemon->n_links || !daemon->links[link - 1])
		return NULL;
	return link_netif(daemon->links[link - 1]);
}

static void inet_to_lwip6(const struct usocketd *daemon, const struct address *a, ip_addr_t *ip)
{
	ip6_addr_t *ip6 = ip_2_ip6(ip);
	struct netif *netif;

	memcpy(ip6->addr, a->ip, sizeof(ip6->addr));
	ip6_addr_clear_zone(ip6);
	IP_SET_TYPE_VAL(*ip, IPADDR_TYPE_V6);
	if (!ip6_addr_has_scope(ip6, IP6_UNKNOWN))
		return;
	netif = inet_netif_of(daemon, a->scope);
	if (!netif)
		netif = netif_default;
	if (netif)
		ip6_addr_assign_zone(ip6, IP6_UNKNOWN, netif);
}

void inet_to_lwip(const struct usocketd *daemon, const struct address *a, ip_addr_t *ip)
{
	struct address unmapped = address_unmap_v4(a);

	switch (unmapped.family) {
	case ADDRESS_IPV4:
		memcpy(&ip_2_ip4(ip)->addr, unmapped.ip, 4);
		IP_SET_TYPE_VAL(*ip, IPADDR_TYPE_V4);
		break;
	case ADDRESS_IPV6:
		inet_to_lwip6(daemon, &unmapped, ip);
		break;
	default:
		*ip = *IP_ANY_TYPE;
		break;
	}
}

void inet_destination(const struct usocketd *daemon, const struct address *local,
	const struct address *to, ip_addr_t *ip)
{
	ip6_addr_t mapped;

	inet_to_lwip(daemon, to, ip);
	if (!IP_IS_V4_VAL(*ip) || !address_is_any(local) ||
		!route_map4(NULL, ip_2_ip4(ip), &mapped))
		return;
	ip_addr_copy_from_ip6(*ip, mapped);
}

struct address inet_nat64_local(uint16_t port, bool as_v6)
{
	const struct address a = { .family = ADDRESS_IPV4, .port = port, .ip = { 192, 0, 0, 2 } };

	return as_v6 ? address_map_v4(&a) : a;
}

static uint32_t zone_to_scope(const struct usocketd *daemon, const ip6_addr_t *ip6)
{
	if (!ip6_addr_has_zone(ip6))
		return 0;
	return inet_link_of(daemon, netif_get_by_index(ip6_addr_zone(ip6)));
}

struct address inet_from_lwip(const struct usocketd *daemon, const ip_addr_t *ip, uint16_t port,
	bool as_v6)
{
	struct address a = { .port = port };

	if (IP_IS_V4(ip)) {
		a.family = ADDRESS_IPV4;
		memcpy(a.ip, &ip_2_ip4(ip)->addr, 4);
		return as_v6 ? address_map_v4(&a) : a;
	}
	a.family = ADDRESS_IPV6;
	memcpy(a.ip, ip_2_ip6(ip)->addr, sizeof(a.ip));
	a.scope = zone_to_scope(daemon, ip_2_ip6(ip));
	return a;
}

struct netif *inet_route(const ip_addr_t *local, const ip_addr_t *remote)
{
	struct netif *netif = ip_route(local, remote);

	if (!netif || !netif_is_up(netif) || !netif_is_link_up(netif))
		return NULL;
	return netif;
}

static bool netif_has(const struct netif *netif, const ip_addr_t *ip)
{
	if (IP_IS_V4(ip))
		return ip4_addr_eq(netif_ip4_addr(netif), ip_2_ip4(ip));
	return netif_get_ip6_addr_match((struct netif *)netif, ip_2_ip6(ip)) >= 0;
}

bool inet_dial(struct usocketd *daemon, const ip_addr_t *local)
{
	struct netif *netif, *owner = NULL;

	NETIF_FOREACH(netif)
		if (!ip_addr_isany(local) && netif_has(netif, local))
			owner = netif;
	return usocketd_dial(daemon, owner);
}

const ip_addr_t *inet_any(u8_t type)
{
	switch (type) {
	case IPADDR_TYPE_V4:
		return IP4_ADDR_ANY;
	case IPADDR_TYPE_V6:
		return IP6_ADDR_ANY;
	default:
		return IP_ANY_TYPE;
	}
}

bool inet_is_ours(const ip_addr_t *ip)
{
	struct netif *netif;

	if (ip_addr_isany(ip))
		return true;
	NETIF_FOREACH(netif)
		if (netif_has(netif, ip))
			return true;
	return false;
}

bool inet_is_of_link(const struct address *a)
{
	struct address plain = address_unmap_v4(a);

	/* A link-local one has its link for a scope, and is in no record. */
	return !address_is_any(&plain) && !address_is_multicast(&plain) &&
		!address_is_loopback(&plain) && !address_is_link_local(&plain);
}

/* The last address of a netif's network; lwIP knows it on Ethernet only. */
static bool is_network_broadcast(const struct netif *netif, const ip4_addr_t *ip)
{
	uint32_t mask = netif_ip4_netmask(netif)->addr;

	return !ip4_addr_isany(netif_ip4_addr(netif)) && (~mask & PP_HTONL(UINT32_C(2))) &&
		ip->addr == (netif_ip4_addr(netif)->addr | ~mask);
}

bool inet_is_broadcast(const ip_addr_t *ip)
{
	struct netif *netif;

	if (!IP_IS_V4(ip))
		return false;
	if (ip4_addr_eq(ip_2_ip4(ip), IP4_ADDR_BROADCAST))
		return true;
	NETIF_FOREACH(netif)
		if (is_network_broadcast(netif, ip_2_ip4(ip)))
			return true;
	return false;
}

uint32_t inet_link_of(const struct usocketd *daemon, const struct netif *netif)
{
	for (uint32_t i = 0; netif && i < daemon->n_links; i++)
		if (link_netif(daemon->links[i]) == netif)
			return i + 1;
	return 0;
}

int inet_error(err_t err)
{
	switch (err) {
	case ERR_OK:
		return 0;
	case ERR_MEM:
	case ERR_BUF:
		return -ENOBUFS;
	case ERR_RTE:
	case ERR_IF:
		return -EHOSTUNREACH;
	case ERR_USE:
		return -EADDRINUSE;
	case ERR_ISCONN:
	case ERR_ALREADY:
		return -EISCONN;
	case ERR_RST:
		return -ECONNRESET;
	case ERR_ABRT:
	case ERR_CLSD:
		return -ECONNABORTED;
	case ERR_CONN:
		return -ENOTCONN;
	default:
		return -EINVAL;
	}
}
