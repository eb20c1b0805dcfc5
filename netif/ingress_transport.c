// SPDX-License-Identifier: MIT
/*
 * Theory of operation
 *
 * The ingress stage's second half: transport headers, ICMP, IGMP, MLD and
 * neighbour discovery (RFC 4861). One function a protocol, found by a table;
 * what an ICMPv6 message must hold is a table, too. See ingress.c for what the
 * checks are for.
 */
#include "netif/ingress_private.h"

#include "netif/dhcp_message.h"

/* Below it a peer makes us send a packet for every few bytes. */
#define TCP_MSS_MIN	  48
#define UDP_HEADER	  8
#define IPV6_MTU_MIN	  1280
#define HOP_LIMIT_ON_LINK 255

static bool ipv6_is_solicited_node(const uint8_t *ip)
{
	static const uint8_t prefix[13] = {
		0xff,
		0x02,
		[11] = 0x01,
		[12] = 0xff,
	};

	return ipv6_has_prefix(ip, prefix, 13);
}

/* One TCP option whose kind and length have been read; @at is its kind. */
static bool tcp_option_valid(const uint8_t *at, uint8_t len, bool is_syn)
{
	switch (at[0]) {
	case 2: /* maximum segment size */
		return is_syn && len == 4 && be16(at + 2) >= TCP_MSS_MIN;
	case 3: /* window scale */
		return is_syn && len == 3;
	case 4: /* SACK permitted */
		return is_syn && len == 2;
	case 5: /* SACK, one to four blocks */
		return len == 10 || len == 18 || len == 26 || len == 34;
	case 8: /* timestamps */
		return len == 10;
	default:
		return true;
	}
}

static bool tcp_options_valid(struct reader r, bool is_syn)
{
	while (r.left > 0) {
		uint8_t len;

		if (r.at[0] == 0)
			return true;
		if (r.at[0] == 1) {
			reader_skip(&r, 1);
			continue;
		}
		if (r.left < 2)
			return false;
		len = r.at[1];
		if (len < 2 || len > r.left || !tcp_option_valid(r.at, len, is_syn))
			return false;
		reader_skip(&r, len);
	}
	return true;
}

static enum table_drop check_tcp(const struct ingress_state *c, struct reader r)
{
	struct reader options;
	size_t header;
	bool is_syn;

	(void)c;
	if (r.left < 20)
		return TABLE_DROP_SHORT;
	header = (size_t)(r.at[12] >> 4) * 4;
	if (header < 20 || header > r.left)
		return TABLE_DROP_TRANSPORT;
	is_syn = r.at[13] & 0x02;
	options.at = r.at + 20;
	options.left = header - 20;
	return tcp_options_valid(options, is_syn) ? INGRESS_ACCEPTED : TABLE_DROP_TRANSPORT;
}

/* A DHCP server's message, for lwIP's client to read. */
static enum table_drop check_dhcp(const struct ingress_state *c, struct reader r)
{
	struct dhcp_message message;

	reader_skip(&r, UDP_HEADER);
	if (c->fragmented || dhcp_message_parse(&message, r.at, r.left) != 0)
		return TABLE_DROP_TRANSPORT;
	c->out->flags |= INGRESS_DHCP;
	return INGRESS_ACCEPTED;
}

static enum table_drop check_udp(const struct ingress_state *c, struct reader r)
{
	bool is_fragment = c->out->flags & INGRESS_FRAGMENT;
	uint16_t len;

	if (r.left < UDP_HEADER)
		return TABLE_DROP_SHORT;
	len = be16(r.at + 4);
	/* lwIP takes what IP says; so the two must agree. */
	if (len < UDP_HEADER || (is_fragment ? len <= r.left : len != r.left))
		return TABLE_DROP_TRANSPORT;
	/* RFC 8200 8.1: over IPv6 the checksum is not optional. */
	if (c->out->family == ADDRESS_IPV6 && be16(r.at + 6) == 0 && is_outside(c))
		return TABLE_DROP_TRANSPORT;
	if (c->out->family == ADDRESS_IPV4 && is_outside(c) &&
		be16(r.at) == DHCP_PORT_SERVER && be16(r.at + 2) == DHCP_PORT_CLIENT)
		return check_dhcp(c, r);
	return INGRESS_ACCEPTED;
}

/* RFC 792: errors quote an IP header and 64 bits behind it. */
static enum table_drop check_icmp(const struct ingress_state *c, struct reader r)
{
	static const uint8_t min[] = {
		[3] = 36,
		[4] = 36,
		[5] = 36,
		[11] = 36,
		[12] = 36,
	};
	uint8_t type;

	(void)c;
	if (r.left < 8)
		return TABLE_DROP_SHORT;
	type = r.at[0];
	if (type < sizeof(min) && r.left < min[type])
		return TABLE_DROP_TRANSPORT;
	return INGRESS_ACCEPTED;
}

static enum table_drop check_igmp(const struct ingress_state *c, struct reader r)
{
	if (r.left < 8)
		return TABLE_DROP_SHORT;
	if (c->fragmented)
		return TABLE_DROP_TRANSPORT;
	c->out->flags |= INGRESS_GROUP;
	return INGRESS_ACCEPTED;
}

/* ---- ICMPv6, and neighbour discovery (RFC 4861) in it ----------------------- */

enum icmpv6_type {
	ICMPV6_UNREACHABLE = 1,
	ICMPV6_TOO_BIG = 2,
	ICMPV6_TIME_EXCEEDED = 3,
	ICMPV6_PARAMETER = 4,
	ICMPV6_MLD_QUERY = 130,
	ICMPV6_MLD_REPORT = 131,
	ICMPV6_MLD_DONE = 132,
	ICMPV6_ROUTER_SOLICIT = 133,
	ICMPV6_ROUTER_ADVERT = 134,
	ICMPV6_NEIGHBOUR_SOLICIT = 135,
	ICMPV6_NEIGHBOUR_ADVERT = 136,
	ICMPV6_REDIRECT = 137,
};

enum nd_option {
	ND_OPTION_SOURCE = 1,
	ND_OPTION_TARGET = 2,
	ND_OPTION_PREFIX = 3,
	ND_OPTION_REDIRECTED = 4,
	ND_OPTION_MTU = 5,
	ND_OPTION_COUNT,
};

enum icmpv6_class {
	ICMPV6_CLASS_PLAIN,
	ICMPV6_CLASS_ERROR,
	ICMPV6_CLASS_MLD,
	ICMPV6_CLASS_ND,
};

static const struct icmpv6_rule {
	uint8_t min;	  /* bytes of the fixed part */
	uint8_t class;	  /* enum icmpv6_class */
	bool from_router; /* the source must be link-local */
} icmpv6_rules[] = {
	[ICMPV6_UNREACHABLE] = { 48, ICMPV6_CLASS_ERROR, false },
	[ICMPV6_TOO_BIG] = { 48, ICMPV6_CLASS_ERROR, false },
	[ICMPV6_TIME_EXCEEDED] = { 48, ICMPV6_CLASS_ERROR, false },
	[ICMPV6_PARAMETER] = { 48, ICMPV6_CLASS_ERROR, false },
	[ICMPV6_MLD_QUERY] = { 24, ICMPV6_CLASS_MLD, true },
	[ICMPV6_MLD_REPORT] = { 24, ICMPV6_CLASS_MLD, false },
	[ICMPV6_MLD_DONE] = { 24, ICMPV6_CLASS_MLD, false },
	[ICMPV6_ROUTER_SOLICIT] = { 8, ICMPV6_CLASS_ND, false },
	[ICMPV6_ROUTER_ADVERT] = { 16, ICMPV6_CLASS_ND, true },
	[ICMPV6_NEIGHBOUR_SOLICIT] = { 24, ICMPV6_CLASS_ND, false },
	[ICMPV6_NEIGHBOUR_ADVERT] = { 24, ICMPV6_CLASS_ND, false },
	[ICMPV6_REDIRECT] = { 40, ICMPV6_CLASS_ND, true },
};

/* Exact or least length of each option, in units of 8 bytes. */
static const uint8_t nd_option_min[] = {
	[ND_OPTION_SOURCE] = 1,
	[ND_OPTION_TARGET] = 1,
	[ND_OPTION_PREFIX] = 4,
	[ND_OPTION_REDIRECTED] = 1,
	[ND_OPTION_MTU] = 1,
};
_Static_assert(sizeof(nd_option_min) == ND_OPTION_COUNT, "one minimum an option");

/* A prefix that can be a network's. */
static bool nd_prefix_valid(const uint8_t *option)
{
	const uint8_t *prefix = option + 16;
	static const uint8_t zero[12];

	return option[2] <= 128 && !ipv6_is_multicast(prefix) && !ipv6_is_internal(prefix) &&
		!ipv6_has_prefix(prefix, zero, sizeof(zero));
}

static bool nd_options_valid(struct reader r, bool source_allowed)
{
	while (r.left > 0) {
		uint8_t type;
		size_t len;

		if (r.left < 8)
			return false;
		type = r.at[0];
		len = (size_t)r.at[1] * 8;
		if (len == 0 || len > r.left)
			return false;
		if (type < ND_OPTION_COUNT && r.at[1] < nd_option_min[type])
			return false;
		if (type == ND_OPTION_PREFIX && !nd_prefix_valid(r.at))
			return false;
		if (type == ND_OPTION_SOURCE && !source_allowed)
			return false;
		reader_skip(&r, len);
	}
	return true;
}

static bool nd_targets_valid(const struct ingress_state *c, struct reader r)
{
	switch (r.at[0]) {
	case ICMPV6_NEIGHBOUR_SOLICIT:
		/* RFC 4861 7.1.1: duplicate address detection asks everybody. */
		if (ipv6_is_any(c->src) && !ipv6_is_solicited_node(c->dst))
			return false;
		return !ipv6_is_multicast(r.at + 8);
	case ICMPV6_NEIGHBOUR_ADVERT:
		/* 7.1.2: an answer to everybody was not asked for. */
		if (ipv6_is_multicast(c->dst) && (r.at[4] & 0x40))
			return false;
		return !ipv6_is_multicast(r.at + 8);
	case ICMPV6_REDIRECT:
		return !ipv6_is_multicast(r.at + 8) && !ipv6_is_multicast(r.at + 24);
	default:
		return true;
	}
}

static enum table_drop check_nd(const struct ingress_state *c, struct reader r,
	const struct icmpv6_rule *rule)
{
	struct reader options = r;

	if (c->fragmented || r.at[1] != 0 || c->hop_limit != HOP_LIMIT_ON_LINK)
		return TABLE_DROP_TRANSPORT;
	reader_skip(&options, rule->min);
	if (!nd_targets_valid(c, r) || !nd_options_valid(options, !ipv6_is_any(c->src)))
		return TABLE_DROP_TRANSPORT;
	if (r.at[0] == ICMPV6_ROUTER_ADVERT)
		c->out->flags |= INGRESS_ROUTER;
	return INGRESS_ACCEPTED;
}

static enum table_drop check_mld(const struct ingress_state *c)
{
	if (c->fragmented || c->hop_limit != 1)
		return TABLE_DROP_TRANSPORT;
	c->out->flags |= INGRESS_GROUP;
	return INGRESS_ACCEPTED;
}

static enum table_drop check_icmpv6(const struct ingress_state *c, struct reader r)
{
	const struct icmpv6_rule *rule;

	if (r.left < 8)
		return TABLE_DROP_SHORT;
	if (r.at[0] >= sizeof(icmpv6_rules) / sizeof(icmpv6_rules[0]))
		return INGRESS_ACCEPTED;
	rule = &icmpv6_rules[r.at[0]];
	if (r.left < rule->min)
		return TABLE_DROP_TRANSPORT;
	if (rule->from_router && !ipv6_is_link_local(c->src))
		return TABLE_DROP_MARTIAN;
	switch ((enum icmpv6_class)rule->class) {
	case ICMPV6_CLASS_ERROR:
		/* RFC 8201 4: less is not a path MTU; lwIP would believe it. */
		if (r.at[0] == ICMPV6_TOO_BIG && be32(r.at + 4) < IPV6_MTU_MIN)
			return TABLE_DROP_TRANSPORT;
		return INGRESS_ACCEPTED;
	case ICMPV6_CLASS_MLD:
		return check_mld(c);
	case ICMPV6_CLASS_ND:
		return check_nd(c, r, rule);
	case ICMPV6_CLASS_PLAIN:
		return INGRESS_ACCEPTED;
	}
	return INGRESS_ACCEPTED;
}

static const struct {
	uint8_t family;
	uint8_t protocol;
	enum table_drop (*check)(const struct ingress_state *c, struct reader r);
} transports[] = {
	{ ADDRESS_IPV4, PROTOCOL_TCP, check_tcp },
	{ ADDRESS_IPV6, PROTOCOL_TCP, check_tcp },
	{ ADDRESS_IPV4, PROTOCOL_UDP, check_udp },
	{ ADDRESS_IPV6, PROTOCOL_UDP, check_udp },
	{ ADDRESS_IPV4, PROTOCOL_ICMP, check_icmp },
	{ ADDRESS_IPV6, PROTOCOL_ICMPV6, check_icmpv6 },
	{ ADDRESS_IPV4, PROTOCOL_IGMP, check_igmp },
};

enum table_drop ingress_check_transport(const struct ingress_state *c, struct reader r)
{
	size_t i;

	for (i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
		if (transports[i].family == c->out->family &&
			transports[i].protocol == c->out->protocol)
			return transports[i].check(c, r);
	}
	return INGRESS_ACCEPTED;
}
