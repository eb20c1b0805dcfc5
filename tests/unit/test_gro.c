/* SPDX-License-Identifier: MIT */
/*
 * Segments that are joined after they have come in, and those that must not be.
 */
#include "netif/gro.h"

#include "tests/unit/segment_packet.h"

#include "lwip/init.h"
#include "lwip/pbuf.h"

static struct gro gro;

static void teardown(void)
{
	gro_fini(&gro);
}

/* The checksum of what make() left without. */
static void put_sum(size_t len, bool is_4)
{
	size_t header = ip_header(is_4), n = is_4 ? 8 : 32;
	uint8_t *tcp = packet + header;
	uint8_t whole[PACKET_MAX] = { 0 };

	memset(tcp + SUM_AT, 0, 2);
	memcpy(whole, packet + (is_4 ? 12 : 8), n);
	whole[n + 1] = 6;
	put16(whole + n + 2, (unsigned int)(len - header));
	memcpy(whole + n + 4, tcp, len - header);
	put16(tcp + SUM_AT, internet_sum(whole, n + 4 + len - header, 0));
}

static size_t make_summed(bool is_4, uint32_t sequence, uint8_t flags, size_t len)
{
	size_t total = make(is_4, sequence, flags, len);

	put_sum(total, is_4);
	return total;
}

static struct ingress_packet described(size_t len)
{
	bool is_4 = packet[0] >> 4 == 4;
	struct ingress_packet info = {
		.family = is_4 ? ADDRESS_IPV4 : ADDRESS_IPV6,
		.protocol = packet[is_4 ? 9 : 6],
		.length = (uint16_t)len,
		.payload_at = (uint16_t)ip_header(is_4),
	};

	return info;
}

static bool begin(size_t len)
{
	struct ingress_packet info = described(len);

	return gro_begin(&gro, packet, &info, false);
}

static bool join(size_t len)
{
	struct ingress_packet info = described(len);

	return gro_join(&gro, packet, &info, false);
}

/* Takes what is held, which has to be as long, into packet[]. */
static void take(size_t expected)
{
	struct ingress_packet info;
	struct pbuf *p = gro_take(&gro, &info);

	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_null(p->next);
	ck_assert_uint_eq(p->len, expected);
	ck_assert_uint_eq(info.length, expected);
	memcpy(packet, p->payload, expected);
	ck_assert_uint_eq(info.payload_at, ip_header(packet[0] >> 4 == 4));
	pbuf_free(p);
	ck_assert_ptr_null(gro_take(&gro, &info));
}

START_TEST(gro_consecutive_segments_become_one)
{
	bool is_4 = _i == 0;
	size_t header = ip_header(is_4), whole = header + 20 + 3 * MSS + 10, i;

	/* The sequence wraps meanwhile. */
	ck_assert(begin(make_summed(is_4, UINT32_MAX - MSS, 0x10, MSS)));
	ck_assert(join(make_summed(is_4, UINT32_MAX, 0x10, MSS)));
	ck_assert(join(make_summed(is_4, MSS - 1, 0x10, MSS)));
	ck_assert(join(make_summed(is_4, 2 * MSS - 1, 0x18, 10)));
	ck_assert(!join(make_summed(is_4, 2 * MSS + 9, 0x10, MSS)));
	take(whole);
	if (is_4) {
		ck_assert_uint_eq(packet[2] << 8 | packet[3], whole);
		ck_assert_uint_eq(internet_sum(packet, 20, 0), 0);
	} else {
		ck_assert_uint_eq(packet[4] << 8 | packet[5], whole - 40);
	}
	ck_assert_uint_eq(packet[header + FLAGS_AT], 0x18);
	for (i = 0; i < 3 * MSS + 10; i++)
		ck_assert_uint_eq(packet[header + 20 + i], (uint8_t)(UINT32_MAX - MSS + i));
}
END_TEST

START_TEST(gro_packet_stays_below_64_kilobytes)
{
	uint32_t sequence = 1;
	size_t n = 1;

	ck_assert(begin(make_summed(true, sequence, 0x10, MSS)));
	for (sequence += MSS; join(make_summed(true, sequence, 0x10, MSS)); sequence += MSS) {
		n++;
		ck_assert_uint_lt(n, 70);
	}
	/* 65 of 1000 bytes and 40 of headers; one more would be too much. */
	ck_assert_uint_eq(n, 65);
	take(65040);
	/* The buffer has been given away; there is another one. */
	ck_assert(begin(make_summed(true, 1, 0x10, MSS)));
	take(40 + MSS);
}
END_TEST

START_TEST(gro_other_segment_is_not_joined)
{
	size_t len;

	ck_assert(begin(make_summed(true, 1, 0x10, MSS)));
	len = make(true, 1 + MSS, 0x10, MSS);
	packet[differences[_i].at] = differences[_i].value;
	put_sum(len, true);
	ck_assert_msg(!join(len), "%s", differences[_i].name);
	/* Nothing has happened to the first one. */
	take(40 + MSS);
}
END_TEST

START_TEST(gro_longer_or_empty_segment_is_not_joined)
{
	ck_assert(begin(make_summed(true, 1, 0x10, MSS)));
	ck_assert(!join(make_summed(true, 1 + MSS, 0x10, MSS + 1)));
	ck_assert(!join(make_summed(true, 1 + MSS, 0x10, 0)));
	ck_assert(!join(make_summed(false, 1 + MSS, 0x10, MSS)));
	ck_assert(join(make_summed(true, 1 + MSS, 0x10, MSS)));
}
END_TEST

START_TEST(gro_wrong_checksum_is_left_to_who_counts_it)
{
	bool is_4 = _i == 0;
	size_t len = make_summed(is_4, 1, 0x10, MSS);

	packet[len - 1] ^= 1;
	ck_assert(!begin(len));
	ck_assert(begin(make_summed(is_4, 1, 0x10, MSS)));
	len = make_summed(is_4, 1 + MSS, 0x10, MSS);
	packet[len - 1] ^= 1;
	ck_assert(!join(len));
	packet[len - 1] ^= 1;
	ck_assert(join(len));
}
END_TEST

START_TEST(gro_checksum_that_was_looked_at_is_not_looked_at_again)
{
	size_t len = make(true, 1, 0x10, MSS);
	struct ingress_packet info = described(len);

	ck_assert(gro_begin(&gro, packet, &info, true));
	len = make(true, 1 + MSS, 0x10, MSS);
	info = described(len);
	ck_assert(gro_join(&gro, packet, &info, true));
	take(40 + 2 * MSS);
}
END_TEST

/* A first packet that none can follow. */
static const struct {
	const char *name;
	size_t at;
	uint8_t value;
	size_t len; /* of its data */
} alone[] = {
	{ "PSH", 33, 0x18, MSS },
	{ "SYN", 33, 0x02, MSS },
	{ "FIN", 33, 0x11, MSS },
	{ "RST", 33, 0x14, MSS },
	{ "a header without end", 32, 0xf0, 10 },
	{ "a header without beginning", 32, 0x10, MSS },
	{ "a fragment", 6, 0x20, MSS },
	{ "another protocol", 9, 17, MSS },
	{ "no data", 32, 0x50, 0 },
	{ "no room for another", 32, 0x50, 33000 },
};

START_TEST(gro_packet_that_none_can_follow_is_not_held)
{
	size_t len = make(true, 1, 0x10, alone[_i].len);
	struct ingress_packet info;

	packet[alone[_i].at] = alone[_i].value;
	put_sum(len, true);
	ck_assert_msg(!begin(len), "%s", alone[_i].name);
	ck_assert_ptr_null(gro_take(&gro, &info));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gro");
	TCase *tc = tcase_create("gro");

	lwip_init();
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_loop_test(tc, gro_consecutive_segments_become_one, 0, 2);
	tcase_add_test(tc, gro_packet_stays_below_64_kilobytes);
	LOOP(tc, gro_other_segment_is_not_joined, differences);
	tcase_add_test(tc, gro_longer_or_empty_segment_is_not_joined);
	tcase_add_loop_test(tc, gro_wrong_checksum_is_left_to_who_counts_it, 0, 2);
	tcase_add_test(tc, gro_checksum_that_was_looked_at_is_not_looked_at_again);
	LOOP(tc, gro_packet_that_none_can_follow_is_not_held, alone);
	suite_add_tcase(suite, tc);
	return run_all(suite);
}
