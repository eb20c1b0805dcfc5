/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A packet to ourselves must not be handed to lwIP's input from within lwIP's
 * output: it is queued, and the loop hands it in afterwards. The queue is
 * bounded in bytes; what does not fit is dropped, and TCP sends it again. One
 * turn of the loop delivers a limited number, so that two talkative sockets of
 * this host cannot keep the loop from everybody else.
 *
 * TCP and UDP here carry no checksums, or none that is looked at: nothing can
 * damage them on the way. What comes through another netif's output (one of its
 * own addresses, or a multicast that is looped) returns as input of that netif,
 * which may leave TCP's to a device. All pass the ingress stage, as a raw socket
 * of ours can send anything; only what makes an address martian does not count.
 */
#include "netif/loopback.h"

#include "netif/input.h"
#include "netif/timers.h"

#include "lwip/ip.h"
#include "lwip/netif.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define QUEUE_BYTES_MAX	 (8u << 20)
#define PACKETS_PER_TURN 256

struct loop_packet {
	struct loop_packet *next;
	struct pbuf *p;
	struct netif *inp;
};

static struct {
	struct netif netif;
	struct netif nowhere; /* see nowhere_setup() */
	struct event *deliver;
	struct loop_packet *first, **last;
	size_t n_bytes;
} loopback;

static void deliver_later(void)
{
	static const struct timeval now;

	event_add(loopback.deliver, &now);
}

static struct loop_packet *queue_pop(void)
{
	struct loop_packet *packet = loopback.first;

	loopback.first = packet->next;
	if (!loopback.first)
		loopback.last = &loopback.first;
	loopback.n_bytes -= packet->p->tot_len;
	return packet;
}

static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
	static const struct ingress_source ourselves = { .is_verified = true };
	int n;

	(void)fd;
	(void)what;
	(void)arg;
	timers_activity();
	for (n = 0; loopback.first && n < PACKETS_PER_TURN; n++) {
		struct loop_packet *packet = queue_pop();
		struct netif *inp = packet->inp;
		struct pbuf *p = packet->p;

		free(packet);
		input_pbuf(inp, p, &ourselves);
	}
	if (loopback.first)
		deliver_later();
}

void loopback_take(struct pbuf *p, struct netif *inp)
{
	struct loop_packet *packet;

	packet = loopback.n_bytes + p->tot_len <= QUEUE_BYTES_MAX ? malloc(sizeof(*packet)) : NULL;
	if (!packet) {
		pbuf_free(p);
		return;
	}
	packet->next = NULL;
	packet->p = p;
	packet->inp = inp ? inp : &loopback.netif;
	p->flags &= (u8_t)~PBUF_FLAG_MCASTLOOP;
	loopback.n_bytes += p->tot_len;
	if (!loopback.first)
		deliver_later();
	*loopback.last = packet;
	loopback.last = &packet->next;
}

void loopback_copy(const struct pbuf *p, struct netif *inp)
{
	/* One piece: lwIP wants headers contiguous. */
	struct pbuf *copy = pbuf_clone(PBUF_LINK, PBUF_RAM, (struct pbuf *)p);

	if (copy)
		loopback_take(copy, inp);
}

void loopback_forget(const struct netif *inp)
{
	struct loop_packet **at = &loopback.first;

	while (*at) {
		struct loop_packet *packet = *at;

		if (packet->inp != inp) {
			at = &packet->next;
			continue;
		}
		*at = packet->next;
		loopback.n_bytes -= packet->p->tot_len;
		pbuf_free(packet->p);
		free(packet);
	}
	loopback.last = at;
}

static err_t output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *dest)
{
	(void)dest;
	loopback_copy(p, netif);
	return ERR_OK;
}

static err_t output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *dest)
{
	(void)dest;
	loopback_copy(p, netif);
	return ERR_OK;
}

static err_t netif_setup(struct netif *netif)
{
	netif->name[0] = 'l';
	netif->name[1] = 'o';
	netif->output = output4;
	netif->output_ip6 = output6;
	/* A whole UDP datagram, so that none is fragmented here. */
	netif->mtu = 65535;
	NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_DISABLE_ALL);
	return ERR_OK;
}

/*
 * A netif that is never up. lwIP takes an only netif for the right one for
 * every IPv6 destination; with two it looks.
 */
static err_t nowhere_setup(struct netif *netif)
{
	netif->name[0] = 'n';
	netif->name[1] = 'o';
	/* lwIP's last number; the links go on with 1. */
	netif->num = 254;
	return ERR_OK;
}

struct netif *loopback_netif(void)
{
	return &loopback.netif;
}

int loopback_init(struct event_base *base)
{
	ip4_addr_t ip, mask;

	loopback.deliver = evtimer_new(base, on_deliver, NULL);
	if (!loopback.deliver)
		return -ENOMEM;
	loopback.last = &loopback.first;
	IP4_ADDR(&ip, 127, 0, 0, 1);
	IP4_ADDR(&mask, 255, 0, 0, 0);
	netif_add(&loopback.netif, &ip, &mask, NULL, NULL, netif_setup, ip_input);
	netif_add(&loopback.nowhere, NULL, NULL, NULL, NULL, nowhere_setup, ip_input);
	netif_ip6_addr_set_parts(&loopback.netif, 0, 0, 0, 0, PP_HTONL(1));
	netif_ip6_addr_set_state(&loopback.netif, 0, IP6_ADDR_PREFERRED);
	netif_set_up(&loopback.netif);
	netif_set_link_up(&loopback.netif);
	/* lwIP would look for routers here. */
	return 0;
}

void loopback_fini(void)
{
	if (!loopback.deliver)
		return;
	netif_set_link_down(&loopback.netif);
	netif_remove(&loopback.netif);
	netif_remove(&loopback.nowhere);
	while (loopback.first) {
		struct loop_packet *packet = queue_pop();

		pbuf_free(packet->p);
		free(packet);
	}
	event_free(loopback.deliver);
	loopback.deliver = NULL;
}
