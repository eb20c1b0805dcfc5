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

static int read_header(const struct virtio_net_hdr *h, uint8_t *frame, size_t len,
	struct vnet_frame *out)
{
	uint8_t header[VNET_HEADER_SIZE];

	memcpy(header, h, sizeof(header));
	return vnet_header_read(header, frame, len, 0, out);
}

static const struct virtio_net_hdr needs_sum = {
	.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	.csum_start = UDP_AT,
	.csum_offset = FIELD_AT,
};

START_TEST(vnet_partial_checksum_of_a_datagram_is_left_out)
{
	uint8_t frame[FRAME_LEN], before[FRAME_LEN];
	struct vnet_frame out;

	make_partial(frame);
	memcpy(before, frame, sizeof(before));
	ck_assert_int_eq(read_header(&needs_sum, frame, sizeof(frame), &out), 0);
	ck_assert(out.is_verified);
	ck_assert_uint_eq(out.n_packets, 1);
	ck_assert_uint_eq(out.n_bytes, FRAME_LEN);
	ck_assert_mem_eq(frame, before, FRAME_LEN);
}
END_TEST

/* What is made of the frame so that lwIP would not verify that sum. */
static const struct {
	const char *name;
	size_t at;
	uint8_t value;
} others[] = {
	{ "a first fragment", 6, 0x20 },
	{ "a later fragment", 7, 1 },
	{ "another protocol", 9, 136 },
	{ "IP options before it", 0, 0x46 },
	{ "no IP", 0, 0x15 },
};

START_TEST(vnet_other_partial_checksum_is_completed)
{
	uint8_t frame[FRAME_LEN];
	struct vnet_frame out;

	make_partial(frame);
	frame[others[_i].at] = others[_i].value;
	ck_assert_int_eq(read_header(&needs_sum, frame, sizeof(frame), &out), 0);
	ck_assert_msg(!out.is_verified, "%s", others[_i].name);
	/* A right checksum makes all ones of the sum. */
	ck_assert_uint_eq(sum16(frame + UDP_AT, FRAME_LEN - UDP_AT,
				  sum16(frame + 12, 8, 17 + FRAME_LEN - UDP_AT)),
		0xffff);
	ck_assert_mem_eq(frame + UDP_AT + 8, datagram + UDP_AT + 8, 7);
}
END_TEST

START_TEST(vnet_without_offload_changes_nothing)
{
	struct virtio_net_hdr h = { .csum_start = 9 };
	uint8_t frame[FRAME_LEN];
	struct vnet_frame out;

	memcpy(frame, datagram, sizeof(frame));
	ck_assert_int_eq(read_header(&h, frame, sizeof(frame), &out), 0);
	ck_assert(!out.is_verified);
	h.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	ck_assert_int_eq(read_header(&h, frame, sizeof(frame), &out), 0);
	ck_assert(out.is_verified);
	ck_assert_mem_eq(frame, datagram, sizeof(frame));
}
END_TEST

/* TCP without options behind 20 bytes of IPv4, or 40 of IPv6, and its data. */
static const struct {
	const char *name;
	uint8_t version, data_offset;
	size_t len;
	uint16_t segment;
	unsigned int n_packets;
	size_t n_bytes;
} joined[] = {
	{ "even", 0x45, 0x50, 40 + 2896, 1448, 2, 2 * 1488 },
	{ "a short last one", 0x45, 0x50, 40 + 3000, 1448, 3, 3000 + 3 * 40 },
	{ "IPv6", 0x60, 0x50, 60 + 3000, 1440, 3, 3000 + 3 * 60 },
	{ "with options", 0x45, 0x80, 52 + 3000, 1448, 3, 3000 + 3 * 52 },
	{ "no data", 0x45, 0x50, 40, 1448, 1, 40 },
	{ "no size", 0x45, 0x50, 3000, 0, 1, 3000 },
	{ "header beyond the end", 0x45, 0xf0, 60, 10, 1, 60 },
	{ "cut in the header", 0x45, 0x50, 30, 10, 1, 30 },
};

START_TEST(vnet_joined_segments_are_counted)
{
	bool is_4 = joined[_i].version >> 4 == 4;
	struct virtio_net_hdr h = {
		.gso_type = is_4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
		.gso_size = joined[_i].segment,
	};
	uint8_t frame[4096] = { 0 };
	struct vnet_frame out;

	frame[0] = joined[_i].version;
	frame[is_4 ? 9 : 6] = 6;
	frame[(is_4 ? 20 : 40) + 12] = joined[_i].data_offset;
	ck_assert_int_eq(read_header(&h, frame, joined[_i].len, &out), 0);
	ck_assert_msg(out.n_packets == joined[_i].n_packets, "%s", joined[_i].name);
	ck_assert_msg(out.n_bytes == joined[_i].n_bytes, "%s", joined[_i].name);
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
	struct vnet_frame out;
	int r;

	memcpy(frame, datagram, sizeof(frame));
	r = read_header(&headers[_i].header, frame, sizeof(frame), &out);
	ck_assert_msg(r == headers[_i].expected, "%s", headers[_i].name);
	ck_assert_uint_eq(out.n_packets, 1);
}
END_TEST

#define LOOP(tc, test, table) \
	tcase_add_loop_test(tc, test, 0, sizeof(table) / sizeof((table)[0]))

int main(void)
{
	TCase *tc = tcase_create("vnet_header");

	tcase_add_test(tc, vnet_partial_checksum_of_a_datagram_is_left_out);
	LOOP(tc, vnet_other_partial_checksum_is_completed, others);
	tcase_add_test(tc, vnet_without_offload_changes_nothing);
	LOOP(tc, vnet_joined_segments_are_counted, joined);
	LOOP(tc, vnet_header_is_believed_only_if_it_fits, headers);
	return run_suite("vnet_header", tc);
}
