/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A look-up has two halves, one an address family; a family that was not
 * asked for counts as done. Each half is answered from the cache, or waits
 * for a query: one question to the name servers, shared by all look-ups that
 * want its answer. Literals, the hosts file and localhost answer a look-up
 * whole. A look-up that is complete goes on the ready list, and one event,
 * made active by hand, calls its owner back: never from within c-ares, never
 * before resolver_start() has returned.
 *
 * A look-up ends at its deadline at the latest; a half without an answer then
 * counts as "try again". Once a half has addresses, the other one is given
 * only a little longer: servers that never answer AAAA exist. A query goes on
 * when nobody waits for it any more; its answer is cached.
 *
 * Whose servers are asked is decided in resolver_servers.c. When they change,
 * or the link they are asked on, the c-ares client is replaced from an event of
 * its own (a link may change while c-ares is sending), or by the next look-up if
 * that is earlier, the cache is flushed, since another network may have other
 * names, and the queries under way are asked again.
 */
#include "daemon/resolver.h"

#include "daemon/resolver_cache.h"
#include "daemon/resolver_dns.h"
#include "daemon/resolver_hosts.h"
#include "daemon/resolver_name.h"
#include "daemon/resolver_servers.h"
#include "daemon/usocketd.h"
#include "netif/hash.h"
#include "netif/log.h"
#include "netif/stack.h"
#include "proto/status.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* What the second family may take after the first has addresses. */
#define GRACE_S 2
/* Questions under way for all clients. */
#define QUERIES_MAX 1024
/* When both families have more addresses than fit, IPv6 has this many. */
#define IPV6_SHARE 6

enum half_index {
	HALF_IPV4,
	HALF_IPV6,
	HALF_COUNT,
};

static const enum address_family half_families[] = {
	[HALF_IPV4] = ADDRESS_IPV4,
	[HALF_IPV6] = ADDRESS_IPV6,
};
_Static_assert(sizeof(half_families) / sizeof(half_families[0]) == HALF_COUNT, "families");

struct query;

struct half {
	struct lookup *lookup;
	struct query *query; /* waited for; NULL: done */
	bool wanted;
	struct resolver_answer answer;
	LIST_ENTRY(half) link; /* those that wait for the query */
};

LIST_HEAD(half_list, half);

/* Owned by the resolver, from resolver_start() to callback or cancel. */
struct lookup {
	struct resolver *resolver;
	resolver_done_fn done;
	void *arg;
	struct half halves[HALF_COUNT];
	struct resolver_answer answer; /* once ready */
	uint64_t deadline_ns;
	struct event *on_deadline;
	bool starting; /* not all halves are on their way yet */
	bool ready;    /* on the ready list, else the waiting one */
	TAILQ_ENTRY(lookup) link;
};

TAILQ_HEAD(lookup_list, lookup);

#define QUERY_KEY_SIZE (1 + RESOLVER_NAME_SIZE)

/* One question under way. Owned by the resolver's hash. */
struct query {
	struct resolver *resolver;
	char key[QUERY_KEY_SIZE]; /* family as one character, then the name */
	enum address_family family;
	struct half_list waiting;
	UT_hash_handle hh;
};

struct resolver {
	struct usocketd *daemon;
	struct dns_client *dns;			    /* NULL: no server can be reached */
	struct address servers[CONFIG_SERVERS_MAX]; /* dns' */
	size_t n_servers;
	struct address known_servers[CONFIG_SERVERS_MAX]; /* the cache's */
	size_t n_known_servers;
	uint32_t timeout_s; /* dns' */
	struct resolver_cache *cache;
	struct resolver_hosts *hosts;
	struct query *queries; /* by key */
	struct lookup_list waiting;
	struct lookup_list ready;
	uint32_t n_lookups;
	struct event *on_ready;
	struct event *on_servers;
	bool servers_changed; /* on_servers has not run yet */
};

/* ---- look-ups -------------------------------------------------------------------- */

static void free_lookup(struct lookup *lookup)
{
	struct resolver *resolver = lookup->resolver;

	for (int i = 0; i < HALF_COUNT; i++) {
		if (lookup->halves[i].query)
			LIST_REMOVE(&lookup->halves[i], link);
	}
	if (lookup->ready)
		TAILQ_REMOVE(&resolver->ready, lookup, link);
	else
		TAILQ_REMOVE(&resolver->waiting, lookup, link);
	resolver->n_lookups--;
	event_free(lookup->on_deadline);
	free(lookup);
}

static void on_ready(evutil_socket_t fd, short events, void *arg)
{
	struct resolver *resolver = arg;
	struct lookup *lookup;

	(void)fd;
	(void)events;
	while ((lookup = TAILQ_FIRST(&resolver->ready))) {
		struct resolver_answer answer = lookup->answer;
		resolver_done_fn done = lookup->done;
		void *done_arg = lookup->arg;

		free_lookup(lookup);
		done(&answer, done_arg);
	}
}

/* lookup->answer is complete. */
static void finish(struct lookup *lookup)
{
	struct resolver *resolver = lookup->resolver;

	event_del(lookup->on_deadline);
	TAILQ_REMOVE(&resolver->waiting, lookup, link);
	TAILQ_INSERT_TAIL(&resolver->ready, lookup, link);
	lookup->ready = true;
	event_active(resolver->on_ready, EV_TIMEOUT, 0);
}

/* The error that says most about why there is nothing. */
static int worse(int a, int b)
{
	if (a == RESOLVE_AGAIN || b == RESOLVE_AGAIN)
		return RESOLVE_AGAIN;
	if (a == RESOLVE_FAILED || b == RESOLVE_FAILED)
		return RESOLVE_FAILED;
	return a != 0 ? a : b;
}

static void append(struct resolver_answer *out, const struct resolver_answer *half, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out->addresses[out->n_addresses++] = half->addresses[i];
	if (n > 0 && out->canonical[0] == '\0')
		strcpy(out->canonical, half->canonical);
}

/* IPv4 first (semantics.md A9), whatever came first. */
static void combine(const struct lookup *lookup, struct resolver_answer *out)
{
	const struct resolver_answer *v4 = &lookup->halves[HALF_IPV4].answer;
	const struct resolver_answer *v6 = &lookup->halves[HALF_IPV6].answer;
	size_t n4 = v4->n_addresses, n6 = v6->n_addresses;

	if (n4 + n6 > RESOLVER_ADDRESSES_MAX) {
		if (n6 > IPV6_SHARE && n4 > RESOLVER_ADDRESSES_MAX - IPV6_SHARE)
			n6 = IPV6_SHARE;
		if (n4 > RESOLVER_ADDRESSES_MAX - n6)
			n4 = RESOLVER_ADDRESSES_MAX - n6;
		if (n6 > RESOLVER_ADDRESSES_MAX - n4)
			n6 = RESOLVER_ADDRESSES_MAX - n4;
	}
	append(out, v4, n4);
	append(out, v6, n6);
	if (out->n_addresses == 0)
		out->error = worse(v4->error, v6->error);
}

static void shorten_deadline(struct lookup *lookup)
{
	const struct timeval grace = { .tv_sec = GRACE_S };
	const uint64_t until = stack_now_ns() + GRACE_S * UINT64_C(1000000000);

	if (until >= lookup->deadline_ns)
		return;
	lookup->deadline_ns = until;
	event_add(lookup->on_deadline, &grace);
}

/* A half has been answered: finishes the look-up if that was the last. */
static void check_complete(struct lookup *lookup)
{
	bool has_addresses = false;

	if (lookup->starting)
		return;
	for (int i = 0; i < HALF_COUNT; i++)
		has_addresses |= lookup->halves[i].answer.n_addresses > 0;
	for (int i = 0; i < HALF_COUNT; i++) {
		if (!lookup->halves[i].query)
			continue;
		if (has_addresses)
			shorten_deadline(lookup);
		return;
	}
	combine(lookup, &lookup->answer);
	finish(lookup);
}

static void answer_half(struct half *half, const struct resolver_answer *answer)
{
	if (half->query)
		LIST_REMOVE(half, link);
	half->query = NULL;
	half->answer = *answer;
}

static void on_deadline(evutil_socket_t fd, short events, void *arg)
{
	const struct resolver_answer again = { .error = RESOLVE_AGAIN };
	struct lookup *lookup = arg;

	(void)fd;
	(void)events;
	for (int i = 0; i < HALF_COUNT; i++) {
		if (lookup->halves[i].query)
			answer_half(&lookup->halves[i], &again);
	}
	check_complete(lookup);
}

/* ---- queries ---------------------------------------------------------------------- */

static void make_query_key(char key[QUERY_KEY_SIZE], const char *name, enum address_family family)
{
	key[0] = (char)('0' + family);
	snprintf(key + 1, QUERY_KEY_SIZE - 1, "%s", name);
}

static void end_query(struct query *query, const struct resolver_answer *answer)
{
	struct half *half;

	HASH_DEL(query->resolver->queries, query);
	while ((half = LIST_FIRST(&query->waiting))) {
		answer_half(half, answer);
		check_complete(half->lookup);
	}
	free(query);
}

static void on_answer(const struct resolver_answer *answer, uint32_t ttl_s, void *arg)
{
	struct query *query = arg;
	struct resolver *resolver = query->resolver;

	resolver_cache_put(resolver->cache, query->key + 1, query->family, answer, ttl_s,
		stack_now_ns());
	end_query(query, answer);
}

static int ask(struct query *query)
{
	struct resolver *resolver = query->resolver;

	/* Asked when a link that dials on demand has brought servers. */
	if (!resolver->dns)
		return usocketd_dial(resolver->daemon, NULL) ? 0 : -ENETDOWN;
	return dns_client_ask(resolver->dns, query->key + 1, query->family, on_answer, query);
}

/* The query for that name, asked anew if it is not under way. NULL: cannot. */
static struct query *find_or_ask(struct resolver *resolver, const char *name,
	enum address_family family)
{
	char key[QUERY_KEY_SIZE];
	struct query *query;

	make_query_key(key, name, family);
	HASH_FIND_STR(resolver->queries, key, query);
	if (query || HASH_COUNT(resolver->queries) >= QUERIES_MAX)
		return query;
	query = calloc(1, sizeof(*query));
	if (!query)
		return NULL;
	query->resolver = resolver;
	strcpy(query->key, key);
	query->family = family;
	LIST_INIT(&query->waiting);
	if (ask(query) < 0) {
		free(query);
		return NULL;
	}
	HASH_ADD_STR(resolver->queries, key, query);
	return query;
}

static void start_half(struct half *half, const char *name, enum address_family family)
{
	const struct resolver_answer again = { .error = RESOLVE_AGAIN };
	struct resolver *resolver = half->lookup->resolver;
	const struct resolver_answer *cached;
	struct query *query;

	cached = resolver_cache_find(resolver->cache, name, family, stack_now_ns());
	if (cached) {
		answer_half(half, cached);
		return;
	}
	query = find_or_ask(resolver, name, family);
	if (!query) {
		answer_half(half, &again);
		return;
	}
	half->query = query;
	LIST_INSERT_HEAD(&query->waiting, half, link);
}

/* ---- servers ---------------------------------------------------------------------- */

static bool same_servers(const struct address *a, size_t n_a, const struct address *b, size_t n_b)
{
	return n_a == n_b && memcmp(a, b, n_a * sizeof(*a)) == 0;
}

/* Answers of other servers may not hold here; a link that was down only for a
 * while has the same ones. */
static void flush_if_new(struct resolver *resolver)
{
	if (resolver->n_servers == 0 ||
		same_servers(resolver->servers, resolver->n_servers, resolver->known_servers,
			resolver->n_known_servers))
		return;
	resolver_cache_flush(resolver->cache);
	memcpy(resolver->known_servers, resolver->servers, sizeof(resolver->servers));
	resolver->n_known_servers = resolver->n_servers;
}

static void replace_client(struct resolver *resolver)
{
	const struct resolver_answer again = { .error = RESOLVE_AGAIN };
	struct query *query, *next;
	int r;

	dns_client_free(resolver->dns);
	resolver->dns = NULL;
	flush_if_new(resolver);
	if (resolver->n_servers > 0) {
		r = dns_client_new(&resolver->dns, resolver->daemon, resolver->servers,
			resolver->n_servers);
		if (r < 0)
			log_error("names cannot be looked up: %s", strerror(-r));
	}
	HASH_ITER(hh, resolver->queries, query, next) {
		if (ask(query) < 0)
			end_query(query, &again);
	}
}

static void apply_config(struct resolver *resolver)
{
	struct usocketd *daemon = resolver->daemon;
	struct address servers[CONFIG_SERVERS_MAX] = { 0 };
	size_t n;

	resolver->servers_changed = false;
	resolver_cache_resize(resolver->cache, daemon->config.cache_entries);
	n = resolver_servers_choose(daemon, servers);
	/* Queries that wait for servers end when there is nothing to wait for. */
	if (same_servers(servers, n, resolver->servers, resolver->n_servers) &&
		resolver->timeout_s == daemon->config.resolve_timeout_s &&
		(resolver->dns || !resolver->queries))
		return;
	memcpy(resolver->servers, servers, sizeof(servers));
	resolver->n_servers = n;
	resolver->timeout_s = daemon->config.resolve_timeout_s;
	replace_client(resolver);
}

static void on_servers(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	apply_config(arg);
}

/* ---- answers without a question ----------------------------------------------------- */

static bool family_fits(const struct lookup *lookup, enum address_family family)
{
	for (int i = 0; i < HALF_COUNT; i++) {
		if (half_families[i] == family)
			return lookup->halves[i].wanted;
	}
	return false;
}

static bool answer_literal(struct lookup *lookup, const char *name)
{
	struct resolver_answer *answer = &lookup->answer;
	struct address address;

	if (address_parse_ip(&address, name) < 0)
		return false;
	if (!family_fits(lookup, (enum address_family)address.family)) {
		answer->error = RESOLVE_UNKNOWN;
		return true;
	}
	snprintf(answer->canonical, sizeof(answer->canonical), "%s", name);
	answer->addresses[answer->n_addresses++] = address;
	return true;
}

static bool answer_localhost(struct lookup *lookup, const char *name)
{
	static const struct address loopbacks[HALF_COUNT] = {
		[HALF_IPV4] = { .family = ADDRESS_IPV4, .ip = { 127, 0, 0, 1 } },
		[HALF_IPV6] = { .family = ADDRESS_IPV6, .ip = { [15] = 1 } },
	};
	struct resolver_answer *answer = &lookup->answer;

	if (!resolver_name_is_localhost(name))
		return false;
	strcpy(answer->canonical, name);
	for (int i = 0; i < HALF_COUNT; i++) {
		if (lookup->halves[i].wanted)
			answer->addresses[answer->n_addresses++] = loopbacks[i];
	}
	return true;
}

static bool answer_from_hosts(struct lookup *lookup, const char *name, enum address_family family)
{
	struct resolver *resolver = lookup->resolver;

	resolver_hosts_refresh(resolver->hosts, resolver->daemon->config.hosts);
	return resolver_hosts_find(resolver->hosts, name, family, &lookup->answer);
}

/* ---- public --------------------------------------------------------------------------- */

int resolver_new(struct resolver **out, struct usocketd *daemon)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return -ENOMEM;
	resolver->daemon = daemon;
	TAILQ_INIT(&resolver->waiting);
	TAILQ_INIT(&resolver->ready);
	resolver->cache = resolver_cache_new(daemon->config.cache_entries);
	resolver->hosts = resolver_hosts_new();
	resolver->on_ready = event_new(daemon->base, -1, 0, on_ready, resolver);
	resolver->on_servers = event_new(daemon->base, -1, 0, on_servers, resolver);
	if (!resolver->cache || !resolver->hosts || !resolver->on_ready || !resolver->on_servers) {
		resolver_free(resolver);
		return -ENOMEM;
	}
	apply_config(resolver);
	*out = resolver;
	return 0;
}

static void free_lookups(struct lookup_list *list)
{
	struct lookup *lookup;

	while ((lookup = TAILQ_FIRST(list)))
		free_lookup(lookup);
}

static void free_queries(struct resolver *resolver)
{
	struct query *query, *next;

	HASH_ITER(hh, resolver->queries, query, next) {
		HASH_DEL(resolver->queries, query);
		free(query);
	}
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	dns_client_free(resolver->dns);
	free_lookups(&resolver->waiting);
	free_lookups(&resolver->ready);
	free_queries(resolver);
	resolver_cache_free(resolver->cache);
	resolver_hosts_free(resolver->hosts);
	if (resolver->on_ready)
		event_free(resolver->on_ready);
	if (resolver->on_servers)
		event_free(resolver->on_servers);
	free(resolver);
}

static struct lookup *lookup_new(struct resolver *resolver, enum address_family family)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (!lookup)
		return NULL;
	lookup->resolver = resolver;
	lookup->on_deadline = evtimer_new(resolver->daemon->base, on_deadline, lookup);
	if (!lookup->on_deadline) {
		free(lookup);
		return NULL;
	}
	for (int i = 0; i < HALF_COUNT; i++) {
		lookup->halves[i].lookup = lookup;
		lookup->halves[i].wanted = family == ADDRESS_NONE || family == half_families[i];
	}
	TAILQ_INSERT_TAIL(&resolver->waiting, lookup, link);
	resolver->n_lookups++;
	return lookup;
}

static void ask_servers(struct lookup *lookup, const char *name)
{
	const struct timeval timeout = {
		.tv_sec = lookup->resolver->daemon->config.resolve_timeout_s,
	};

	lookup->deadline_ns = stack_now_ns() + (uint64_t)timeout.tv_sec * 1000000000;
	event_add(lookup->on_deadline, &timeout);
	/* Asking for one half can end the query of the other. */
	lookup->starting = true;
	for (int i = 0; i < HALF_COUNT; i++) {
		if (lookup->halves[i].wanted)
			start_half(&lookup->halves[i], name, half_families[i]);
	}
	lookup->starting = false;
	check_complete(lookup);
}

int resolver_start(struct resolver *resolver, const char *name, enum address_family family,
	resolver_done_fn done, void *arg, struct lookup **out)
{
	char normalized[RESOLVER_NAME_SIZE];
	struct lookup *lookup = lookup_new(resolver, family);

	if (!lookup)
		return -ENOMEM;
	/* Whoever saw a link come up must find its servers. */
	if (resolver->servers_changed)
		apply_config(resolver);
	lookup->done = done;
	lookup->arg = arg;
	*out = lookup;
	if (answer_literal(lookup, name)) {
		finish(lookup);
	} else if (resolver_name_normalize(name, normalized) < 0) {
		lookup->answer.error = RESOLVE_UNKNOWN;
		finish(lookup);
	} else if (answer_from_hosts(lookup, normalized, family) ||
		answer_localhost(lookup, normalized)) {
		finish(lookup);
	} else {
		ask_servers(lookup, normalized);
	}
	return 0;
}

void lookup_cancel(struct lookup *lookup)
{
	free_lookup(lookup);
}

bool resolver_has_servers(const struct resolver *resolver)
{
	return resolver->dns;
}

void resolver_update_servers(struct resolver *resolver)
{
	resolver->servers_changed = true;
	event_active(resolver->on_servers, EV_TIMEOUT, 0);
}

void resolver_stats(const struct resolver *resolver, struct resolver_stats *out)
{
	out->n_lookups = resolver->n_lookups;
	out->cache_entries = resolver_cache_count(resolver->cache);
	out->cache_hits = resolver_cache_hits(resolver->cache);
	out->cache_misses = resolver_cache_misses(resolver->cache);
}
