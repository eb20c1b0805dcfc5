/* SPDX-License-Identifier: MIT */
/*
 * Bytes written as text, for tables of packets.
 */
#ifndef TESTS_UNIT_HEX_H
#define TESTS_UNIT_HEX_H

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline uint8_t hex_digit(char c)
{
	assert(isxdigit((unsigned char)c));
	return (uint8_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/*
 * The bytes of @text, white space ignored, in a buffer of exactly their
 * number, so that a read past the end shows. The caller frees it.
 */
static inline uint8_t *hex_bytes(const char *text, size_t *len)
{
	uint8_t *bytes, *out;
	size_t n = 0;
	const char *c;

	for (c = text; *c; c++)
		n += !isspace((unsigned char)*c);
	assert(n % 2 == 0);
	*len = n / 2;
	bytes = out = malloc(*len ? *len : 1);
	assert(bytes);
	for (c = text; *c; c++) {
		if (isspace((unsigned char)*c))
			continue;
		*out = (uint8_t)(hex_digit(*c) << 4);
		do {
			c++;
		} while (isspace((unsigned char)*c));
		*out++ |= hex_digit(*c);
	}
	return bytes;
}

#endif
