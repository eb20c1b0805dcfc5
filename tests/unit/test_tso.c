/* SPDX-License-Identifier: MIT */
/*
 * Segments that are joined to one message, and those that must not be.
 */
#include "netif/tso.h"

#include "netif/vnet_header.h"
#include "tests/unit/segment_packet.h"

#include "lwip/init.h"
#include "lwip/pbuf.h"

#include <linux/virtio_net.h>

static struct tso tso;

static void setup(void)
{
	ck_assert_int_eq(tso_init(&tso), 0);
}

static void teardown(void)
{
	tso_fini(&tso);
}

static bool begin(size_t len)
{
	struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
	bool is_open;

	pbuf_take(p, packet, (u16_t)len);
	is_open = tso_begin(&tso, p, 0, 0);
	pbuf_free(p);
	return is_open;
}

/* In two pieces, headers and data, as lwIP may have it. */
static enum tso_outcome join(size_t len, size_t first)
{
	struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)first, PBUF_RAM);
	enum tso_outcome outcome;

	if (len > first)
		pbuf_cat(p, pbuf_alloc(PBUF_RAW, (u16_t)(len - first), PBUF_RAM));
	pbuf_take(p, packet, (u16_t)len);
	outcome = tso_join(&tso, p, 0);
	pbuf_free(p);
	return outcome;
}

/* What the kernel would make of the partial sum: all ones with the data's. */
static void check_sum(const uint8_t *ip, size_t len, bool is_4)
{
	size_t header = ip_header(is_4);
	const uint8_t *tcp = ip + header;
	uint8_t pseudo[40] = { 0 };
	size_t n = is_4 ? 8 : 32;

	memcpy(pseudo, ip + (is_4 ? 12 : 8), n);
	pseudo[n + 1] = 6;
	put16(pseudo + n + 2, (unsigned int)(len - header));
	ck_assert_uint_eq(tcp[SUM_AT] << 8 | tcp[SUM_AT + 1],
		(uint16_t)~internet_sum(pseudo, n + 4, 0));
}

static struct virtio_net_hdr sealed(size_t expected)
{
	struct virtio_net_hdr h;

	ck_assert_uint_eq(tso_seal(&tso), VNET_HEADER_SIZE + expected);
	memcpy(&h, tso.message, sizeof(h));
	return h;
}

START_TEST(tso_consecutive_segments_become_one)
{
	bool is_4 = _i == 0;
	size_t header = ip_header(is_4), i, whole = header + 20 + 3 * MSS + 10;
	struct virtio_net_hdr h;
	const uint8_t *frame;

	/* The sequence wraps meanwhile. */
	ck_assert(begin(make(is_4, UINT32_MAX - MSS, 0x10, MSS)));
	ck_assert_int_eq(join(make(is_4, UINT32_MAX, 0x10, MSS), header + 20), TSO_JOINED);
	ck_assert_int_eq(join(make(is_4, MSS - 1, 0x10, MSS), header + 20 + 7), TSO_JOINED);
	ck_assert_int_eq(join(make(is_4, 2 * MSS - 1, 0x18, 10), header + 30), TSO_COMPLETE);
	ck_assert_int_eq(join(make(is_4, 2 * MSS + 9, 0x10, MSS), header + 20), TSO_OTHER);
	ck_assert_uint_eq(tso.n_packets, 4);
	ck_assert_uint_eq(tso.n_bytes, whole + 3 * (header + 20));
	h = sealed(whole);
	frame = tso_frame(&tso);
	ck_assert_uint_eq(h.gso_type, is_4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6);
	ck_assert_uint_eq(h.gso_size, MSS);
	ck_assert_uint_eq(h.hdr_len, header + 20);
	ck_assert_uint_eq(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	ck_assert_uint_eq(h.csum_start, header);
	ck_assert_uint_eq(h.csum_offset, SUM_AT);
	if (is_4) {
		ck_assert_uint_eq(frame[2] << 8 | frame[3], whole);
		ck_assert_uint_eq(internet_sum(frame, 20, 0), 0);
	} else {
		ck_assert_uint_eq(frame[4] << 8 | frame[5], whole - 40);
	}
	check_sum(frame, whole, is_4);
	ck_assert_uint_eq(frame[header + FLAGS_AT], 0x18);
	for (i = 0; i < 3 * MSS + 10; i++)
		ck_assert_uint_eq(frame[header + 20 + i], (uint8_t)(UINT32_MAX - MSS + i));
}
END_TEST

/* Of @n bytes, in pieces of @piece; all headers in the first one. */
static struct pbuf *make_long(bool is_4, size_t n, size_t piece)
{
	size_t len = make(is_4, 1, 0x18, n);
	struct pbuf *p = NULL, *q;

	for (size_t at = 0; at < len; at += q->len) {
		q = pbuf_alloc(PBUF_RAW, (u16_t)(len - at < piece ? len - at : piece), PBUF_RAM);
		memcpy(q->payload, packet + at, q->len);
		if (p)
			pbuf_cat(p, q);
		else
			p = q;
	}
	return p;
}

START_TEST(tso_long_segment_is_cut_by_the_mtu)
{
	bool is_4 = _i & 1, is_in_few = _i & 2;
	size_t header = ip_header(is_4), n = 20 * MSS + 7, whole = header + 20 + n;
	struct pbuf *p = make_long(is_4, n, is_in_few ? 1000 : 100);
	size_t behind_at = tso_begin_long(&tso, p, 0, 0, MSS + header + 20);
	struct virtio_net_hdr h;

	ck_assert_uint_eq(behind_at, is_in_few ? header + 20 : whole);
	ck_assert_uint_eq(tso.n_packets, 21);
	ck_assert_uint_eq(tso.n_bytes, whole + 20 * (header + 20));
	ck_assert_int_eq(tso_join(&tso, p, 0), TSO_OTHER);
	h = sealed(behind_at);
	ck_assert_uint_eq(h.gso_type, is_4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6);
	ck_assert_uint_eq(h.gso_size, MSS);
	ck_assert_uint_eq(h.hdr_len, header + 20);
	ck_assert_uint_eq(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	check_sum(tso_frame(&tso), whole, is_4);
	ck_assert_int_eq(memcmp(tso_frame(&tso) + header + 20, packet + header + 20,
				 behind_at - header - 20),
		0);
	pbuf_free(p);
}
END_TEST

START_TEST(tso_packets_have_consecutive_identifications)
{
	static const unsigned int ids[] = { 0, 1, 22, 25, 26 };
	struct pbuf *p = make_long(true, 20 * MSS + 7, 1000);
	const uint8_t *frame = tso_frame(&tso);

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		tso_clear(&tso);
		if (i == 1)
			tso_begin_long(&tso, p, 0, 0, MSS + 40);
		else
			begin(make(true, 1, 0x10, MSS));
		if (i == 2) {
			join(make(true, 1 + MSS, 0x10, MSS), 40);
			join(make(true, 1 + 2 * MSS, 0x10, MSS), 40);
		}
		tso_seal(&tso);
		ck_assert_uint_eq(frame[4] << 8 | frame[5], ids[i]);
		ck_assert_uint_eq(internet_sum(frame, 20, 0), 0);
	}
	/* One that has a checksum has been numbered by who made it. */
	make(true, 1, 0x10, MSS);
	put16(packet + 4, 4711);
	packet[20 + SUM_AT] = 1;
	begin(40 + MSS);
	tso_seal(&tso);
	ck_assert_uint_eq(frame[4] << 8 | frame[5], 4711);
	pbuf_free(p);
}
END_TEST

START_TEST(tso_message_stays_below_64_kilobytes)
{
	uint32_t sequence = 1;
	size_t n = 1;

	ck_assert(begin(make(true, sequence, 0x10, MSS)));
	for (;;) {
		sequence += MSS;
		n++;
		if (join(make(true, sequence, 0x10, MSS), 40) != TSO_JOINED)
			break;
		ck_assert_uint_lt(n, 70);
	}
	/* 65 of 1000 bytes and 40 of headers; one more would be too much. */
	ck_assert_uint_eq(n, 65);
	ck_assert_uint_eq(tso.n_packets, 65);
	ck_assert_uint_eq(sealed(65040).gso_size, MSS);
}
END_TEST

START_TEST(tso_other_segment_is_not_joined)
{
	size_t len;

	ck_assert(begin(make(true, 1, 0x10, MSS)));
	len = make(true, 1 + MSS, 0x10, MSS);
	packet[differences[_i].at] = differences[_i].value;
	ck_assert_msg(join(len, 40) == TSO_OTHER, "%s", differences[_i].name);
	ck_assert_uint_eq(tso.n_packets, 1);
	/* Nothing has happened to the first one. */
	ck_assert_uint_eq(sealed(40 + MSS).gso_type, VIRTIO_NET_HDR_GSO_NONE);
}
END_TEST

START_TEST(tso_segment_with_a_checksum_is_not_joined)
{
	size_t len;

	ck_assert(begin(make(true, 1, 0x10, MSS)));
	len = make(true, 1 + MSS, 0x10, MSS);
	packet[20 + SUM_AT] = 9;
	ck_assert_int_eq(join(len, 40), TSO_OTHER);
}
END_TEST

START_TEST(tso_longer_or_scattered_segment_is_not_joined)
{
	ck_assert(begin(make(true, 1, 0x10, MSS)));
	ck_assert_int_eq(join(make(true, 1 + MSS, 0x10, MSS + 1), 40), TSO_OTHER);
	ck_assert_int_eq(join(make(true, 1 + MSS, 0x10, 0), 40), TSO_OTHER);
	ck_assert_int_eq(join(make(true, 1 + MSS, 0x10, MSS), 39), TSO_OTHER);
	ck_assert_int_eq(join(make(false, 1 + MSS, 0x10, MSS), 60), TSO_OTHER);
	ck_assert_int_eq(join(make(true, 1 + MSS, 0x10, MSS), 40), TSO_JOINED);
}
END_TEST

static const struct {
	const char *name;
	size_t at;
	uint8_t value;
	bool is_unsummed; /* the kernel completes the checksum */
} firsts[] = {
	{ "PSH", 33, 0x18, true },
	{ "SYN", 33, 0x02, true },
	{ "FIN", 33, 0x11, true },
	{ "a checksum of its own", 36, 1, false },
	{ "a header without end", 32, 0xff, true },
	{ "a header without beginning", 32, 0x10, true },
	{ "a fragment", 6, 0x20, false },
	{ "another protocol", 9, 17, false },
	{ "another length", 3, 1, false },
	{ "no IP", 0, 0x20, false },
};

START_TEST(tso_first_packet_of_another_kind_goes_alone)
{
	size_t len = make(true, 1, 0x10, 10);
	struct virtio_net_hdr h;

	packet[firsts[_i].at] = firsts[_i].value;
	ck_assert_msg(!begin(len), "%s", firsts[_i].name);
	h = sealed(len);
	ck_assert_uint_eq(h.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	ck_assert_msg((h.flags == VIRTIO_NET_HDR_F_NEEDS_CSUM) == firsts[_i].is_unsummed, "%s",
		firsts[_i].name);
	if (!firsts[_i].is_unsummed)
		ck_assert_mem_eq(tso_frame(&tso), packet, len);
}
END_TEST

START_TEST(tso_short_packets_are_not_read_past_their_end)
{
	size_t len;

	make(true, 1, 0x10, 10);
	for (len = 1; len < 50; len++) {
		ck_assert(!begin(len));
		ck_assert_uint_eq(sealed(len).flags, 0);
	}
}
END_TEST

START_TEST(tso_cleared_holds_nothing)
{
	ck_assert(begin(make(true, 1, 0x10, MSS)));
	tso_clear(&tso);
	ck_assert_int_eq(join(make(true, 1 + MSS, 0x10, MSS), 40), TSO_OTHER);
	ck_assert_uint_eq(tso.length, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tso");
	TCase *tc = tcase_create("tso");

	lwip_init();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, tso_consecutive_segments_become_one, 0, 2);
	tcase_add_loop_test(tc, tso_long_segment_is_cut_by_the_mtu, 0, 4);
	tcase_add_test(tc, tso_packets_have_consecutive_identifications);
	tcase_add_test(tc, tso_message_stays_below_64_kilobytes);
	LOOP(tc, tso_other_segment_is_not_joined, differences);
	tcase_add_test(tc, tso_segment_with_a_checksum_is_not_joined);
	tcase_add_test(tc, tso_longer_or_scattered_segment_is_not_joined);
	LOOP(tc, tso_first_packet_of_another_kind_goes_alone, firsts);
	tcase_add_test(tc, tso_short_packets_are_not_read_past_their_end);
	tcase_add_test(tc, tso_cleared_holds_nothing);
	suite_add_tcase(suite, tc);
	return run_all(suite);
}
