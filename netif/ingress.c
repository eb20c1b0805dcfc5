/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * lwIP 2.2 trusts much of what it parses: lengths of options and extension
 * headers, of neighbour discovery options, of what an ICMP error quotes. Here
 * a packet is read once, front to back, each field only after it is known to
 * lie inside, and dropped if anything contradicts anything. What lwIP then
 * sees has one IP header that fits its packet, options that end where they
 * must, a whole transport header, and addresses that can be true.
 *
 * A cursor (struct reader) is all that moves: bytes left to read and where
 * they are. Checks return INGRESS_ACCEPTED or the reason.
 *
 * Fragments pass with their headers checked; reassembly.c joins them and has
 * the whole checked again, since only the whole has a transport header to
 * rely on. So a first fragment must hold all headers (RFC 7112), and neighbour
 * discovery and IGMP must not be fragmented at all (RFC 6980).
 *
 * Checksums are lwIP's business, but for the IPv4 header of a fragment, which
 * lwIP never sees.
 *
 * No memory from packet to packet, no allocation, and nothing of lwIP.
 */
#include "netif/ingress.h"

#include "netif/ingress_private.h"

#include <string.h>

#define IPV4_HEADER_MIN	     20
#define IPV4_FRAGMENT_MORE   0x2000
#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV6_HEADER	     40

/* IPv6 extension headers: how many, and how many bytes, are believable. */
#define EXTENSIONS_MAX	    8
#define EXTENSION_BYTES_MAX 512
/* Those before a fragment header are repeated in every fragment. */
#define UNFRAGMENTABLE_BYTES_MAX 64

/* ---- addresses ------------------------------------------------------------- */

static bool ipv4_is_multicast(const uint8_t *ip)
{
	return (ip[0] & 0xf0) == 0xe0;
}

static bool ipv4_is_zero(const uint8_t *ip)
{
	return be32(ip) == 0;
}

static bool ipv4_is_reserved(const uint8_t *ip)
{
	return (ip[0] & 0xf0) == 0xf0;
}

static bool ipv4_source_martian(const struct ingress_state *c, uint8_t protocol)
{
	const uint8_t *ip = c->src;

	/* RFC 4541 2.1.1: a snooping switch asks with 0.0.0.0. */
	if (ipv4_is_zero(ip))
		return protocol != PROTOCOL_IGMP;
	return ip[0] == 0 || ip[0] == 127 || ipv4_is_multicast(ip) || ipv4_is_reserved(ip) ||
		c->source->ours(ADDRESS_IPV4, ip, c->source->arg);
}

static bool ipv4_destination_martian(const uint8_t *ip)
{
	if (ipv4_is_reserved(ip))
		return be32(ip) != UINT32_MAX;
	return ip[0] == 0 || ip[0] == 127;
}

static bool ipv6_source_martian(const struct ingress_state *c)
{
	if (ipv6_is_any(c->src))
		return !ipv6_is_multicast(c->dst);
	return ipv6_is_multicast(c->src) || ipv6_is_internal(c->src) ||
		c->source->ours(ADDRESS_IPV6, c->src, c->source->arg);
}

static bool ipv6_destination_martian(const uint8_t *ip)
{
	/* RFC 4291 2.7: scope 0 is reserved, scope 1 never leaves a host. */
	if (ipv6_is_multicast(ip))
		return (ip[1] & 0x0f) <= 1;
	return ipv6_is_any(ip) || ipv6_is_internal(ip);
}

/* ---- IPv4 ------------------------------------------------------------------- */

static bool ipv4_options_valid(struct reader r)
{
	while (r.left > 0) {
		uint8_t type = r.at[0], len;

		if (type == 0)
			return true;
		if (type == 1) {
			reader_skip(&r, 1);
			continue;
		}
		if (r.left < 2)
			return false;
		len = r.at[1];
		if (len < 2 || len > r.left)
			return false;
		/* RFC 7126 4.3, 4.4: source routes are for attackers only. */
		if (type == 131 || type == 137)
			return false;
		reader_skip(&r, len);
	}
	return true;
}

static bool ipv4_checksum_valid(const uint8_t *header, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < len; i += 2)
		sum += be16(header + i);
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	return (sum & 0xffff) == 0xffff;
}

/* @r: the fragment's data. */
static enum table_drop ipv4_fragment(struct ingress_state *c, struct reader r)
{
	uint16_t field = be16(c->packet + 6);
	bool more = field & IPV4_FRAGMENT_MORE;
	uint32_t offset = (uint32_t)(field & IPV4_FRAGMENT_OFFSET) * 8;

	if (!more && offset == 0)
		return INGRESS_ACCEPTED;
	if (r.left == 0 || (more && r.left % 8 != 0) ||
		offset + r.left > UINT16_MAX - IPV4_HEADER_MIN)
		return TABLE_DROP_LENGTH;
	if (!ipv4_checksum_valid(c->packet, c->out->payload_at))
		return TABLE_DROP_LENGTH;
	c->fragmented = true;
	c->out->flags |= INGRESS_FRAGMENT | (more ? 0 : INGRESS_LAST);
	c->out->fragment_offset = (uint16_t)offset;
	c->out->fragment_id = be16(c->packet + 4);
	return INGRESS_ACCEPTED;
}

static enum table_drop check_ipv4(struct ingress_state *c, struct reader r)
{
	struct reader options;
	enum table_drop drop;
	size_t header, total;

	if (r.left < IPV4_HEADER_MIN)
		return TABLE_DROP_SHORT;
	header = (size_t)(r.at[0] & 0x0f) * 4;
	total = be16(r.at + 2);
	if (header < IPV4_HEADER_MIN || total < header || total > r.left)
		return TABLE_DROP_LENGTH;
	r.left = total;
	options.at = r.at + IPV4_HEADER_MIN;
	options.left = header - IPV4_HEADER_MIN;
	if (!ipv4_options_valid(options))
		return TABLE_DROP_OPTIONS;
	c->src = r.at + 12;
	c->dst = r.at + 16;
	c->hop_limit = r.at[8];
	c->out->length = (uint16_t)total;
	c->out->payload_at = (uint16_t)header;
	c->out->protocol = r.at[9];
	if (is_outside(c) &&
		(ipv4_source_martian(c, c->out->protocol) || ipv4_destination_martian(c->dst)))
		return TABLE_DROP_MARTIAN;
	reader_skip(&r, header);
	drop = ipv4_fragment(c, r);
	if (drop != INGRESS_ACCEPTED || c->out->fragment_offset > 0)
		return drop;
	return ingress_check_transport(c, r);
}

/* ---- IPv6 ------------------------------------------------------------------- */

/* Options of a hop-by-hop or destination header; they must fill it exactly. */
static bool ipv6_options_valid(struct reader r)
{
	while (r.left > 0) {
		size_t len;

		if (r.at[0] == 0) {
			reader_skip(&r, 1);
			continue;
		}
		if (r.left < 2)
			return false;
		len = (size_t)r.at[1] + 2;
		/* A jumbo payload (RFC 2675) does not fit in lwIP's lengths. */
		if (len > r.left || r.at[0] == 0xc2)
			return false;
		reader_skip(&r, len);
	}
	return true;
}

/* One header with the common length field; moves @r behind it. */
static enum table_drop ipv6_extension(struct reader *r, uint8_t type)
{
	struct reader options;
	size_t len;

	if (r->left < 8)
		return TABLE_DROP_EXTENSION;
	len = ((size_t)r->at[1] + 1) * 8;
	if (len > r->left)
		return TABLE_DROP_EXTENSION;
	options.at = r->at + 2;
	options.left = len - 2;
	/* We are nobody's waypoint: a route with stops left is not for us. */
	if (type == PROTOCOL_ROUTING ? r->at[3] != 0 : !ipv6_options_valid(options))
		return TABLE_DROP_EXTENSION;
	reader_skip(r, len);
	return INGRESS_ACCEPTED;
}

/* @r: at the fragment header; moved behind it. */
static enum table_drop ipv6_fragment(struct ingress_state *c, struct reader *r)
{
	size_t unfragmentable = (size_t)(r->at - c->packet) - IPV6_HEADER;
	uint32_t offset, id;
	bool more;

	if (r->left < 8 || c->fragmented || unfragmentable > UNFRAGMENTABLE_BYTES_MAX)
		return TABLE_DROP_EXTENSION;
	offset = be16(r->at + 2) & 0xfff8;
	more = r->at[3] & 1;
	id = be32(r->at + 4);
	reader_skip(r, 8);
	c->fragmented = true;
	/* RFC 6946: a datagram of one fragment is whole. */
	if (!more && offset == 0)
		return INGRESS_ACCEPTED;
	if (r->left == 0 || (more && r->left % 8 != 0) ||
		offset + r->left + unfragmentable > UINT16_MAX - IPV6_HEADER)
		return TABLE_DROP_EXTENSION;
	c->out->flags |= INGRESS_FRAGMENT | (more ? 0 : INGRESS_LAST);
	c->out->fragment_offset = (uint16_t)offset;
	c->out->fragment_id = id;
	c->out->payload_at = (uint16_t)(r->at - c->packet);
	return INGRESS_ACCEPTED;
}

/*
 * Walks the chain from the IPv6 header on. What a fragment with an offset
 * holds is not headers, so the walk ends there.
 */
static enum table_drop ipv6_extensions(struct ingress_state *c, struct reader *r, uint8_t *type)
{
	const uint8_t *next = c->packet + 6, *first = r->at;
	int n;

	for (n = 0;; n++) {
		const uint8_t *header = r->at;
		enum table_drop drop;

		*type = *next;
		if (*type == PROTOCOL_FRAGMENT)
			drop = ipv6_fragment(c, r);
		else if (*type == PROTOCOL_ROUTING || *type == PROTOCOL_DESTINATION ||
			(*type == PROTOCOL_HOP_BY_HOP && n == 0))
			drop = ipv6_extension(r, *type);
		else
			return *type == PROTOCOL_HOP_BY_HOP ? TABLE_DROP_EXTENSION
							    : INGRESS_ACCEPTED;
		if (drop != INGRESS_ACCEPTED)
			return drop;
		if (n == EXTENSIONS_MAX || r->at - first > EXTENSION_BYTES_MAX)
			return TABLE_DROP_EXTENSION;
		next = header;
		if (c->out->fragment_offset > 0) {
			*type = *next;
			return INGRESS_ACCEPTED;
		}
	}
}

static enum table_drop check_ipv6(struct ingress_state *c, struct reader r)
{
	enum table_drop drop;
	uint8_t type;
	size_t total;

	if (r.left < IPV6_HEADER)
		return TABLE_DROP_SHORT;
	total = (size_t)be16(r.at + 4) + IPV6_HEADER;
	if (total > r.left || total > UINT16_MAX)
		return TABLE_DROP_LENGTH;
	r.left = total;
	c->src = r.at + 8;
	c->dst = r.at + 24;
	c->hop_limit = r.at[7];
	c->out->length = (uint16_t)total;
	if (is_outside(c) && (ipv6_source_martian(c) || ipv6_destination_martian(c->dst)))
		return TABLE_DROP_MARTIAN;
	reader_skip(&r, IPV6_HEADER);
	drop = ipv6_extensions(c, &r, &type);
	if (drop != INGRESS_ACCEPTED)
		return drop;
	c->out->protocol = type;
	drop = c->out->fragment_offset > 0 ? INGRESS_ACCEPTED : ingress_check_transport(c, r);
	if (c->out->flags & INGRESS_FRAGMENT)
		/* Fragments belong together by what follows their header. */
		c->out->protocol = c->packet[c->out->payload_at - 8];
	else
		c->out->payload_at = (uint16_t)(r.at - c->packet);
	return drop;
}

enum table_drop ingress_check(const uint8_t *packet, size_t len,
	const struct ingress_source *source, struct ingress_packet *out)
{
	struct ingress_packet found = { 0 };
	struct ingress_state c = { .source = source, .out = &found, .packet = packet };
	struct reader r = { .at = packet, .left = len };
	enum table_drop drop;

	if (len < 1)
		return TABLE_DROP_SHORT;
	switch (packet[0] >> 4) {
	case 4:
		found.family = ADDRESS_IPV4;
		drop = check_ipv4(&c, r);
		break;
	case 6:
		found.family = ADDRESS_IPV6;
		drop = check_ipv6(&c, r);
		break;
	default:
		return TABLE_DROP_VERSION;
	}
	if (drop == INGRESS_ACCEPTED)
		*out = found;
	return drop;
}

/* ---- Ethernet --------------------------------------------------------------- */

static bool mac_is_group(const uint8_t *mac)
{
	return mac[0] & 1;
}

/* RFC 826, for IPv4 on Ethernet. */
static enum table_drop check_arp(const uint8_t *arp, size_t len,
	const struct ingress_source *source)
{
	static const uint8_t fixed[6] = { 0, 1, 8, 0, 6, 4 };
	static const uint8_t zero[INGRESS_MAC_SIZE];
	const uint8_t *sender_mac = arp + 8, *sender = arp + 14;

	if (len < 28)
		return TABLE_DROP_FRAME;
	if (memcmp(arp, fixed, sizeof(fixed)) != 0 || arp[6] != 0 || arp[7] < 1 || arp[7] > 2)
		return TABLE_DROP_FRAME;
	if (mac_is_group(sender_mac) || memcmp(sender_mac, zero, sizeof(zero)) == 0)
		return TABLE_DROP_FRAME;
	/* RFC 5227: 0.0.0.0 probes for a duplicate. */
	if (ipv4_is_zero(sender))
		return INGRESS_ACCEPTED;
	if (sender[0] == 0 || sender[0] == 127 || ipv4_is_multicast(sender) ||
		ipv4_is_reserved(sender) || source->ours(ADDRESS_IPV4, sender, source->arg))
		return TABLE_DROP_MARTIAN;
	return INGRESS_ACCEPTED;
}

enum table_drop ingress_check_frame(const uint8_t *frame, size_t len,
	const uint8_t mac[INGRESS_MAC_SIZE],
	const struct ingress_source *source, enum ingress_frame *kind)
{
	const uint8_t *dst = frame, *src = frame + INGRESS_MAC_SIZE;
	const uint8_t *payload = frame + INGRESS_ETHERNET_HEADER;

	if (len <= INGRESS_ETHERNET_HEADER)
		return TABLE_DROP_FRAME;
	if (mac_is_group(src) || memcmp(src, mac, INGRESS_MAC_SIZE) == 0)
		return TABLE_DROP_FRAME;
	if (!mac_is_group(dst) && memcmp(dst, mac, INGRESS_MAC_SIZE) != 0) {
		*kind = INGRESS_FRAME_OTHER_HOST;
		return INGRESS_ACCEPTED;
	}
	switch (be16(frame + 12)) {
	case 0x0800:
	case 0x86dd:
		*kind = INGRESS_FRAME_IP;
		/* The type and what follows must agree. */
		return payload[0] >> 4 == (frame[12] == 0x08 ? 4 : 6) ? INGRESS_ACCEPTED
								      : TABLE_DROP_FRAME;
	case 0x0806:
		*kind = INGRESS_FRAME_ARP;
		return check_arp(payload, len - INGRESS_ETHERNET_HEADER, source);
	default:
		return TABLE_DROP_FRAME;
	}
}
