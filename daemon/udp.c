/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * A UDP socket gets its pcb when it is bound, explicitly or by its first
 * connect or datagram; only then it is known whether it speaks both families.
 *
 * A connect to a name leaves the socket without a peer and unwritable until the
 * name is resolved (dgram.c); then it is a connect like any other.
 *
 * An IPv4 socket whose datagrams have to go through NAT64 gets a second pcb for
 * them, on the same port of IPv6. What comes from a NAT64 prefix is for a socket
 * that wants that IPv6 address, else for one that wants the IPv4 address behind
 * it; so each kind of socket sees the address it has sent to.
 *
 * The pcb is never connected as far as lwIP knows: lwIP would answer what
 * comes from others with port unreachable, where it is to be dropped and
 * counted (semantics.md K11). So several sockets on one port are told apart
 * here: of those a unicast datagram fits, the one connected to its source
 * wins, then the one bound to its destination. Multicast goes to all, which
 * lwIP does (SO_REUSE_RXTOALL).
 */
#include "daemon/dgram.h"

#include "daemon/inet.h"
#include "daemon/name_target.h"
#include "daemon/ports.h"
#include "netif/route.h"

#include <errno.h>
#include <lwip/pbuf.h>
#include <lwip/udp.h>
#include <netinet/in.h>
#include <string.h>

/* Dynamic ports that are tried for one bind. */
#define PORT_TRIES 64

static bool is_connected(struct usock *s)
{
	return dgram_of(s)->peer.family != ADDRESS_NONE;
}

/* How well @s fits a datagram from @from to @to; 0: not at all. */
static int match_score(struct usock *s, const struct address *from, const struct address *to)
{
	struct address local = address_unmap_v4(&s->bound);
	bool any = address_is_any(&s->bound);
	struct address mapped = *from;
	int score = 1;

	if (any && s->record.family != to->family &&
		(s->record.family == ADDRESS_IPV4 || socket_option(s, usp_Option_OPTION_V6ONLY)))
		return 0;
	if (!any && !(local.family == to->family && address_ip_equal(&local, to)))
		return 0;
	if (s->record.family == ADDRESS_IPV6)
		mapped = address_map_v4(from);
	if (!dgram_wants(dgram_of(s), &mapped))
		return 0;
	if (!any)
		score += 1;
	if (is_connected(s))
		score += 2;
	return score;
}

static struct usock *best_match(struct dgram_socket *d, const struct address *from,
	const struct address *to)
{
	struct usock *s = ports_first(&d->base.registry->udp_ports, d->base.bound.port);
	struct usock *best = NULL;
	int best_score = 0;

	for (; s; s = LIST_NEXT(s, port_link)) {
		int score = match_score(s, from, to);

		if (score > best_score) {
			best_score = score;
			best = s;
		}
	}
	return best;
}

/* The IPv4 address that @ip is by way of NAT64; family NONE: it is none. */
static struct address behind_nat64(const ip_addr_t *ip, uint16_t port)
{
	struct address a = { .port = port };
	ip4_addr_t ip4;

	if (IP_IS_V6(ip) && route_unmap6(ip_2_ip6(ip), &ip4)) {
		a.family = ADDRESS_IPV4;
		memcpy(a.ip, &ip4.addr, 4);
	}
	return a;
}

/* Of those that have sent to the IPv4 address. */
static struct usock *nat64_match(struct dgram_socket *d, const struct address *from)
{
	struct address to = inet_nat64_local(0, false);
	struct usock *s = best_match(d, from, &to);

	return s && dgram_of(s)->uses_nat64 ? s : NULL;
}

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *ip,
	u16_t port)
{
	struct dgram_socket *d = arg;
	struct usocketd *daemon = d->base.registry->daemon;
	struct address from = inet_from_lwip(daemon, ip, port, false);
	struct address to = inet_from_lwip(daemon, ip_current_dest_addr(), 0, false);
	struct address behind = behind_nat64(ip, port);
	struct usock *s = &d->base;

	(void)pcb;
	if (!address_is_multicast(&to) && !inet_is_broadcast(ip_current_dest_addr()))
		s = best_match(d, &from, &to);
	if (behind.family && (!s || (dgram_of(s)->uses_nat64 && !is_connected(s)))) {
		s = nat64_match(d, &behind);
		from = behind;
	}
	if (s && s->record.family == ADDRESS_IPV6)
		from = address_map_v4(&from);
	if (s && dgram_wants(dgram_of(s), &from))
		dgram_deliver(dgram_of(s), p, 0, &from);
	else
		d->base.record.drops++;
	pbuf_free(p);
}

static int udp_apply_option(struct usock *s, usp_Option option)
{
	struct udp_pcb *pcb = dgram_of(s)->udp;

	if (option == usp_Option_OPTION_MULTICAST_TTL && pcb)
		udp_set_multicast_ttl(pcb, (u8_t)socket_option(s, option));
	if (dgram_of(s)->nat64)
		dgram_apply_option(s, (struct ip_pcb *)dgram_of(s)->nat64, option);
	return dgram_apply_option(s, (struct ip_pcb *)pcb, option);
}

static u8_t pcb_type(const struct usock *s)
{
	if (s->record.family == ADDRESS_IPV4 || address_is_v4_mapped(&s->bound))
		return IPADDR_TYPE_V4;
	return socket_option(s, usp_Option_OPTION_V6ONLY) ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY;
}

/* Makes the pcb of a socket that has its port. */
static int make_pcb(struct dgram_socket *d)
{
	u8_t type = pcb_type(&d->base);
	struct udp_pcb *pcb = udp_new_ip_type(type);
	ip_addr_t local;
	err_t err;

	if (!pcb)
		return -ENOBUFS;
	ip_set_option(pcb, SOF_REUSEADDR);
	inet_to_lwip(d->base.registry->daemon, &d->base.bound, &local);
	if (ip_addr_isany(&local))
		local = *inet_any(type);
	err = udp_bind(pcb, &local, d->base.bound.port);
	if (err != ERR_OK) {
		udp_remove(pcb);
		return inet_error(err);
	}
	udp_recv(pcb, on_datagram, d);
	d->udp = pcb;
	dgram_apply_options(&d->base);
	return 0;
}

static int make_nat64_pcb(struct dgram_socket *d)
{
	struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_V6);

	if (!pcb)
		return -ENOBUFS;
	ip_set_option(pcb, SOF_REUSEADDR);
	if (udp_bind(pcb, IP6_ADDR_ANY, d->base.bound.port) != ERR_OK) {
		udp_remove(pcb);
		return -EADDRINUSE;
	}
	udp_recv(pcb, on_datagram, d);
	d->nat64 = pcb;
	dgram_apply_options(&d->base);
	return 0;
}

static int bind_once(struct dgram_socket *d, const struct address *local)
{
	int r = ports_bind(&d->base.registry->udp_ports, &d->base, local);

	if (r < 0)
		return r;
	r = make_pcb(d);
	if (r < 0)
		ports_release(&d->base);
	return r;
}

/* The resolver's own sockets have dynamic ports that ports.c does not know. */
static int bind_at(struct dgram_socket *d, const struct address *local)
{
	int tries = local->port == 0 ? PORT_TRIES : 1;
	int r = -EADDRINUSE;

	while (r == -EADDRINUSE && tries-- > 0)
		r = bind_once(d, local);
	if (r == 0)
		d->base.record.local = d->base.bound;
	return r;
}

static int ensure_bound(struct dgram_socket *d)
{
	struct address any = { .family = d->base.record.family };

	return d->udp ? 0 : bind_at(d, &any);
}

/*
 * "Any" with port 0 is the library's own bind before the first datagram: it
 * must not use up the program's explicit one, so a bound socket refuses it.
 */
static int udp_op_bind(struct usock *s, const struct address *local)
{
	int r;

	if (dgram_of(s)->udp)
		return -EINVAL;
	r = bind_at(dgram_of(s), local);
	if (r < 0)
		return r;
	s->record.flags |= TABLE_SOCKET_BOUND;
	if (inet_is_of_link(local))
		s->record.flags |= TABLE_SOCKET_BOUND_TO_LINK;
	return 0;
}

/* Whether IPv4 @to has become IPv6 @ip: see inet_destination(). */
static bool is_mapped(const struct address *to, const ip_addr_t *ip)
{
	return IP_IS_V6(ip) && address_unmap_v4(to).family == ADDRESS_IPV4;
}

/* The source address and link that datagrams to the peer have now. */
static void describe_way(struct usock *s, struct netif *netif, const ip_addr_t *peer)
{
	struct usocketd *daemon = s->registry->daemon;
	const ip_addr_t *source = ip_netif_get_local_ip(netif, peer);
	bool as_v6 = s->record.family == ADDRESS_IPV6;

	if (is_mapped(&dgram_of(s)->peer, peer))
		s->record.local = inet_nat64_local(s->bound.port, as_v6);
	else if (address_is_any(&s->bound) && source)
		s->record.local = inet_from_lwip(daemon, source, s->bound.port, as_v6);
	s->record.link = inet_link_of(daemon, netif);
}

static int connect_to(struct usock *s, const struct address *remote)
{
	struct dgram_socket *d = dgram_of(s);
	struct usocketd *daemon = s->registry->daemon;
	ip_addr_t peer, local;
	struct netif *netif;
	int r;

	if (remote->port == 0)
		return -EINVAL;
	inet_destination(daemon, &s->bound, remote, &peer);
	if (inet_is_broadcast(&peer) && !socket_option(s, usp_Option_OPTION_BROADCAST))
		return -EACCES;
	inet_to_lwip(daemon, &s->bound, &local);
	netif = inet_route(ip_addr_isany(&local) ? IP_ANY_TYPE : &local, &peer);
	if (!netif && !inet_dial(daemon, &local))
		return -EHOSTUNREACH;
	r = ensure_bound(d);
	if (r < 0)
		return r;
	r = dgram_set_peer(d, remote);
	if (r == 0 && netif)
		describe_way(s, netif, &peer);
	return r;
}

/* What is not bound to a link has another source when the default changes. */
static void follow_default(struct usock *s)
{
	const struct address *remote = &dgram_of(s)->peer;
	struct netif *netif;
	ip_addr_t peer;

	if (remote->family == ADDRESS_NONE || !address_is_any(&s->bound))
		return;
	inet_destination(s->registry->daemon, &s->bound, remote, &peer);
	netif = inet_route(IP_ANY_TYPE, &peer);
	if (!netif)
		return;
	describe_way(s, netif, &peer);
	socket_publish(s);
}

static int udp_op_connect(struct usock *s, const struct address *remote, bool wait_for_link)
{
	(void)wait_for_link;
	return s->name ? -EALREADY : connect_to(s, remote);
}

static int dissolve(struct usock *s)
{
	static const struct address none;
	int r = dgram_set_peer(dgram_of(s), &none);

	if (s->ports)
		s->record.local = s->bound;
	return r;
}

/* The connect to a name is over: lets the channel be read again. */
static void end_connect_name(struct usock *s)
{
	if (!s->name)
		return;
	socket_give_up_name(s);
	s->record.flags &= (uint16_t)~TABLE_SOCKET_CONNECTING;
	socket_schedule(s);
}

static int udp_op_disconnect(struct usock *s)
{
	end_connect_name(s);
	return dissolve(s);
}

static int udp_op_connect_name(struct usock *s, const struct name_target_params *params)
{
	int r;

	if (s->name)
		return -EALREADY;
	dissolve(s);
	r = name_target_new(&s->name, s, params);
	if (r < 0)
		return r;
	s->record.flags |= TABLE_SOCKET_CONNECTING;
	return REQUEST_STARTED;
}

static void udp_op_on_name(struct usock *s)
{
	struct address remote;
	int r = -EHOSTUNREACH;

	while (r < 0 && name_target_next(s->name, &remote))
		r = connect_to(s, &remote);
	if (r == -EHOSTUNREACH && name_target_waits(s->name))
		return;
	end_connect_name(s);
	if (r < 0)
		dgram_fail(dgram_of(s), -r);
	socket_publish(s);
}

static void udp_op_on_link_changed(struct usock *s)
{
	follow_default(s);
	dgram_link_changed(dgram_of(s));
	if (!s->name)
		return;
	name_target_forget(s->name);
	socket_schedule(s);
}

static void udp_op_service(struct usock *s)
{
	int r = s->name ? name_target_refresh(s->name) : 0;

	if (r < 0) {
		end_connect_name(s);
		dgram_fail(dgram_of(s), -r);
	}
	dgram_service(s);
}

/* Multicast sent from here is heard here too (IP_MULTICAST_LOOP). */
static void loop_multicast(struct dgram_socket *d, const struct pbuf *p,
	const struct address *to, const ip_addr_t *group)
{
	struct address from = d->base.record.local;
	struct usock *s = ports_first(&d->base.registry->udp_ports, to->port);

	for (; s; s = LIST_NEXT(s, port_link))
		if (dgram_in_group(dgram_of(s), group) && dgram_wants(dgram_of(s), &from))
			dgram_deliver(dgram_of(s), p, 0, &from);
}

/* The pcb that can send @to, which is @ip; NULL: there is no memory for it. */
static struct udp_pcb *sender_for(struct dgram_socket *d, const struct address *to,
	const ip_addr_t *ip)
{
	if (ensure_bound(d) < 0)
		return NULL;
	if (!is_mapped(to, ip))
		return d->udp;
	d->uses_nat64 = true;
	if (d->base.record.family == ADDRESS_IPV6)
		return d->udp;
	if (!d->nat64)
		make_nat64_pcb(d);
	return d->nat64;
}

static void udp_send_datagram(struct dgram_socket *d, struct pbuf *p, const struct address *to)
{
	struct udp_pcb *pcb;
	ip_addr_t ip;

	inet_destination(d->base.registry->daemon, &d->base.bound, to, &ip);
	pcb = sender_for(d, to, &ip);
	if (!pcb || !dgram_can_route(d, &pcb->local_ip, to, &ip, &pcb->mcast_ifindex)) {
		if (!pcb || !dgram_hold(d, p, to))
			d->base.record.drops++;
		pbuf_free(p);
		return;
	}
	if (ip_addr_ismulticast(&ip) &&
		socket_option(&d->base, usp_Option_OPTION_MULTICAST_LOOP))
		loop_multicast(d, p, to, &ip);
	if (udp_sendto(pcb, p, &ip, to->port) != ERR_OK)
		d->base.record.drops++;
	pbuf_free(p);
}

void udp_socket_unreachable(struct usock *s, int error)
{
	dgram_fail(dgram_of(s), error);
}

static void udp_op_release(struct usock *s)
{
	struct dgram_socket *d = dgram_of(s);

	dgram_forget_held(d);
	dgram_leave_groups(d);
	if (d->udp)
		udp_remove(d->udp);
	if (d->nat64)
		udp_remove(d->nat64);
	d->udp = NULL;
	d->nat64 = NULL;
}

static const struct socket_ops udp_ops = {
	.bind = udp_op_bind,
	.connect = udp_op_connect,
	.connect_name = udp_op_connect_name,
	.disconnect = udp_op_disconnect,
	.apply_option = udp_apply_option,
	.set_group = dgram_set_group,
	.on_channel = dgram_on_channel,
	.service = udp_op_service,
	.on_name = udp_op_on_name,
	.on_link_changed = udp_op_on_link_changed,
	.release = udp_op_release,
};

int udp_socket_new(struct socket_registry *registry, const struct socket_params *common,
	struct usock **out, int *client_end)
{
	struct socket_params params = *common;
	int r;

	params.size = sizeof(struct dgram_socket);
	params.ops = &udp_ops;
	params.protocol = IPPROTO_UDP;
	r = socket_create(registry, &params, out, client_end);
	if (r < 0)
		return r;
	dgram_of(*out)->send = udp_send_datagram;
	return dgram_apply_buffer(*out);
}
