/* SPDX-License-Identifier: MIT */
/*
 * The TCP segments of the tests of tso.c and gro.c.
 */
#ifndef TESTS_UNIT_SEGMENT_PACKET_H
#define TESTS_UNIT_SEGMENT_PACKET_H

#include "tests/unit/netif_test.h"

#define MSS	    1000
#define PACKET_MAX  65535
#define FLAGS_AT    13
#define SEQUENCE_AT 4
#define SUM_AT	    16

static uint8_t packet[PACKET_MAX];

static inline size_t ip_header(bool is_4)
{
	return is_4 ? 20 : 40;
}

/* Makes a segment in packet[], TCP's checksum left out; returns its length. */
static inline size_t make(bool is_4, uint32_t sequence, uint8_t flags, size_t len)
{
	size_t header = ip_header(is_4), total = header + 20 + len;
	uint8_t *tcp = packet + header;

	memset(packet, 0, header + 20);
	if (is_4) {
		packet[0] = 0x45;
		put16(packet + 2, (unsigned int)total);
		packet[8] = 64;
		packet[9] = 6;
		put32(packet + 12, 0x0a000001);
		put32(packet + 16, 0x0a000002);
		put16(packet + 10, internet_sum(packet, 20, 0));
	} else {
		packet[0] = 0x60;
		put16(packet + 4, (unsigned int)(20 + len));
		packet[6] = 6;
		packet[7] = 64;
		packet[8] = packet[24] = 0xfd;
		packet[23] = 1;
		packet[39] = 2;
	}
	put16(tcp, 4000);
	put16(tcp + 2, 80);
	put32(tcp + SEQUENCE_AT, sequence);
	tcp[12] = 0x50;
	tcp[FLAGS_AT] = flags;
	put16(tcp + 14, 0xffff);
	for (size_t i = 0; i < len; i++)
		tcp[20 + i] = (uint8_t)(sequence + i);
	return total;
}

/* A byte of the second segment of a pair is another: it does not follow the first. */
struct segment_difference {
	const char *name;
	size_t at; /* IPv4 */
	uint8_t value;
};

static const struct segment_difference differences[] = {
	{ "type of service", 1, 4 },
	{ "a fragment", 6, 0x20 },
	{ "time to live", 8, 63 },
	{ "protocol", 9, 17 },
	{ "source", 15, 9 },
	{ "destination", 19, 9 },
	{ "source port", 20, 9 },
	{ "destination port", 23, 9 },
	{ "sequence", 27, 9 },
	{ "acknowledgement", 31, 9 },
	{ "header length", 32, 0x60 },
	{ "FIN", 33, 0x11 },
	{ "SYN", 33, 0x12 },
	{ "RST", 33, 0x14 },
	{ "URG", 33, 0x30 },
	{ "CWR", 33, 0x90 },
	{ "no ACK", 33, 0 },
	{ "window", 34, 9 },
	{ "urgent pointer", 39, 9 },
	{ "a length that is not the packet's", 3, 9 },
};

#endif
