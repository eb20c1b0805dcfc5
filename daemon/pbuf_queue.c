/* SPDX-License-Identifier: MIT */
#include "daemon/pbuf_queue.h"

#include <assert.h>
#include <errno.h>
#include <lwip/pbuf.h>
#include <stdlib.h>

#define RING_MIN 16

static struct pbuf *queue_at(const struct pbuf_queue *queue, size_t i)
{
	return queue->ring[(queue->first + i) & (queue->size - 1)];
}

static int queue_reserve(struct pbuf_queue *queue, size_t more)
{
	size_t size = queue->size ? queue->size : RING_MIN;
	struct pbuf **ring;

	while (size < queue->n + more)
		size *= 2;
	if (size == queue->size)
		return 0;
	ring = malloc(size * sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	for (size_t i = 0; i < queue->n; i++)
		ring[i] = queue_at(queue, i);
	free(queue->ring);
	queue->ring = ring;
	queue->size = size;
	queue->first = 0;
	return 0;
}

int pbuf_queue_push(struct pbuf_queue *queue, struct pbuf *p)
{
	struct pbuf *next;
	int r = queue_reserve(queue, pbuf_clen(p));

	if (r < 0)
		return r;
	for (; p; p = next) {
		/* pbuf_dechain() would free the rest: p held the only reference. */
		next = p->next;
		p->next = NULL;
		p->tot_len = p->len;
		queue->ring[(queue->first + queue->n) & (queue->size - 1)] = p;
		queue->n++;
		queue->n_bytes += p->len;
	}
	return 0;
}

size_t pbuf_queue_peek(const struct pbuf_queue *queue, struct iovec *iov, size_t n_iov)
{
	size_t skip = queue->offset, i;

	for (i = 0; i < queue->n && i < n_iov; i++) {
		struct pbuf *p = queue_at(queue, i);

		iov[i].iov_base = (char *)p->payload + skip;
		iov[i].iov_len = p->len - skip;
		skip = 0;
	}
	return i;
}

static void queue_free_ring(struct pbuf_queue *queue)
{
	free(queue->ring);
	queue->ring = NULL;
	queue->size = 0;
	queue->first = 0;
}

void pbuf_queue_consume(struct pbuf_queue *queue, size_t n_bytes)
{
	assert(n_bytes <= queue->n_bytes);
	queue->n_bytes -= n_bytes;
	while (queue->n > 0) {
		struct pbuf *p = queue_at(queue, 0);
		size_t left = p->len - queue->offset;

		if (n_bytes < left)
			break;
		n_bytes -= left;
		pbuf_free(p);
		queue->offset = 0;
		queue->first = (queue->first + 1) & (queue->size - 1);
		queue->n--;
	}
	queue->offset += n_bytes;
	/* The next may use it while it is in the processor's cache. */
	if (queue->n == 0)
		queue_free_ring(queue);
}

void pbuf_queue_clear(struct pbuf_queue *queue)
{
	pbuf_queue_consume(queue, queue->n_bytes);
}
