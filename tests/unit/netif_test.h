/* SPDX-License-Identifier: MIT */
/*
 * What the tests of netif/ share: a loop with a stack on it, packets, and the
 * runner.
 */
#ifndef TESTS_UNIT_NETIF_TEST_H
#define TESTS_UNIT_NETIF_TEST_H

#include "netif/stack.h"

#include <check.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct event_base *base;

static inline void stack_setup(void)
{
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(stack_init(base), 0);
}

static inline void stack_teardown(void)
{
	stack_fini();
	event_base_free(base);
}

/* Runs the loop for a time, or until @done (NULL: never) says so. */
static inline bool run_until(bool (*done)(void *arg), void *arg, unsigned int limit_ms)
{
	uint64_t end = stack_now_ns() + (uint64_t)limit_ms * 1000000;

	for (;;) {
		struct timeval step = { 0, 2000 };

		if (done && done(arg))
			return true;
		if (stack_now_ns() >= end)
			return false;
		event_base_loopexit(base, &step);
		event_base_loop(base, EVLOOP_ONCE);
	}
}

static inline void run_for(unsigned int ms)
{
	run_until(NULL, NULL, ms);
}

static inline uint16_t internet_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len % 2)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}

static inline void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value & 0xffff);
}

/* An IPv4 packet; the addresses are dotted by bytes. Returns its length. */
static inline size_t make_ip4(uint8_t *out, uint8_t protocol, const uint8_t src[4],
	const uint8_t dst[4], const void *payload, size_t len)
{
	memset(out, 0, 20);
	out[0] = 0x45;
	put16(out + 2, (unsigned int)(20 + len));
	out[8] = 64;
	out[9] = protocol;
	memcpy(out + 12, src, 4);
	memcpy(out + 16, dst, 4);
	put16(out + 10, internet_sum(out, 20, 0));
	memcpy(out + 20, payload, len);
	return 20 + len;
}

static inline size_t make_echo4(uint8_t *out, const uint8_t src[4], const uint8_t dst[4])
{
	uint8_t icmp[12] = { 8, 0, 0, 0, 0, 1, 0, 1, 'p', 'i', 'n', 'g' };

	put16(icmp + 2, internet_sum(icmp, sizeof(icmp), 0));
	return make_ip4(out, 1, src, dst, icmp, sizeof(icmp));
}

/* Adds @test once for each row of @table, by _i. */
#define LOOP(tc, test, table) \
	tcase_add_loop_test(tc, test, 0, sizeof(table) / sizeof((table)[0]))

/* For a suite of several cases; else see run_suite.h. */
static inline int run_all(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}

#endif
