/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One walk over each area that may hold options: the options field, and the
 * fields for a file and a server's name where an option says so (RFC 2132
 * 9.3). A table says how long each option that lwIP reads must be. Addresses
 * that no host can have, and masks with holes, make the whole message useless.
 */
#include "netif/dhcp_message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define REPLY	      2
#define ETHERNET      1
#define XID_AT	      4
#define YOUR_IP_AT    16
#define MAC_AT	      28
#define NAME_AT	      44
#define NAME_SIZE     64
#define FILE_AT	      108
#define FILE_SIZE     128
#define COOKIE_AT     236
#define OPTIONS_AT    240
#define OVERLOAD_FILE 1
#define OVERLOAD_NAME 2
/* Less is no MTU for IPv6, which the link may carry as well. */
#define MTU_MIN 1280

enum option {
	OPTION_PAD = 0,
	OPTION_MASK = 1,
	OPTION_ROUTER = 3,
	OPTION_DNS = 6,
	OPTION_MTU = 26,
	OPTION_LEASE = 51,
	OPTION_OVERLOAD = 52,
	OPTION_TYPE = 53,
	OPTION_SERVER = 54,
	OPTION_T1 = 58,
	OPTION_T2 = 59,
	OPTION_END = 255,
};

struct parse {
	struct dhcp_message *out;
	uint8_t overload;
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* False for 0/8, 127/8, groups and the reserved: no host has these. */
static bool is_host(const uint8_t *ip)
{
	return ip[0] != 0 && ip[0] != 127 && ip[0] < 224;
}

static bool take_mask(struct parse *parse, const uint8_t *value, size_t len)
{
	uint32_t holes = ~be32(value);

	(void)parse;
	(void)len;
	/* Ones, then zeroes: with all inverted, one less than a power of two. */
	return (holes & (holes + 1)) == 0 && value[0] != 0;
}

static bool take_host(struct parse *parse, const uint8_t *value, size_t len)
{
	(void)parse;
	(void)len;
	return is_host(value);
}

static bool take_dns(struct parse *parse, const uint8_t *value, size_t len)
{
	struct dhcp_message *out = parse->out;
	size_t at;

	for (at = 0; at < len && out->n_dns < DHCP_MESSAGE_DNS; at += 4) {
		if (is_host(value + at))
			memcpy(out->dns[out->n_dns++], value + at, 4);
	}
	return true;
}

static bool take_mtu(struct parse *parse, const uint8_t *value, size_t len)
{
	uint16_t mtu = (uint16_t)(value[0] << 8 | value[1]);

	(void)len;
	if (mtu >= MTU_MIN)
		parse->out->mtu = mtu;
	return true;
}

static bool take_overload(struct parse *parse, const uint8_t *value, size_t len)
{
	(void)len;
	parse->overload = value[0];
	return value[0] >= 1 && value[0] <= 3;
}

static bool take_type(struct parse *parse, const uint8_t *value, size_t len)
{
	(void)len;
	parse->out->type = value[0];
	return true;
}

static const struct option_rule {
	uint8_t option;
	uint8_t size; /* bytes of one item */
	bool is_list; /* of one or more; else it is one */
	bool (*take)(struct parse *parse, const uint8_t *value, size_t len);
} option_rules[] = {
	{ OPTION_MASK, 4, false, take_mask },
	{ OPTION_ROUTER, 4, true, take_host },
	{ OPTION_DNS, 4, true, take_dns },
	{ OPTION_MTU, 2, false, take_mtu },
	{ OPTION_LEASE, 4, false, NULL },
	{ OPTION_OVERLOAD, 1, false, take_overload },
	{ OPTION_TYPE, 1, false, take_type },
	{ OPTION_SERVER, 4, false, take_host },
	{ OPTION_T1, 4, false, NULL },
	{ OPTION_T2, 4, false, NULL },
};

static bool take_option(struct parse *parse, uint8_t option, const uint8_t *value, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(option_rules) / sizeof(option_rules[0]); i++) {
		const struct option_rule *rule = &option_rules[i];

		if (rule->option != option)
			continue;
		if (rule->is_list ? len == 0 || len % rule->size != 0 : len != rule->size)
			return false;
		return rule->take ? rule->take(parse, value, len) : true;
	}
	return true;
}

/* An area of options ends with END; what follows is padding. */
static bool take_options(struct parse *parse, const uint8_t *bytes, size_t len)
{
	size_t at = 0;

	while (at < len && bytes[at] != OPTION_END) {
		if (bytes[at] == OPTION_PAD) {
			at++;
			continue;
		}
		if (len - at < 2 || bytes[at + 1] > len - at - 2 ||
			!take_option(parse, bytes[at], bytes + at + 2, bytes[at + 1]))
			return false;
		at += 2 + (size_t)bytes[at + 1];
	}
	return at < len;
}

static bool is_useful(const struct dhcp_message *m)
{
	switch (m->type) {
	case DHCP_MESSAGE_OFFER:
	case DHCP_MESSAGE_ACK:
		return is_host(m->ip);
	case DHCP_MESSAGE_NAK:
		return true;
	default:
		return false;
	}
}

int dhcp_message_parse(struct dhcp_message *out, const uint8_t *bytes, size_t len)
{
	static const uint8_t cookie[4] = { 99, 130, 83, 99 };
	struct parse parse = { .out = out };
	uint8_t overload;

	memset(out, 0, sizeof(*out));
	if (len <= OPTIONS_AT || bytes[0] != REPLY || bytes[1] != ETHERNET ||
		bytes[2] != DHCP_MESSAGE_MAC_SIZE ||
		memcmp(bytes + COOKIE_AT, cookie, sizeof(cookie)) != 0)
		return -EBADMSG;
	out->xid = be32(bytes + XID_AT);
	memcpy(out->ip, bytes + YOUR_IP_AT, sizeof(out->ip));
	memcpy(out->mac, bytes + MAC_AT, sizeof(out->mac));
	if (!take_options(&parse, bytes + OPTIONS_AT, len - OPTIONS_AT))
		return -EBADMSG;
	/* What is in there cannot overload once more. */
	overload = parse.overload;
	if ((overload & OVERLOAD_FILE) && !take_options(&parse, bytes + FILE_AT, FILE_SIZE))
		return -EBADMSG;
	if ((overload & OVERLOAD_NAME) && !take_options(&parse, bytes + NAME_AT, NAME_SIZE))
		return -EBADMSG;
	return is_useful(out) ? 0 : -EBADMSG;
}
