/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Where the four bytes of IPv4 lie follows from the prefix' length; byte 8,
 * which once was to be clear in every interface identifier, is left out. What
 * follows them is clear when we write it and not looked at when we read it.
 *
 * The prefix is found by looking for the well-known addresses in all places
 * where they can be. An address that shows one in two places is decided by
 * what the others say: the true prefix is most often confirmed, and by both
 * well-known addresses; of equals the longest one counts.
 */
#include "proto/nat64.h"

#include <string.h>

#define RESERVED_AT 8

/* Where RFC 6052 2.2 puts the bytes, by length in bits; longest first. */
static const struct layout {
	uint16_t bits;
	uint8_t at[4];
} layouts[] = {
	{ 96, { 12, 13, 14, 15 } },
	{ 64, { 9, 10, 11, 12 } },
	{ 56, { 7, 9, 10, 11 } },
	{ 48, { 6, 7, 9, 10 } },
	{ 40, { 5, 6, 7, 9 } },
	{ 32, { 4, 5, 6, 7 } },
};
#define N_LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

static const uint8_t well_known_prefix[12] = { 0x00, 0x64, 0xff, 0x9b };
static const uint8_t well_known_addresses[2][4] = { { 192, 0, 0, 170 }, { 192, 0, 0, 171 } };

struct network {
	uint8_t ip[4];
	uint8_t bits;
};

/* Of this host, of the link, groups, and what is not used. */
static const struct network never_carried[] = {
	{ { 0, 0, 0, 0 }, 8 },
	{ { 127, 0, 0, 0 }, 8 },
	{ { 169, 254, 0, 0 }, 16 },
	{ { 224, 0, 0, 0 }, 4 },
	{ { 240, 0, 0, 0 }, 4 },
};

/* Not global: RFC 6890 2.2.2, RFC 6598. */
static const struct network not_global[] = {
	{ { 10, 0, 0, 0 }, 8 },
	{ { 100, 64, 0, 0 }, 10 },
	{ { 172, 16, 0, 0 }, 12 },
	{ { 192, 0, 0, 0 }, 24 },
	{ { 192, 0, 2, 0 }, 24 },
	{ { 192, 168, 0, 0 }, 16 },
	{ { 198, 18, 0, 0 }, 15 },
	{ { 198, 51, 100, 0 }, 24 },
	{ { 203, 0, 113, 0 }, 24 },
};

static bool has_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int bytes = bits / 8, rest = bits % 8;

	if (memcmp(a, b, bytes) != 0)
		return false;
	return rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0;
}

static bool is_in(const struct network *networks, size_t n, const uint8_t ip4[4])
{
	for (size_t i = 0; i < n; i++) {
		if (has_bits(networks[i].ip, ip4, networks[i].bits))
			return true;
	}
	return false;
}
#define IS_IN(networks, ip4) is_in(networks, sizeof(networks) / sizeof((networks)[0]), ip4)

static const struct layout *layout_of(uint16_t bits)
{
	for (size_t i = 0; i < N_LAYOUTS; i++) {
		if (layouts[i].bits == bits)
			return &layouts[i];
	}
	return NULL;
}

static bool is_clear(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

bool nat64_is_prefix(const struct address *prefix)
{
	const uint8_t *ip = prefix->ip;

	if (prefix->family != ADDRESS_IPV6 || !layout_of(prefix->port) || ip[RESERVED_AT] != 0)
		return false;
	/* ::/32 holds IPv4-mapped addresses and ::1. */
	return is_clear(ip + prefix->port / 8, sizeof(prefix->ip) - prefix->port / 8) &&
		!is_clear(ip, 4) && !address_is_multicast(prefix) &&
		!address_is_link_local(prefix);
}

bool nat64_may_carry(const struct address *prefix, const uint8_t ip4[4])
{
	if (IS_IN(never_carried, ip4))
		return false;
	return prefix->port != 96 ||
		memcmp(prefix->ip, well_known_prefix, sizeof(well_known_prefix)) != 0 ||
		!IS_IN(not_global, ip4);
}

void nat64_map(const struct address *prefix, const uint8_t ip4[4], uint8_t ip6[16])
{
	const struct layout *layout = layout_of(prefix->port);

	memset(ip6, 0, 16);
	memcpy(ip6, prefix->ip, prefix->port / 8);
	for (int i = 0; i < 4; i++)
		ip6[layout->at[i]] = ip4[i];
}

static void extract(const struct layout *layout, const uint8_t ip6[16], uint8_t ip4[4])
{
	for (int i = 0; i < 4; i++)
		ip4[i] = ip6[layout->at[i]];
}

bool nat64_unmap(const struct address *prefix, const uint8_t ip6[16], uint8_t ip4[4])
{
	const struct layout *layout = layout_of(prefix->port);

	if (!layout || !has_bits(prefix->ip, ip6, layout->bits) || ip6[RESERVED_AT] != 0)
		return false;
	extract(layout, ip6, ip4);
	return true;
}

/* ---- RFC 7050 -------------------------------------------------------------------- */

/* Which of the well-known addresses lies there: its bit; 0: neither. */
static unsigned int well_known_at(const struct layout *layout, const struct address *address)
{
	uint8_t ip4[4];

	extract(layout, address->ip, ip4);
	for (unsigned int i = 0; i < 2; i++) {
		if (memcmp(ip4, well_known_addresses[i], sizeof(ip4)) == 0)
			return 1u << i;
	}
	return 0;
}

/* How many of the addresses say the same, those of both kinds counting more. */
static size_t confirmations(const struct address *addresses, size_t n, const struct layout *layout,
	const struct address *prefix)
{
	unsigned int seen = 0, kind;
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		kind = well_known_at(layout, &addresses[i]);
		if (kind == 0 || !has_bits(addresses[i].ip, prefix->ip, layout->bits))
			continue;
		seen |= kind;
		count++;
	}
	return seen == 3 ? count + n : count;
}

static struct address prefix_of(const struct address *address, const struct layout *layout)
{
	struct address prefix = { .family = address->family, .port = layout->bits };

	memcpy(prefix.ip, address->ip, layout->bits / 8);
	return prefix;
}

bool nat64_find(const struct address *addresses, size_t n, struct address *prefix)
{
	size_t best = 0;

	for (size_t l = 0; l < N_LAYOUTS; l++) {
		for (size_t i = 0; i < n; i++) {
			struct address found = prefix_of(&addresses[i], &layouts[l]);
			size_t count;

			if (!nat64_is_prefix(&found) || addresses[i].ip[RESERVED_AT] != 0)
				continue;
			count = confirmations(addresses, n, &layouts[l], &found);
			if (count > best) {
				best = count;
				*prefix = found;
			}
		}
	}
	return best > 0;
}
