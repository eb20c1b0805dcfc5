/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The one way into lwIP, and to autoconf.c, which takes what routers advertise.
 * A packet is checked where it lies; only what passes costs an allocation, of
 * exactly its length, so that a read past its end shows under AddressSanitizer.
 * Link headers have been taken off, and there is headroom for new ones: lwIP
 * answers some packets in place.
 *
 * lwIP asks its netif whether to verify checksums, not the packet; so the netif
 * says no for as long as a packet is taken in that needs no look.
 */
#include "netif/input.h"

#include "netif/autoconf.h"
#include "netif/dhcp_client.h"
#include "netif/reassembly.h"
#include "netif/time_wait.h"
#include "netif/timers.h"

#include "lwip/ip.h"
#include "lwip/pbuf.h"

#include <string.h>

/* @p is as long as @info says. */
static void hand_over(struct netif *inp, struct pbuf *p, const struct ingress_packet *info)
{
	p->if_idx = netif_get_index(inp);
	if (info->flags & INGRESS_ROUTER) {
		autoconf_input(inp, p, info);
		return;
	}
	if (info->flags & INGRESS_DHCP) {
		dhcp_client_input(inp, p, info->payload_at);
		return;
	}
	time_wait_yield(p->payload, info);
	ip_input(p, inp);
	/* A query asks for reports some time later. */
	if (info->flags & INGRESS_GROUP)
		timers_groups_changed();
}

/* @is_verified: the checksum of TCP or UDP. */
static enum table_drop deliver(struct netif *inp, struct pbuf *p,
	const struct ingress_packet *info, bool is_verified)
{
	u16_t checked = inp->chksum_flags;

	if (is_verified)
		NETIF_SET_CHECKSUM_CTRL(inp,
			checked & (u16_t) ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP));
	hand_over(inp, p, info);
	NETIF_SET_CHECKSUM_CTRL(inp, checked);
	return INGRESS_ACCEPTED;
}

static enum table_drop deliver_fragment(struct netif *inp, struct pbuf *p,
	const struct ingress_packet *info,
	const struct ingress_source *source)
{
	struct ingress_packet whole;
	enum table_drop drop;

	p = reassembly_put(p, info);
	if (!p)
		return INGRESS_ACCEPTED;
	drop = ingress_check(p->payload, p->tot_len, source, &whole);
	if (drop != INGRESS_ACCEPTED) {
		pbuf_free(p);
		return drop;
	}
	return deliver(inp, p, &whole, false);
}

enum table_drop input_packet(struct netif *inp, const uint8_t *packet, size_t len,
	const struct ingress_source *source)
{
	struct ingress_packet info;
	enum table_drop drop;
	struct pbuf *p;

	drop = ingress_check(packet, len, source, &info);
	if (drop != INGRESS_ACCEPTED)
		return drop;
	p = pbuf_alloc(PBUF_LINK, info.length, PBUF_RAM);
	if (!p)
		return TABLE_DROP_MEMORY;
	memcpy(p->payload, packet, info.length);
	if (info.flags & INGRESS_FRAGMENT)
		return deliver_fragment(inp, p, &info, source);
	return deliver(inp, p, &info, source->is_verified);
}

enum table_drop input_pbuf(struct netif *inp, struct pbuf *p, const struct ingress_source *source)
{
	struct ingress_packet info;
	enum table_drop drop;

	drop = ingress_check(p->payload, p->len, source, &info);
	if (drop != INGRESS_ACCEPTED) {
		pbuf_free(p);
		return drop;
	}
	pbuf_realloc(p, info.length);
	if (info.flags & INGRESS_FRAGMENT)
		return deliver_fragment(inp, p, &info, source);
	return deliver(inp, p, &info, source->is_verified);
}
