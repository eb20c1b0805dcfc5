/* SPDX-License-Identifier: MIT */
/*
 * TCP segments as they are in packets (RFC 9293 3.1), for those who put several
 * together: tso.c for sending, gro.c after receiving.
 */
#ifndef NETIF_SEGMENT_H
#define NETIF_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_HEADER_MIN 20 /* of TCP */
#define SEGMENT_SEQUENCE   4
#define SEGMENT_FLAGS	   13
#define SEGMENT_CHECKSUM   16
#define SEGMENT_FLAG_PSH   0x08
#define SEGMENT_FLAG_ACK   0x10
/* The longest IP packet. */
#define SEGMENT_PACKET_MAX 65535

static inline uint16_t segment_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t segment_get32(const uint8_t *p)
{
	return (uint32_t)segment_get16(p) << 16 | segment_get16(p + 2);
}

static inline bool segment_is_ipv4(const uint8_t *ip)
{
	return ip[0] >> 4 == 4;
}

/*
 * The length of the IP header at @ip if TCP's follows at once and the packet is
 * whole and @len bytes long; else 0.
 */
size_t segment_ip_header(const uint8_t *ip, size_t len);

/* The length of the TCP header, bytes; a sender may say less than 20. */
static inline size_t segment_tcp_header(const uint8_t *tcp)
{
	return (size_t)(tcp[12] >> 4) * 4;
}

/* Whether it carries no flag but ACK and, perhaps, PSH. */
static inline bool segment_is_plain(const uint8_t *tcp)
{
	return (tcp[SEGMENT_FLAGS] & ~SEGMENT_FLAG_PSH) == SEGMENT_FLAG_ACK;
}

/*
 * Whether the headers at @a and @b, each of the IP header @ip_header and of TCP
 * @tcp_header bytes, are the same but for lengths, identification, checksums,
 * sequence and PSH.
 */
bool segment_is_same(const uint8_t *a, const uint8_t *b, size_t ip_header, size_t tcp_header);

/* The identification of an IPv4 header; its checksum is not right any more. */
void segment_set_id(uint8_t *ip, uint16_t id);

/* Makes the IP header at @ip, of @header bytes, one of a packet of @len. */
void segment_set_length(uint8_t *ip, size_t header, size_t len);

/*
 * The ones' complement sum of the pseudo header for @len bytes of TCP, as 16-bit
 * words of the host; not inverted.
 */
uint16_t segment_pseudo_sum(const uint8_t *ip, size_t len);

#endif
