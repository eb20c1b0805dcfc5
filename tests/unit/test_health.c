/* SPDX-License-Identifier: MIT */
/*
 * What packets tell of a link, byte by byte and second by second.
 */
#include "netif/health.h"

#include "tests/unit/run_suite.h"

#include <string.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND	 UINT64_C(1000000000)
#define START	 (1000 * SECOND)

#define US	 10, 0, 0, 2
#define GATEWAY	 10, 0, 0, 1
#define FAR	 192, 0, 2, 1
#define FARTHER	 198, 51, 100, 7
#define IP4(protocol, total, ...) \
	0x45, 0, 0, (total), 0, 0, 0x40, 0, 64, (protocol), 0, 0, __VA_ARGS__
#define TCP(flags)	    0xc0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, (flags), 0, 0, 0, 0, 0, 0
#define UDP(port)	    0xc0, 0, 0, (port), 0, 9, 0, 0, 'x'

#define FAR6		    0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define US6		    0x20, 1, 0x0d, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define LOCAL6		    0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define IP6(next, len, ...) 0x60, 0, 0, 0, 0, (len), (next), 64, __VA_ARGS__

static struct health health;

static const uint8_t a_syn[] = { IP4(6, 40, US, FAR), TCP(0x02) };
static const uint8_t another_syn[] = { IP4(6, 40, US, FARTHER), TCP(0x02) };
static const uint8_t an_answer[] = { IP4(6, 40, FAR, US), TCP(0x12) };

static void setup(void)
{
	const struct address gateway4 = { .family = ADDRESS_IPV4, .ip = { GATEWAY } };
	const struct address gateway6 = { .family = ADDRESS_IPV6, .ip = { LOCAL6 } };

	health_begin(&health, &gateway4, &gateway6);
}

static bool sent(const uint8_t *packet, size_t len, unsigned int second)
{
	return health_sent(&health, packet, len, START + second * SECOND);
}

static enum health_verdict judge(unsigned int second)
{
	return health_judge(&health, START + second * SECOND);
}

/* ---- what is counted ------------------------------------------------------------------ */

static const struct packet_row {
	const char *what;
	uint8_t bytes[80];
	size_t len;
	int kind; /* -1: wants no answer */
} sent_rows[] = {
	{ "SYN", { IP4(6, 40, US, FAR), TCP(0x02) }, 40, HEALTH_CONNECT },
	{ "SYN of ECN", { IP4(6, 40, US, FAR), TCP(0xc2) }, 40, HEALTH_CONNECT },
	{ "SYN and ACK", { IP4(6, 40, US, FAR), TCP(0x12) }, 40, -1 },
	{ "data", { IP4(6, 41, US, FAR), TCP(0x18), 'x' }, 41, HEALTH_SEGMENT },
	{ "data in another pbuf", { IP4(6, 90, US, FAR), TCP(0x18) }, 40, HEALTH_SEGMENT },
	{ "FIN", { IP4(6, 40, US, FAR), TCP(0x11) }, 40, HEALTH_SEGMENT },
	{ "ACK", { IP4(6, 40, US, FAR), TCP(0x10) }, 40, -1 },
	{ "RST", { IP4(6, 40, US, FAR), TCP(0x14) }, 40, -1 },
	{ "look-up", { IP4(17, 29, US, FAR), UDP(53) }, 29, HEALTH_LOOKUP },
	{ "datagram", { IP4(17, 29, US, FAR), UDP(54) }, 29, -1 },
	{ "echo request", { IP4(1, 28, US, FAR), 8, 0, 0, 0, 0, 1, 0, 1 }, 28, HEALTH_PING },
	{ "echo reply", { IP4(1, 28, US, FAR), 0, 0, 0, 0, 0, 1, 0, 1 }, 28, -1 },
	{ "SYN to the gateway", { IP4(6, 40, US, GATEWAY), TCP(0x02) }, 40, -1 },
	{ "look-up of a group", { IP4(17, 29, US, 224, 0, 0, 251), UDP(53) }, 29, -1 },
	{ "SYN by IPv6", { IP6(6, 20, US6, FAR6), TCP(0x02) }, 60, HEALTH_CONNECT },
	{ "data by IPv6", { IP6(6, 21, US6, FAR6), TCP(0x18), 'x' }, 61, HEALTH_SEGMENT },
	{ "ACK by IPv6", { IP6(6, 20, US6, FAR6), TCP(0x10) }, 60, -1 },
	{ "look-up by IPv6", { IP6(17, 9, US6, FAR6), UDP(53) }, 49, HEALTH_LOOKUP },
	{ "echo by IPv6", { IP6(58, 8, US6, FAR6), 128, 0, 0, 0, 0, 1, 0, 1 }, 48, HEALTH_PING },
	{ "solicitation", { IP6(58, 8, US6, FAR6), 133, 0, 0, 0, 0, 0, 0, 0 }, 48, -1 },
	{ "look-up of the neighbour", { IP6(17, 9, US6, LOCAL6), UDP(53) }, 49, -1 },
	{ "later fragment",
		{ 0x45, 0, 0, 40, 0, 0, 0, 10, 64, 6, 0, 0, US, FAR, TCP(0x02) }, 40, -1 },
	{ "no packet", { 0 }, 0, -1 },
	{ "half a header", { IP4(6, 40, US, FAR) }, 19, -1 },
	{ "header too long", { 0x4f, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, US, FAR }, 40, -1 },
	{ "header too short", { 0x44, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, US, FAR }, 40, -1 },
	{ "half a TCP header", { IP4(6, 40, US, FAR), 0, 1, 0, 80 }, 24, -1 },
	{ "half an IPv6 header", { IP6(6, 20, US6, FAR6) }, 39, -1 },
	{ "version 5", { 0x55 }, 60, -1 },
};

START_TEST(health_counts_what_wants_an_answer)
{
	const struct packet_row *row = &sent_rows[_i];

	ck_assert_msg(sent(row->bytes, row->len, 0) == (row->kind >= 0), "%s", row->what);
	for (int kind = 0; kind < HEALTH_KIND_COUNT; kind++)
		ck_assert_uint_eq(health.n[kind], kind == row->kind);
}
END_TEST

static const struct packet_row received_rows[] = {
	{ "a segment", { IP4(6, 40, FAR, US), TCP(0x12) }, 40, 1 },
	{ "a datagram", { IP4(17, 29, FAR, US), UDP(7) }, 29, 1 },
	{ "an error", { IP4(1, 28, FAR, US), 3, 1 }, 28, 1 },
	{ "by IPv6", { IP6(6, 20, FAR6, US6), TCP(0x12) }, 60, 1 },
	{ "of the gateway", { IP4(6, 40, GATEWAY, US), TCP(0x12) }, 40, 0 },
	{ "self-assigned", { IP4(17, 29, 169, 254, 7, 7, US), UDP(7) }, 29, 0 },
	{ "to a group", { IP4(17, 29, FAR, 224, 0, 0, 1), UDP(7) }, 29, 0 },
	{ "to all", { IP4(17, 29, FAR, 255, 255, 255, 255), UDP(7) }, 29, 0 },
	{ "of a neighbour", { IP6(58, 8, LOCAL6, US6), 136 }, 48, 0 },
	{ "no packet", { 0 }, 0, 0 },
};

START_TEST(health_is_proved_by_packets_from_afar)
{
	const struct packet_row *row = &received_rows[_i];

	sent(a_syn, sizeof(a_syn), 0);
	ck_assert_msg(health_received(&health, row->bytes, row->len) == (row->kind == 1), "%s",
		row->what);
	ck_assert_int_eq(health.has_received, row->kind);
	ck_assert_uint_eq(health.n_counted, row->kind ? 0 : 1);
}
END_TEST

/* ---- verdicts ------------------------------------------------------------------------- */

START_TEST(health_without_packets_has_no_verdict)
{
	ck_assert_uint_eq(health_due_ns(&health), 0);
	ck_assert_int_eq(judge(100000), HEALTH_WELL);
}
END_TEST

START_TEST(health_burst_counts_once)
{
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(health_sent(&health, a_syn, sizeof(a_syn), START + (unsigned)i),
			i == 0);
	ck_assert_uint_eq(health.n_counted, 1);
	ck_assert_int_eq(judge(60), HEALTH_WELL);
}
END_TEST

START_TEST(health_silence_raises_suspicion_and_an_answer_clears_it)
{
	sent(a_syn, sizeof(a_syn), 0);
	sent(a_syn, sizeof(a_syn), 3);
	ck_assert_uint_eq(health_due_ns(&health), 0);
	ck_assert_int_eq(judge(60), HEALTH_WELL);
	sent(a_syn, sizeof(a_syn), 6);
	ck_assert_uint_eq(health_due_ns(&health), START + 8 * SECOND);
	ck_assert_int_eq(judge(7), HEALTH_WELL);
	ck_assert_int_eq(judge(8), HEALTH_SUSPECT);
	ck_assert(health_received(&health, an_answer, sizeof(an_answer)));
	ck_assert_int_eq(judge(60), HEALTH_WELL);
	ck_assert_uint_eq(health_due_ns(&health), 0);
}
END_TEST

START_TEST(health_one_dead_server_condemns_nobody)
{
	for (unsigned int i = 0; i < 3600; i += 2)
		sent(a_syn, sizeof(a_syn), i);
	ck_assert_int_eq(judge(3600), HEALTH_SUSPECT);
}
END_TEST

START_TEST(health_silence_of_everybody_condemns)
{
	for (unsigned int i = 0; i < 20; i += 2)
		sent(i % 4 ? a_syn : another_syn, sizeof(a_syn), i);
	ck_assert_int_eq(judge(19), HEALTH_SUSPECT);
	ck_assert_int_eq(judge(20), HEALTH_CONDEMNED);
}
END_TEST

START_TEST(health_tells_what_was_unanswered)
{
	const uint8_t lookup[] = { IP4(17, 29, US, FAR), UDP(53) };
	char text[96];

	sent(a_syn, sizeof(a_syn), 0);
	sent(lookup, sizeof(lookup), 2);
	sent(a_syn, sizeof(a_syn), 4);
	health_describe(&health, START + 12 * SECOND, text, sizeof(text));
	ck_assert_str_eq(text, "no data for 12 s: unanswered connects 2, segments 0, look-ups 1, "
			       "pings 0");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("health");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, health_counts_what_wants_an_answer, 0, N(sent_rows));
	tcase_add_loop_test(tc, health_is_proved_by_packets_from_afar, 0, N(received_rows));
	tcase_add_test(tc, health_without_packets_has_no_verdict);
	tcase_add_test(tc, health_burst_counts_once);
	tcase_add_test(tc, health_silence_raises_suspicion_and_an_answer_clears_it);
	tcase_add_test(tc, health_one_dead_server_condemns_nobody);
	tcase_add_test(tc, health_silence_of_everybody_condemns);
	tcase_add_test(tc, health_tells_what_was_unanswered);
	return run_suite("health", tc);
}
