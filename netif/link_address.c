/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Gives a link's netif its addresses. A link that comes up again with the same
 * address must keep its connections, so nothing is touched that stays the
 * same; an address that goes takes its connections along, which lwIP aborts
 * within the calls made here. stack_address_changing() is true meanwhile.
 *
 * IPv6 slots of the netif: 0 is the link-local address, made when there is any
 * IPv6 address; 1 and up are the others, in their order. They are preferred at
 * once, without duplicate address detection: on these links nobody else gives
 * out addresses.
 */
#include "netif/link_private.h"

#include "netif/stack_private.h"
#include "netif/timers.h"

#include <string.h>

_Static_assert(TABLE_LINK_ADDRESSES6 + 1 <= LWIP_IPV6_NUM_ADDRESSES, "a slot each");

static ip4_addr_t to_ip4(const struct address *a)
{
	ip4_addr_t ip = { 0 };

	if (a->family == ADDRESS_IPV4)
		memcpy(&ip.addr, a->ip, 4);
	return ip;
}

static ip6_addr_t to_ip6(const struct address *a, const struct netif *netif)
{
	ip6_addr_t ip;

	memset(&ip, 0, sizeof(ip));
	if (a->family != ADDRESS_IPV6)
		return ip;
	memcpy(ip.addr, a->ip, 16);
	ip6_addr_assign_zone(&ip, IP6_UNICAST, netif);
	return ip;
}

static void apply4(struct link *link, const struct link_parameters *p)
{
	ip4_addr_t ip = to_ip4(&p->address4), gateway = to_ip4(&p->gateway4), mask = { 0 };

	if (p->address4.family == ADDRESS_IPV4)
		mask.addr = lwip_htonl(UINT32_MAX << (32 - p->address4.port));
	netif_set_addr(&link->ipif.netif, &ip, &mask, &gateway);
}

static void set_slot(struct netif *netif, s8_t slot, const ip6_addr_t *ip)
{
	bool wanted = !ip6_addr_isany(ip);
	bool there = !ip6_addr_isinvalid(netif_ip6_addr_state(netif, slot));

	if (wanted && there && ip6_addr_eq(ip, netif_ip6_addr(netif, slot)))
		return;
	if (there)
		netif_ip6_addr_set_state(netif, slot, IP6_ADDR_INVALID);
	if (!wanted)
		return;
	netif_ip6_addr_set(netif, slot, ip);
	netif_ip6_addr_set_valid_life(netif, slot, IP6_ADDR_LIFE_STATIC);
	netif_ip6_addr_set_state(netif, slot, IP6_ADDR_PREFERRED);
}

static ip6_addr_t link_local(const struct link *link)
{
	ip6_addr_t ip;

	memset(&ip, 0, sizeof(ip));
	ip.addr[0] = PP_HTONL(0xfe800000);
	ip.addr[2] = link->interface_id[0];
	ip.addr[3] = link->interface_id[1];
	ip6_addr_assign_zone(&ip, IP6_UNICAST, &link->ipif.netif);
	return ip;
}

static void apply6(struct link *link, const struct link_parameters *p)
{
	struct netif *netif = &link->ipif.netif;
	ip6_addr_t ip;
	s8_t i;

	memset(&ip, 0, sizeof(ip));
	if (p->n_addresses6 > 0)
		ip = link_local(link);
	set_slot(netif, 0, &ip);
	for (i = 0; i < TABLE_LINK_ADDRESSES6; i++) {
		memset(&ip, 0, sizeof(ip));
		if (i < p->n_addresses6)
			ip = to_ip6(&p->addresses6[i], netif);
		set_slot(netif, (s8_t)(i + 1), &ip);
	}
	link->route.gateway6 = to_ip6(&p->gateway6, netif);
}

void link_apply(struct link *link, const struct link_parameters *parameters)
{
	stack_address_change_begin();
	apply4(link, parameters);
	apply6(link, parameters);
	stack_address_change_end();
	link->current = *parameters;
	/* The addresses' multicast groups are to be reported. */
	timers_groups_changed();
}

void link_unapply(struct link *link)
{
	static const struct link_parameters none;

	link_apply(link, &none);
}
