/* SPDX-License-Identifier: MIT */
/*
 * The offload header that the kernel puts before each frame of a packet socket
 * with PACKET_VNET_HDR (virtio 1.1 5.1.6), as far as a receiver needs it.
 */
#ifndef NETIF_VNET_HEADER_H
#define NETIF_VNET_HEADER_H

#include <stddef.h>
#include <stdint.h>

#define VNET_HEADER_SIZE 10

/*
 * Makes the frame behind @header complete: computes the checksum that the
 * sender left to hardware. Segments of TCP that were joined stay joined.
 * Returns 0, or -EBADMSG if what the header says cannot be done.
 */
int vnet_header_complete(const uint8_t header[VNET_HEADER_SIZE], uint8_t *frame, size_t len);

#endif
