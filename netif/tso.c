/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Most connections' segments are of the MSS at most. Those that follow each other in
 * one connection and differ in nothing but their sequence are put together here
 * as one long segment, under an offload header that says where to cut it (GSO,
 * virtio 1.1 5.1.6). The kernel cuts it as late as it can, or never. lwIP's own
 * view stays that of single segments: its congestion window, what it
 * retransmits, what path MTU discovery makes smaller.
 *
 * Bytes are copied, as lwIP does not retransmit a segment whose pbuf somebody
 * holds, and changes headers in place. Segments that are long already (tcp_lso.c) are
 * sent at once, and so need not be.
 *
 * The kernel numbers the packets that it cuts from the identification of the first one
 * on. lwIP counts a long segment once, and the next packet must not have a number that
 * one of these has (RFC 6864 4.3: they may be fragmented, as DF is not set); so the
 * segments that lwIP has left to be summed up are numbered here.
 *
 * Segments are joined if they carry data, no flag but ACK and PSH, and headers
 * that are the same. A shorter one and one with PSH end the message, as what
 * follows would not be cut from it at the same places, or is not there yet.
 *
 * A TCP checksum of 0 is one that lwIP has left out. A right one is 0 too now
 * and then, from a raw socket; to compute it again does not harm.
 */
#include "netif/tso.h"

#include "netif/segment.h"
#include "netif/vnet_header.h"

#include "lwip/pbuf.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#define LINK_HEADER_MAX 14
#define FRAME_MAX	(LINK_HEADER_MAX + SEGMENT_PACKET_MAX)

static uint8_t *frame_of(const struct tso *tso)
{
	return tso->message + VNET_HEADER_SIZE;
}

/* Whether a TCP header may be that of one of several that are joined. */
static bool is_joinable(const uint8_t *tcp)
{
	return segment_is_plain(tcp) && segment_get16(tcp + SEGMENT_CHECKSUM) == 0;
}

/* ---- the first ------------------------------------------------------------------ */

uint8_t *tso_frame(struct tso *tso)
{
	return frame_of(tso);
}

/* What is held is TCP: finds its parts. */
static void note_transport(struct tso *tso, size_t header)
{
	const uint8_t *tcp;

	tso->transport_at = tso->ip_at + header;
	tcp = frame_of(tso) + tso->transport_at;
	tso->data_at = tso->transport_at + segment_tcp_header(tcp);
	tso->is_unsummed = segment_get16(tcp + SEGMENT_CHECKSUM) == 0;
	/* A raw socket may say anything of its header's length. */
	if (tso->data_at < tso->transport_at + SEGMENT_HEADER_MIN || tso->data_at >= tso->length)
		return;
	tso->segment = tso->length - tso->data_at;
	tso->next_sequence = segment_get32(tcp + SEGMENT_SEQUENCE) + (uint32_t)tso->segment;
	tso->is_open = is_joinable(tcp) && !(tcp[SEGMENT_FLAGS] & SEGMENT_FLAG_PSH);
}

bool tso_begin(struct tso *tso, const struct pbuf *p, size_t ip_at, size_t link_header)
{
	size_t len = p->tot_len - ip_at, header;

	pbuf_copy_partial(p, frame_of(tso) + link_header, (u16_t)len, (u16_t)ip_at);
	tso->length = link_header + len;
	tso->n_packets = 1;
	tso->n_bytes = p->tot_len;
	tso->ip_at = link_header;
	tso->transport_at = 0;
	tso->n_behind = 0;
	tso->is_unsummed = false;
	tso->is_open = false;
	header = segment_ip_header(frame_of(tso) + link_header, len);
	if (header)
		note_transport(tso, header);
	return tso->is_open;
}

size_t tso_begin_long(struct tso *tso, const struct pbuf *p, size_t ip_at, size_t link_header,
	size_t mtu)
{
	const uint8_t *ip = (const uint8_t *)p->payload + ip_at;
	size_t len = p->tot_len - ip_at, header = segment_ip_header(ip, len);
	size_t headers = header + segment_tcp_header(ip + header);
	size_t laid_out = pbuf_clen(p) <= TSO_PIECES_MAX ? headers : len;

	pbuf_copy_partial(p, frame_of(tso) + link_header, (u16_t)laid_out, (u16_t)ip_at);
	tso->length = link_header + laid_out;
	tso->n_behind = len - laid_out;
	tso->ip_at = link_header;
	tso->transport_at = tso->ip_at + header;
	tso->data_at = tso->ip_at + headers;
	tso->segment = mtu - headers;
	tso->n_packets = (unsigned int)((len - headers - 1) / tso->segment) + 1;
	tso->n_bytes = p->tot_len + (tso->n_packets - 1) * (ip_at + headers);
	tso->is_unsummed = true;
	tso->is_open = false;
	return ip_at + laid_out;
}

/* ---- those that follow ------------------------------------------------------------ */

static bool continues(const struct tso *tso, const struct pbuf *p, size_t ip_at)
{
	size_t header = tso->transport_at - tso->ip_at, headers = tso->data_at - tso->ip_at;
	const uint8_t *frame = frame_of(tso), *ip = (const uint8_t *)p->payload + ip_at;
	const uint8_t *tcp = ip + header;
	size_t len = p->tot_len - ip_at;

	/* lwIP's headers are in one piece. */
	if (p->len < ip_at + headers || len <= headers)
		return false;
	return segment_ip_header(ip, len) == header && is_joinable(tcp) &&
		segment_get32(tcp + SEGMENT_SEQUENCE) == tso->next_sequence &&
		len - headers <= tso->segment &&
		tso->length - tso->ip_at + len - headers <= SEGMENT_PACKET_MAX &&
		(ip_at == 0 || memcmp(frame, p->payload, ip_at) == 0) &&
		segment_is_same(frame + tso->ip_at, ip, header, headers - header);
}

enum tso_outcome tso_join(struct tso *tso, const struct pbuf *p, size_t ip_at)
{
	uint8_t *flags = frame_of(tso) + tso->transport_at + SEGMENT_FLAGS;
	const uint8_t *tcp = (const uint8_t *)p->payload + ip_at + tso->transport_at - tso->ip_at;
	size_t headers, len;

	if (!tso->is_open || !continues(tso, p, ip_at))
		return TSO_OTHER;
	headers = ip_at + tso->data_at - tso->ip_at;
	len = p->tot_len - headers;
	pbuf_copy_partial(p, frame_of(tso) + tso->length, (u16_t)len, (u16_t)headers);
	*flags |= tcp[SEGMENT_FLAGS];
	tso->length += len;
	tso->next_sequence += (uint32_t)len;
	tso->n_packets++;
	tso->n_bytes += p->tot_len;
	tso->is_open = len == tso->segment && !(*flags & SEGMENT_FLAG_PSH) &&
		tso->length - tso->ip_at + tso->segment <= SEGMENT_PACKET_MAX;
	return tso->is_open ? TSO_JOINED : TSO_COMPLETE;
}

/* ---- the message -------------------------------------------------------------------- */

/* Of the pseudo header only: the kernel adds the rest. */
static void begin_sum(const struct tso *tso, const uint8_t *ip, uint8_t *tcp)
{
	uint16_t sum = segment_pseudo_sum(ip, tso->length + tso->n_behind - tso->transport_at);

	memcpy(tcp + SEGMENT_CHECKSUM, &sum, sizeof(sum));
}

/* The IP header's length and number, and its checksum by that. */
static void finish_ip(struct tso *tso, uint8_t *ip)
{
	if (tso->is_unsummed && segment_is_ipv4(ip)) {
		segment_set_id(ip, tso->next_id);
		tso->next_id += tso->n_packets;
	}
	segment_set_length(ip, tso->transport_at - tso->ip_at,
		tso->length + tso->n_behind - tso->ip_at);
}

size_t tso_seal(struct tso *tso)
{
	uint8_t *ip = frame_of(tso) + tso->ip_at, *tcp = frame_of(tso) + tso->transport_at;
	struct virtio_net_hdr h = { 0 };

	tso->is_open = false;
	if (tso->n_packets > 1 || tso->is_unsummed)
		finish_ip(tso, ip);
	if (tso->n_packets > 1) {
		h.gso_type = segment_is_ipv4(ip) ? VIRTIO_NET_HDR_GSO_TCPV4
						 : VIRTIO_NET_HDR_GSO_TCPV6;
		h.gso_size = (uint16_t)tso->segment;
		h.hdr_len = (uint16_t)tso->data_at;
	}
	if (tso->is_unsummed) {
		begin_sum(tso, ip, tcp);
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = (uint16_t)tso->transport_at;
		h.csum_offset = SEGMENT_CHECKSUM;
	}
	memcpy(tso->message, &h, sizeof(h));
	return VNET_HEADER_SIZE + tso->length;
}

void tso_clear(struct tso *tso)
{
	tso->length = 0;
	tso->is_open = false;
}

int tso_init(struct tso *tso)
{
	memset(tso, 0, sizeof(*tso));
	tso->message = malloc(VNET_HEADER_SIZE + FRAME_MAX);
	return tso->message ? 0 : -ENOMEM;
}

void tso_fini(struct tso *tso)
{
	free(tso->message);
	memset(tso, 0, sizeof(*tso));
}
