/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A frame that never left the host, or was put together of several (GRO), has
 * in its checksum field the sum of the pseudo header only, and the offload
 * header says where the rest is to be summed up from. It comes from the kernel,
 * yet is checked like anything else: it is applied to bytes of the network.
 *
 * Such a sum is not computed if it is the one that lwIP would then verify, that
 * of a whole TCP segment or UDP datagram right behind its IP header. It is for
 * all others: a fragment, a header behind IPv6 extensions, an ICMP message.
 *
 * TCP segments that were joined are one long segment to lwIP. UDP datagrams
 * that were joined would become one long datagram, so they are refused; the
 * kernel joins them only for an interface with rx-udp-gro-forwarding, or a TUN
 * device that was asked to.
 */
#include "netif/vnet_header.h"

#include "netif/checksum.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

#define IPV4_HEADER_MIN	    20
#define IPV4_FRAGMENT	    0x3fff /* offset, and more of them */
#define IPV6_HEADER	    40
#define TCP_HEADER_MIN	    20
#define PROTOCOL_TCP	    6
#define PROTOCOL_UDP	    17
#define TCP_CHECKSUM_OFFSET 16
#define UDP_CHECKSUM_OFFSET 6
#define TCP_DATA_OFFSET	    12

_Static_assert(sizeof(struct virtio_net_hdr) == VNET_HEADER_SIZE, "the old header");

/* A transport header: what IP says of it. */
struct transport {
	size_t at; /* in the frame */
	uint8_t protocol;
};

/* Returns false if what follows the IP header is no whole transport header. */
static bool find_transport(const uint8_t *frame, size_t len, size_t ip_at, struct transport *out)
{
	const uint8_t *ip = frame + ip_at;

	if (len < ip_at + IPV4_HEADER_MIN)
		return false;
	if (ip[0] >> 4 == 4) {
		out->at = ip_at + (size_t)(ip[0] & 0x0f) * 4;
		out->protocol = ip[9];
		return ((ip[6] << 8 | ip[7]) & IPV4_FRAGMENT) == 0;
	}
	out->at = ip_at + IPV6_HEADER;
	out->protocol = ip[6];
	return ip[0] >> 4 == 6;
}

/* Whether the sum that @h leaves out is the one lwIP would verify. */
static bool is_of_transport(const struct virtio_net_hdr *h, const struct transport *transport)
{
	if (h->csum_start != transport->at)
		return false;
	return (transport->protocol == PROTOCOL_TCP && h->csum_offset == TCP_CHECKSUM_OFFSET) ||
		(transport->protocol == PROTOCOL_UDP && h->csum_offset == UDP_CHECKSUM_OFFSET);
}

static int complete_checksum(const struct virtio_net_hdr *h, uint8_t *frame, size_t len)
{
	size_t start = h->csum_start, field = start + h->csum_offset;
	uint16_t sum;

	if (len - start > UINT16_MAX)
		return -EBADMSG;
	sum = (uint16_t)~checksum_add(frame + start, (int)(len - start));
	/* RFC 768: a sum of 0 would say that there is none; equal to it otherwise. */
	if (sum == 0)
		sum = UINT16_MAX;
	memcpy(frame + field, &sum, sizeof(sum));
	return 0;
}

static bool fits(const struct virtio_net_hdr *h, size_t len)
{
	return h->csum_start < len && (size_t)h->csum_start + h->csum_offset + 2 <= len;
}

/* What the segments were before they were joined. */
static void count_joined(const struct virtio_net_hdr *h, const uint8_t *frame, size_t len,
	const struct transport *transport, struct vnet_frame *out)
{
	size_t headers, payload;

	if (h->gso_size == 0 || transport->protocol != PROTOCOL_TCP ||
		transport->at + TCP_HEADER_MIN > len)
		return;
	headers = transport->at + (size_t)(frame[transport->at + TCP_DATA_OFFSET] >> 4) * 4;
	if (headers >= len)
		return;
	payload = len - headers;
	out->n_packets = (unsigned int)((payload + h->gso_size - 1) / h->gso_size);
	out->n_bytes = payload + out->n_packets * headers;
}

int vnet_header_read(const uint8_t header[VNET_HEADER_SIZE], uint8_t *frame, size_t len,
	size_t ip_at, struct vnet_frame *out)
{
	struct transport transport = { 0 };
	struct virtio_net_hdr h;
	bool has_transport = find_transport(frame, len, ip_at, &transport);

	/* Native byte order: the kernel is on the same machine. */
	memcpy(&h, header, sizeof(h));
	out->is_verified = false;
	out->n_packets = 1;
	out->n_bytes = len;
	switch (h.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		break;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		if (has_transport)
			count_joined(&h, frame, len, &transport, out);
		break;
	default:
		return -EBADMSG;
	}
	if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (!fits(&h, len))
			return -EBADMSG;
		if (!has_transport || !is_of_transport(&h, &transport))
			return complete_checksum(&h, frame, len);
		out->is_verified = true;
	} else if (h.flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		out->is_verified = has_transport;
	}
	return 0;
}
