/* SPDX-License-Identifier: MIT */
/*
 * A queue of bytes in memory that grows: filled at its end, emptied at its
 * front..
 */
#ifndef CLIENT_SCRIPT_BUFFER_H
#define CLIENT_SCRIPT_BUFFER_H

#include <stddef.h>

/* All zero is an empty one. */
struct buffer {
	char *bytes;  /* owned; NULL: none yet */
	size_t start; /* index of the first byte that is left */
	size_t n;     /* bytes that are left */
	size_t size;  /* bytes allocated */
};

/* Frees the bytes; empty afterwards, and usable again. */
void buffer_fini(struct buffer *b);

/* Room for @len bytes more, at the end; buffer_commit() makes bytes of it. */
char *buffer_reserve(struct buffer *b, size_t len);
void buffer_commit(struct buffer *b, size_t len);

/* Returns 0 or -ENOMEM. */
int buffer_append(struct buffer *b, const void *data, size_t len);

/* Moves at most @len bytes to @out; returns how many. */
size_t buffer_take(struct buffer *b, void *out, size_t len);

/* Moves all bytes of @from to the end of @b. Returns 0 or -ENOMEM. */
int buffer_move(struct buffer *b, struct buffer *from);

/*
 * Length of the first line with its newline, or @limit if there are as many
 * bytes without one; 0: neither is there yet.
 */
size_t buffer_line(const struct buffer *b, size_t limit);

#endif
