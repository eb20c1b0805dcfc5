/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A hash by name and family, and a list in order of use. An entry leaves when
 * its time is up and somebody asks for it, or when it is the least recently
 * used one and another needs its place; nothing has to wake up for it. The
 * caller brings the time, so tests need no clock.
 */
#include "daemon/resolver_cache.h"

#include "daemon/resolver_name.h"
#include "netif/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define TTL_MAX_S 86400u
#define NS_PER_S  UINT64_C(1000000000)

/* The family as one character, then the name. */
#define KEY_SIZE (1 + RESOLVER_NAME_SIZE)

struct entry {
	char key[KEY_SIZE];
	uint64_t expires_ns;
	struct resolver_answer answer;
	TAILQ_ENTRY(entry) link;
	UT_hash_handle hh;
};

TAILQ_HEAD(entry_list, entry);

struct resolver_cache {
	struct entry *by_key;
	struct entry_list by_use; /* the latest used first */
	uint32_t n_entries;
	uint32_t max_entries;
	uint64_t n_hits;
	uint64_t n_misses;
};

static void make_key(char key[KEY_SIZE], const char *name, enum address_family family)
{
	assert(strlen(name) < RESOLVER_NAME_SIZE);
	key[0] = (char)('0' + family);
	strcpy(key + 1, name);
}

static void remove_entry(struct resolver_cache *cache, struct entry *entry)
{
	HASH_DEL(cache->by_key, entry);
	TAILQ_REMOVE(&cache->by_use, entry, link);
	cache->n_entries--;
	free(entry);
}

static void shrink(struct resolver_cache *cache, uint32_t n)
{
	while (cache->n_entries > n)
		remove_entry(cache, TAILQ_LAST(&cache->by_use, entry_list));
}

static struct entry *find(struct resolver_cache *cache, const char *key)
{
	struct entry *entry;

	HASH_FIND_STR(cache->by_key, key, entry);
	return entry;
}

struct resolver_cache *resolver_cache_new(uint32_t max_entries)
{
	struct resolver_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	TAILQ_INIT(&cache->by_use);
	cache->max_entries = max_entries;
	return cache;
}

void resolver_cache_free(struct resolver_cache *cache)
{
	if (!cache)
		return;
	shrink(cache, 0);
	free(cache);
}

void resolver_cache_resize(struct resolver_cache *cache, uint32_t max_entries)
{
	cache->max_entries = max_entries;
	shrink(cache, max_entries);
}

void resolver_cache_flush(struct resolver_cache *cache)
{
	shrink(cache, 0);
}

const struct resolver_answer *resolver_cache_find(struct resolver_cache *cache, const char *name,
	enum address_family family, uint64_t now_ns)
{
	char key[KEY_SIZE];
	struct entry *entry;

	make_key(key, name, family);
	entry = find(cache, key);
	if (entry && now_ns >= entry->expires_ns) {
		remove_entry(cache, entry);
		entry = NULL;
	}
	if (!entry) {
		cache->n_misses++;
		return NULL;
	}
	cache->n_hits++;
	TAILQ_REMOVE(&cache->by_use, entry, link);
	TAILQ_INSERT_HEAD(&cache->by_use, entry, link);
	return &entry->answer;
}

static struct entry *add_entry(struct resolver_cache *cache, const char *key)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	strcpy(entry->key, key);
	HASH_ADD_STR(cache->by_key, key, entry);
	TAILQ_INSERT_HEAD(&cache->by_use, entry, link);
	cache->n_entries++;
	shrink(cache, cache->max_entries);
	return entry;
}

void resolver_cache_put(struct resolver_cache *cache, const char *name,
	enum address_family family, const struct resolver_answer *answer,
	uint32_t ttl_s, uint64_t now_ns)
{
	char key[KEY_SIZE];
	struct entry *entry;

	make_key(key, name, family);
	entry = find(cache, key);
	if (ttl_s == 0 || cache->max_entries == 0) {
		if (entry)
			remove_entry(cache, entry);
		return;
	}
	if (!entry)
		entry = add_entry(cache, key);
	if (!entry)
		return; /* no memory: it will be asked for again */
	entry->answer = *answer;
	entry->expires_ns = now_ns + (ttl_s < TTL_MAX_S ? ttl_s : TTL_MAX_S) * NS_PER_S;
}

uint32_t resolver_cache_count(const struct resolver_cache *cache)
{
	return cache->n_entries;
}

uint64_t resolver_cache_hits(const struct resolver_cache *cache)
{
	return cache->n_hits;
}

uint64_t resolver_cache_misses(const struct resolver_cache *cache)
{
	return cache->n_misses;
}
