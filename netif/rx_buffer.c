/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The bytes are in a block with room for lwIP's description of a packet that
 * somebody else has the memory of. A block that is given away is replaced at
 * once, so that there is always one to receive into.
 *
 * A packet of less than half of the block is copied: it may wait for its client
 * for long, and is accounted for by its length.
 */
#include "netif/rx_buffer.h"

#include "lwip/pbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A copy of less than this costs less than another block. */
#define GIVEN_MIN 16384

struct rx_block {
	struct pbuf_custom custom;
	uint8_t bytes[];
};

static void free_block(struct pbuf *p)
{
	free(p);
}

static struct rx_block *new_block(size_t size)
{
	struct rx_block *block = malloc(sizeof(*block) + size);

	if (block)
		block->custom.custom_free_function = free_block;
	return block;
}

int rx_buffer_resize(struct rx_buffer *buffer, size_t size)
{
	struct rx_block *block;

	if (size == buffer->size)
		return 0;
	block = new_block(size);
	if (!block)
		return -ENOMEM;
	free(buffer->block);
	buffer->block = block;
	buffer->size = size;
	return 0;
}

void rx_buffer_fini(struct rx_buffer *buffer)
{
	free(buffer->block);
	buffer->block = NULL;
	buffer->size = 0;
}

uint8_t *rx_buffer_bytes(const struct rx_buffer *buffer)
{
	return buffer->block->bytes;
}

struct pbuf *rx_copy(const uint8_t *packet, size_t len)
{
	struct pbuf *p = pbuf_alloc(PBUF_LINK, (u16_t)len, PBUF_RAM);

	if (p)
		memcpy(p->payload, packet, len);
	return p;
}

struct pbuf *rx_buffer_give(struct rx_buffer *buffer, const uint8_t *packet, size_t len)
{
	struct rx_block *given = buffer->block, *fresh;
	struct pbuf *p;

	if (len < GIVEN_MIN || len < buffer->size / 2)
		return rx_copy(packet, len);
	fresh = new_block(buffer->size);
	if (!fresh)
		return NULL;
	buffer->block = fresh;
	/* Of the types there are, the one of which lwIP takes nothing for granted. */
	p = pbuf_alloced_custom(PBUF_RAW, (u16_t)len, PBUF_REF, &given->custom, given->bytes,
		(u16_t)len);
	p->payload = (void *)packet;
	return p;
}
