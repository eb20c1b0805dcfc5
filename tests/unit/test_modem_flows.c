/* SPDX-License-Identifier: MIT */
/*
 * Packets of several programs in front of a slow line. A packet is known by its
 * port, which says whose it is, and by a number in its payload.
 */
#include "netif/modem/flows.h"

#include "tests/unit/run_suite.h"

#include <stdbool.h>
#include <string.h>

#define BULK  1500
#define SMALL 60

static struct flows *flows;
static uint8_t taken[65536];

static void setup(void)
{
	flows = flows_new();
	ck_assert_ptr_nonnull(flows);
}

static void teardown(void)
{
	flows_free(flows);
}

static void put(uint8_t version, uint8_t port, uint8_t number, size_t len, uint64_t now_ms)
{
	uint8_t packet[BULK] = { 0 };
	size_t header = version == 6 ? 40 : 20;

	packet[0] = version == 6 ? 0x60 : 0x45;
	packet[version == 6 ? 6 : 9] = 17;
	packet[header + 1] = port;
	packet[header + 8] = number;
	flows_put(flows, packet, len, now_ms);
}

/* The packet's number; -1: none waits. */
static int take(uint64_t now_ms)
{
	size_t len = flows_take(flows, taken, now_ms);

	if (!len)
		return -1;
	return taken[(taken[0] >> 4 == 6 ? 40 : 20) + 8];
}

static uint8_t port_taken(void)
{
	return taken[(taken[0] >> 4 == 6 ? 40 : 20) + 1];
}

START_TEST(one_flow_keeps_its_order)
{
	for (uint8_t i = 0; i < 10; i++)
		put(4, 1, i, BULK, 0);
	ck_assert_uint_eq(flows_pending(flows), 10 * BULK);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(take(0), i);
	ck_assert_int_eq(take(0), -1);
	ck_assert_uint_eq(flows_pending(flows), 0);
}
END_TEST

/* What is empty leaves the lists, so that nothing is left of it. */
static void drain(void)
{
	while (take(0) >= 0)
		;
}

/* The port that shares no row with port 1: which do is drawn at the start. */
static uint8_t other_port(uint8_t version)
{
	for (uint8_t port = 2;; port++) {
		bool is_other;

		put(4, 1, 0, BULK, 0);
		put(4, 1, 0, BULK, 0);
		put(version, port, 1, SMALL, 0);
		take(0);
		is_other = take(0) == 1;
		drain();
		if (is_other)
			return port;
	}
}

START_TEST(small_packet_passes_another_flows_queue)
{
	uint8_t version = _i ? 6 : 4, other = other_port(version);

	for (int i = 0; i < 100; i++)
		put(4, 1, 0, BULK, 0);
	ck_assert_int_eq(take(0), 0);
	put(version, other, 7, SMALL, 0);
	ck_assert_int_eq(take(0), 7);
	ck_assert_int_eq(take(0), 0);
}
END_TEST

START_TEST(two_long_flows_share_the_line)
{
	uint8_t other = other_port(4);
	int n_other = 0;

	for (int i = 0; i < 50; i++)
		put(4, 1, 0, BULK, 0);
	for (int i = 0; i < 50; i++)
		put(4, other, 0, BULK, 0);
	for (int i = 0; i < 40; i++) {
		ck_assert_int_eq(take(0), 0);
		n_other += port_taken() == other;
	}
	ck_assert_int_ge(n_other, 19);
	ck_assert_int_le(n_other, 21);
}
END_TEST

START_TEST(what_is_no_whole_packet_passes)
{
	flows_put(flows, "E", 1, 0);
	flows_put(flows, "\x4f\0\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\0\0\0", 20, 0);
	ck_assert_uint_eq(flows_take(flows, taken, 0) + flows_take(flows, taken, 0), 21);
	ck_assert_int_eq(take(0), -1);
}
END_TEST

/* A line that takes a packet in 200 ms, and a sender that keeps @ahead waiting. */
static int losses(int ahead, int n)
{
	uint64_t now_ms = 0;
	int lost = 0;
	uint8_t next = 0, expected = 0;

	for (int i = 0; i < ahead; i++)
		put(4, 1, next++, BULK, now_ms);
	for (int i = 0; i < n; i++) {
		uint8_t number = (uint8_t)take(now_ms);

		lost += (uint8_t)(number - expected);
		for (; expected != (uint8_t)(number + 1); expected++)
			put(4, 1, next++, BULK, now_ms);
		now_ms += 200;
	}
	return lost;
}

START_TEST(short_queue_loses_nothing)
{
	ck_assert_int_eq(losses(4, 200), 0);
}
END_TEST

START_TEST(long_queue_loses_ever_more)
{
	int few = losses(20, 30);

	ck_assert_int_ge(few, 1);
	ck_assert_int_le(few, 6);
	teardown();
	setup();
	ck_assert_int_gt(losses(20, 60), 2 * few);
}
END_TEST

START_TEST(last_packet_is_never_lost)
{
	put(4, 1, 1, BULK, 0);
	ck_assert_int_eq(take(1000000), 1);
	put(4, 1, 2, BULK, 1000000);
	ck_assert_int_eq(take(2000000), 2);
}
END_TEST

START_TEST(too_much_takes_the_oldest_of_the_longest_flow)
{
	uint8_t other = other_port(4);

	put(4, other, 9, SMALL, 0);
	for (int i = 0; i < 1000; i++)
		put(4, 1, i < 800 ? 1 : 2, BULK, 0);
	ck_assert_uint_le(flows_pending(flows), 256 * 1024);
	ck_assert_int_eq(take(0), 9);
	ck_assert_int_eq(take(0), 1 + (1000 - 256 * 1024 / BULK >= 800));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("flows");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_flow_keeps_its_order);
	tcase_add_loop_test(tc, small_packet_passes_another_flows_queue, 0, 2);
	tcase_add_test(tc, two_long_flows_share_the_line);
	tcase_add_test(tc, what_is_no_whole_packet_passes);
	tcase_add_test(tc, short_queue_loses_nothing);
	tcase_add_test(tc, long_queue_loses_ever_more);
	tcase_add_test(tc, last_packet_is_never_lost);
	tcase_add_test(tc, too_much_takes_the_oldest_of_the_longest_flow);
	return run_suite("modem_flows", tc);
}
