/* SPDX-License-Identifier: MIT */
/*
 * Offload headers, and the frames behind them.
 */
#include "netif/vnet_header.h"

#include "tests/unit/run_suite.h"

#include <check.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <stdint.h>
#include <string.h>

#define UDP_AT	  20
#define FIELD_AT  6
#define FRAME_LEN 35

/* IPv4, UDP from 10.0.2.2 port 4000 to 10.0.2.15 port 53, "seventh" (odd). */
static const uint8_t datagram[FRAME_LEN] = {
	0x45,
	0,
	0,
	35,
	0,
	1,
	0,
	0,
	64,
	17,
	0,
	0,
	10,
	0,
	2,
	2,
	10,
	0,
	2,
	15, /* IP */
	0x0f,
	0xa0,
	0,
	53,
	0,
	15,
	0,
	0, /* UDP */
	's',
	'e',
	'v',
	'e',
	'n',
	't',
	'h',
};

static uint16_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* As the kernel leaves it: the pseudo header's sum where the checksum goes. */
static void make_partial(uint8_t *frame)
{
	uint16_t pseudo;

	memcpy(frame, datagram, FRAME_LEN);
	pseudo = sum16(frame + 12, 8, 17 + FRAME_LEN - UDP_AT);
	frame[UDP_AT + FIELD_AT] = (uint8_t)(pseudo >> 8);
	frame[UDP_AT + FIELD_AT + 1] = (uint8_t)pseudo;
}

static int complete(const struct virtio_net_hdr *h, uint8_t *frame, size_t len)
{
	uint8_t header[VNET_HEADER_SIZE];

	memcpy(header, h, sizeof(header));
	return vnet_header_complete(header, frame, len);
}

START_TEST(vnet_partial_checksum_is_completed)
{
	struct virtio_net_hdr h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = UDP_AT,
		.csum_offset = FIELD_AT,
	};
	uint8_t frame[FRAME_LEN];

	make_partial(frame);
	ck_assert_int_eq(complete(&h, frame, sizeof(frame)), 0);
	/* A right checksum makes all ones of the sum. */
	ck_assert_uint_eq(sum16(frame + UDP_AT, FRAME_LEN - UDP_AT,
				  sum16(frame + 12, 8, 17 + FRAME_LEN - UDP_AT)),
		0xffff);
	ck_assert_mem_eq(frame, datagram, UDP_AT + FIELD_AT);
	ck_assert_mem_eq(frame + UDP_AT + 8, datagram + UDP_AT + 8, 7);
}
END_TEST

START_TEST(vnet_without_offload_changes_nothing)
{
	struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_DATA_VALID, .csum_start = 9 };
	uint8_t frame[FRAME_LEN];

	memcpy(frame, datagram, sizeof(frame));
	ck_assert_int_eq(complete(&h, frame, sizeof(frame)), 0);
	ck_assert_mem_eq(frame, datagram, sizeof(frame));
}
END_TEST

static const struct {
	const char *name;
	int expected;
	struct virtio_net_hdr header;
} headers[] = {
	{ "TCP joined", 0, { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448 } },
	{ "TCP joined, with ECN", 0,
		{ .gso_type = VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN } },
	{ "UDP joined", -EBADMSG, { .gso_type = 5 } },
	{ "UDP to be fragmented", -EBADMSG, { .gso_type = VIRTIO_NET_HDR_GSO_UDP } },
	{ "start behind the end", -EBADMSG, { .flags = 1, .csum_start = FRAME_LEN } },
	{ "field half behind the end", -EBADMSG,
		{ .flags = 1, .csum_start = UDP_AT, .csum_offset = FRAME_LEN - UDP_AT - 1 } },
	{ "field far behind the end", -EBADMSG, { .flags = 1, .csum_offset = UINT16_MAX } },
};

START_TEST(vnet_header_is_believed_only_if_it_fits)
{
	uint8_t frame[FRAME_LEN];

	memcpy(frame, datagram, sizeof(frame));
	ck_assert_msg(complete(&headers[_i].header, frame, sizeof(frame)) == headers[_i].expected,
		"%s", headers[_i].name);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("vnet_header");

	tcase_add_test(tc, vnet_partial_checksum_is_completed);
	tcase_add_test(tc, vnet_without_offload_changes_nothing);
	tcase_add_loop_test(tc, vnet_header_is_believed_only_if_it_fits, 0,
		sizeof(headers) / sizeof(headers[0]));
	return run_suite("vnet_header", tc);
}
