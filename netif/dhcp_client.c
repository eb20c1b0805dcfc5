/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * lwIP's client does the protocol and sets the netif's address itself. This is
 * what it needs around it:
 *
 * - its timers. The fine one (500 ms) runs only while a request waits for its
 *   answer; leases are counted by the minute, from the seconds of timers.c, so
 *   an idle link does not wake for them.
 * - stack_address_changing() while it may take an address away: on a refusal,
 *   at the end of a lease, with a lease of another address.
 * - what it does not keep: DNS servers and MTU, read from the acknowledgement
 *   that it has just accepted.
 *
 * After each packet and each timer the grant is compared with the one told
 * last, and a change is reported from an event of its own. A link that comes up
 * again keeps its address until the server has confirmed or refused it (RFC
 * 2131 3.2); lwIP asks by itself when the netif's link comes up.
 *
 * The address is not probed for duplicates (RFC 5227) first: that takes seconds
 * at each start, on links that end in a modem.
 */
#include "netif/dhcp_client.h"

#include "netif/link_private.h"
#include "netif/stack_private.h"

#include "lwip/dhcp.h"
#include "lwip/ip4.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/prot/dhcp.h"
#include "lwip/prot/udp.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

static struct {
	struct dhcp_client *all;
	struct event *fine; /* NULL: no client */
	unsigned int seconds;
} dhcp;

static bool is_waiting(const struct dhcp_client *client)
{
	const struct dhcp *state = netif_dhcp_data(client->netif);

	return state && state->request_timeout > 0 && netif_is_link_up(client->netif);
}

static void fine_arm(void)
{
	static const struct timeval interval = { .tv_usec = DHCP_FINE_TIMER_MSECS * 1000 };
	const struct dhcp_client *client;

	for (client = dhcp.all; client; client = client->next) {
		if (is_waiting(client) && !event_pending(dhcp.fine, EV_TIMEOUT, NULL))
			event_add(dhcp.fine, &interval);
	}
}

/* ---- the grant -------------------------------------------------------------------- */

/* @message: the acknowledgement that may have led here; NULL: none. */
static void look(struct dhcp_client *client, const struct dhcp_message *message)
{
	const struct netif *netif = client->netif;
	struct dhcp_grant grant = client->grant;

	grant.is_bound = dhcp_supplied_address(netif);
	grant.ip = netif_ip4_addr(netif)->addr;
	grant.mask = netif_ip4_netmask(netif)->addr;
	grant.gateway = netif_ip4_gw(netif)->addr;
	if (message && grant.is_bound) {
		grant.mtu = message->mtu;
		grant.n_dns = message->n_dns;
		memcpy(grant.dns, message->dns, sizeof(grant.dns));
	}
	if (memcmp(&grant, &client->grant, sizeof(grant)) == 0)
		return;
	client->grant = grant;
	event_active(client->report, EV_TIMEOUT, 0);
}

static void look_at_all(void)
{
	struct dhcp_client *client;

	for (client = dhcp.all; client; client = client->next)
		look(client, NULL);
	fine_arm();
}

static void on_report(evutil_socket_t fd, short what, void *arg)
{
	struct dhcp_client *client = arg;

	(void)fd;
	(void)what;
	client->changed(client->arg);
}

/* ---- what makes it move -------------------------------------------------------------- */

static void on_fine(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	stack_address_change_begin();
	dhcp_fine_tmr();
	stack_address_change_end();
	look_at_all();
}

void dhcp_client_second(void)
{
	if (!dhcp.all || ++dhcp.seconds % DHCP_COARSE_TIMER_SECS != 0)
		return;
	stack_address_change_begin();
	dhcp_coarse_tmr();
	stack_address_change_end();
	look_at_all();
}

static struct dhcp_client *find(const struct netif *netif)
{
	struct dhcp_client *client = dhcp.all;

	while (client && client->netif != netif)
		client = client->next;
	return client;
}

/* Whether lwIP will take it for an answer to what was asked. */
static bool is_acknowledgement(const struct netif *netif, const struct dhcp_message *message)
{
	const struct dhcp *state = netif_dhcp_data(netif);

	return state && message->type == DHCP_MESSAGE_ACK && message->xid == state->xid &&
		netif->hwaddr_len == sizeof(message->mac) &&
		memcmp(netif->hwaddr, message->mac, sizeof(message->mac)) == 0;
}

void dhcp_client_input(struct netif *netif, struct pbuf *p, uint16_t payload_at)
{
	struct dhcp_client *client = find(netif);
	size_t at = (size_t)payload_at + UDP_HLEN;
	struct dhcp_message message;
	bool is_ack;

	is_ack = p->len > at &&
		dhcp_message_parse(&message, (const uint8_t *)p->payload + at, p->len - at) == 0 &&
		is_acknowledgement(netif, &message);
	stack_address_change_begin();
	ip4_input(p, netif);
	stack_address_change_end();
	if (!client)
		return;
	look(client, is_ack ? &message : NULL);
	fine_arm();
}

/* ---- life ---------------------------------------------------------------------------- */

int dhcp_client_init(struct dhcp_client *client, struct event_base *base, struct netif *netif,
	dhcp_client_changed_fn changed, void *arg)
{
	memset(client, 0, sizeof(*client));
	client->report = evtimer_new(base, on_report, client);
	if (!client->report)
		return -ENOMEM;
	if (!dhcp.all)
		dhcp.fine = evtimer_new(base, on_fine, NULL);
	if (!dhcp.fine) {
		event_free(client->report);
		client->report = NULL;
		return -ENOMEM;
	}
	client->netif = netif;
	client->changed = changed;
	client->arg = arg;
	client->next = dhcp.all;
	dhcp.all = client;
	return 0;
}

void dhcp_client_fini(struct dhcp_client *client)
{
	struct dhcp_client **at;

	if (!client->netif)
		return;
	for (at = &dhcp.all; *at != client; at = &(*at)->next)
		;
	*at = client->next;
	/* The link has no descriptor any more: the release goes nowhere. */
	dhcp_release_and_stop(client->netif);
	dhcp_cleanup(client->netif);
	event_free(client->report);
	memset(client, 0, sizeof(*client));
	if (dhcp.all)
		return;
	event_free(dhcp.fine);
	dhcp.fine = NULL;
}

int dhcp_client_start(struct dhcp_client *client)
{
	const struct dhcp *state = netif_dhcp_data(client->netif);

	if ((!state || state->state == DHCP_STATE_OFF) && dhcp_start(client->netif) != ERR_OK)
		return -ENOMEM;
	look_at_all();
	return 0;
}

void dhcp_client_stop(struct dhcp_client *client)
{
	const struct dhcp *state = netif_dhcp_data(client->netif);

	if (!state || state->state == DHCP_STATE_OFF)
		return;
	stack_address_change_begin();
	dhcp_release_and_stop(client->netif);
	stack_address_change_end();
	memset(&client->grant, 0, sizeof(client->grant));
}

static void set4(struct address *a, const void *ip, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	a->family = ADDRESS_IPV4;
	a->port = port;
	memcpy(a->ip, ip, 4);
}

void dhcp_client_add(const struct dhcp_client *client, struct link_parameters *p)
{
	const struct dhcp_grant *grant = &client->grant;
	uint8_t i;

	p->is_pending4 = !grant->is_bound;
	if (!grant->is_bound)
		return;
	set4(&p->address4, &grant->ip, (uint16_t)__builtin_popcount(grant->mask));
	if (grant->gateway)
		set4(&p->gateway4, &grant->gateway, 0);
	if (grant->mtu > 0 && grant->mtu < p->mtu)
		p->mtu = grant->mtu;
	for (i = 0; i < grant->n_dns && p->n_dns < TABLE_LINK_DNS; i++)
		set4(&p->dns[p->n_dns++], grant->dns[i], 0);
}
