/* SPDX-License-Identifier: MIT */
/*
 * Address prefixes as a user writes them: 192.0.2.0/24, 2001:db8::/32, ::1.
 */
#ifndef CLIENT_PRELOAD_PREFIX_H
#define CLIENT_PRELOAD_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

/* IPv4 is kept as mapped into IPv6, so one rule serves both kinds of socket. */
struct prefix {
	uint8_t ip[16];
	uint8_t bits; /* of the 128 */
};

/* @text without NUL, @len bytes. Returns 0 or -EINVAL. */
int prefix_parse(struct prefix *prefix, const char *text, unsigned int len);

bool prefix_contains(const struct prefix *prefix, const uint8_t ip[16]);

/* The mapped form (RFC 4291 2.5.5.2). */
void prefix_map_ipv4(uint8_t ip[16], const void *ipv4);

#endif
