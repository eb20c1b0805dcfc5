/* SPDX-License-Identifier: MIT */
/*
 * The few packets of ICMPv6 that a network says itself: neighbours and routers.
 */
#ifndef TESTS_MODEM_SIM_ICMP6_H
#define TESTS_MODEM_SIM_ICMP6_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for either of the answers below. */
#define ICMP6_ANSWER_MAX 160

/* Types, RFC 4861 4. */
enum icmp6_type {
	ICMP6_NONE = 0, /* no ICMPv6, or in an extension header's wake */
	ICMP6_SOLICIT_ROUTER = 133,
	ICMP6_ADVERTISE_ROUTER = 134,
	ICMP6_SOLICIT_NEIGHBOUR = 135,
	ICMP6_ADVERTISE_NEIGHBOUR = 136,
};

enum icmp6_type icmp6_type(const uint8_t *packet, size_t len);

struct icmp6_router {
	struct in6_addr address; /* its own, link-local */
	struct in6_addr prefix;	 /* 64 bits of it, for stateless addresses */
	struct in6_addr dns;
	uint16_t mtu;
};

/* A router advertisement (RFC 4861 4.2, RFC 8106) to all nodes. Returns its length. */
size_t icmp6_advertise_router(uint8_t *out, const struct icmp6_router *router);

/* Tells @to that @address is found at @mac. Returns the packet's length. */
size_t icmp6_advertise_neighbour(uint8_t *out, const uint8_t address[16], const uint8_t to[16],
	const uint8_t mac[6]);

/* Who a neighbour solicitation asks for; NULL if it is not whole. */
const uint8_t *icmp6_solicited(const uint8_t *packet, size_t len);

#endif
