/* SPDX-License-Identifier: MIT */
/*
 * The offload header that the kernel puts before each frame of a packet socket
 * with PACKET_VNET_HDR and of a TUN device with IFF_VNET_HDR (virtio 1.1
 * 5.1.6), as far as a receiver needs it.
 */
#ifndef NETIF_VNET_HEADER_H
#define NETIF_VNET_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VNET_HEADER_SIZE 10

/* What an offload header says of its frame. */
struct vnet_frame {
	/* The transport checksum needs no look: it is right, or was left out. */
	bool is_verified;
	unsigned int n_packets; /* that the kernel has joined, 1: none */
	size_t n_bytes;		/* of them, each with its headers */
};

/*
 * Reads @header, and makes the frame of @len bytes behind it complete where
 * is_verified cannot tell of it: computes the checksum that its sender left to
 * hardware. The IP header is @ip_at bytes into the frame. Segments of TCP that
 * were joined stay joined. Returns 0, or -EBADMSG if what the header says
 * cannot be done; @out is filled then too, for who counts what is dropped.
 */
int vnet_header_read(const uint8_t header[VNET_HEADER_SIZE], uint8_t *frame, size_t len,
	size_t ip_at, struct vnet_frame *out);

#endif
