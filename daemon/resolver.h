/* SPDX-License-Identifier: MIT */
/*
 * Name look-ups for all clients: c-ares over this stack's own sockets, one
 * cache that honours times to live.
 */
#ifndef DAEMON_RESOLVER_H
#define DAEMON_RESOLVER_H

#include "proto/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lookup;
struct resolver;
struct usocketd;

#define RESOLVER_ADDRESSES_MAX 16

struct resolver_answer {
	int error;					  /* 0, or enum resolve_error */
	char canonical[256];				  /* final name of a CNAME chain */
	struct address addresses[RESOLVER_ADDRESSES_MAX]; /* port 0 */
	size_t n_addresses;
};

/*
 * Called once, from the loop, never before resolver_start() has returned.
 */
typedef void (*resolver_done_fn)(const struct resolver_answer *answer, void *arg);

/* Returns 0 or -errno. */
int resolver_new(struct resolver **out, struct usocketd *daemon);
/* Cancels what is under way without calling back. */
void resolver_free(struct resolver *resolver);

/*
 * Looks @name up. @family narrows the answer (ADDRESS_NONE: both). Returns 0
 * with *@out set (valid until the callback or lookup_cancel()), or -errno.
 */
int resolver_start(struct resolver *resolver, const char *name, enum address_family family,
	resolver_done_fn done, void *arg, struct lookup **out);

/* Ends a look-up whose callback has not been called; it will not be. */
void lookup_cancel(struct lookup *lookup);

/* Whether there is a name server that can be asked now. */
bool resolver_has_servers(const struct resolver *resolver);

/* The links' name servers or the configuration changed. */
void resolver_update_servers(struct resolver *resolver);

struct resolver_stats {
	uint32_t n_lookups; /* under way */
	uint32_t cache_entries;
	uint64_t cache_hits;
	uint64_t cache_misses;
};
void resolver_stats(const struct resolver *resolver, struct resolver_stats *out);

#endif
