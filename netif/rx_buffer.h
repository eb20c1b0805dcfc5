/* SPDX-License-Identifier: MIT */
/*
 * A buffer that packets are received into. Long ones are handed to lwIP as they
 * lie in it, without a copy.
 */
#ifndef NETIF_RX_BUFFER_H
#define NETIF_RX_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct pbuf;
struct rx_block;

/* Zero: no bytes. */
struct rx_buffer {
	struct rx_block *block;
	size_t size; /* bytes in it */
};

/* Contents are lost. Returns 0 or -ENOMEM, with the buffer as it was. */
int rx_buffer_resize(struct rx_buffer *buffer, size_t size);
void rx_buffer_fini(struct rx_buffer *buffer);

uint8_t *rx_buffer_bytes(const struct rx_buffer *buffer);

/* A pbuf in one piece, with headroom for link headers; NULL without memory. */
struct pbuf *rx_copy(const uint8_t *packet, size_t len);

/*
 * Makes a pbuf in one piece of the @len bytes at @packet, which are in the buffer.
 * If they are many, they are not copied, and the buffer has other bytes then.
 * Returns NULL without memory.
 */
struct pbuf *rx_buffer_give(struct rx_buffer *buffer, const uint8_t *packet, size_t len);

#endif
