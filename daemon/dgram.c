/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * A datagram's way is short: one message of the channel is one packet, both
 * ways, and nothing is queued here. What the channel's send buffer
 * (receive_buffer, SO_RCVBUF) cannot take is dropped and counted, as a full
 * receive queue does in any stack.
 *
 * The client library checks addresses and rights before it writes, so that
 * its caller gets an errno; here the same is checked again, and what is wrong
 * is dropped and counted: the library may be somebody else's.
 *
 * An asynchronous error (ICMP) sets the pending error and, so that poll and
 * recv notice, puts one ERROR message into the channel.
 *
 * While no link leads anywhere, but one is being dialed on demand, the first
 * datagram is held, and those behind it wait in the channel: at most as long as
 * a connect would. A socket that is closed meanwhile lives on for that.
 *
 * Control requests overtake datagrams, since they travel elsewhere. So what
 * the channel holds is sent before a request changes the peer or an option.
 * While a name is looked up for a connect the channel is left alone: what fills
 * it, filler (see tcp_connect.c) or datagrams, keeps it unwritable until the
 * peer is known. Filler is shorter than a header, so it is skipped afterwards.
 */
#include "daemon/dgram.h"

#include "daemon/inet.h"
#include "netif/link.h"
#include "netif/stack.h"
#include "proto/channel.h"

#include <errno.h>
#include <event2/event.h>
#include <lwip/igmp.h>
#include <lwip/ip.h>
#include <lwip/mld6.h>
#include <lwip/pbuf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Datagrams of one socket before others have their turn. */
#define DGRAM_BUDGET 64
/* More than a channel holds; a bound, should the client not stop writing. */
#define DGRAM_FLUSH 1024
/* Groups one socket may join: as Linux' igmp_max_memberships. */
#define DGRAM_GROUPS_MAX 20
/* Vectors of one datagram's pbufs. */
#define DGRAM_IOV 64
#define NS_PER_S  UINT64_C(1000000000)

struct dgram_group {
	ip_addr_t address;
	struct netif *netif; /* NULL: all */
	LIST_ENTRY(dgram_group) link;
};

static bool send_iov(struct dgram_socket *d, struct iovec *iov, size_t n_iov)
{
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = n_iov };

	return sendmsg(d->base.channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

void dgram_deliver(struct dgram_socket *d, const struct pbuf *p, uint16_t skip,
	const struct address *from)
{
	struct channel_header header = {
		.kind = CHANNEL_DATA,
		.length = (uint32_t)(p->tot_len - skip),
		.address = *from,
	};
	struct iovec iov[DGRAM_IOV] = { { &header, sizeof(header) } };
	size_t n = 1;

	for (const struct pbuf *q = p; q && n < DGRAM_IOV; q = q->next) {
		uint16_t step = skip < q->len ? skip : q->len;

		iov[n++] = (struct iovec){ (char *)q->payload + step, (size_t)(q->len - step) };
		skip = (uint16_t)(skip - step);
	}
	if (send_iov(d, iov, n))
		d->base.record.bytes_received += header.length;
	else
		d->base.record.drops++;
	socket_schedule(&d->base);
}

void dgram_fail(struct dgram_socket *d, int error)
{
	struct channel_header header = { .kind = CHANNEL_ERROR };
	struct iovec iov = { &header, sizeof(header) };

	socket_set_error(&d->base, error);
	/* If the channel is full the client has something to wake it anyway. */
	send_iov(d, &iov, 1);
}

bool dgram_wants(const struct dgram_socket *d, const struct address *from)
{
	if (d->peer.family == ADDRESS_NONE)
		return true;
	return address_ip_equal(&d->peer, from) &&
		(d->base.record.type == TABLE_TYPE_RAW || d->peer.port == from->port);
}

static bool may_send(struct dgram_socket *d, const struct address *to)
{
	ip_addr_t ip;

	if (to->family == ADDRESS_NONE ||
		(to->port == 0 && d->base.record.type == TABLE_TYPE_DATAGRAM))
		return false;
	inet_to_lwip(d->base.registry->daemon, to, &ip);
	return socket_option(&d->base, usp_Option_OPTION_BROADCAST) || !inet_is_broadcast(&ip);
}

static void send_datagram(struct dgram_socket *d, const uint8_t *message, size_t len)
{
	struct channel_header header;
	struct address to;
	struct pbuf *p;

	memcpy(&header, message, sizeof(header));
	to = header.address.family == ADDRESS_NONE ? d->peer : header.address;
	if (to.family == ADDRESS_IPV4 && d->base.record.family == ADDRESS_IPV6)
		to = address_map_v4(&to);
	len -= sizeof(header);
	if (header.kind != CHANNEL_DATA || to.family != d->base.record.family ||
		!may_send(d, &to) || len > CHANNEL_DATAGRAM_MAX) {
		d->base.record.drops++;
		return;
	}
	p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)len, PBUF_RAM);
	if (!p) {
		d->base.record.drops++;
		return;
	}
	pbuf_take(p, message + sizeof(header), (u16_t)len);
	d->base.record.bytes_sent += len;
	d->send(d, p, &to);
}

/* Sends up to @budget datagrams; whether no more can be sent now. */
static bool send_all(struct dgram_socket *d, int budget)
{
	uint8_t *scratch = d->base.registry->scratch;
	ssize_t n;

	while (!d->held && budget-- > 0) {
		n = recv(d->base.channel, scratch, SOCKET_SCRATCH_SIZE, MSG_DONTWAIT);
		if (n < 0 && errno == ECONNRESET)
			continue;
		if (n <= 0)
			return true;
		if ((size_t)n >= sizeof(struct channel_header))
			send_datagram(d, scratch, (size_t)n);
	}
	return false;
}

bool dgram_hold(struct dgram_socket *d, struct pbuf *p, const struct address *to)
{
	struct usocketd *daemon = d->base.registry->daemon;
	uint64_t now_ns = stack_now_ns(), limit_ns = daemon->config.connect_timeout_s * NS_PER_S;
	ip_addr_t local;

	if (d->held_ns == 0)
		d->held_ns = now_ns;
	inet_to_lwip(daemon, &d->base.bound, &local);
	if (now_ns - d->held_ns > limit_ns || !inet_dial(daemon, &local)) {
		d->held_ns = 0;
		return false;
	}
	pbuf_ref(p);
	d->held = p;
	d->held_to = *to;
	return true;
}

void dgram_forget_held(struct dgram_socket *d)
{
	if (d->held)
		pbuf_free(d->held);
	d->held = NULL;
}

void dgram_link_changed(struct dgram_socket *d)
{
	struct pbuf *p = d->held;

	if (!p)
		return;
	d->held = NULL;
	d->send(d, p, &d->held_to);
	if (d->held)
		return;
	d->held_ns = 0;
	socket_schedule(&d->base);
}

void dgram_on_channel(struct usock *s, short events)
{
	(void)events;
	socket_schedule(s);
}

void dgram_service(struct usock *s)
{
	struct dgram_socket *d = dgram_of(s);

	if (!s->name && !send_all(d, DGRAM_BUDGET)) {
		socket_schedule(s);
	} else if (!d->held && socket_channel_hung_up(s)) {
		socket_kill(s);
		return;
	}
	socket_publish(s);
}

void dgram_flush(struct dgram_socket *d)
{
	if (!d->base.name)
		send_all(d, DGRAM_FLUSH);
}

int dgram_set_peer(struct dgram_socket *d, const struct address *peer)
{
	dgram_flush(d);
	d->peer = *peer;
	d->base.record.remote = *peer;
	d->base.record.error = 0;
	return 0;
}

int dgram_apply_buffer(struct usock *s)
{
	uint32_t configured = s->registry->daemon->config.receive_buffer;
	int bytes = (int)configured;

	if (s->options_set & 1u << usp_Option_OPTION_RECEIVE_BUFFER)
		bytes = socket_option(s, usp_Option_OPTION_RECEIVE_BUFFER);
	if (setsockopt(s->channel, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0)
		return -errno;
	return 0;
}

int dgram_apply_option(struct usock *s, struct ip_pcb *pcb, usp_Option option)
{
	uint8_t value = (uint8_t)socket_option(s, option);

	if (option == usp_Option_OPTION_RECEIVE_BUFFER)
		return dgram_apply_buffer(s);
	if (!pcb)
		return 0;
	switch (option) {
	case usp_Option_OPTION_BROADCAST:
		if (value)
			ip_set_option(pcb, SOF_BROADCAST);
		else
			ip_reset_option(pcb, SOF_BROADCAST);
		break;
	case usp_Option_OPTION_TTL:
		pcb->ttl = value;
		break;
	case usp_Option_OPTION_TOS:
		pcb->tos = value;
		break;
	default:
		break;
	}
	return 0;
}

void dgram_apply_options(struct usock *s)
{
	static const usp_Option all[] = {
		usp_Option_OPTION_BROADCAST,
		usp_Option_OPTION_TTL,
		usp_Option_OPTION_TOS,
		usp_Option_OPTION_MULTICAST_TTL,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		s->ops->apply_option(s, all[i]);
}

static err_t group_change(const struct dgram_group *g, bool join, struct netif *netif)
{
	if (IP_IS_V4(&g->address)) {
		if (!(netif->flags & NETIF_FLAG_IGMP))
			return ERR_OK;
		return join ? igmp_joingroup_netif(netif, ip_2_ip4(&g->address))
			    : igmp_leavegroup_netif(netif, ip_2_ip4(&g->address));
	}
	if (!(netif->flags & NETIF_FLAG_MLD6))
		return ERR_OK;
	return join ? mld6_joingroup_netif(netif, ip_2_ip6(&g->address))
		    : mld6_leavegroup_netif(netif, ip_2_ip6(&g->address));
}

static err_t group_apply(const struct dgram_group *g, bool join)
{
	struct netif *netif;
	err_t err = ERR_OK;

	if (g->netif)
		return group_change(g, join, g->netif);
	NETIF_FOREACH(netif)
		if (group_change(g, join, netif) != ERR_OK)
			err = ERR_MEM;
	return err;
}

int dgram_find_interface(struct usock *s, const struct address *interface, struct netif **out)
{
	struct usocketd *daemon = s->registry->daemon;
	struct netif *netif;
	ip_addr_t ip;

	*out = NULL;
	if (interface->scope > 0) {
		if (interface->scope <= daemon->n_links)
			*out = link_netif(daemon->links[interface->scope - 1]);
		return *out ? 0 : -ENODEV;
	}
	if (interface->family == ADDRESS_NONE || address_is_any(interface))
		return 0;
	inet_to_lwip(daemon, interface, &ip);
	NETIF_FOREACH(netif)
		if ((IP_IS_V4(&ip) && ip4_addr_eq(netif_ip4_addr(netif), ip_2_ip4(&ip))) ||
			(IP_IS_V6(&ip) && netif_get_ip6_addr_match(netif, ip_2_ip6(&ip)) >= 0))
			*out = netif;
	return *out ? 0 : -ENODEV;
}

static struct dgram_group *group_find(struct dgram_socket *d, const ip_addr_t *address,
	const struct netif *netif, unsigned int *n)
{
	struct dgram_group *g;

	*n = 0;
	LIST_FOREACH(g, &d->groups, link) {
		if (ip_addr_eq(&g->address, address) && g->netif == netif)
			return g;
		(*n)++;
	}
	return NULL;
}

static int group_join(struct dgram_socket *d, const ip_addr_t *address, struct netif *netif)
{
	struct dgram_group *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOBUFS;
	g->address = *address;
	g->netif = netif;
	if (group_apply(g, true) != ERR_OK) {
		group_apply(g, false);
		free(g);
		return -ENOBUFS;
	}
	LIST_INSERT_HEAD(&d->groups, g, link);
	stack_multicast_changed();
	return 0;
}

static void group_leave(struct dgram_group *g)
{
	group_apply(g, false);
	LIST_REMOVE(g, link);
	free(g);
}

int dgram_set_group(struct usock *s, bool join, const struct address *group,
	const struct address *interface)
{
	struct dgram_socket *d = dgram_of(s);
	struct dgram_group *g;
	struct netif *netif;
	ip_addr_t address;
	unsigned int n;
	int r;

	if (group->family != s->record.family)
		return -EINVAL;
	r = dgram_find_interface(s, interface, &netif);
	if (r < 0)
		return r;
	inet_to_lwip(s->registry->daemon, group, &address);
	g = group_find(d, &address, netif, &n);
	if (!join) {
		if (!g)
			return -EADDRNOTAVAIL;
		group_leave(g);
		stack_multicast_changed();
		return 0;
	}
	if (g)
		return -EADDRINUSE;
	return n >= DGRAM_GROUPS_MAX ? -ENOBUFS : group_join(d, &address, netif);
}

/* A scope in the destination goes before the socket's option. */
static struct netif *multicast_netif_of(struct dgram_socket *d, const struct address *to)
{
	struct usocketd *daemon = d->base.registry->daemon;
	uint32_t link = (uint32_t)socket_option(&d->base,
		usp_Option_OPTION_MULTICAST_INTERFACE);

	if (!address_is_multicast(to) || to->scope > 0 || link == 0 || link > daemon->n_links)
		return NULL;
	return link_netif(daemon->links[link - 1]);
}

bool dgram_can_route(struct dgram_socket *d, const ip_addr_t *local, const struct address *to,
	const ip_addr_t *ip, uint8_t *multicast_netif)
{
	struct netif *netif = multicast_netif_of(d, to);

	*multicast_netif = netif ? netif_get_index(netif) : NETIF_NO_INDEX;
	if (netif)
		return netif_is_up(netif) && netif_is_link_up(netif);
	return inet_route(local, ip);
}

bool dgram_in_group(struct dgram_socket *d, const ip_addr_t *address)
{
	struct dgram_group *g;

	LIST_FOREACH(g, &d->groups, link)
		if (ip_addr_eq(&g->address, address))
			return true;
	return false;
}

void dgram_leave_groups(struct dgram_socket *d)
{
	struct dgram_group *g;

	while ((g = LIST_FIRST(&d->groups)) != NULL)
		group_leave(g);
}
