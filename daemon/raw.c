/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * A raw socket sees a copy of every packet of its protocol. As on Linux, an
 * AF_INET one receives the IP header too, an AF_INET6 one does not; headers
 * of what is sent are the stack's, and so is ICMPv6's checksum (RFC 3542 3.1).
 * Who may open one is decided in socket_requests.c.
 */
#include "daemon/dgram.h"

#include "daemon/inet.h"

#include <errno.h>
#include <lwip/pbuf.h>
#include <lwip/raw.h>
#include <netinet/in.h>

/* Offset of the checksum in an ICMPv6 message, RFC 4443 2.1. */
#define ICMP6_CHECKSUM_OFFSET 2

static u8_t on_packet(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *ip)
{
	struct dgram_socket *d = arg;
	struct address from = inet_from_lwip(d->base.registry->daemon, ip, 0, false);
	uint16_t skip = d->base.record.family == ADDRESS_IPV6 ? ip_current_header_tot_len() : 0;

	(void)pcb;
	if (dgram_wants(d, &from))
		dgram_deliver(d, p, skip, &from);
	/* Not eaten: others, and the stack itself, want to see it as well. */
	return 0;
}

static int raw_op_bind(struct usock *s, const struct address *local)
{
	struct raw_pcb *pcb = dgram_of(s)->raw;
	ip_addr_t ip;

	if (s->record.flags & TABLE_SOCKET_BOUND)
		return -EINVAL;
	inet_to_lwip(s->registry->daemon, local, &ip);
	raw_bind(pcb, &ip);
	s->bound = *local;
	s->bound.port = 0;
	s->record.flags |= TABLE_SOCKET_BOUND;
	if (inet_is_of_link(local))
		s->record.flags |= TABLE_SOCKET_BOUND_TO_LINK;
	s->record.local = s->bound;
	return 0;
}

static int raw_op_connect(struct usock *s, const struct address *remote, bool wait_for_link)
{
	ip_addr_t ip;

	(void)wait_for_link;
	inet_to_lwip(s->registry->daemon, remote, &ip);
	if (!inet_route(IP_ANY_TYPE, &ip) && !inet_dial(s->registry->daemon, IP_ANY_TYPE))
		return -EHOSTUNREACH;
	return dgram_set_peer(dgram_of(s), remote);
}

static int raw_op_disconnect(struct usock *s)
{
	static const struct address none;

	return dgram_set_peer(dgram_of(s), &none);
}

static int raw_apply_option(struct usock *s, usp_Option option)
{
	struct raw_pcb *pcb = dgram_of(s)->raw;

	if (option == usp_Option_OPTION_MULTICAST_TTL)
		raw_set_multicast_ttl(pcb, (u8_t)socket_option(s, option));
	return dgram_apply_option(s, (struct ip_pcb *)pcb, option);
}

static void raw_send_datagram(struct dgram_socket *d, struct pbuf *p, const struct address *to)
{
	ip_addr_t ip;

	inet_to_lwip(d->base.registry->daemon, to, &ip);
	if (!dgram_can_route(d, &d->raw->local_ip, to, &ip, &d->raw->mcast_ifindex)) {
		if (!dgram_hold(d, p, to))
			d->base.record.drops++;
	} else if (raw_sendto(d->raw, p, &ip) != ERR_OK) {
		d->base.record.drops++;
	}
	pbuf_free(p);
}

static void raw_op_on_link_changed(struct usock *s)
{
	dgram_link_changed(dgram_of(s));
}

static void raw_op_release(struct usock *s)
{
	struct dgram_socket *d = dgram_of(s);

	dgram_forget_held(d);
	dgram_leave_groups(d);
	if (d->raw)
		raw_remove(d->raw);
	d->raw = NULL;
}

static const struct socket_ops raw_ops = {
	.bind = raw_op_bind,
	.connect = raw_op_connect,
	.disconnect = raw_op_disconnect,
	.apply_option = raw_apply_option,
	.set_group = dgram_set_group,
	.on_channel = dgram_on_channel,
	.service = dgram_service,
	.on_link_changed = raw_op_on_link_changed,
	.release = raw_op_release,
};

static int make_pcb(struct dgram_socket *d)
{
	bool v6 = d->base.record.family == ADDRESS_IPV6;
	struct raw_pcb *pcb = raw_new_ip_type(v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4,
		d->base.record.protocol);

	if (!pcb)
		return -ENOBUFS;
	if (v6 && d->base.record.protocol == IPPROTO_ICMPV6) {
		pcb->chksum_reqd = 1;
		pcb->chksum_offset = ICMP6_CHECKSUM_OFFSET;
	}
	raw_recv(pcb, on_packet, d);
	d->raw = pcb;
	dgram_apply_options(&d->base);
	return 0;
}

int raw_socket_new(struct socket_registry *registry, const struct socket_params *common,
	struct usock **out, int *client_end)
{
	struct socket_params params = *common;
	int r;

	if (params.protocol == 0)
		return -EPROTONOSUPPORT;
	params.size = sizeof(struct dgram_socket);
	params.ops = &raw_ops;
	r = socket_create(registry, &params, out, client_end);
	if (r < 0)
		return r;
	dgram_of(*out)->send = raw_send_datagram;
	r = make_pcb(dgram_of(*out));
	return r < 0 ? r : dgram_apply_buffer(*out);
}
