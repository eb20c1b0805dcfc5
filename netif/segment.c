/* SPDX-License-Identifier: MIT */
#include "netif/segment.h"

#include "netif/checksum.h"

#include "lwip/prot/ip.h"

#include <arpa/inet.h>
#include <string.h>

#define IPV4_HEADER_MIN 20
#define IPV4_FRAGMENT	0x3fff /* offset, and more of them */
#define IPV6_HEADER	40

static void put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

size_t segment_ip_header(const uint8_t *ip, size_t len)
{
	size_t header = IPV6_HEADER, total;
	bool is_tcp;

	if (len < IPV4_HEADER_MIN)
		return 0;
	if (segment_is_ipv4(ip)) {
		header = (size_t)(ip[0] & 0x0f) * 4;
		total = segment_get16(ip + 2);
		is_tcp = ip[9] == IP_PROTO_TCP && (segment_get16(ip + 6) & IPV4_FRAGMENT) == 0;
	} else {
		total = (size_t)segment_get16(ip + 4) + IPV6_HEADER;
		is_tcp = ip[0] >> 4 == 6 && ip[6] == IP_PROTO_TCP;
	}
	return is_tcp && total == len && len >= header + SEGMENT_HEADER_MIN ? header : 0;
}

static bool is_same_ip(const uint8_t *a, const uint8_t *b, size_t header)
{
	if (!segment_is_ipv4(a))
		return memcmp(a, b, 4) == 0 && memcmp(a + 6, b + 6, IPV6_HEADER - 6) == 0;
	return memcmp(a, b, 2) == 0 && memcmp(a + 6, b + 6, 4) == 0 &&
		memcmp(a + 12, b + 12, header - 12) == 0;
}

static bool is_same_tcp(const uint8_t *a, const uint8_t *b, size_t header)
{
	return memcmp(a, b, SEGMENT_SEQUENCE) == 0 &&
		memcmp(a + 8, b + 8, SEGMENT_FLAGS - 8) == 0 &&
		((a[SEGMENT_FLAGS] ^ b[SEGMENT_FLAGS]) & ~SEGMENT_FLAG_PSH) == 0 &&
		memcmp(a + 14, b + 14, SEGMENT_CHECKSUM - 14) == 0 &&
		memcmp(a + 18, b + 18, header - 18) == 0;
}

bool segment_is_same(const uint8_t *a, const uint8_t *b, size_t ip_header, size_t tcp_header)
{
	return is_same_ip(a, b, ip_header) && is_same_tcp(a + ip_header, b + ip_header, tcp_header);
}

void segment_set_id(uint8_t *ip, uint16_t id)
{
	put16(ip + 4, id);
}

void segment_set_length(uint8_t *ip, size_t header, size_t len)
{
	uint16_t sum;

	if (!segment_is_ipv4(ip)) {
		put16(ip + 4, len - IPV6_HEADER);
		return;
	}
	put16(ip + 2, len);
	put16(ip + 10, 0);
	sum = (uint16_t)~checksum_add(ip, (int)header);
	memcpy(ip + 10, &sum, sizeof(sum));
}

uint16_t segment_pseudo_sum(const uint8_t *ip, size_t len)
{
	bool is_4 = segment_is_ipv4(ip);
	uint32_t sum = checksum_add(ip + (is_4 ? 12 : 8), is_4 ? 8 : 32);

	sum += htons(IP_PROTO_TCP);
	sum += htons((uint16_t)len);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + sum);
}
