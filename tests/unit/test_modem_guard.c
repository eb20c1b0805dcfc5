/* SPDX-License-Identifier: MIT */
/*
 * The guard's verdicts, by protocol and packet.
 */
#include "netif/modem/guard.h"

#include "tests/unit/run_suite.h"

#include <string.h>

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static struct guard guard;

static void setup(void)
{
	guard_init(&guard);
}

static const struct {
	uint16_t protocol;
	const uint8_t *packet;
	size_t len;
	enum guard_verdict verdict;
} packets[] = {
	/* LCP: MRU, ACCM, magic number. */
	{ PPP_PROTOCOL_LCP, BYTES(1, 1, 0, 14, 1, 4, 5, 220, 5, 6, 1, 2, 3, 4), GUARD_PASS },
	{ PPP_PROTOCOL_LCP, BYTES(1, 1, 0, 4), GUARD_PASS },
	{ PPP_PROTOCOL_LCP, BYTES(1, 1, 0, 4, 0, 0, 0), GUARD_PASS },
	{ PPP_PROTOCOL_LCP, BYTES(1, 1, 0), GUARD_SHORT },
	{ PPP_PROTOCOL_LCP, BYTES(1, 1, 0, 3), GUARD_LENGTH },
	{ PPP_PROTOCOL_LCP, BYTES(1, 1, 0, 5), GUARD_LENGTH },
	{ PPP_PROTOCOL_LCP, BYTES(0, 1, 0, 4), GUARD_CODE },
	{ PPP_PROTOCOL_LCP, BYTES(14, 1, 0, 4), GUARD_CODE },
	{ PPP_PROTOCOL_LCP, BYTES(255, 1, 0, 4), GUARD_CODE },
	{ PPP_PROTOCOL_LCP, BYTES(1, 1, 0, 5, 1), GUARD_OPTIONS },
	{ PPP_PROTOCOL_LCP, BYTES(1, 1, 0, 6, 7, 0), GUARD_OPTIONS },
	{ PPP_PROTOCOL_LCP, BYTES(2, 1, 0, 6, 1, 4), GUARD_OPTIONS },
	{ PPP_PROTOCOL_LCP, BYTES(3, 1, 0, 7, 1, 3, 9), GUARD_VALUE },
	{ PPP_PROTOCOL_LCP, BYTES(4, 1, 0, 6, 99, 2), GUARD_PASS },
	{ PPP_PROTOCOL_LCP, BYTES(9, 1, 0, 8, 1, 2, 3, 4), GUARD_PASS },
	{ PPP_PROTOCOL_LCP, BYTES(9, 1, 0, 7, 1, 2, 3), GUARD_VALUE },
	{ PPP_PROTOCOL_LCP, BYTES(8, 1, 0, 5, 1), GUARD_VALUE },
	{ PPP_PROTOCOL_LCP, BYTES(7, 1, 0, 8, 1, 1, 0, 4), GUARD_PASS },
	/* IPCP: address and DNS. */
	{ PPP_PROTOCOL_IPCP, BYTES(3, 1, 0, 16, 3, 6, 10, 0, 0, 1, 129, 6, 8, 8, 8, 8),
		GUARD_PASS },
	{ PPP_PROTOCOL_IPCP, BYTES(3, 1, 0, 8, 3, 4, 10, 0), GUARD_VALUE },
	{ PPP_PROTOCOL_IPCP, BYTES(9, 1, 0, 8, 1, 2, 3, 4), GUARD_CODE },
	{ PPP_PROTOCOL_IPV6CP, BYTES(1, 1, 0, 14, 1, 10, 1, 2, 3, 4, 5, 6, 7, 8), GUARD_PASS },
	{ PPP_PROTOCOL_IPV6CP, BYTES(1, 1, 0, 8, 1, 4, 1, 2), GUARD_VALUE },
	/* PAP: the text's length counts. */
	{ PPP_PROTOCOL_PAP, BYTES(2, 1, 0, 4), GUARD_PASS },
	{ PPP_PROTOCOL_PAP, BYTES(2, 1, 0, 7, 2, 'O', 'K'), GUARD_PASS },
	{ PPP_PROTOCOL_PAP, BYTES(3, 1, 0, 7, 3, 'N', 'O'), GUARD_VALUE },
	{ PPP_PROTOCOL_PAP, BYTES(1, 1, 0, 8, 1, 'u', 1, 'p'), GUARD_PASS },
	{ PPP_PROTOCOL_PAP, BYTES(1, 1, 0, 8, 1, 'u', 2, 'p'), GUARD_VALUE },
	{ PPP_PROTOCOL_PAP, BYTES(4, 1, 0, 4), GUARD_CODE },
	/* CHAP: the challenge's length lies. */
	{ PPP_PROTOCOL_CHAP, BYTES(1, 1, 0, 7, 2, 1, 2), GUARD_PASS },
	{ PPP_PROTOCOL_CHAP, BYTES(1, 1, 0, 7, 3, 1, 2), GUARD_VALUE },
	{ PPP_PROTOCOL_CHAP, BYTES(1, 1, 0, 5, 0), GUARD_VALUE },
	{ PPP_PROTOCOL_CHAP, BYTES(1, 1, 0, 4), GUARD_VALUE },
	{ PPP_PROTOCOL_CHAP, BYTES(3, 1, 0, 6, 'h', 'i'), GUARD_PASS },
	/* CCP, which we reject. */
	{ 0x80fd, BYTES(1, 1, 0, 4), GUARD_PASS },
};

START_TEST(packet_gets_its_verdict)
{
	size_t len = packets[_i].len;

	ck_assert_str_eq(guard_verdict_name(guard_check(&guard, packets[_i].protocol,
				 packets[_i].packet, &len, 0)),
		guard_verdict_name(packets[_i].verdict));
	ck_assert_uint_eq(guard.n_judged[packets[_i].verdict], 1);
}
END_TEST

START_TEST(padding_is_cut)
{
	const uint8_t packet[] = { 5, 1, 0, 5, 'x', 0, 0, 0 };
	size_t len = sizeof(packet);

	ck_assert_int_eq(guard_check(&guard, PPP_PROTOCOL_LCP, packet, &len, 0), GUARD_PASS);
	ck_assert_uint_eq(len, 5);
}
END_TEST

START_TEST(long_packet_is_dropped)
{
	uint8_t packet[1500] = { 9, 1, 1500 >> 8, 1500 & 0xff };
	size_t len = sizeof(packet);

	ck_assert_int_eq(guard_check(&guard, PPP_PROTOCOL_LCP, packet, &len, 0), GUARD_LONG);
	ck_assert_int_eq(guard_check(&guard, 0x80fd, packet, &len, 0), GUARD_PROTOCOL);
}
END_TEST

START_TEST(repetition_is_bounded_by_protocol_and_time)
{
	const uint8_t packet[] = { 1, 1, 0, 4 };
	size_t len = sizeof(packet);
	unsigned int n = 0;

	while (guard_check(&guard, PPP_PROTOCOL_LCP, packet, &len, 1000) == GUARD_PASS)
		n++;
	ck_assert_uint_eq(n, 64);
	ck_assert_int_eq(guard_check(&guard, PPP_PROTOCOL_IPCP, packet, &len, 1000), GUARD_PASS);
	ck_assert_int_eq(guard_check(&guard, PPP_PROTOCOL_LCP, packet, &len, 1499),
		GUARD_REPEATED);
	ck_assert_int_eq(guard_check(&guard, PPP_PROTOCOL_LCP, packet, &len, 1500), GUARD_PASS);
	ck_assert_int_eq(guard_check(&guard, PPP_PROTOCOL_LCP, packet, &len, 1500),
		GUARD_REPEATED);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("guard");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, packet_gets_its_verdict, 0,
		(int)(sizeof(packets) / sizeof(packets[0])));
	tcase_add_test(tc, padding_is_cut);
	tcase_add_test(tc, long_packet_is_dropped);
	tcase_add_test(tc, repetition_is_bounded_by_protocol_and_time);
	return run_suite("modem_guard", tc);
}
