/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What the connection table shows of a link, copied from what the link knows.
 */
#include "netif/link.h"

#include "netif/link_private.h"

#include <stdio.h>
#include <string.h>

static void describe_route(const struct link *link, struct table_link *out)
{
	out->metric = link->metric;
	if (!link->base)
		return;
	out->rank = (uint8_t)route_rank(&link->route);
	if (link->current.address4.family == ADDRESS_NONE)
		out->nat64 = link->route.nat64;
	if (route_is_default4(&link->route))
		out->is_default |= TABLE_DEFAULT_IPV4;
	if (route_is_default6(&link->route))
		out->is_default |= TABLE_DEFAULT_IPV6;
}

static void describe_counters(const struct link *link, struct table_link *out)
{
	const struct ipif_counters *c = &link->ipif.counters;

	out->packets_received = c->packets_received;
	out->bytes_received = c->bytes_received;
	out->packets_sent = c->packets_sent;
	out->bytes_sent = c->bytes_sent;
	out->send_drops = c->send_drops;
	memcpy(out->drops, c->drops, sizeof(out->drops));
}

void link_describe(const struct link *link, struct table_link *out)
{
	const struct link_parameters *p = &link->current;
	uint32_t sequence = out->sequence;

	memset(out, 0, sizeof(*out));
	out->sequence = sequence;
	out->used = 1;
	out->state = (uint8_t)link->state;
	describe_route(link, out);
	memcpy(out->name, link->name, sizeof(out->name));
	if (link->driver)
		snprintf(out->driver, sizeof(out->driver), "%s", link->driver->name);
	memcpy(out->cause, link->cause, sizeof(out->cause));
	out->since_ns = link->since_ns;
	out->mtu = p->mtu;
	out->restarts = link->n_opens > 0 ? link->n_opens - 1 : 0;
	out->address4 = p->address4;
	out->gateway4 = p->gateway4;
	out->n_addresses6 = p->n_addresses6;
	memcpy(out->addresses6, p->addresses6, sizeof(out->addresses6));
	out->gateway6 = p->gateway6;
	memcpy(out->dns, p->dns, sizeof(out->dns));
	describe_counters(link, out);
	memcpy(out->operator_name, link->signal.operator_name, sizeof(out->operator_name));
	memcpy(out->radio, link->signal.radio, sizeof(out->radio));
	out->rssi_dbm = link->signal.rssi_dbm;
	out->rsrp_dbm = link->signal.rsrp_dbm;
	out->rsrq_db = link->signal.rsrq_db;
	out->sinr_db = link->signal.sinr_db;
	out->reason = (uint8_t)link->reason;
	out->step = (uint8_t)link->step;
	out->is_refused = link->is_refused;
	out->dials_on_demand = link->demand.is_on;
	out->redials = link->n_tries > 0 ? link->n_tries - 1 : 0;
	out->retry_ns = link->retry_ns;
	out->modem = link->modem;
}
