/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The one way into lwIP, and to autoconf.c, which takes what routers advertise.
 * A packet is checked where it lies; only what passes costs an allocation, of
 * exactly its length, so that a read past its end shows under AddressSanitizer.
 * Link headers have been taken off, and there is headroom for new ones: lwIP
 * answers some packets in place. A long packet is not copied: lwIP gets the
 * buffer that it was received into.
 *
 * Segments of TCP that come together, in one turn of the loop, are joined (gro.c)
 * before lwIP sees them.
 *
 * lwIP asks its netif whether to verify checksums, not the packet; so the netif
 * says no for as long as a packet is taken in that needs no look.
 */
#include "netif/input.h"

#include "netif/autoconf.h"
#include "netif/dhcp_client.h"
#include "netif/reassembly.h"
#include "netif/tcp_front.h"
#include "netif/time_wait.h"
#include "netif/timers.h"

#include "lwip/ip.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ip.h"

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
	if (info->protocol == IP_PROTO_TCP) {
		time_wait_yield(p->payload, info);
		tcp_front_bring(p->payload, info);
	}
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

/* @p: as long as @info says, or NULL without memory. */
static enum table_drop take(struct netif *inp, struct pbuf *p, const struct ingress_packet *info,
	const struct ingress_source *source)
{
	if (!p)
		return TABLE_DROP_MEMORY;
	if (info->flags & INGRESS_FRAGMENT)
		return deliver_fragment(inp, p, info, source);
	return deliver(inp, p, info, source->is_verified);
}

/* A segment that joins, or begins, what is held. */
static bool hold(struct netif *inp, struct input_reception *reception, const uint8_t *packet,
	const struct ingress_packet *info, bool is_verified)
{
	if (info->protocol != IP_PROTO_TCP)
		return false;
	if (gro_join(&reception->gro, packet, info, is_verified))
		return true;
	input_flush(inp, reception);
	return gro_begin(&reception->gro, packet, info, is_verified);
}

enum table_drop input_received(struct netif *inp, struct input_reception *reception,
	const uint8_t *packet, size_t len,
	const struct ingress_source *source)
{
	struct ingress_packet info;
	enum table_drop drop;
	struct pbuf *p;

	drop = ingress_check(packet, len, source, &info);
	if (drop != INGRESS_ACCEPTED || hold(inp, reception, packet, &info, source->is_verified))
		return drop;
	/* Fragments are put together in place. */
	p = info.flags & INGRESS_FRAGMENT
		? rx_copy(packet, info.length)
		: rx_buffer_give(&reception->buffer, packet, info.length);
	return take(inp, p, &info, source);
}

void input_flush(struct netif *inp, struct input_reception *reception)
{
	struct ingress_packet info;
	struct pbuf *p = gro_take(&reception->gro, &info);

	if (p)
		deliver(inp, p, &info, true);
}

void input_reception_fini(struct input_reception *reception)
{
	rx_buffer_fini(&reception->buffer);
	gro_fini(&reception->gro);
}

enum table_drop input_packet(struct netif *inp, const uint8_t *packet, size_t len,
	const struct ingress_source *source)
{
	struct ingress_packet info;
	enum table_drop drop;

	drop = ingress_check(packet, len, source, &info);
	if (drop != INGRESS_ACCEPTED)
		return drop;
	return take(inp, rx_copy(packet, info.length), &info, source);
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
	return take(inp, p, &info, source);
}
