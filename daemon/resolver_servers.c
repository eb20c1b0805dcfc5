/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Looks at the configuration and at the links' records as published, and
 * keeps nothing. While no link is up only servers on loopback count: any
 * other could not answer, and waiting for it would be time lost.
 */
#include "daemon/resolver_servers.h"

#include "daemon/usocketd.h"

#include <stdbool.h>

static bool is_link_up(const struct table_link *link)
{
	return link->state == TABLE_LINK_UP || link->state == TABLE_LINK_DEGRADED;
}

static bool has_server(const struct address *servers, size_t n, const struct address *server)
{
	for (size_t i = 0; i < n; i++) {
		if (address_ip_equal(&servers[i], server) && servers[i].port == server->port)
			return true;
	}
	return false;
}

static size_t link_servers(const struct usocketd *daemon,
	struct address servers[CONFIG_SERVERS_MAX])
{
	size_t n = 0;

	for (uint32_t i = 0; i < daemon->n_links; i++) {
		const struct table_link *link = &daemon->link_records[i];

		if (!is_link_up(link))
			continue;
		for (int j = 0; j < TABLE_LINK_DNS && n < CONFIG_SERVERS_MAX; j++) {
			struct address server = link->dns[j];

			if (server.family == ADDRESS_NONE)
				break;
			if (address_is_link_local(&server) && server.scope == 0)
				server.scope = i + 1;
			if (!has_server(servers, n, &server))
				servers[n++] = server;
		}
	}
	return n;
}

static size_t configured_servers(const struct usocketd *daemon,
	struct address servers[CONFIG_SERVERS_MAX])
{
	const struct config *config = &daemon->config;
	bool any_up = false;
	size_t n = 0;

	for (uint32_t i = 0; i < daemon->n_links; i++)
		any_up |= is_link_up(&daemon->link_records[i]);
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
	return link_servers(daemon, servers);
}
