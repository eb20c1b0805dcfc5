/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A frame that never left the host, or was put together of several (GRO), has
 * in its checksum field the sum of the pseudo header only, and the offload
 * header says where the rest is to be summed up from. It comes from the kernel,
 * yet is checked like anything else: it is applied to bytes of the network.
 *
 * TCP segments that were joined are one long segment to lwIP. UDP datagrams
 * that were joined would become one long datagram, so they are refused; the
 * kernel joins them only for an interface with rx-udp-gro-forwarding.
 */
#include "netif/vnet_header.h"

#include "netif/checksum.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

_Static_assert(sizeof(struct virtio_net_hdr) == VNET_HEADER_SIZE, "the old header");

static int complete_checksum(const struct virtio_net_hdr *h, uint8_t *frame, size_t len)
{
	size_t start = h->csum_start, field = start + h->csum_offset;
	uint16_t sum;

	if (start >= len || field + sizeof(sum) > len || len - start > UINT16_MAX)
		return -EBADMSG;
	sum = (uint16_t)~checksum_add(frame + start, (int)(len - start));
	/* RFC 768: a sum of 0 would say that there is none; equal to it otherwise. */
	if (sum == 0)
		sum = UINT16_MAX;
	memcpy(frame + field, &sum, sizeof(sum));
	return 0;
}

int vnet_header_complete(const uint8_t header[VNET_HEADER_SIZE], uint8_t *frame, size_t len)
{
	struct virtio_net_hdr h;

	/* Native byte order: the kernel is on the same machine. */
	memcpy(&h, header, sizeof(h));
	switch (h.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		break;
	default:
		return -EBADMSG;
	}
	if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return complete_checksum(&h, frame, len);
	return 0;
}
