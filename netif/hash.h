/* SPDX-License-Identifier: MIT */
/*
 * uthash with a hash function of our own: its default one trips
 * -Wimplicit-fallthrough in every file that uses it.
 */
#ifndef NETIF_HASH_H
#define NETIF_HASH_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a. All tables here are bounded, so collisions cannot be made to hurt. */
static inline uint32_t hash_bytes(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

#define HASH_FUNCTION(key, len, hash) ((hash) = hash_bytes((key), (len)))

#include <uthash.h>

#endif
