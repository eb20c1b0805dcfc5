/* SPDX-License-Identifier: MIT */
/*
 * Parts of scattered buffers.
 */
#ifndef CLIENT_IOV_H
#define CLIENT_IOV_H

#include <stddef.h>
#include <sys/uio.h>

/* Parts handed to the kernel in one go. */
#define IOV_WINDOW 16

/* Bytes in all; at most SSIZE_MAX. */
size_t iov_total(const struct iovec *iov, size_t n);

/*
 * Describes in @window the bytes after the first @skip ones, as far as
 * @n_window parts reach. Returns the number of parts used.
 */
size_t iov_window(struct iovec *window, size_t n_window, const struct iovec *iov, size_t n,
	size_t skip);

/* Copies all bytes, or as many as fit, into @buffer; returns how many. */
size_t iov_gather(const struct iovec *iov, size_t n, void *buffer, size_t size);
/* Copies @len bytes at most out of @buffer. */
void iov_scatter(const struct iovec *iov, size_t n, const void *buffer, size_t len);

#endif
