/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * In: one message of the descriptor is one packet. It is read into the ipif's
 * buffer and goes through input.c. A packet socket may hand over a long one that
 * the kernel has joined of several TCP segments. A turn of the loop reads at most
 * READS_PER_TURN messages, so that a flood cannot keep the loop from clients.
 *
 * Out: lwIP's output functions divert what is for ourselves to loopback, wrap
 * the rest into Ethernet where needed (lwIP's ARP and neighbour discovery),
 * and write it. When the descriptor takes no more, packets are copied into a
 * short queue that EV_WRITE empties; when that is full they are dropped, as
 * TCP expects of a full link. Copies, because lwIP does not retransmit a
 * segment whose pbuf somebody holds.
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
#include "netif/ipif.h"

#include "netif/input.h"
#include "netif/loopback.h"
#include "netif/route.h"
#include "netif/timers.h"
#include "netif/vnet_header.h"

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/ip.h"
#include "lwip/nd6.h"
#include "lwip/prot/ethernet.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define READS_PER_TURN	  64
#define QUEUE_PACKETS_MAX 512
#define QUEUE_BYTES_MAX	  (1u << 20)
#define IOV_MAX_	  64

struct ipif_queued {
	struct ipif_queued *next;
	struct pbuf *p;
};

static void note_movement(struct ipif *ipif)
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

/* By ARP and neighbour discovery. */
static bool has_neighbours(const struct ipif *ipif)
{
	return ipif->params.format.framing == IPIF_FRAMING_ETHERNET;
}

static bool has_frames(const struct ipif *ipif)
{
	return ipif->params.format.framing != IPIF_FRAMING_RAW;
}

/* ---- out -------------------------------------------------------------------- */

/* What lwIP has given us is a frame or a packet: the type of what is in it. */
static uint16_t ethernet_type(const struct ipif *ipif, const struct pbuf *p)
{
	const uint8_t *bytes = p->payload;
	uint16_t type;

	if (has_neighbours(ipif))
		memcpy(&type, bytes + 2 * INGRESS_MAC_SIZE, sizeof(type));
	else
		type = lwip_htons(bytes[0] >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6);
	return type;
}

/* A packet socket is told what it sends: not every device has it in its frames. */
static void address_message(const struct ipif *ipif, const struct pbuf *p, struct msghdr *message,
	struct sockaddr_ll *to)
{
	static const uint8_t no_offload[VNET_HEADER_SIZE];
	struct iovec *iov = &message->msg_iov[message->msg_iovlen++];

	memset(to, 0, sizeof(*to));
	to->sll_family = AF_PACKET;
	to->sll_ifindex = ipif->params.format.interface;
	to->sll_protocol = ethernet_type(ipif, p);
	message->msg_name = to;
	message->msg_namelen = sizeof(*to);
	iov->iov_base = (void *)no_offload;
	iov->iov_len = sizeof(no_offload);
}

/* Like the kernel's for such devices: to itself, as good as any. */
static void frame_message(const struct ipif *ipif, const struct pbuf *p, struct msghdr *message,
	struct eth_hdr *header)
{
	struct iovec *iov = &message->msg_iov[message->msg_iovlen++];

	memcpy(&header->dest, ipif->params.format.mac, INGRESS_MAC_SIZE);
	memcpy(&header->src, ipif->params.format.mac, INGRESS_MAC_SIZE);
	header->type = ethernet_type(ipif, p);
	iov->iov_base = header;
	iov->iov_len = sizeof(*header);
}

static ssize_t descriptor_write(const struct ipif *ipif, const struct pbuf *p)
{
	struct sockaddr_ll to;
	struct eth_hdr header;
	struct iovec iov[IOV_MAX_];
	struct msghdr message = { .msg_iov = iov };
	ssize_t n;

	if (ipif->params.format.interface)
		address_message(ipif, p, &message, &to);
	if (ipif->params.format.framing == IPIF_FRAMING_NOARP)
		frame_message(ipif, p, &message, &header);
	for (; p; p = p->next) {
		if (message.msg_iovlen == IOV_MAX_) {
			errno = EMSGSIZE;
			return -1;
		}
		iov[message.msg_iovlen].iov_base = p->payload;
		iov[message.msg_iovlen++].iov_len = p->len;
		if (p->len == p->tot_len)
			break;
	}
	do {
		if (ipif->is_socket)
			n = sendmsg(ipif->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = writev(ipif->fd, iov, (int)message.msg_iovlen);
	} while (n < 0 && errno == EINTR);
	return n;
}

static bool is_busy(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK;
}

/* Errors after which the descriptor is of no use: see tun, unix(7), packet(7). */
static bool is_fatal(int error)
{
	switch (error) {
	case EIO:    /* the interface is down */
	case EBADFD: /* the interface is gone */
	case ENETDOWN:
	case ENODEV:
	case ENXIO:
	case EBADF:
	case EPIPE:
	case ECONNRESET:
	case ENOTCONN:
	case ECONNREFUSED:
		return true;
	default:
		return false;
	}
}

static void fail_later(struct ipif *ipif, int error)
{
	if (ipif->error)
		return;
	ipif->error = error;
	event_active(ipif->readable, EV_READ, 0);
}

static void count_sent(struct ipif *ipif, const struct pbuf *p)
{
	ipif->counters.packets_sent++;
	ipif->counters.bytes_sent += p->tot_len;
	note_movement(ipif);
}

static void queue_clear(struct ipif *ipif)
{
	while (ipif->first) {
		struct ipif_queued *queued = ipif->first;

		ipif->first = queued->next;
		pbuf_free(queued->p);
		free(queued);
		ipif->counters.send_drops++;
	}
	ipif->last = &ipif->first;
	ipif->n_queued = 0;
	ipif->n_queued_bytes = 0;
}

static err_t queue_put(struct ipif *ipif, const struct pbuf *p)
{
	struct ipif_queued *queued = NULL;

	if (ipif->n_queued < QUEUE_PACKETS_MAX &&
		ipif->n_queued_bytes + p->tot_len <= QUEUE_BYTES_MAX)
		queued = malloc(sizeof(*queued));
	if (queued)
		queued->p = pbuf_clone(PBUF_RAW, PBUF_RAM, (struct pbuf *)p);
	if (!queued || !queued->p) {
		free(queued);
		ipif->counters.send_drops++;
		return ERR_OK;
	}
	queued->next = NULL;
	if (!ipif->first)
		event_add(ipif->writable, NULL);
	*ipif->last = queued;
	ipif->last = &queued->next;
	ipif->n_queued++;
	ipif->n_queued_bytes += p->tot_len;
	return ERR_OK;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct ipif *ipif = arg;

	(void)fd;
	(void)what;
	while (ipif->first) {
		struct ipif_queued *queued = ipif->first;

		if (descriptor_write(ipif, queued->p) >= 0) {
			count_sent(ipif, queued->p);
		} else if (is_busy(errno)) {
			event_add(ipif->writable, NULL);
			return;
		} else {
			ipif->counters.send_drops++;
			if (is_fatal(errno)) {
				fail_later(ipif, errno);
				return;
			}
		}
		ipif->first = queued->next;
		if (!ipif->first)
			ipif->last = &ipif->first;
		ipif->n_queued--;
		ipif->n_queued_bytes -= queued->p->tot_len;
		pbuf_free(queued->p);
		free(queued);
	}
}

/* Sends a message as it is; what cannot be sent is dropped and counted. */
static err_t send_message(struct ipif *ipif, struct pbuf *p)
{
	if (ipif->fd < 0 || ipif->error) {
		ipif->counters.send_drops++;
		return ERR_RTE;
	}
	if (ipif->first)
		return queue_put(ipif, p);
	if (descriptor_write(ipif, p) >= 0) {
		count_sent(ipif, p);
		return ERR_OK;
	}
	if (is_busy(errno))
		return queue_put(ipif, p);
	ipif->counters.send_drops++;
	if (is_fatal(errno))
		fail_later(ipif, errno);
	return ERR_OK;
}

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
	if (has_neighbours(ipif) && ipif->fd >= 0)
		return etharp_output(netif, p, dest);
	return send_message(ipif, p);
}

static err_t output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *dest)
{
	struct ipif *ipif = netif->state;

	if (divert(netif, p, route_owner6(dest)))
		return ERR_OK;
	note_sent(ipif, p);
	if (has_neighbours(ipif) && ipif->fd >= 0)
		return ethip6_output(netif, p, route_next_hop6(netif, dest));
	return send_message(ipif, p);
}

static err_t link_output(struct netif *netif, struct pbuf *p)
{
	return send_message(netif->state, p);
}

/* ---- in --------------------------------------------------------------------- */

static void count_received(struct ipif *ipif, enum table_drop drop, size_t len)
{
	if (drop != INGRESS_ACCEPTED) {
		ipif->counters.drops[drop]++;
		return;
	}
	ipif->counters.packets_received++;
	ipif->counters.bytes_received += len;
	note_movement(ipif);
}

static enum table_drop take_packet(struct ipif *ipif, const uint8_t *packet, size_t len,
	const struct ingress_source *source)
{
	enum table_drop drop = input_packet(&ipif->netif, packet, len, source);

	if (drop == INGRESS_ACCEPTED && ipif->params.received)
		ipif->params.received(ipif, packet, len, ipif->params.arg);
	return drop;
}

static enum table_drop take_arp(struct ipif *ipif, const uint8_t *arp, size_t len)
{
	struct pbuf *p;

	if (!has_neighbours(ipif))
		return TABLE_DROP_FRAME;
	p = pbuf_alloc(PBUF_LINK, (u16_t)len, PBUF_RAM);
	if (!p)
		return TABLE_DROP_MEMORY;
	memcpy(p->payload, arp, len);
	etharp_input(p, &ipif->netif);
	return INGRESS_ACCEPTED;
}

static void take_frame(struct ipif *ipif, const uint8_t *frame, size_t len,
	const struct ingress_source *source)
{
	const uint8_t *payload = frame + INGRESS_ETHERNET_HEADER;
	enum ingress_frame kind;
	enum table_drop drop;

	drop = ingress_check_frame(frame, len, ipif->params.format.mac, source, &kind);
	if (drop == INGRESS_ACCEPTED && kind == INGRESS_FRAME_OTHER_HOST)
		return;
	if (drop == INGRESS_ACCEPTED && kind == INGRESS_FRAME_ARP)
		drop = take_arp(ipif, payload, len - INGRESS_ETHERNET_HEADER);
	else if (drop == INGRESS_ACCEPTED)
		drop = take_packet(ipif, payload, len - INGRESS_ETHERNET_HEADER, source);
	count_received(ipif, drop, len);
}

static void take_message(struct ipif *ipif, uint8_t *message, size_t len)
{
	const struct ingress_source source = { .ours = is_ours, .arg = &ipif->netif };
	enum table_drop drop;

	if (has_frames(ipif)) {
		take_frame(ipif, message, len, &source);
		return;
	}
	drop = take_packet(ipif, message, len, &source);
	count_received(ipif, drop, len);
}

static void take_offloaded(struct ipif *ipif, size_t len)
{
	uint8_t *message = ipif->buffer + VNET_HEADER_SIZE;

	if (len <= VNET_HEADER_SIZE)
		count_received(ipif, TABLE_DROP_SHORT, len);
	else if (vnet_header_complete(ipif->buffer, message, len - VNET_HEADER_SIZE) != 0)
		count_received(ipif, TABLE_DROP_TRANSPORT, len);
	else
		take_message(ipif, message, len - VNET_HEADER_SIZE);
}

static void lose(struct ipif *ipif, int error)
{
	event_del(ipif->readable);
	event_del(ipif->writable);
	ipif->error = error ? error : EPIPE;
	/* The last thing done: the owner may free the ipif. */
	ipif->params.lost(ipif, error, ipif->params.arg);
}

static ssize_t descriptor_read(struct ipif *ipif)
{
	ssize_t n;

	do {
		n = read(ipif->fd, ipif->buffer, ipif->buffer_size);
	} while (n < 0 && errno == EINTR);
	return n;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ipif *ipif = arg;
	int i;

	(void)fd;
	(void)what;
	for (i = 0; i < READS_PER_TURN && !ipif->error; i++) {
		ssize_t n = descriptor_read(ipif);

		if (n > 0 && ipif->params.format.interface) {
			take_offloaded(ipif, (size_t)n);
			continue;
		}
		if (n > 0) {
			take_message(ipif, ipif->buffer, (size_t)n);
			continue;
		}
		if (n < 0 && is_busy(errno))
			return;
		if (n < 0 && !is_fatal(errno))
			continue;
		lose(ipif, n < 0 ? errno : 0);
		return;
	}
	if (ipif->error)
		lose(ipif, ipif->error);
}

/* ---- life ------------------------------------------------------------------- */

static void set_format(struct ipif *ipif)
{
	static const uint8_t ethernet = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP |
		NETIF_FLAG_ETHERNET;
	struct netif *netif = &ipif->netif;

	if (has_neighbours(ipif)) {
		netif->flags |= ethernet;
		netif->hwaddr_len = INGRESS_MAC_SIZE;
		memcpy(netif->hwaddr, ipif->params.format.mac, INGRESS_MAC_SIZE);
	} else {
		netif->flags &= (uint8_t)~ethernet;
		netif->hwaddr_len = 0;
	}
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

static int resize_buffer(struct ipif *ipif)
{
	size_t size = (size_t)ipif->params.mtu + INGRESS_ETHERNET_HEADER;
	uint8_t *buffer;

	if (ipif->params.format.interface)
		size = VNET_HEADER_SIZE + INGRESS_ETHERNET_HEADER + UINT16_MAX;
	buffer = realloc(ipif->buffer, size);
	if (!buffer)
		return -ENOMEM;
	ipif->buffer = buffer;
	ipif->buffer_size = size;
	return 0;
}

int ipif_set_format(struct ipif *ipif, const struct ipif_format *format)
{
	ipif->params.format = *format;
	set_format(ipif);
	return resize_buffer(ipif);
}

int ipif_set_mtu(struct ipif *ipif, uint16_t mtu)
{
	ipif->params.mtu = mtu;
	ipif->netif.mtu = mtu;
	ipif->netif.mtu6 = mtu;
	return resize_buffer(ipif);
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
	free(ipif->buffer);
	ipif->buffer = NULL;
}

int ipif_attach(struct ipif *ipif, int fd)
{
	struct stat status;

	if (fstat(fd, &status) != 0 || evutil_make_socket_nonblocking(fd) != 0)
		return -errno;
	ipif->readable = event_new(ipif->params.base, fd, EV_READ | EV_PERSIST, on_readable, ipif);
	ipif->writable = event_new(ipif->params.base, fd, EV_WRITE, on_writable, ipif);
	if (!ipif->readable || !ipif->writable || event_add(ipif->readable, NULL) != 0) {
		if (ipif->readable)
			event_free(ipif->readable);
		if (ipif->writable)
			event_free(ipif->writable);
		ipif->readable = NULL;
		ipif->writable = NULL;
		return -ENOMEM;
	}
	ipif->is_socket = S_ISSOCK(status.st_mode);
	ipif->error = 0;
	ipif->fd = fd;
	return 0;
}

void ipif_detach(struct ipif *ipif)
{
	netif_set_link_down(&ipif->netif);
	if (ipif->fd < 0)
		return;
	event_free(ipif->readable);
	event_free(ipif->writable);
	ipif->readable = NULL;
	ipif->writable = NULL;
	close(ipif->fd);
	ipif->fd = -1;
	queue_clear(ipif);
	/* Another device may have other neighbours. */
	etharp_cleanup_netif(&ipif->netif);
	nd6_cleanup_netif(&ipif->netif);
}

void ipif_rest(struct ipif *ipif)
{
	ipif->resting = true;
}
