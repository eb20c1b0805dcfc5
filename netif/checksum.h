/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum, RFC 1071, in place of lwIP's.
 */
#ifndef NETIF_CHECKSUM_H
#define NETIF_CHECKSUM_H

#include <stdint.h>

/*
 * The ones' complement sum of @len bytes taken as 16-bit words of the host, a
 * last odd byte with a zero behind it; not inverted.
 */
uint16_t checksum_add(const void *data, int len);

#endif
