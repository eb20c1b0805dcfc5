/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * In: one message of the descriptor is one packet. It is read into a buffer and
 * goes through input.c, which may join it with others of the same turn. With
 * offload headers it may be a long one that the kernel has joined of several TCP
 * segments. A turn of the loop reads at most READS_PER_TURN messages, and of long
 * ones no more than BYTES_PER_TURN, so that a flood cannot keep the loop from
 * clients. A turn that finds one message has read twice, to learn that there is no
 * other; after such a turn the next SINGLE_TURNS read once, unless what they read
 * may have something behind it.
 *
 * Out: lwIP's output functions divert what is for ourselves to loopback, wrap
 * the rest into Ethernet where needed (lwIP's ARP and neighbour discovery), and
 * give it to ipif_out.c.
 *
 * lwIP remembers the neighbour of each IPv6 destination, whichever netif that
 * was on. With several links this is wrong as soon as the route changes, so on
 * Ethernet it is asked for neighbours only, never for what is behind them.
 *
 * A descriptor that fails is reported from the loop, never from within lwIP's
 * output: the owner will take the netif down, and lwIP is in the middle of
 * using it.
 *
 * The netif stays in lwIP, with its addresses, while no descriptor is
 * attached: connections survive a device or a helper that is started again.
 */
#include "netif/ipif_private.h"

#include "netif/loopback.h"
#include "netif/route.h"
#include "netif/timers.h"
#include "netif/vnet_header.h"

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/ip.h"
#include "lwip/nd6.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READS_PER_TURN 128
#define BYTES_PER_TURN (4 << 20)
#define SINGLE_TURNS   16

void ipif_note_movement(struct ipif *ipif)
{
	timers_activity();
	if (!ipif->resting)
		return;
	ipif->resting = false;
	ipif->params.moved(ipif, ipif->params.arg);
}

static bool is_ours(enum address_family family, const uint8_t *bytes, void *arg)
{
	struct netif *netif = arg;
	ip4_addr_t ip4;
	ip6_addr_t ip6;

	if (family == ADDRESS_IPV4) {
		memcpy(&ip4.addr, bytes, 4);
		return route_owner4(&ip4) != NULL;
	}
	memcpy(ip6.addr, bytes, 16);
	ip6_addr_clear_zone(&ip6);
	ip6_addr_assign_zone(&ip6, IP6_UNICAST, netif);
	return route_owner6(&ip6) != NULL;
}

/* ---- out -------------------------------------------------------------------- */

/* True if the packet went to ourselves and nowhere else. */
static bool divert(struct netif *netif, const struct pbuf *p, struct netif *owner)
{
	if (owner) {
		loopback_copy(p, netif);
		return true;
	}
	if (p->flags & PBUF_FLAG_MCASTLOOP)
		loopback_copy(p, netif);
	return false;
}

static void note_sent(struct ipif *ipif, const struct pbuf *p)
{
	if (ipif->params.sent && ipif->fd >= 0)
		ipif->params.sent(ipif, p->payload, p->len, ipif->params.arg);
}

static err_t output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *dest)
{
	struct ipif *ipif = netif->state;

	if (divert(netif, p, route_owner4(dest)))
		return ERR_OK;
	note_sent(ipif, p);
	if (ipif_has_neighbours(ipif) && ipif->fd >= 0)
		return etharp_output(netif, p, dest);
	return ipif_send(ipif, p);
}

static err_t output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *dest)
{
	struct ipif *ipif = netif->state;

	if (divert(netif, p, route_owner6(dest)))
		return ERR_OK;
	note_sent(ipif, p);
	if (ipif_has_neighbours(ipif) && ipif->fd >= 0)
		return ethip6_output(netif, p, route_next_hop6(netif, dest));
	return ipif_send(ipif, p);
}

bool ipif_takes_long_segments(const struct netif *netif)
{
	const struct ipif *ipif = netif->state;

	return netif->output == output4 && ipif->fd >= 0 && ipif->is_joining;
}

static err_t link_output(struct netif *netif, struct pbuf *p)
{
	return ipif_send(netif->state, p);
}

/* ---- in --------------------------------------------------------------------- */

/* What a message was on the link, and who sent it. */
struct arrival {
	struct ingress_source source;
	unsigned int n_packets;
	size_t n_bytes;
};

static void count_received(struct ipif *ipif, enum table_drop drop, const struct arrival *arrival)
{
	if (drop != INGRESS_ACCEPTED) {
		ipif->counters.drops[drop] += arrival->n_packets;
		return;
	}
	ipif->counters.packets_received += arrival->n_packets;
	ipif->counters.bytes_received += arrival->n_bytes;
	ipif_note_movement(ipif);
}

static enum table_drop take_packet(struct ipif *ipif, const uint8_t *packet, size_t len,
	const struct ingress_source *source)
{
	enum table_drop drop = input_received(&ipif->netif, &ipif->reception, packet, len,
		source);

	if (drop == INGRESS_ACCEPTED && ipif->params.received)
		ipif->params.received(ipif, packet, len, ipif->params.arg);
	return drop;
}

static enum table_drop take_arp(struct ipif *ipif, const uint8_t *arp, size_t len)
{
	struct pbuf *p;

	if (!ipif_has_neighbours(ipif))
		return TABLE_DROP_FRAME;
	p = rx_copy(arp, len);
	if (!p)
		return TABLE_DROP_MEMORY;
	etharp_input(p, &ipif->netif);
	return INGRESS_ACCEPTED;
}

static void take_frame(struct ipif *ipif, const uint8_t *frame, size_t len,
	const struct arrival *arrival)
{
	const uint8_t *payload = frame + INGRESS_ETHERNET_HEADER;
	enum ingress_frame kind;
	enum table_drop drop;

	drop = ingress_check_frame(frame, len, ipif->params.format.mac, &arrival->source, &kind);
	if (drop == INGRESS_ACCEPTED && kind == INGRESS_FRAME_OTHER_HOST)
		return;
	if (drop == INGRESS_ACCEPTED && kind == INGRESS_FRAME_ARP)
		drop = take_arp(ipif, payload, len - INGRESS_ETHERNET_HEADER);
	else if (drop == INGRESS_ACCEPTED)
		drop = take_packet(ipif, payload, len - INGRESS_ETHERNET_HEADER, &arrival->source);
	count_received(ipif, drop, arrival);
}

static void take_message(struct ipif *ipif, const uint8_t *message, size_t len,
	const struct arrival *arrival)
{
	if (ipif_has_frames(ipif))
		take_frame(ipif, message, len, arrival);
	else
		count_received(ipif, take_packet(ipif, message, len, &arrival->source), arrival);
}

static void take_offloaded(struct ipif *ipif, uint8_t *message, size_t len,
	struct arrival *arrival)
{
	size_t ip_at = ipif_has_frames(ipif) ? INGRESS_ETHERNET_HEADER : 0;
	uint8_t *frame = message + VNET_HEADER_SIZE;
	struct vnet_frame found;
	int r;

	if (len <= VNET_HEADER_SIZE) {
		count_received(ipif, TABLE_DROP_SHORT, arrival);
		return;
	}
	len -= VNET_HEADER_SIZE;
	r = vnet_header_read(message, frame, len, ip_at, &found);
	arrival->source.is_verified = found.is_verified;
	arrival->n_packets = found.n_packets;
	arrival->n_bytes = found.n_bytes;
	if (r < 0)
		count_received(ipif, TABLE_DROP_TRANSPORT, arrival);
	else
		take_message(ipif, frame, len, arrival);
}

static void take_read(struct ipif *ipif, uint8_t *message, size_t len)
{
	struct arrival arrival = {
		.source = { .ours = is_ours, .arg = &ipif->netif },
		.n_packets = 1,
		.n_bytes = len,
	};

	if (ipif->params.format.has_offload_header)
		take_offloaded(ipif, message, len, &arrival);
	else
		take_message(ipif, message, len, &arrival);
}

static void lose(struct ipif *ipif, int error)
{
	event_del(ipif->readable);
	event_del(ipif->writable);
	ipif->error = error ? error : EPIPE;
	/* The last thing done: the owner may free the ipif. */
	ipif->params.lost(ipif, error, ipif->params.arg);
}

/* Bytes before the IP header of a message. */
static size_t link_headers(const struct ipif *ipif)
{
	return (ipif->params.format.has_offload_header ? VNET_HEADER_SIZE : 0) +
		(ipif_has_frames(ipif) ? INGRESS_ETHERNET_HEADER : 0);
}

/* Bytes that are left free, so that the IP header is at a multiple of 8. */
static size_t padding(const struct ipif *ipif)
{
	return (8 - link_headers(ipif) % 8) % 8;
}

static ssize_t read_message(struct ipif *ipif, uint8_t *message)
{
	size_t size = ipif->reception.buffer.size - padding(ipif);
	ssize_t n;

	do {
		n = read(ipif->fd, message, size);
	} while (n < 0 && errno == EINTR);
	return n;
}

/* Takes what is there. Returns false, with an errno or 0, if nothing will come any more. */
static bool read_turn(struct ipif *ipif, int *error)
{
	bool is_single = ipif->n_single > 0;
	size_t n_bytes = 0;
	int i;

	if (is_single)
		ipif->n_single--;
	for (i = 0; i < READS_PER_TURN && n_bytes < BYTES_PER_TURN && !ipif->error; i++) {
		/* Another one each time: lwIP may have it. */
		uint8_t *message = rx_buffer_bytes(&ipif->reception.buffer) + padding(ipif);
		ssize_t n = read_message(ipif, message);

		if (n > 0) {
			take_read(ipif, message, (size_t)n);
			n_bytes += (size_t)n;
		}
		if (n > 0 && is_single && !input_holds(&ipif->reception))
			break;
		if (n < 0 && ipif_is_busy(errno)) {
			if (i == 1 && !is_single)
				ipif->n_single = SINGLE_TURNS;
			return true;
		}
		if (n == 0 || (n < 0 && ipif_is_fatal(errno))) {
			*error = n < 0 ? errno : 0;
			return false;
		}
	}
	*error = ipif->error;
	return !ipif->error;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ipif *ipif = arg;
	int error = 0;
	bool goes_on = read_turn(ipif, &error);

	(void)fd;
	(void)what;
	input_flush(&ipif->netif, &ipif->reception);
	/* What was sent meanwhile may have failed; then the loop comes here again. */
	if (!goes_on)
		lose(ipif, error);
}

void ipif_fail_later(struct ipif *ipif, int error)
{
	if (ipif->error)
		return;
	ipif->error = error;
	event_active(ipif->readable, EV_READ, 0);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ipif_send_queued(arg);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ipif_flush(arg);
}

/* ---- life ------------------------------------------------------------------- */

static void set_format(struct ipif *ipif)
{
	static const uint8_t ethernet = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP |
		NETIF_FLAG_ETHERNET;
	struct netif *netif = &ipif->netif;

	if (ipif_has_neighbours(ipif)) {
		netif->flags |= ethernet;
		netif->hwaddr_len = INGRESS_MAC_SIZE;
		memcpy(netif->hwaddr, ipif->params.format.mac, INGRESS_MAC_SIZE);
	} else {
		netif->flags &= (uint8_t)~ethernet;
		netif->hwaddr_len = 0;
	}
	if (ipif->params.format.offloads)
		NETIF_SET_CHECKSUM_CTRL(netif,
			NETIF_CHECKSUM_ENABLE_ALL & ~NETIF_CHECKSUM_GEN_TCP);
	else
		NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_ENABLE_ALL);
}

static err_t netif_setup(struct netif *netif)
{
	struct ipif *ipif = netif->state;

	netif->name[0] = 'u';
	netif->name[1] = 's';
	netif->mtu = ipif->params.mtu;
	netif->output = output4;
	netif->output_ip6 = output6;
	netif->linkoutput = link_output;
	netif->flags = NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
	set_format(ipif);
	return ERR_OK;
}

/* For messages of the format that is set. */
static int resize_buffers(struct ipif *ipif)
{
	size_t longest = ipif->params.format.has_offload_header ? UINT16_MAX : ipif->params.mtu;

	if (rx_buffer_resize(&ipif->reception.buffer,
		    padding(ipif) + link_headers(ipif) + longest) != 0)
		return -ENOMEM;
	if (!ipif->params.format.has_offload_header)
		tso_fini(&ipif->tso);
	else if (!ipif->tso.message)
		return tso_init(&ipif->tso);
	return 0;
}

int ipif_set_format(struct ipif *ipif, const struct ipif_format *format)
{
	ipif->params.format = *format;
	set_format(ipif);
	return resize_buffers(ipif);
}

int ipif_set_mtu(struct ipif *ipif, uint16_t mtu)
{
	ipif->params.mtu = mtu;
	ipif->netif.mtu = mtu;
	ipif->netif.mtu6 = mtu;
	return resize_buffers(ipif);
}

int ipif_init(struct ipif *ipif, const struct ipif_params *params)
{
	memset(ipif, 0, sizeof(*ipif));
	ipif->params = *params;
	ipif->fd = -1;
	ipif->resting = true;
	ipif->last = &ipif->first;
	if (ipif_set_mtu(ipif, params->mtu) != 0)
		return -ENOMEM;
	netif_add(&ipif->netif, NULL, NULL, NULL, ipif, netif_setup, ip_input);
	netif_set_up(&ipif->netif);
	return 0;
}

void ipif_fini(struct ipif *ipif)
{
	ipif_detach(ipif);
	loopback_forget(&ipif->netif);
	netif_remove(&ipif->netif);
	tso_fini(&ipif->tso);
	input_reception_fini(&ipif->reception);
}

static void free_events(struct ipif *ipif)
{
	struct event **events[] = { &ipif->readable, &ipif->writable, &ipif->flush };
	size_t i;

	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (*events[i])
			event_free(*events[i]);
		*events[i] = NULL;
	}
}

int ipif_attach(struct ipif *ipif, int fd)
{
	struct event_base *base = ipif->params.base;
	struct stat status;

	if (fstat(fd, &status) != 0 || evutil_make_socket_nonblocking(fd) != 0)
		return -errno;
	ipif->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, ipif);
	ipif->writable = event_new(base, fd, EV_WRITE, on_writable, ipif);
	ipif->flush = evtimer_new(base, on_flush, ipif);
	if (!ipif->readable || !ipif->writable || !ipif->flush ||
		event_add(ipif->readable, NULL) != 0) {
		free_events(ipif);
		return -ENOMEM;
	}
	ipif->is_socket = S_ISSOCK(status.st_mode);
	ipif->is_joining = ipif->params.format.offloads;
	ipif->error = 0;
	ipif->fd = fd;
	return 0;
}

void ipif_detach(struct ipif *ipif)
{
	netif_set_link_down(&ipif->netif);
	if (ipif->fd < 0)
		return;
	free_events(ipif);
	if (ipif->params.format.release)
		ipif->params.format.release(ipif->fd);
	close(ipif->fd);
	ipif->fd = -1;
	ipif_drop_queued(ipif);
	/* Another device may have other neighbours. */
	etharp_cleanup_netif(&ipif->netif);
	nd6_cleanup_netif(&ipif->netif);
}

void ipif_rest(struct ipif *ipif)
{
	ipif->resting = true;
}
