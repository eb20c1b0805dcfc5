/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of the ingress stage share: the reader that moves over a
 * packet, what is known of the packet so far, and IPv6 addresses.
 */
#ifndef NETIF_INGRESS_PRIVATE_H
#define NETIF_INGRESS_PRIVATE_H

#include "netif/ingress.h"

#include <string.h>

enum protocol {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_ICMP = 1,
	PROTOCOL_IGMP = 2,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_ICMPV6 = 58,
	PROTOCOL_DESTINATION = 60,
};

struct reader {
	const uint8_t *at;
	size_t left;
};

/* The packet under check, as far as it has been read. */
struct ingress_state {
	const struct ingress_source *source;
	struct ingress_packet *out;
	const uint8_t *packet;
	const uint8_t *src, *dst; /* 4 or 16 bytes */
	uint8_t hop_limit;
	bool fragmented; /* a fragment header was there, also alone */
};

/*
 * Checks the header of state->out->protocol at @r, with all that is left of
 * the packet; protocols that lwIP does not parse pass.
 */
enum table_drop ingress_check_transport(const struct ingress_state *c, struct reader r);

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static inline void reader_skip(struct reader *r, size_t n)
{
	r->at += n;
	r->left -= n;
}

static inline bool is_outside(const struct ingress_state *c)
{
	return c->source->ours != NULL;
}

static inline bool ipv6_is_multicast(const uint8_t *ip)
{
	return ip[0] == 0xff;
}

static inline bool ipv6_is_link_local(const uint8_t *ip)
{
	return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

static inline bool ipv6_has_prefix(const uint8_t *ip, const uint8_t *prefix, size_t n)
{
	return memcmp(ip, prefix, n) == 0;
}

static inline bool ipv6_is_any(const uint8_t *ip)
{
	static const uint8_t any[16];

	return ipv6_has_prefix(ip, any, 16);
}

/* ::1 and ::ffff:0:0/96, which never travel on a link. */
static inline bool ipv6_is_internal(const uint8_t *ip)
{
	static const uint8_t loopback[16] = { [15] = 1 };
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return ipv6_has_prefix(ip, loopback, 16) || ipv6_has_prefix(ip, mapped, 12);
}

#endif
