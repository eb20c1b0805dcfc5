/* SPDX-License-Identifier: MIT */
/*
 * Answers of name servers, each for as long as its time to live.
 */
#ifndef DAEMON_RESOLVER_CACHE_H
#define DAEMON_RESOLVER_CACHE_H

#include "daemon/resolver.h"

#include <stdint.h>

struct resolver_cache;

/* NULL: no memory. */
struct resolver_cache *resolver_cache_new(uint32_t max_entries);
void resolver_cache_free(struct resolver_cache *cache);

/* Fewer than there are: the least recently used ones go. 0: no cache. */
void resolver_cache_resize(struct resolver_cache *cache, uint32_t max_entries);
void resolver_cache_flush(struct resolver_cache *cache);

/*
 * The answer for that family's records of the (normalized) @name, or NULL.
 * Valid until the next call that changes the cache.
 */
const struct resolver_answer *resolver_cache_find(struct resolver_cache *cache, const char *name,
	enum address_family family, uint64_t now_ns);

/*
 * Keeps a copy of @answer for @ttl_s seconds, at most a day; 0 keeps nothing.
 * Replaces what was there.
 */
void resolver_cache_put(struct resolver_cache *cache, const char *name,
	enum address_family family, const struct resolver_answer *answer,
	uint32_t ttl_s, uint64_t now_ns);

uint32_t resolver_cache_count(const struct resolver_cache *cache);
uint64_t resolver_cache_hits(const struct resolver_cache *cache);
uint64_t resolver_cache_misses(const struct resolver_cache *cache);

#endif
