/* SPDX-License-Identifier: MIT */
/* Tests of tests/bench/line.c: the benchmark's emulated line. */
#include "tests/bench/line.h"

#include "tests/unit/run_suite.h"

#include <check.h>

#define RATE 1000.0 /* bytes a second */

static struct line line;
static char packet[2000];

static void drain(void)
{
	while (line_take(&line, 1e9, packet, sizeof(packet)) > 0)
		;
}

START_TEST(line_packet_arrives_after_rate_and_delay)
{
	line_init(&line, RATE, 0.5, 0, 10000);
	ck_assert(line_next_s(&line) < 0);
	line_put(&line, 10, "hello", 5);
	line_put(&line, 10, packet, 995);
	ck_assert_double_eq_tol(line_next_s(&line), 10.505, 1e-9);
	ck_assert_uint_eq(line_take(&line, 10.504, packet, sizeof(packet)), 0);
	ck_assert_uint_eq(line_take(&line, 10.506, packet, sizeof(packet)), 5);
	ck_assert_mem_eq(packet, "hello", 5);
	ck_assert_double_eq_tol(line_next_s(&line), 11.5, 1e-9);
	ck_assert_uint_eq(line_take(&line, 11.6, packet, sizeof(packet)), 995);
	ck_assert(line_next_s(&line) < 0);
}
END_TEST

START_TEST(line_queue_full_drops)
{
	unsigned int n = 0;

	line_init(&line, RATE, 0, 0, 1500);
	for (int i = 0; i < 3; i++)
		line_put(&line, 0, packet, 1000);
	while (line_take(&line, 100, packet, sizeof(packet)) > 0)
		n++;
	ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(line_loss_is_its_share_and_the_same_each_time)
{
	unsigned int n[2] = { 0 };

	for (int run = 0; run < 2; run++) {
		line_init(&line, 1e9, 0, 0.05, 100000);
		for (int i = 0; i < 10000; i++) {
			line_put(&line, i, packet, 100);
			n[run] += line_take(&line, i + 0.5, packet, sizeof(packet)) == 0;
		}
		drain();
	}
	ck_assert_uint_ge(n[0], 400);
	ck_assert_uint_le(n[0], 600);
	ck_assert_uint_eq(n[0], n[1]);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("line");

	tcase_add_test(tc, line_packet_arrives_after_rate_and_delay);
	tcase_add_test(tc, line_queue_full_drops);
	tcase_add_test(tc, line_loss_is_its_share_and_the_same_each_time);
	return run_suite("line", tc);
}
