/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Gives a link's netif its addresses. A link that comes up again with the same
 * address must keep its connections, so nothing is touched that stays the
 * same; an address that goes takes its connections along, which lwIP aborts
 * within the calls made here. stack_address_changing() is true meanwhile.
 *
 * IPv6 slots of the netif: 0 is the link-local address, made when there is or
 * may come any other; 1 and up are the others. An address stays in its slot for
 * as long as it stays. It is preferred at once, without duplicate address
 * detection, unless the driver asks for that: on most links nobody else gives
 * out addresses. autoconf.c hears of the detection's result and has it all
 * applied again.
 */
#include "netif/link_private.h"

#include "netif/pmtu.h"
#include "netif/stack_private.h"
#include "netif/timers.h"

#include "lwip/nd6.h"

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

/* ---- IPv6 slots --------------------------------------------------------------- */

static bool is_used(const struct netif *netif, s8_t slot)
{
	return !ip6_addr_isinvalid(netif_ip6_addr_state(netif, slot));
}

static void clear_slot(struct netif *netif, s8_t slot)
{
	if (is_used(netif, slot))
		netif_ip6_addr_set_state(netif, slot, IP6_ADDR_INVALID);
}

/* Sets what of an address in use may change. */
static void set_flags(struct netif *netif, s8_t slot, uint8_t flags)
{
	bool is_valid = ip6_addr_isvalid(netif_ip6_addr_state(netif, slot));

	/* lwIP takes the /64 of an address with a lifetime for off-link. */
	netif_ip6_addr_set_valid_life(netif, slot,
		flags & LINK_ADDRESS_OFF_LINK ? IP6_ADDR_LIFE_INFINITE : IP6_ADDR_LIFE_STATIC);
	netif_ip6_addr_set_pref_life(netif, slot,
		flags & LINK_ADDRESS_DEPRECATED ? 0 : IP6_ADDR_LIFE_INFINITE);
	if (is_valid)
		netif_ip6_addr_set_state(netif, slot,
			flags & LINK_ADDRESS_DEPRECATED ? IP6_ADDR_DEPRECATED : IP6_ADDR_PREFERRED);
}

static void fill_slot(struct netif *netif, s8_t slot, const ip6_addr_t *ip, bool detects)
{
	clear_slot(netif, slot);
	netif_ip6_addr_set(netif, slot, ip);
	netif_ip6_addr_set_state(netif, slot, detects ? IP6_ADDR_TENTATIVE : IP6_ADDR_PREFERRED);
}

static ip6_addr_t link_local(struct link *link)
{
	ip6_addr_t ip;

	memset(&ip, 0, sizeof(ip));
	ip.addr[0] = PP_HTONL(0xfe800000);
	memcpy(&ip.addr[2], link->autoconf.id, AUTOCONF_ID_SIZE);
	ip6_addr_assign_zone(&ip, IP6_UNICAST, &link->ipif.netif);
	return ip;
}

static void apply_link_local(struct link *link, const struct link_parameters *p)
{
	struct netif *netif = &link->ipif.netif;
	ip6_addr_t ip = link_local(link);

	if (p->n_addresses6 == 0 && !p->asks_routers)
		clear_slot(netif, 0);
	else if (!is_used(netif, 0) || !ip6_addr_eq(&ip, netif_ip6_addr(netif, 0)))
		fill_slot(netif, 0, &ip, p->detects_duplicates);
	set_flags(netif, 0, 0);
}

/* The slot of an address, or -1. */
static s8_t find_slot(const struct netif *netif, const ip6_addr_t *ip)
{
	s8_t slot;

	for (slot = 1; slot <= TABLE_LINK_ADDRESSES6; slot++) {
		if (is_used(netif, slot) && ip6_addr_eq(ip, netif_ip6_addr(netif, slot)))
			return slot;
	}
	return -1;
}

static bool is_wanted(const struct link_parameters *p, const struct netif *netif, s8_t slot)
{
	uint8_t i;

	for (i = 0; i < p->n_addresses6; i++) {
		ip6_addr_t ip = to_ip6(&p->addresses6[i], netif);

		if (ip6_addr_eq(&ip, netif_ip6_addr(netif, slot)))
			return true;
	}
	return false;
}

static void put_address(struct netif *netif, const ip6_addr_t *ip, uint8_t flags, bool detects)
{
	s8_t slot = find_slot(netif, ip);

	if (slot < 0) {
		for (slot = 1; is_used(netif, slot); slot++)
			;
		fill_slot(netif, slot, ip, detects);
	}
	set_flags(netif, slot, flags);
}

static void apply6(struct link *link, const struct link_parameters *p)
{
	struct netif *netif = &link->ipif.netif;
	ip6_addr_t gateway = to_ip6(&p->gateway6, netif), ip;
	s8_t slot;
	uint8_t i;

	apply_link_local(link, p);
	for (slot = 1; slot <= TABLE_LINK_ADDRESSES6; slot++) {
		if (!is_wanted(p, netif, slot))
			clear_slot(netif, slot);
	}
	for (i = 0; i < p->n_addresses6; i++) {
		ip = to_ip6(&p->addresses6[i], netif);
		put_address(netif, &ip, p->flags6[i], p->detects_duplicates);
	}
	if (ip6_addr_eq(&gateway, &link->route.gateway6))
		return;
	link->route.gateway6 = gateway;
	/* It holds the next hop of every destination. */
	nd6_clear_destination_cache();
}

/* ---- all of it ------------------------------------------------------------------ */

/* The netif's, as it is: lwIP's DHCP client may have taken it away. */
static void keep_ip4(struct link_parameters *p, const struct netif *netif)
{
	const ip4_addr_t *ip = netif_ip4_addr(netif), *gateway = netif_ip4_gw(netif);

	if (ip4_addr_isany(ip))
		return;
	p->address4.family = ADDRESS_IPV4;
	p->address4.port = (uint16_t)__builtin_popcount(netif_ip4_netmask(netif)->addr);
	memcpy(p->address4.ip, &ip->addr, 4);
	if (ip4_addr_isany(gateway))
		return;
	p->gateway4.family = ADDRESS_IPV4;
	memcpy(p->gateway4.ip, &gateway->addr, 4);
}

static struct link_parameters compose(const struct link *link)
{
	struct link_parameters p = link->given;

	if (p.mtu == 0)
		p.mtu = LINK_MTU_DEFAULT;
	if (p.is_pending4)
		keep_ip4(&p, &link->ipif.netif);
	if (p.asks_routers)
		autoconf_add(&link->autoconf, &p);
	if (link->configured.n_dns > 0) {
		memcpy(p.dns, link->configured.dns, sizeof(p.dns));
		p.n_dns = link->configured.n_dns;
	}
	return p;
}

/* Takes out of @p the addresses that are still, or found to be, a duplicate's. */
static void keep_valid(struct link_parameters *p, const struct netif *netif)
{
	uint8_t i, n = 0;

	for (i = 0; i < p->n_addresses6; i++) {
		ip6_addr_t ip = to_ip6(&p->addresses6[i], netif);
		s8_t slot = find_slot(netif, &ip);

		if (slot < 0 || !ip6_addr_isvalid(netif_ip6_addr_state(netif, slot)))
			continue;
		p->flags6[n] = p->flags6[i];
		p->addresses6[n++] = p->addresses6[i];
	}
	memset(&p->addresses6[n], 0, (TABLE_LINK_ADDRESSES6 - n) * sizeof(p->addresses6[0]));
	p->n_addresses6 = n;
}

/* A descriptor's messages have room for what the driver said at first. */
static void apply_mtu(struct link *link, uint32_t mtu)
{
	if (mtu > link->ipif.params.mtu)
		mtu = link->ipif.params.mtu;
	link->ipif.netif.mtu = (u16_t)mtu;
	link->ipif.netif.mtu6 = (u16_t)mtu;
	pmtu_netif_changed(&link->ipif.netif);
}

static void apply(struct link *link, const struct link_parameters *p)
{
	stack_address_change_begin();
	apply4(link, p);
	apply6(link, p);
	stack_address_change_end();
	link->current = *p;
	keep_valid(&link->current, &link->ipif.netif);
	route_update();
	/* The addresses' multicast groups are to be reported. */
	timers_groups_changed();
}

void link_apply(struct link *link)
{
	struct link_parameters p = compose(link);

	apply_mtu(link, p.mtu);
	apply(link, &p);
}

void link_unapply(struct link *link)
{
	static const struct link_parameters none;

	apply(link, &none);
}

bool link_has_address(const struct link *link)
{
	const struct link_parameters *p = &link->current;
	uint8_t i;

	for (i = 0; i < p->n_addresses6; i++) {
		if (!(p->flags6[i] & LINK_ADDRESS_UNCONFIRMED))
			return true;
	}
	return p->address4.family != ADDRESS_NONE && !p->is_pending4;
}
