/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Puts the parts together. Each part may use those that were made before it,
 * so they are made from the stack upwards and ended from the clients
 * downwards, with one exception: sockets end before the links do, so that the
 * resets of what is still connected can leave.
 *
 * A link tells of every change, its counters included. All of it goes into
 * the connection table; sockets, resolver and watchers hear only of what
 * matters to them, told apart by comparing with the record published before.
 * A change of one link can move the others up or down in the order of routes,
 * of which they know nothing themselves, so their records are looked at too.
 */
#include "daemon/usocketd.h"

#include "daemon/limits.h"
#include "daemon/link_requests.h"
#include "daemon/nat64_finder.h"
#include "daemon/reap.h"
#include "daemon/resolver.h"
#include "daemon/resolver_requests.h"
#include "daemon/server.h"
#include "daemon/socket.h"
#include "daemon/socks.h"
#include "daemon/table_writer.h"
#include "daemon/watch.h"
#include "netif/link.h"
#include "netif/log.h"
#include "netif/stack.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/random.h>

/* ---- links ----------------------------------------------------------------- */

static bool standings_differ(const struct table_link *a, const struct table_link *b)
{
	return a->is_default != b->is_default || a->rank != b->rank;
}

static bool addresses_differ(const struct table_link *a, const struct table_link *b)
{
	return memcmp(&a->address4, &b->address4, sizeof(a->address4)) != 0 ||
		memcmp(&a->gateway4, &b->gateway4, sizeof(a->gateway4)) != 0 ||
		a->n_addresses6 != b->n_addresses6 ||
		memcmp(a->addresses6, b->addresses6, sizeof(a->addresses6)) != 0 ||
		memcmp(&a->gateway6, &b->gateway6, sizeof(a->gateway6)) != 0 ||
		memcmp(a->dns, b->dns, sizeof(a->dns)) != 0 ||
		memcmp(&a->nat64, &b->nat64, sizeof(a->nat64)) != 0 || a->mtu != b->mtu ||
		standings_differ(a, b);
}

static bool states_differ(const struct table_link *a, const struct table_link *b)
{
	return a->state != b->state || a->since_ns != b->since_ns || a->reason != b->reason ||
		a->is_refused != b->is_refused ||
		strcmp(a->cause, b->cause) != 0;
}

static void link_record_changed(struct usocketd *daemon, uint32_t index)
{
	const struct table_link *now = &daemon->link_records[index];
	struct table_link before = *now;
	bool state_changed;

	memset(&daemon->link_records[index], 0, sizeof(before));
	link_describe(daemon->links[index], &daemon->link_records[index]);
	table_writer_publish_link(daemon->table, index, now);
	state_changed = states_differ(&before, now);
	if (state_changed || addresses_differ(&before, now)) {
		if (daemon->sockets)
			socket_registry_link_changed(daemon->sockets);
		if (daemon->resolver)
			resolver_update_servers(daemon->resolver);
		if (daemon->nat64)
			nat64_finder_update(daemon->nat64);
	}
	if (state_changed && daemon->watchers)
		watchers_link_changed(daemon->watchers, index);
}

static bool has_moved(const struct usocketd *daemon, uint32_t index)
{
	struct table_link now = { 0 };

	link_describe(daemon->links[index], &now);
	return standings_differ(&now, &daemon->link_records[index]);
}

void usocketd_publish_link(struct usocketd *daemon, struct link *link)
{
	for (uint32_t i = 0; i < daemon->n_links; i++) {
		if (daemon->links[i] == link || has_moved(daemon, i))
			link_record_changed(daemon, i);
	}
}

static void on_link_changed(struct link *link, void *arg)
{
	usocketd_publish_link(arg, link);
}

static int start_links(struct usocketd *daemon)
{
	for (uint32_t i = 0; i < daemon->n_links; i++) {
		int r = link_start(daemon->links[i], daemon->base, on_link_changed, daemon);

		if (r < 0) {
			log_error("link %s cannot be started: %s", link_name(daemon->links[i]),
				strerror(-r));
			return r;
		}
		link_record_changed(daemon, i);
	}
	return 0;
}

static void take_links(struct usocketd *daemon)
{
	struct config *config = &daemon->config;

	memcpy(daemon->links, config->links, sizeof(daemon->links));
	daemon->n_links = config->n_links;
	config->n_links = 0;
}

static void free_links(struct usocketd *daemon)
{
	for (uint32_t i = 0; i < daemon->n_links; i++) {
		link_stop(daemon->links[i]);
		link_free(daemon->links[i]);
		daemon->links[i] = NULL;
	}
	daemon->n_links = 0;
}

/* ---- parts ------------------------------------------------------------------ */

static int start_base(struct usocketd *daemon)
{
	int r;

	do {
		if (getrandom(&daemon->instance, sizeof(daemon->instance), 0) !=
			sizeof(daemon->instance))
			return -errno;
	} while (daemon->instance == 0);
	daemon->started_ns = stack_now_ns();
	daemon->base = event_base_new();
	if (!daemon->base)
		return -ENOMEM;
	r = stack_init(daemon->base);
	if (r < 0)
		return r;
	daemon->has_stack = true;
	daemon->reaper = reaper_new(daemon->base);
	daemon->accounts = accounts_new(&daemon->config.limits);
	return daemon->reaper && daemon->accounts ? 0 : -ENOMEM;
}

static int start_table(struct usocketd *daemon)
{
	return table_writer_new(&daemon->table, daemon->config.sockets_max,
		daemon->n_links, daemon->instance);
}

static int start_sockets(struct usocketd *daemon)
{
	return socket_registry_new(&daemon->sockets, daemon);
}

static int start_resolver(struct usocketd *daemon)
{
	int r = resolver_new(&daemon->resolver, daemon);

	if (r < 0)
		return r;
	daemon->resolver_requests = resolver_requests_new(daemon);
	daemon->nat64 = nat64_finder_new(daemon);
	daemon->watchers = watchers_new(daemon);
	daemon->link_requests = link_requests_new(daemon);
	if (!daemon->resolver_requests || !daemon->nat64 || !daemon->watchers ||
		!daemon->link_requests)
		return -ENOMEM;
	return 0;
}

struct part {
	const char *name;
	int (*start)(struct usocketd *daemon);
};

/* In order; what fails here says no more than an errno. */
static const struct part parts[] = {
	{ "the event loop and the stack", start_base },
	{ "the connection table (Linux 5.1 is needed)", start_table },
	{ "the sockets", start_sockets },
	{ "the resolver", start_resolver },
};

int usocketd_start(struct usocketd *daemon, int listen_fd)
{
	int r;

	take_links(daemon);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		r = parts[i].start(daemon);
		if (r < 0) {
			log_error("cannot start %s: %s", parts[i].name, strerror(-r));
			return r;
		}
	}
	r = start_links(daemon);
	if (r < 0)
		return r;
	r = socks_new(&daemon->socks, daemon);
	if (r < 0)
		return r;
	return server_new(&daemon->server, daemon, listen_fd);
}

void usocketd_stop(struct usocketd *daemon)
{
	server_free(daemon->server);
	socks_free(daemon->socks);
	watchers_free(daemon->watchers);
	daemon->watchers = NULL;
	link_requests_free(daemon->link_requests);
	resolver_requests_free(daemon->resolver_requests);
	socket_registry_free(daemon->sockets);
	daemon->sockets = NULL;
	nat64_finder_free(daemon->nat64);
	daemon->nat64 = NULL;
	resolver_free(daemon->resolver);
	daemon->resolver = NULL;
	free_links(daemon);
	reaper_free(daemon->reaper);
	accounts_free(daemon->accounts);
	table_writer_free(daemon->table);
	if (daemon->has_stack)
		stack_fini();
	if (daemon->base)
		event_base_free(daemon->base);
	config_fini(&daemon->config);
}

/* The one of the lowest metric that was not tried; n_links: none is left. */
static uint32_t find_next(const struct usocketd *daemon, uint32_t tried)
{
	uint32_t best = daemon->n_links;

	for (uint32_t i = 0; i < daemon->n_links; i++) {
		if (!daemon->links[i] || (tried & 1u << i))
			continue;
		if (best == daemon->n_links ||
			daemon->link_records[i].metric < daemon->link_records[best].metric)
			best = i;
	}
	return best;
}
_Static_assert(CONFIG_LINKS_MAX <= 32, "a bit a link");

bool usocketd_dial(struct usocketd *daemon, const struct netif *owner)
{
	uint32_t tried = 0, i;

	while ((i = find_next(daemon, tried)) < daemon->n_links) {
		tried |= 1u << i;
		if (owner && link_netif(daemon->links[i]) != owner)
			continue;
		if (link_demand(daemon->links[i]))
			return true;
	}
	return false;
}

void usocketd_reconfigure(struct usocketd *daemon)
{
	log_set_level(daemon->config.log_level);
	socks_reconfigure(daemon->socks);
	resolver_update_servers(daemon->resolver);
	nat64_finder_update(daemon->nat64);
}
