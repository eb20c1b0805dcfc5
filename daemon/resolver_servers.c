/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Looks at the configuration and at the links' records as published, and
 * keeps nothing. While no link is up only servers on loopback count: any
 * other could not answer, and waiting for it would be time lost.
 *
 * Without configured servers one link's are asked at a time: those of the best
 * link that can send and has any. A network's servers may know names that no
 * other does, and what is asked of them is nobody else's business; so another
 * link's are not asked as well, they are asked instead, once that link is the
 * better one. A link whose servers do not answer becomes degraded, and with it
 * comes the turn of the next.
 *
 * The scope of a server is the link it is to be asked on, even if its address
 * would not need one: see resolver_io.c. Configured servers are asked by way of
 * the default route.
 */
#include "daemon/resolver_servers.h"

#include "daemon/usocketd.h"

#include <stdbool.h>

size_t resolver_servers_of_link(const struct usocketd *daemon, uint32_t index,
	struct address servers[CONFIG_SERVERS_MAX])
{
	const struct table_link *link = &daemon->link_records[index];
	size_t n = 0;

	while (n < TABLE_LINK_DNS && n < CONFIG_SERVERS_MAX &&
		link->dns[n].family != ADDRESS_NONE) {
		servers[n] = link->dns[n];
		if (!address_is_loopback(&servers[n]))
			servers[n].scope = index + 1;
		n++;
	}
	return n;
}

static size_t best_link_servers(const struct usocketd *daemon,
	struct address servers[CONFIG_SERVERS_MAX])
{
	const struct table_link *links = daemon->link_records;
	uint32_t best = daemon->n_links;

	for (uint32_t i = 0; i < daemon->n_links; i++) {
		if (links[i].rank > 0 && links[i].dns[0].family != ADDRESS_NONE &&
			(best == daemon->n_links || links[i].rank < links[best].rank))
			best = i;
	}
	return best < daemon->n_links ? resolver_servers_of_link(daemon, best, servers) : 0;
}

static size_t configured_servers(const struct usocketd *daemon,
	struct address servers[CONFIG_SERVERS_MAX])
{
	const struct config *config = &daemon->config;
	bool any_up = false;
	size_t n = 0;

	for (uint32_t i = 0; i < daemon->n_links; i++)
		any_up |= daemon->link_records[i].rank > 0;
	for (uint32_t i = 0; i < config->n_servers; i++) {
		if (any_up || address_is_loopback(&config->servers[i]))
			servers[n++] = config->servers[i];
	}
	return n;
}

size_t resolver_servers_choose(const struct usocketd *daemon,
	struct address servers[CONFIG_SERVERS_MAX])
{
	if (daemon->config.n_servers > 0)
		return configured_servers(daemon, servers);
	return best_link_servers(daemon, servers);
}
