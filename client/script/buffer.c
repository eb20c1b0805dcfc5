/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One flat piece of memory. Bytes leave at the front by moving an index; they
 * are moved to the begin only when room is needed at the end. An empty buffer
 * keeps no memory, since most sockets never push anything back.
 */
#include "client/script/buffer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_LEAST 256

void buffer_fini(struct buffer *b)
{
	free(b->bytes);
	*b = (struct buffer){ 0 };
}

static int grow(struct buffer *b, size_t len)
{
	size_t size = b->size ? b->size : SIZE_LEAST;
	char *bytes;

	if (len > SIZE_MAX / 4 || b->n > SIZE_MAX / 4)
		return -ENOMEM;
	while (size < b->n + len)
		size *= 2;
	bytes = realloc(b->bytes, size);
	if (!bytes)
		return -ENOMEM;
	b->bytes = bytes;
	b->size = size;
	return 0;
}

char *buffer_reserve(struct buffer *b, size_t len)
{
	if (b->start > 0 && b->size - b->start - b->n < len) {
		memmove(b->bytes, b->bytes + b->start, b->n);
		b->start = 0;
	}
	if ((!b->bytes || b->size - b->start - b->n < len) && grow(b, len) < 0)
		return NULL;
	return b->bytes + b->start + b->n;
}

void buffer_commit(struct buffer *b, size_t len)
{
	b->n += len;
}

int buffer_append(struct buffer *b, const void *data, size_t len)
{
	char *room;

	if (len == 0)
		return 0;
	room = buffer_reserve(b, len);
	if (!room)
		return -ENOMEM;
	memcpy(room, data, len);
	buffer_commit(b, len);
	return 0;
}

size_t buffer_take(struct buffer *b, void *out, size_t len)
{
	if (len > b->n)
		len = b->n;
	if (len == 0)
		return 0;
	memcpy(out, b->bytes + b->start, len);
	b->start += len;
	b->n -= len;
	if (b->n == 0)
		buffer_fini(b);
	return len;
}

int buffer_move(struct buffer *b, struct buffer *from)
{
	if (from->n > 0 && buffer_append(b, from->bytes + from->start, from->n) < 0)
		return -ENOMEM;
	buffer_fini(from);
	return 0;
}

size_t buffer_line(const struct buffer *b, size_t limit)
{
	size_t len = b->n < limit ? b->n : limit;
	const char *front, *newline;

	if (len == 0)
		return 0;
	front = b->bytes + b->start;
	newline = memchr(front, '\n', len);
	if (newline)
		return (size_t)(newline - front) + 1;
	return b->n >= limit ? limit : 0;
}
