/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One search a link, idle unless the link seeks a prefix and somebody can be
 * asked: its own name servers, or without any the configured ones, but always
 * on that link. A search starts anew when the link's addresses or servers are
 * others, which may mean another network; the prefix of before is forgotten.
 *
 * Its timer asks. An answer with a prefix is good for its time to live and
 * asked again shortly before the end. One without, and no answer at all, make
 * the next question wait, longer each time; servers that fail take no prefix
 * away that they have given before, as it is needed more then than ever.
 *
 * The c-ares client lives from one question to the next: its callback must not
 * end it.
 *
 * Until the first answer, or for SETTLE_S, connects to IPv4 that have no route
 * are kept waiting: a script that starts as soon as the link is up would find
 * that old addresses do not work, and a moment later that they do.
 */
#include "daemon/nat64_finder.h"

#include "daemon/resolver_dns.h"
#include "daemon/resolver_servers.h"
#include "daemon/socket.h"
#include "daemon/usocketd.h"
#include "netif/link.h"
#include "proto/nat64.h"
#include "proto/status.h"

#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* RFC 7050 3.1: again before the time to live is over. */
#define REFRESH_EARLY_S 10
#define REFRESH_MIN_S	60
#define REFRESH_MAX_S	86400
/* Pauses after an answer without a prefix, and after none. */
#define NONE_FIRST_S  60
#define NONE_MAX_S    3600
#define FAIL_FIRST_S  2
#define FAIL_MAX_S    300
#define DOUBLINGS_MAX 16
#define SETTLE_S      3

/* What the search is about; other contents are another search. */
struct subject {
	struct address addresses[TABLE_LINK_ADDRESSES6];
	struct address servers[CONFIG_SERVERS_MAX];
	size_t n_servers; /* 0: nothing to search for */
};

struct search {
	struct nat64_finder *finder;
	uint32_t index; /* of the link */
	struct subject subject;
	struct dns_client *client;
	struct event *ask;    /* at the next question */
	struct event *settle; /* at the end of SETTLE_S, or made active before */
	bool is_settled;
	unsigned int n_vain; /* questions without a prefix, in a row */
};

struct nat64_finder {
	struct usocketd *daemon;
	struct search searches[CONFIG_LINKS_MAX];
};

static void arm(struct event *event, uint32_t seconds)
{
	const struct timeval delay = { .tv_sec = (time_t)seconds };

	event_add(event, &delay);
}

/* ---- answers ---------------------------------------------------------------------- */

static uint32_t pause_s(const struct search *search, uint32_t first_s, uint32_t max_s)
{
	unsigned int n = search->n_vain < DOUBLINGS_MAX ? search->n_vain : DOUBLINGS_MAX;
	uint64_t pause = (uint64_t)first_s << n;

	return pause < max_s ? (uint32_t)pause : max_s;
}

static uint32_t refresh_s(uint32_t ttl_s)
{
	uint32_t early = ttl_s > REFRESH_EARLY_S ? ttl_s - REFRESH_EARLY_S : 0;

	if (early < REFRESH_MIN_S)
		return REFRESH_MIN_S;
	return early < REFRESH_MAX_S ? early : REFRESH_MAX_S;
}

static void on_answer(const struct resolver_answer *answer, uint32_t ttl_s, void *arg)
{
	static const struct address none;
	struct search *search = arg;
	struct link *link = search->finder->daemon->links[search->index];
	struct address prefix;

	if (nat64_find(answer->addresses, answer->n_addresses, &prefix)) {
		link_set_nat64(link, &prefix);
		search->n_vain = 0;
		arm(search->ask, refresh_s(ttl_s));
	} else if (answer->error == 0 || answer->error == RESOLVE_UNKNOWN) {
		link_set_nat64(link, &none);
		arm(search->ask, pause_s(search, NONE_FIRST_S, NONE_MAX_S));
		search->n_vain++;
	} else {
		arm(search->ask, pause_s(search, FAIL_FIRST_S, FAIL_MAX_S));
		search->n_vain++;
	}
	event_active(search->settle, EV_TIMEOUT, 0);
}

static void on_ask(evutil_socket_t fd, short events, void *arg)
{
	const struct resolver_answer failed = { .error = RESOLVE_AGAIN };
	struct search *search = arg;
	struct usocketd *daemon = search->finder->daemon;
	const struct subject *subject = &search->subject;
	int r;

	(void)fd;
	(void)events;
	dns_client_free(search->client);
	search->client = NULL;
	r = dns_client_new(&search->client, daemon, subject->servers, subject->n_servers);
	if (r == 0)
		r = dns_client_ask(search->client, NAT64_WELL_KNOWN_NAME, ADDRESS_IPV6,
			on_answer, search);
	if (r < 0)
		on_answer(&failed, 0, search);
}

/* The sockets that wait look whether there is a route now, and give up if not. */
static void on_settle(evutil_socket_t fd, short events, void *arg)
{
	struct search *search = arg;
	struct usocketd *daemon = search->finder->daemon;

	(void)fd;
	(void)events;
	if (search->is_settled)
		return;
	search->is_settled = true;
	event_del(search->settle);
	if (daemon->sockets)
		socket_registry_link_changed(daemon->sockets);
}

/* ---- searches ----------------------------------------------------------------------- */

static size_t configured_servers(const struct usocketd *daemon, uint32_t index,
	struct address servers[CONFIG_SERVERS_MAX])
{
	size_t n = 0;

	for (uint32_t i = 0; i < daemon->config.n_servers; i++) {
		if (address_is_loopback(&daemon->config.servers[i]))
			continue;
		servers[n] = daemon->config.servers[i];
		servers[n++].scope = index + 1;
	}
	return n;
}

static void find_subject(const struct usocketd *daemon, uint32_t index, struct subject *subject)
{
	memset(subject, 0, sizeof(*subject));
	if (!link_seeks_nat64(daemon->links[index]))
		return;
	memcpy(subject->addresses, daemon->link_records[index].addresses6,
		sizeof(subject->addresses));
	subject->n_servers = resolver_servers_of_link(daemon, index, subject->servers);
	if (subject->n_servers == 0)
		subject->n_servers = configured_servers(daemon, index, subject->servers);
}

static void restart(struct search *search, const struct subject *subject)
{
	static const struct address none;

	event_del(search->ask);
	event_del(search->settle);
	dns_client_free(search->client);
	search->client = NULL;
	search->subject = *subject;
	search->n_vain = 0;
	search->is_settled = subject->n_servers == 0;
	link_set_nat64(search->finder->daemon->links[search->index], &none);
	if (search->is_settled)
		return;
	arm(search->ask, 0);
	arm(search->settle, SETTLE_S);
}

void nat64_finder_update(struct nat64_finder *finder)
{
	struct usocketd *daemon = finder->daemon;
	struct subject subject;

	for (uint32_t i = 0; i < daemon->n_links; i++) {
		struct search *search = &finder->searches[i];

		find_subject(daemon, i, &subject);
		if (memcmp(&subject, &search->subject, sizeof(subject)) != 0)
			restart(search, &subject);
	}
}

bool nat64_finder_may_help(const struct usocketd *daemon, const struct address *to)
{
	if (!daemon->nat64 || address_unmap_v4(to).family != ADDRESS_IPV4)
		return false;
	for (uint32_t i = 0; i < daemon->n_links; i++) {
		if (!daemon->nat64->searches[i].is_settled)
			return true;
	}
	return false;
}

/* ---- life --------------------------------------------------------------------------- */

struct nat64_finder *nat64_finder_new(struct usocketd *daemon)
{
	struct nat64_finder *finder = calloc(1, sizeof(*finder));

	if (!finder)
		return NULL;
	finder->daemon = daemon;
	for (uint32_t i = 0; i < daemon->n_links; i++) {
		struct search *search = &finder->searches[i];

		search->finder = finder;
		search->index = i;
		search->is_settled = true;
		search->ask = evtimer_new(daemon->base, on_ask, search);
		search->settle = evtimer_new(daemon->base, on_settle, search);
		if (!search->ask || !search->settle) {
			nat64_finder_free(finder);
			return NULL;
		}
	}
	return finder;
}

void nat64_finder_free(struct nat64_finder *finder)
{
	if (!finder)
		return;
	for (uint32_t i = 0; i < CONFIG_LINKS_MAX; i++) {
		struct search *search = &finder->searches[i];

		dns_client_free(search->client);
		if (search->ask)
			event_free(search->ask);
		if (search->settle)
			event_free(search->settle);
	}
	free(finder);
}
