// SPDX-License-Identifier: MIT
/*
 * Theory of operation
 *
 * RFC 1071 2(B): the sum is the same in either byte order and for any grouping
 * of the words, so eight bytes are added at a time, as two numbers of 32 bits
 * whose carries gather in the upper half of the sum. It is folded at the end.
 */
#include "netif/checksum.h"

#include <string.h>

static uint16_t fold(uint64_t sum)
{
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	return (uint16_t)sum;
}

uint16_t checksum_add(const void *data, int len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;

	for (; len >= 8; len -= 8, p += 8) {
		uint32_t words[2];

		memcpy(words, p, sizeof(words));
		sum += (uint64_t)words[0] + words[1];
	}
	for (; len > 0; len -= 2, p += 2) {
		uint16_t word = 0;

		memcpy(&word, p, len > 1 ? 2 : 1);
		sum += word;
	}
	return fold(sum);
}
