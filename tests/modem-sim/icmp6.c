/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Packets are put together byte by byte, the checksum (RFC 4443 2.3) last. All
 * of them have a hop limit of 255, which proves that no router was between.
 */
#include "tests/modem-sim/icmp6.h"

#include <string.h>

#define HEADER		40
#define HOP_LIMIT	255
#define NEIGHBOUR_SIZE	24
#define ROUTER_LIFETIME 1800
#define PREFIX_LIFETIME 86400
/* Of a prefix: for stateless addresses, but nobody else is on the link. */
#define PREFIX_AUTONOMOUS 0x40
/* Of a neighbour: asked for, and to replace what was known. */
#define NEIGHBOUR_FLAGS 0x60

enum option {
	OPTION_TARGET_LINK_ADDRESS = 2,
	OPTION_PREFIX = 3,
	OPTION_MTU = 5,
	OPTION_DNS = 25,
};

static uint8_t *put8(uint8_t *at, unsigned int value)
{
	*at = (uint8_t)value;
	return at + 1;
}

static uint8_t *put16(uint8_t *at, unsigned int value)
{
	return put8(put8(at, value >> 8), value);
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value);
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

static uint8_t *put_header(uint8_t *at, const void *source, const void *target)
{
	at = put32(at, 6u << 28);
	at = put16(at, 0); /* the length, see finish() */
	at = put8(at, IPPROTO_ICMPV6);
	at = put8(at, HOP_LIMIT);
	at = put_bytes(at, source, 16);
	return put_bytes(at, target, 16);
}

static uint32_t sum(const uint8_t *bytes, size_t len)
{
	uint32_t total = 0;

	for (size_t i = 0; i < len; i++)
		total += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
	return total;
}

/* Length and checksum. Returns the whole packet's length. */
static size_t finish(uint8_t *packet, const uint8_t *end)
{
	size_t len = (size_t)(end - packet) - HEADER;
	uint32_t total = (uint32_t)len + IPPROTO_ICMPV6 + sum(packet + 8, 32) +
		sum(packet + HEADER, len);

	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	put16(packet + 4, (unsigned int)len);
	put16(packet + HEADER + 2, ~total);
	return HEADER + len;
}

enum icmp6_type icmp6_type(const uint8_t *packet, size_t len)
{
	if (len < HEADER + 4 || packet[0] >> 4 != 6 || packet[6] != IPPROTO_ICMPV6)
		return ICMP6_NONE;
	return (enum icmp6_type)packet[HEADER];
}

size_t icmp6_advertise_router(uint8_t *out, const struct icmp6_router *router)
{
	const struct in6_addr all_nodes = { { { 0xff, 2, [15] = 1 } } };
	uint8_t *at = put_header(out, &router->address, &all_nodes);

	at = put32(at, (uint32_t)ICMP6_ADVERTISE_ROUTER << 24);
	at = put8(at, 64); /* hop limit of the stack */
	at = put8(at, 0);
	at = put16(at, ROUTER_LIFETIME);
	at = put32(at, 0);
	at = put32(at, 0);

	at = put8(put8(at, OPTION_PREFIX), 4);
	at = put8(put8(at, 64), PREFIX_AUTONOMOUS);
	at = put32(put32(at, PREFIX_LIFETIME), PREFIX_LIFETIME);
	at = put_bytes(put32(at, 0), &router->prefix, 16);

	at = put16(put8(put8(at, OPTION_MTU), 1), 0);
	at = put32(at, router->mtu);

	at = put16(put8(put8(at, OPTION_DNS), 3), 0);
	at = put_bytes(put32(at, ROUTER_LIFETIME), &router->dns, 16);
	return finish(out, at);
}

const uint8_t *icmp6_solicited(const uint8_t *packet, size_t len)
{
	return len < HEADER + NEIGHBOUR_SIZE ? NULL : packet + HEADER + 8;
}

size_t icmp6_advertise_neighbour(uint8_t *out, const uint8_t address[16], const uint8_t to[16],
	const uint8_t mac[6])
{
	uint8_t *at = put_header(out, address, to);

	at = put32(at, (uint32_t)ICMP6_ADVERTISE_NEIGHBOUR << 24);
	at = put32(at, (uint32_t)NEIGHBOUR_FLAGS << 24);
	at = put_bytes(at, address, 16);
	at = put8(put8(at, OPTION_TARGET_LINK_ADDRESS), 1);
	at = put_bytes(at, mac, 6);
	return finish(out, at);
}
