/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * lwIP sends segments of at most the MSS. Those that follow each other in one
 * connection and differ in nothing but their sequence are put together here
 * as one long segment, under an offload header that says where to cut it (GSO,
 * virtio 1.1 5.1.6). The kernel cuts it as late as it can, or never. lwIP's own
 * view stays that of single segments: its congestion window, what it
 * retransmits, what path MTU discovery makes smaller.
 *
 * Bytes are copied, as lwIP does not retransmit a segment whose pbuf somebody
 * holds, and changes headers in place.
 *
 * Segments are joined if they carry data, no flag but ACK and PSH, and headers
 * that are the same. A shorter one and one with PSH end the message, as what
 * follows would not be cut from it at the same places, or is not there yet.
 *
 * A TCP checksum of 0 is one that lwIP has left out. A right one is 0 too now
 * and then, from a raw socket; to compute it again does not harm.
 */
#include "netif/tso.h"

#include "netif/checksum.h"
#include "netif/vnet_header.h"

#include "lwip/pbuf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#define LINK_HEADER_MAX 14
#define FRAME_MAX	(LINK_HEADER_MAX + UINT16_MAX)

#define IPV4_HEADER_MIN 20
#define IPV4_FRAGMENT	0x3fff /* offset, and more of them */
#define IPV6_HEADER	40
#define PROTOCOL_TCP	6

#define TCP_HEADER_MIN	20
#define TCP_SEQUENCE	4
#define TCP_DATA_OFFSET 12
#define TCP_FLAGS	13
#define TCP_CHECKSUM	16
#define FLAG_PSH	0x08
#define FLAG_ACK	0x10

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static uint8_t *frame_of(const struct tso *tso)
{
	return tso->message + VNET_HEADER_SIZE;
}

static bool is_ipv4(const uint8_t *ip)
{
	return ip[0] >> 4 == 4;
}

/* Of the IP header of @ip if TCP follows it, in @len bytes, whole; else 0. */
static size_t ip_header_of_tcp(const uint8_t *ip, size_t len)
{
	size_t header = IPV6_HEADER, total;
	bool is_tcp;

	if (len < IPV4_HEADER_MIN)
		return 0;
	if (is_ipv4(ip)) {
		header = (size_t)(ip[0] & 0x0f) * 4;
		total = get16(ip + 2);
		is_tcp = ip[9] == PROTOCOL_TCP && (get16(ip + 6) & IPV4_FRAGMENT) == 0;
	} else {
		total = (size_t)get16(ip + 4) + IPV6_HEADER;
		is_tcp = ip[0] >> 4 == 6 && ip[6] == PROTOCOL_TCP;
	}
	return is_tcp && total == len && len >= header + TCP_HEADER_MIN ? header : 0;
}

/* Whether a TCP header may be that of one of several that are joined. */
static bool is_joinable(const uint8_t *tcp)
{
	return (tcp[TCP_FLAGS] & ~FLAG_PSH) == FLAG_ACK && get16(tcp + TCP_CHECKSUM) == 0;
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
	tso->data_at = tso->transport_at + (size_t)(tcp[TCP_DATA_OFFSET] >> 4) * 4;
	tso->is_unsummed = get16(tcp + TCP_CHECKSUM) == 0;
	/* A raw socket may say anything of its header's length. */
	if (tso->data_at < tso->transport_at + TCP_HEADER_MIN || tso->data_at >= tso->length)
		return;
	tso->segment = tso->length - tso->data_at;
	tso->next_sequence = get32(tcp + TCP_SEQUENCE) + (uint32_t)tso->segment;
	tso->is_open = is_joinable(tcp) && !(tcp[TCP_FLAGS] & FLAG_PSH);
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
	tso->is_unsummed = false;
	tso->is_open = false;
	header = ip_header_of_tcp(frame_of(tso) + link_header, len);
	if (header)
		note_transport(tso, header);
	return tso->is_open;
}

/* ---- those that follow ------------------------------------------------------------ */

/* But for lengths, identification and checksum. */
static bool is_same_ip(const uint8_t *a, const uint8_t *b, size_t header)
{
	if (!is_ipv4(a))
		return memcmp(a, b, 4) == 0 && memcmp(a + 6, b + 6, IPV6_HEADER - 6) == 0;
	return memcmp(a, b, 2) == 0 && memcmp(a + 6, b + 6, 4) == 0 &&
		memcmp(a + 12, b + 12, header - 12) == 0;
}

/* But for sequence, PSH, and the checksum, which is 0. */
static bool is_same_tcp(const uint8_t *a, const uint8_t *b, size_t header)
{
	return memcmp(a, b, TCP_SEQUENCE) == 0 &&
		memcmp(a + 8, b + 8, TCP_FLAGS - 8) == 0 &&
		memcmp(a + 14, b + 14, header - 14) == 0;
}

static bool continues(const struct tso *tso, const struct pbuf *p, size_t ip_at)
{
	size_t header = tso->transport_at - tso->ip_at, headers = tso->data_at - tso->ip_at;
	const uint8_t *frame = frame_of(tso), *ip = (const uint8_t *)p->payload + ip_at;
	const uint8_t *tcp = ip + header;
	size_t len = p->tot_len - ip_at;

	/* lwIP's headers are in one piece. */
	if (p->len < ip_at + headers || len <= headers)
		return false;
	return ip_header_of_tcp(ip, len) == header && is_joinable(tcp) &&
		get32(tcp + TCP_SEQUENCE) == tso->next_sequence &&
		len - headers <= tso->segment &&
		tso->length - tso->ip_at + len - headers <= UINT16_MAX &&
		(ip_at == 0 || memcmp(frame, p->payload, ip_at) == 0) &&
		is_same_ip(frame + tso->ip_at, ip, header) &&
		is_same_tcp(frame + tso->transport_at, tcp, headers - header);
}

enum tso_outcome tso_join(struct tso *tso, const struct pbuf *p, size_t ip_at)
{
	uint8_t *flags = frame_of(tso) + tso->transport_at + TCP_FLAGS;
	size_t headers, len;

	if (!tso->is_open || !continues(tso, p, ip_at))
		return TSO_OTHER;
	headers = ip_at + tso->data_at - tso->ip_at;
	len = p->tot_len - headers;
	pbuf_copy_partial(p, frame_of(tso) + tso->length, (u16_t)len, (u16_t)headers);
	*flags |= ((const uint8_t *)p->payload)[ip_at + tso->transport_at - tso->ip_at + TCP_FLAGS];
	tso->length += len;
	tso->next_sequence += (uint32_t)len;
	tso->n_packets++;
	tso->n_bytes += p->tot_len;
	tso->is_open = len == tso->segment && !(*flags & FLAG_PSH) &&
		tso->length - tso->ip_at + tso->segment <= UINT16_MAX;
	return tso->is_open ? TSO_JOINED : TSO_COMPLETE;
}

/* ---- the message -------------------------------------------------------------------- */

static void seal_ip(const struct tso *tso, uint8_t *ip)
{
	size_t len = tso->length - tso->ip_at, header = tso->transport_at - tso->ip_at;
	uint16_t sum;

	if (!is_ipv4(ip)) {
		put16(ip + 4, len - IPV6_HEADER);
		return;
	}
	put16(ip + 2, len);
	put16(ip + 10, 0);
	sum = (uint16_t)~checksum_add(ip, (int)header);
	memcpy(ip + 10, &sum, sizeof(sum));
}

/* RFC 9293 3.1: the pseudo header's sum, to which the kernel adds the rest. */
static void begin_sum(const struct tso *tso, const uint8_t *ip, uint8_t *tcp)
{
	bool is_4 = is_ipv4(ip);
	uint32_t sum = checksum_add(ip + (is_4 ? 12 : 8), is_4 ? 8 : 32);
	uint16_t folded;

	sum += htons(PROTOCOL_TCP);
	sum += htons((uint16_t)(tso->length - tso->transport_at));
	sum = (sum >> 16) + (sum & 0xffff);
	folded = (uint16_t)((sum >> 16) + sum);
	memcpy(tcp + TCP_CHECKSUM, &folded, sizeof(folded));
}

size_t tso_seal(struct tso *tso)
{
	uint8_t *ip = frame_of(tso) + tso->ip_at, *tcp = frame_of(tso) + tso->transport_at;
	struct virtio_net_hdr h = { 0 };

	tso->is_open = false;
	if (tso->n_packets > 1) {
		seal_ip(tso, ip);
		h.gso_type = is_ipv4(ip) ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
		h.gso_size = (uint16_t)tso->segment;
		h.hdr_len = (uint16_t)tso->data_at;
	}
	if (tso->is_unsummed) {
		begin_sum(tso, ip, tcp);
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = (uint16_t)tso->transport_at;
		h.csum_offset = TCP_CHECKSUM;
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
