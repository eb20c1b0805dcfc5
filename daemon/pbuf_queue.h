/* SPDX-License-Identifier: MIT */
/*
 * A byte queue of pbufs. (A pbuf chain will not do: its length is 16 bits.)
 */
#ifndef DAEMON_PBUF_QUEUE_H
#define DAEMON_PBUF_QUEUE_H

#include <stddef.h>
#include <sys/uio.h>

struct pbuf;

/* All zero is an empty queue. */
struct pbuf_queue {
	struct pbuf **ring; /* pbufs without chain; owned; NULL: the queue is empty */
	size_t size;	    /* of the ring, a power of two */
	size_t first;	    /* index of the oldest */
	size_t n;	    /* pbufs in the queue */
	size_t offset;	    /* bytes of the oldest already consumed */
	size_t n_bytes;	    /* not consumed */
};

/* Takes over @p and its chain. Returns 0, or -ENOMEM with nothing taken. */
int pbuf_queue_push(struct pbuf_queue *queue, struct pbuf *p);

/* Points up to @n_iov vectors at the oldest bytes; returns how many. */
size_t pbuf_queue_peek(const struct pbuf_queue *queue, struct iovec *iov, size_t n_iov);

/* Frees the @n_bytes oldest bytes; at most queue->n_bytes. */
void pbuf_queue_consume(struct pbuf_queue *queue, size_t n_bytes);

/* Frees everything, the ring too. */
void pbuf_queue_clear(struct pbuf_queue *queue);

#endif
