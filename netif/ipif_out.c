/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What an ipif sends. A message is written as one: lwIP's pbufs as they are, or,
 * where offload headers go before frames, what tso.c has laid out. There a
 * segment of TCP that may have others behind it is held until another packet
 * comes that is none of them, or the turn of the loop is over: what is sent
 * meanwhile, by however many acknowledgements or writes, goes in one message.
 * Nothing overtakes anything.
 *
 * When the descriptor takes no more, messages are copied into a short queue
 * that EV_WRITE empties; when that is full they are dropped, as TCP expects of a
 * full link. A kernel that does not take joined segments loses one message and
 * gets none after it.
 *
 * Counters count packets as they go over the link, not messages.
 */
#include "netif/ipif_private.h"

#include "lwip/prot/ethernet.h"

#include <event2/event.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define QUEUE_PACKETS_MAX 512
#define QUEUE_BYTES_MAX	  (1u << 20)
#define IOV_MAX_	  64

/* One write to the descriptor. */
struct message {
	struct iovec iov[IOV_MAX_];
	size_t n_iov;
	size_t length; /* of all */
	uint16_t type; /* Ethernet's, of what is in it */
	/* As they go over the link. */
	unsigned int n_packets;
	size_t n_bytes;
};

struct ipif_queued {
	struct ipif_queued *next;
	size_t length;
	uint16_t type;
	unsigned int n_packets;
	size_t n_bytes;
	uint8_t bytes[];
};

/* ---- messages ---------------------------------------------------------------- */

static void message_add(struct message *m, const void *bytes, size_t len)
{
	m->iov[m->n_iov].iov_base = (void *)bytes;
	m->iov[m->n_iov++].iov_len = len;
	m->length += len;
}

static void message_begin(struct message *m, uint16_t type, unsigned int n_packets, size_t n_bytes)
{
	m->n_iov = 0;
	m->length = 0;
	m->type = type;
	m->n_packets = n_packets;
	m->n_bytes = n_bytes;
}

/* From @offset on, which is in the first piece. Returns false if it has too many. */
static bool message_add_pbuf(struct message *m, const struct pbuf *p, size_t offset)
{
	for (; p && m->n_iov < IOV_MAX_; p = p->next) {
		message_add(m, (const uint8_t *)p->payload + offset, p->len - offset);
		if (p->len == p->tot_len)
			return true;
		offset = 0;
	}
	return false;
}

/* Returns false if it has too many pieces. */
static bool message_of_pbuf(struct message *m, const struct pbuf *p)
{
	message_begin(m, 0, 1, p->tot_len);
	return message_add_pbuf(m, p, 0);
}

/* Of what is held, which is sealed by that. */
static void message_of_tso(const struct ipif *ipif, struct message *m, struct tso *tso)
{
	const uint8_t *frame = tso_frame(tso);
	uint16_t type;

	if (ipif_has_frames(ipif))
		memcpy(&type, frame + 2 * INGRESS_MAC_SIZE, sizeof(type));
	else
		type = lwip_htons(frame[0] >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6);
	message_begin(m, type, tso->n_packets, tso->n_bytes);
	message_add(m, tso->message, tso_seal(tso));
}

static void message_of_queued(struct message *m, const struct ipif_queued *queued)
{
	message_begin(m, queued->type, queued->n_packets, queued->n_bytes);
	message_add(m, queued->bytes, queued->length);
}

/* A packet socket is told what it sends: not every device has it in its frames. */
static ssize_t send_to_interface(const struct ipif *ipif, struct msghdr *message, uint16_t type)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = ipif->params.format.interface,
		.sll_protocol = type,
	};

	message->msg_name = &to;
	message->msg_namelen = sizeof(to);
	return sendmsg(ipif->fd, message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Returns 0 or an errno. */
static int write_message(const struct ipif *ipif, struct message *m)
{
	struct msghdr message = { .msg_iov = m->iov, .msg_iovlen = m->n_iov };
	ssize_t n;

	do {
		if (ipif->params.format.interface)
			n = send_to_interface(ipif, &message, m->type);
		else if (ipif->is_socket)
			n = sendmsg(ipif->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = writev(ipif->fd, m->iov, (int)m->n_iov);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? errno : 0;
}

bool ipif_is_fatal(int error)
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

static void count_sent(struct ipif *ipif, const struct message *m)
{
	ipif->counters.packets_sent += m->n_packets;
	ipif->counters.bytes_sent += m->n_bytes;
	ipif_note_movement(ipif);
}

static void count_dropped(struct ipif *ipif, const struct message *m, int error)
{
	ipif->counters.send_drops += m->n_packets;
	if (ipif_is_fatal(error))
		ipif_fail_later(ipif, error);
	else if (m->n_packets > 1 && error != ENOBUFS && error != ENOMEM)
		ipif->is_joining = false;
}

/* ---- the queue ----------------------------------------------------------------- */

/* Takes the first one out. */
static void queue_remove(struct ipif *ipif)
{
	struct ipif_queued *queued = ipif->first;

	ipif->first = queued->next;
	if (!ipif->first)
		ipif->last = &ipif->first;
	ipif->n_queued--;
	ipif->n_queued_bytes -= queued->length;
	free(queued);
}

static void queue_put(struct ipif *ipif, const struct message *m)
{
	struct ipif_queued *queued = NULL;
	size_t at = 0, i;

	if (ipif->n_queued < QUEUE_PACKETS_MAX &&
		ipif->n_queued_bytes + m->length <= QUEUE_BYTES_MAX)
		queued = malloc(sizeof(*queued) + m->length);
	if (!queued) {
		ipif->counters.send_drops += m->n_packets;
		return;
	}
	queued->next = NULL;
	queued->length = m->length;
	queued->type = m->type;
	queued->n_packets = m->n_packets;
	queued->n_bytes = m->n_bytes;
	for (i = 0; i < m->n_iov; i++) {
		memcpy(queued->bytes + at, m->iov[i].iov_base, m->iov[i].iov_len);
		at += m->iov[i].iov_len;
	}
	if (!ipif->first)
		event_add(ipif->writable, NULL);
	*ipif->last = queued;
	ipif->last = &queued->next;
	ipif->n_queued++;
	ipif->n_queued_bytes += m->length;
}

void ipif_send_queued(struct ipif *ipif)
{
	struct message m;
	int error;

	while (ipif->first) {
		message_of_queued(&m, ipif->first);
		error = write_message(ipif, &m);
		if (ipif_is_busy(error)) {
			event_add(ipif->writable, NULL);
			return;
		}
		if (error)
			count_dropped(ipif, &m, error);
		else
			count_sent(ipif, &m);
		queue_remove(ipif);
		if (ipif->error)
			return;
	}
}

void ipif_drop_queued(struct ipif *ipif)
{
	if (ipif->tso.length > 0)
		ipif->counters.send_drops += ipif->tso.n_packets;
	tso_clear(&ipif->tso);
	while (ipif->first) {
		ipif->counters.send_drops += ipif->first->n_packets;
		queue_remove(ipif);
	}
}

/* ---- sending -------------------------------------------------------------------- */

static void send_message(struct ipif *ipif, struct message *m)
{
	int error;

	if (ipif->error) {
		ipif->counters.send_drops += m->n_packets;
		return;
	}
	error = ipif->first ? EAGAIN : write_message(ipif, m);
	if (error == 0)
		count_sent(ipif, m);
	else if (ipif_is_busy(error))
		queue_put(ipif, m);
	else
		count_dropped(ipif, m, error);
}

void ipif_flush(struct ipif *ipif)
{
	struct message m;

	if (ipif->tso.length == 0)
		return;
	message_of_tso(ipif, &m, &ipif->tso);
	tso_clear(&ipif->tso);
	send_message(ipif, &m);
}

/* Like the kernel's for such devices: to itself, as good as any. */
static void put_own_header(const struct ipif *ipif, const struct pbuf *p, uint8_t *frame)
{
	struct eth_hdr header;

	memcpy(&header.dest, ipif->params.format.mac, INGRESS_MAC_SIZE);
	memcpy(&header.src, ipif->params.format.mac, INGRESS_MAC_SIZE);
	header.type = lwip_htons(*(const uint8_t *)p->payload >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6);
	memcpy(frame, &header, sizeof(header));
}

/* The header of the next frame; returns its length. */
static size_t put_link_header(struct ipif *ipif, const struct pbuf *p)
{
	uint8_t *frame = tso_frame(&ipif->tso);

	switch (ipif->params.format.framing) {
	case IPIF_FRAMING_ETHERNET:
		pbuf_copy_partial(p, frame, INGRESS_ETHERNET_HEADER, 0);
		return INGRESS_ETHERNET_HEADER;
	case IPIF_FRAMING_NOARP:
		put_own_header(ipif, p, frame);
		return INGRESS_ETHERNET_HEADER;
	case IPIF_FRAMING_RAW:
		break;
	}
	return 0;
}

static void send_long(struct ipif *ipif, const struct pbuf *p, size_t ip_at)
{
	size_t behind_at = tso_begin_long(&ipif->tso, p, ip_at, put_link_header(ipif, p),
		ipif->params.mtu);
	struct message m;

	message_of_tso(ipif, &m, &ipif->tso);
	tso_clear(&ipif->tso);
	if (behind_at < p->tot_len)
		message_add_pbuf(&m, p, behind_at);
	send_message(ipif, &m);
}

static void send_offloaded(struct ipif *ipif, const struct pbuf *p)
{
	size_t ip_at = ipif_has_neighbours(ipif) ? INGRESS_ETHERNET_HEADER : 0;

	if (p->tot_len - ip_at > ipif->params.mtu) {
		ipif_flush(ipif);
		send_long(ipif, p, ip_at);
		return;
	}
	switch (tso_join(&ipif->tso, p, ip_at)) {
	case TSO_JOINED:
		return;
	case TSO_COMPLETE:
		ipif_flush(ipif);
		return;
	case TSO_OTHER:
		break;
	}
	ipif_flush(ipif);
	if (tso_begin(&ipif->tso, p, ip_at, put_link_header(ipif, p)) && ipif->is_joining)
		event_active(ipif->flush, EV_TIMEOUT, 0);
	else
		ipif_flush(ipif);
}

err_t ipif_send(struct ipif *ipif, const struct pbuf *p)
{
	struct message m;

	if (ipif->fd < 0 || ipif->error) {
		ipif->counters.send_drops++;
		return ERR_RTE;
	}
	if (ipif->params.format.has_offload_header)
		send_offloaded(ipif, p);
	else if (message_of_pbuf(&m, p))
		send_message(ipif, &m);
	else
		ipif->counters.send_drops++;
	return ERR_OK;
}
