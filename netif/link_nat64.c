/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * How a link without IPv4 carries it. The prefix is part of the link's route and
 * counts there only while the link has no IPv4 address; who finds it, and when,
 * is not the link's business.
 */
#include "netif/link_private.h"
#include "netif/log.h"

#include <string.h>

bool link_seeks_nat64(const struct link *link)
{
	return link->base && link->nat64 == LINK_NAT64_AUTO && link_is_up(link) &&
		link->current.address4.family == ADDRESS_NONE && link->current.n_addresses6 > 0;
}

void link_set_nat64(struct link *link, const struct address *prefix)
{
	struct address *current = &link->route.nat64;
	char text[ADDRESS_TEXT_MAX];

	if (link->nat64 != LINK_NAT64_AUTO || memcmp(current, prefix, sizeof(*current)) == 0)
		return;
	*current = *prefix;
	if (prefix->family)
		log_notice("link %s: IPv4 goes through NAT64 by %s/%u", link->name,
			address_ip_text(prefix, text), prefix->port);
	else
		log_notice("link %s: there is no NAT64 any more", link->name);
	route_update();
	if (link->base)
		link_notify_soon(link);
}
