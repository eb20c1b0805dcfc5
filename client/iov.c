/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Programs may hand over up to 1024 parts; the library never copies that list,
 * but moves a small window over it.
 */
#include "client/iov.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

size_t iov_total(const struct iovec *iov, size_t n)
{
	size_t total = 0;

	for (size_t i = 0; i < n; i++) {
		if (iov[i].iov_len > SSIZE_MAX - total)
			return SSIZE_MAX;
		total += iov[i].iov_len;
	}
	return total;
}

size_t iov_window(struct iovec *window, size_t n_window, const struct iovec *iov, size_t n,
	size_t skip)
{
	size_t used = 0;

	for (size_t i = 0; i < n && used < n_window; i++) {
		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		window[used].iov_base = (uint8_t *)iov[i].iov_base + skip;
		window[used].iov_len = iov[i].iov_len - skip;
		used++;
		skip = 0;
	}
	return used;
}

size_t iov_gather(const struct iovec *iov, size_t n, void *buffer, size_t size)
{
	size_t done = 0;

	for (size_t i = 0; i < n && done < size; i++) {
		size_t part = iov[i].iov_len < size - done ? iov[i].iov_len : size - done;

		if (part > 0)
			memcpy((uint8_t *)buffer + done, iov[i].iov_base, part);
		done += part;
	}
	return done;
}

void iov_scatter(const struct iovec *iov, size_t n, const void *buffer, size_t len)
{
	for (size_t i = 0; i < n && len > 0; i++) {
		size_t part = iov[i].iov_len < len ? iov[i].iov_len : len;

		if (part > 0)
			memcpy(iov[i].iov_base, buffer, part);
		buffer = (const uint8_t *)buffer + part;
		len -= part;
	}
}
