/* SPDX-License-Identifier: MIT */
#include "client/preload/prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define MAPPED_BITS 96

void prefix_map_ipv4(uint8_t ip[16], const void *ipv4)
{
	memset(ip, 0, 10);
	ip[10] = ip[11] = 0xff;
	memcpy(ip + 12, ipv4, 4);
}

/* Returns the number, -1 if it is none from 0 to @max. */
static int parse_bits(const char *text, int max)
{
	int bits = 0;

	if (!*text)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		bits = bits * 10 + (*text - '0');
		if (bits > max)
			return -1;
	}
	return bits;
}

int prefix_parse(struct prefix *prefix, const char *text, unsigned int len)
{
	char copy[INET6_ADDRSTRLEN + sizeof("/128")];
	struct in_addr ipv4;
	int base = 0, max = 128, bits;
	char *slash;

	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	if (inet_pton(AF_INET, copy, &ipv4) == 1) {
		prefix_map_ipv4(prefix->ip, &ipv4);
		base = MAPPED_BITS;
		max = 32;
	} else if (inet_pton(AF_INET6, copy, prefix->ip) != 1) {
		return -EINVAL;
	}
	bits = slash ? parse_bits(slash + 1, max) : max;
	if (bits < 0)
		return -EINVAL;
	prefix->bits = (uint8_t)(base + bits);
	return 0;
}

bool prefix_contains(const struct prefix *prefix, const uint8_t ip[16])
{
	unsigned int bytes = prefix->bits / 8, rest = prefix->bits % 8;

	if (memcmp(prefix->ip, ip, bytes) != 0)
		return false;
	return rest == 0 || (prefix->ip[bytes] ^ ip[bytes]) >> (8 - rest) == 0;
}
