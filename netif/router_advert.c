/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One pass over the options, by a table of what each kind needs. Whatever a
 * host must ignore (RFC 4861 6.1.2, RFC 4862 5.5.3 a to d) is left out here, so
 * that whoever reads the result need not know the rules.
 */
#include "netif/router_advert.h"

#include <errno.h>
#include <string.h>

#define MESSAGE_TYPE   134
#define HEADER_SIZE    16
#define FLAG_ON_LINK   0x80
#define FLAG_AUTO      0x40
#define AUTO_PREFIX    64
#define MTU_MIN	       1280 /* RFC 8200 5 */
#define PREFERENCE(f)  (((f) >> 3) & 3)
#define DNS_OPTION_MIN 24

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static bool is_link_local(const uint8_t *ip)
{
	return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

/* Multicast, ::/96 (any, loopback, mapped in the old form) and ::ffff:0:0/96. */
static bool is_unusable(const uint8_t *ip)
{
	static const uint8_t zero[10];

	return ip[0] == 0xff || memcmp(ip, zero, sizeof(zero)) == 0;
}

static void take_prefix(struct router_advert *out, const uint8_t *option, size_t len)
{
	struct router_prefix p;

	(void)len;
	p.is_on_link = option[3] & FLAG_ON_LINK;
	p.valid_s = be32(option + 4);
	p.preferred_s = be32(option + 8);
	memcpy(p.ip, option + 16, sizeof(p.ip));
	memset(p.ip + 8, 0, 8);
	if (!(option[3] & FLAG_AUTO) || option[2] != AUTO_PREFIX || p.preferred_s > p.valid_s ||
		is_link_local(p.ip) || is_unusable(p.ip) ||
		out->n_prefixes == ROUTER_ADVERT_PREFIXES)
		return;
	out->prefixes[out->n_prefixes++] = p;
}

static void take_mtu(struct router_advert *out, const uint8_t *option, size_t len)
{
	uint32_t mtu = be32(option + 4);

	(void)len;
	if (mtu >= MTU_MIN)
		out->mtu = mtu;
}

static void take_dns(struct router_advert *out, const uint8_t *option, size_t len)
{
	size_t at;

	for (at = 8; at + 16 <= len && out->n_dns < ROUTER_ADVERT_DNS; at += 16) {
		struct router_dns *dns = &out->dns[out->n_dns];

		if (is_unusable(option + at))
			continue;
		memcpy(dns->ip, option + at, sizeof(dns->ip));
		dns->lifetime_s = be32(option + 4);
		out->n_dns++;
	}
}

static const struct option_rule {
	uint8_t type;
	uint8_t min; /* bytes */
	void (*take)(struct router_advert *out, const uint8_t *option, size_t len);
} option_rules[] = {
	{ 3, 32, take_prefix },
	{ 5, 8, take_mtu },
	{ 25, DNS_OPTION_MIN, take_dns },
};

static void take_option(struct router_advert *out, const uint8_t *option, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(option_rules) / sizeof(option_rules[0]); i++) {
		if (option[0] == option_rules[i].type && len >= option_rules[i].min)
			option_rules[i].take(out, option, len);
	}
}

/* 2 is reserved and counts as 0, the value of most. */
static int8_t preference(uint8_t flags)
{
	static const int8_t values[] = { 0, 1, 0, -1 };

	return values[PREFERENCE(flags)];
}

int router_advert_parse(struct router_advert *out, const uint8_t *message, size_t len)
{
	size_t at, option;

	memset(out, 0, sizeof(*out));
	if (len < HEADER_SIZE || message[0] != MESSAGE_TYPE || message[1] != 0)
		return -EBADMSG;
	out->preference = preference(message[5]);
	out->lifetime_s = be16(message + 6);
	for (at = HEADER_SIZE; at < len; at += option) {
		if (len - at < 8)
			return -EBADMSG;
		option = (size_t)message[at + 1] * 8;
		if (option == 0 || option > len - at)
			return -EBADMSG;
		take_option(out, message + at, option);
	}
	return 0;
}
