/* SPDX-License-Identifier: MIT */
/*
 * Initial sequence numbers of TCP connections, RFC 6528.
 */
#ifndef NETIF_ISN_H
#define NETIF_ISN_H

#include <stddef.h>
#include <stdint.h>

#define ISN_SECRET_SIZE 16

/* Sets the secret; without it the numbers can be guessed. */
void isn_init(const uint8_t secret[ISN_SECRET_SIZE]);

/* SipHash-2-4 of @len bytes (Aumasson and Bernstein, 2012). */
uint64_t isn_hash(const uint8_t key[ISN_SECRET_SIZE], const uint8_t *data, size_t len);

#endif
