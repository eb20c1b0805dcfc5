/* SPDX-License-Identifier: MIT */
/*
 * Fragments, in every order and disorder. They are described to the module as
 * the ingress stage would, by the ingress stage.
 */
#include "netif/reassembly.h"

#include "tests/unit/netif_test.h"
#include "tests/unit/run_suite.h"

#include "lwip/pbuf.h"

#include <stdlib.h>

#define PAYLOAD 4000 /* bytes of UDP, its header included */
#define PIECE	1480

static const uint8_t us[4] = { 10, 0, 2, 15 };
static const uint8_t peer[4] = { 10, 0, 2, 2 };
static uint8_t payload[PAYLOAD];

static bool is_ours(enum address_family family, const uint8_t *ip, void *arg)
{
	(void)family;
	(void)ip;
	(void)arg;
	return false;
}

static const struct ingress_source outside = { .ours = is_ours };

static void setup(void)
{
	size_t i;

	for (i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	memset(payload, 0, 8);
	put16(payload + 4, PAYLOAD);
	put16(payload + 6, 0x1234);
}

static void teardown(void)
{
	reassembly_fini();
}

static struct pbuf *put(const uint8_t *packet, size_t len)
{
	struct pbuf *p = pbuf_alloc(PBUF_LINK, (u16_t)len, PBUF_RAM);
	struct ingress_packet info;

	memcpy(p->payload, packet, len);
	ck_assert_int_eq(ingress_check(packet, len, &outside, &info), INGRESS_ACCEPTED);
	ck_assert(info.flags & INGRESS_FRAGMENT);
	return reassembly_put(p, &info);
}

static struct pbuf *put4(unsigned int id, uint8_t protocol, size_t from, size_t to, int is_last)
{
	uint8_t packet[20 + PAYLOAD];
	size_t len = make_ip4(packet, protocol, peer, us, payload + from, to - from);

	put16(packet + 4, id);
	put16(packet + 6, (unsigned int)from / 8 | (is_last ? 0 : 0x2000u));
	put16(packet + 10, 0);
	put16(packet + 10, internet_sum(packet, 20, 0));
	return put(packet, len);
}

/* With a destination options header of eight bytes before the fragment's. */
static struct pbuf *put6(size_t from, size_t to, int is_last)
{
	uint8_t packet[40 + 8 + 8 + PAYLOAD] = { 0x60 };

	put16(packet + 4, (unsigned int)(16 + to - from));
	packet[6] = 60;
	packet[8] = packet[24] = 0xfd;
	packet[23] = 2;
	packet[40] = 44;
	packet[42] = 1;
	packet[43] = 4;
	packet[48] = 17;
	put16(packet + 50, (unsigned int)from | (is_last ? 0 : 1u));
	packet[55] = 7;
	memcpy(packet + 56, payload + from, to - from);
	return put(packet, 56 + to - from);
}

static void check_whole(struct pbuf *p, size_t header)
{
	struct ingress_packet info;

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p->len, header + PAYLOAD);
	ck_assert_uint_eq(p->tot_len, p->len);
	ck_assert_mem_eq((uint8_t *)p->payload + header, payload, PAYLOAD);
	ck_assert_int_eq(ingress_check(p->payload, p->len, &outside, &info), INGRESS_ACCEPTED);
	ck_assert_int_eq(info.protocol, 17);
	ck_assert_int_eq(info.flags, 0);
	pbuf_free(p);
}

static const uint8_t orders[6][3] = {
	{ 0, 1, 2 },
	{ 0, 2, 1 },
	{ 1, 0, 2 },
	{ 1, 2, 0 },
	{ 2, 0, 1 },
	{ 2, 1, 0 },
};

static size_t piece_end(size_t from)
{
	return from + PIECE < PAYLOAD ? from + PIECE : PAYLOAD;
}

START_TEST(fragments4_in_any_order_are_joined)
{
	struct pbuf *whole = NULL;
	int i;

	for (i = 0; i < 3; i++) {
		size_t from = (size_t)orders[_i][i] * PIECE;

		ck_assert_ptr_null(whole);
		whole = put4(1, 17, from, piece_end(from), orders[_i][i] == 2);
	}
	check_whole(whole, 20);
}
END_TEST

START_TEST(fragments6_in_any_order_are_joined)
{
	struct pbuf *whole = NULL;
	int i;

	for (i = 0; i < 3; i++) {
		size_t from = (size_t)orders[_i][i] * PIECE;

		ck_assert_ptr_null(whole);
		whole = put6(from, piece_end(from), orders[_i][i] == 2);
	}
	check_whole(whole, 48);
}
END_TEST

START_TEST(fragments_of_other_datagrams_stay_apart)
{
	ck_assert_ptr_null(put4(1, 17, 0, 1480, 0));
	ck_assert_ptr_null(put4(2, 17, 1480, PAYLOAD, 1));
	/* The same identification, another protocol. */
	ck_assert_ptr_null(put4(1, 132, 1480, PAYLOAD, 1));
	check_whole(put4(1, 17, 1480, PAYLOAD, 1), 20);
}
END_TEST

START_TEST(fragment_repeated_is_ignored)
{
	ck_assert_ptr_null(put4(1, 17, 0, 1480, 0));
	ck_assert_ptr_null(put4(1, 17, 0, 1480, 0));
	check_whole(put4(1, 17, 1480, PAYLOAD, 1), 20);
	/* It was the last of the first datagram, and is the first of another. */
	ck_assert_ptr_null(put4(1, 17, 1480, PAYLOAD, 1));
}
END_TEST

static const struct conflict {
	size_t from, to;
	int is_last;
} conflicts[] = {
	{ 8, 1488, 0 },	   /* reaches over the first's end */
	{ 1472, 2952, 0 }, /* begins before it */
	{ 0, 1472, 0 },	   /* the first again, but shorter */
	{ 0, 1488, 0 },	   /* the first again, but longer */
	{ 1480, 1600, 1 }, /* another end, before what is there */
	{ 2960, 3968, 1 }, /* another end */
};

START_TEST(fragment_in_conflict_ends_its_datagram)
{
	const struct conflict *c = &conflicts[_i];

	ck_assert_ptr_null(put4(1, 17, 0, 1480, 0));
	ck_assert_ptr_null(put4(1, 17, 2960, PAYLOAD, 1));
	ck_assert_ptr_null(put4(1, 17, c->from, c->to, c->is_last));
	/* What would have completed it comes too late. */
	ck_assert_ptr_null(put4(1, 17, 1480, 2960, 0));
}
END_TEST

START_TEST(fragment_past_the_end_ends_its_datagram)
{
	ck_assert_ptr_null(put4(1, 17, 1480, 2960, 1));
	ck_assert_ptr_null(put4(1, 17, 2960, 3960, 0));
	ck_assert_ptr_null(put4(1, 17, 0, 1480, 0));
}
END_TEST

START_TEST(flood_of_first_fragments_drops_the_oldest)
{
	unsigned int id;

	ck_assert_ptr_null(put4(1, 17, 0, 1480, 0));
	for (id = 2; id < 1000; id++)
		ck_assert_ptr_null(put4(id, 17, 0, 1480, 0));
	ck_assert_ptr_null(put4(1, 17, 1480, PAYLOAD, 1));
	check_whole(put4(999, 17, 1480, PAYLOAD, 1), 20);
}
END_TEST

/* Many small ones of one datagram: bounded, and nothing else suffers. */
START_TEST(flood_of_one_datagram_is_bounded)
{
	size_t from;

	ck_assert_ptr_null(put4(1, 17, 0, 1480, 0));
	for (from = 0; from + 8 < PAYLOAD; from += 8)
		ck_assert_ptr_null(put4(2, 17, from, from + 8 > 16 ? from + 8 : from + 16, 0));
	check_whole(put4(1, 17, 1480, PAYLOAD, 1), 20);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("fragments");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, fragments4_in_any_order_are_joined, 0, 6);
	tcase_add_loop_test(tc, fragments6_in_any_order_are_joined, 0, 6);
	tcase_add_test(tc, fragments_of_other_datagrams_stay_apart);
	tcase_add_test(tc, fragment_repeated_is_ignored);
	tcase_add_loop_test(tc, fragment_in_conflict_ends_its_datagram, 0,
		sizeof(conflicts) / sizeof(conflicts[0]));
	tcase_add_test(tc, fragment_past_the_end_ends_its_datagram);
	tcase_add_test(tc, flood_of_first_fragments_drops_the_oldest);
	tcase_add_test(tc, flood_of_one_datagram_is_bounded);
	return run_suite("reassembly", tc);
}
