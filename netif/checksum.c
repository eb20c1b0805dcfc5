// SPDX-License-Identifier: MIT
/*
 * Theory of operation
 *
 * RFC 1071 2(B): the sum is the same in either byte order and for any grouping
 * of the words. Numbers of 32 bits are added to sums of 64, whose upper halves
 * gather the carries, in vectors where the processor has them: two sums to a
 * vector, so that the even and the odd words of it go to the same one. All is
 * folded at the end.
 */
#include "netif/checksum.h"

#include <string.h>

typedef uint64_t sums __attribute__((vector_size(16)));

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
	const sums low = { UINT32_MAX, UINT32_MAX };
	sums first = { 0 }, second = { 0 };
	const uint8_t *p = data;
	uint64_t sum;

	for (; len >= (int)(2 * sizeof(sums)); len -= 2 * sizeof(sums), p += 2 * sizeof(sums)) {
		sums words[2];

		memcpy(words, p, sizeof(words));
		first += (words[0] & low) + (words[0] >> 32);
		second += (words[1] & low) + (words[1] >> 32);
	}
	first += second;
	sum = first[0] + first[1];
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
