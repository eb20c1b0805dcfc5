/* SPDX-License-Identifier: MIT */
/*
 * What a link does when nothing comes back: questions, degraded, the ladder.
 * Time passes when the test says so: what was counted is moved into the past,
 * and timers are made active by hand.
 */
#include "netif/link.h"

#include "netif/link_private.h"
#include "netif/log.h"
#include "tests/unit/fake_driver.h"
#include "tests/unit/netif_test.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND	      UINT64_C(1000000000)
#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP  6
#define PROTOCOL_UDP  17

static const uint8_t us[4] = { 10, 1, 0, 2 }, far_away[4] = { 198, 51, 100, 1 };
static const uint8_t name_server[4] = { 192, 0, 2, 53 };

static struct link *one;

static void setup(void)
{
	stack_setup();
	log_set_level(LOG_LEVEL_ERROR);
	one = make_link("one");
	one->health.is_set = one->health.is_enabled = true;
}

static void teardown(void)
{
	free_fake(one);
	stack_teardown();
}

static void come_up(void)
{
	start_fake(one);
	ck_assert(run_until(is_up, one, 10000));
}

/* A program's packet that wants an answer, to one host or another. */
static void send_ping(uint8_t last)
{
	const uint8_t to[4] = { 198, 51, 100, last };
	uint8_t packet[64];

	link_health_sent(&one->ipif, packet, make_echo4(packet, us, to), one);
}

static void let_pass(unsigned int seconds)
{
	struct health *h = &one->health.passive;

	if (h->first_ns) {
		h->first_ns -= seconds * SECOND;
		h->counted_ns -= seconds * SECOND;
	}
	one->up_ns -= seconds * SECOND;
	one->since_ns -= seconds * SECOND;
}

/* Pings of programs, unanswered, for half a minute. */
static void stay_silent(bool is_several)
{
	for (int i = 0; i < 10; i++) {
		send_ping(is_several && i % 2 ? 7 : 1);
		let_pass(3);
	}
}

static void let_look(void)
{
	ck_assert(one->health.is_armed);
	event_active(one->health.timer, EV_TIMEOUT, 0);
	run_for(5);
}

/* The next packet on the wire that is of @protocol; its length, 0: none. */
static size_t take_packet(uint8_t protocol, uint8_t packet[200])
{
	ssize_t n;

	while ((n = recv(fake_of(one)->wire, packet, 200, MSG_DONTWAIT)) > 0) {
		if (n > 20 && packet[0] == 0x45 && packet[9] == protocol)
			return (size_t)n;
	}
	return 0;
}

static void receive_from(const uint8_t from[4])
{
	uint8_t packet[64];
	size_t len = make_echo4(packet, from, us);

	ck_assert_int_eq(send(fake_of(one)->wire, packet, len, 0), (ssize_t)len);
	run_for(20);
}

/* ---- questions ---------------------------------------------------------------------- */

START_TEST(link_that_answers_nothing_is_asked_then_degraded_then_down)
{
	uint8_t packet[200];

	come_up();
	ck_assert(!one->health.is_armed);
	stay_silent(false);
	let_look();
	/* One dead server may be all: the name server is asked. */
	ck_assert_int_eq(link_state(one), TABLE_LINK_UP);
	ck_assert_uint_gt(take_packet(PROTOCOL_UDP, packet), 28);
	ck_assert_mem_eq(packet + 16, name_server, 4);
	ck_assert_uint_eq(packet[23], 53);
	let_look();
	ck_assert_int_eq(link_state(one), TABLE_LINK_DEGRADED);
	ck_assert_int_eq(one->reason, TABLE_REASON_NO_DATA);
	ck_assert_ptr_nonnull(strstr(one->cause, "no data for 30 s"));
	/* It is asked on. */
	ck_assert_uint_gt(take_packet(PROTOCOL_UDP, packet), 28);
	event_active(one->timer, EV_TIMEOUT, 0);
	run_for(5);
	ck_assert_int_eq(link_state(one), TABLE_LINK_DOWN);
	ck_assert_int_eq(one->reason, TABLE_REASON_NO_DATA);
	ck_assert(!one->health.is_armed);
	ck_assert_int_eq(one->step, TABLE_STEP_REDIAL);
}
END_TEST

START_TEST(link_without_data_climbs_although_it_was_up)
{
	come_up();
	for (int i = 0; i < 2; i++) {
		stay_silent(false);
		let_look();
		let_look();
		ck_assert_int_eq(link_state(one), TABLE_LINK_DEGRADED);
		event_active(one->timer, EV_TIMEOUT, 0);
		run_for(5);
		ck_assert_int_eq(link_state(one), TABLE_LINK_DOWN);
		event_active(one->timer, EV_TIMEOUT, 0);
		ck_assert(run_until(is_up, one, 10000));
		ck_assert_int_eq(fake_of(one)->step, i == 0 ? TABLE_STEP_REDIAL : TABLE_STEP_PDP);
	}
	/* Some data did pass: it starts over. */
	receive_from(far_away);
	stay_silent(false);
	let_look();
	let_look();
	event_active(one->timer, EV_TIMEOUT, 0);
	run_for(5);
	ck_assert_int_eq(one->step, TABLE_STEP_REDIAL);
}
END_TEST

START_TEST(link_whose_question_is_answered_stays_up_and_has_quiet)
{
	uint8_t packet[200];

	come_up();
	stay_silent(false);
	let_look();
	ck_assert_uint_gt(take_packet(PROTOCOL_UDP, packet), 0);
	receive_from(name_server);
	ck_assert_int_eq(link_state(one), TABLE_LINK_UP);
	ck_assert_uint_eq(one->health.n_probes, 0);
	ck_assert_uint_eq(one->health.pause_s, 120);
	/* The dead server is called on: the next question has time. */
	stay_silent(false);
	ck_assert(one->health.is_armed);
	run_for(50);
	ck_assert_uint_eq(take_packet(PROTOCOL_UDP, packet), 0);
	/* An answer to programs shortens the pause again. */
	receive_from(far_away);
	ck_assert(!one->health.is_armed);
	ck_assert_uint_eq(one->health.pause_s, 60);
}
END_TEST

START_TEST(link_degraded_is_up_again_when_data_passes)
{
	come_up();
	stay_silent(false);
	let_look();
	let_look();
	ck_assert_int_eq(link_state(one), TABLE_LINK_DEGRADED);
	receive_from(far_away);
	ck_assert_int_eq(link_state(one), TABLE_LINK_UP);
	ck_assert_int_eq(one->reason, TABLE_REASON_NONE);
	ck_assert(!event_pending(one->timer, EV_TIMEOUT, NULL));
	ck_assert_int_eq(fake_of(one)->n_closes, 0);
}
END_TEST

START_TEST(link_degraded_whose_helper_dies_says_so)
{
	uint8_t packet[200];

	come_up();
	stay_silent(false);
	let_look();
	let_look();
	/* What is unread would make it a reset. */
	ck_assert_uint_eq(take_packet(UINT8_MAX, packet), 0);
	close(fake_of(one)->wire);
	fake_of(one)->wire = -1;
	run_for(20);
	event_active(one->timer, EV_TIMEOUT, 0);
	run_for(5);
	ck_assert_int_eq(one->reason, TABLE_REASON_HELPER);
}
END_TEST

/* ---- nobody to ask -------------------------------------------------------------------- */

START_TEST(link_with_nobody_to_ask_needs_two_silent_places)
{
	uint8_t packet[200];

	one->health.target = LINK_PROBE_NONE;
	come_up();
	stay_silent(false);
	let_look();
	ck_assert_int_eq(link_state(one), TABLE_LINK_UP);
	stay_silent(true);
	let_look();
	ck_assert_int_eq(link_state(one), TABLE_LINK_DEGRADED);
	ck_assert_uint_eq(take_packet(PROTOCOL_UDP, packet), 0);
}
END_TEST

START_TEST(link_whose_name_server_is_its_gateway_is_not_asked_there)
{
	uint8_t packet[200];

	ck_assert_int_eq(address_parse_ip(&fake_of(one)->parameters.gateway4, "192.0.2.53"), 0);
	come_up();
	stay_silent(true);
	let_look();
	ck_assert_uint_eq(take_packet(PROTOCOL_UDP, packet), 0);
	ck_assert_int_eq(link_state(one), TABLE_LINK_DEGRADED);
}
END_TEST

START_TEST(link_that_is_not_watched_is_left_alone)
{
	one->health.is_enabled = false;
	come_up();
	stay_silent(true);
	ck_assert(!one->health.is_armed);
	ck_assert_uint_eq(one->health.passive.n_counted, 0);
}
END_TEST

/* ---- the configured place ------------------------------------------------------------- */

START_TEST(link_probe_by_ping_is_well_formed)
{
	uint8_t packet[200];

	one->health.target = LINK_PROBE_ADDRESS;
	ck_assert_int_eq(address_parse_ip(&one->health.address, "203.0.113.9"), 0);
	come_up();
	stay_silent(false);
	let_look();
	ck_assert_uint_eq(take_packet(PROTOCOL_ICMP, packet), 28);
	ck_assert_uint_eq(packet[19], 9);
	ck_assert_uint_eq(packet[20], 8);
	ck_assert_uint_eq(internet_sum(packet + 20, 8, 0), 0);
}
END_TEST

START_TEST(link_probe_by_tcp_is_reset_when_answered)
{
	uint8_t packet[200], segment[20] = { 0 }, answer[64];
	const uint8_t place[4] = { 203, 0, 113, 9 };
	uint32_t pseudo;
	size_t len;

	one->health.target = LINK_PROBE_ADDRESS;
	ck_assert_int_eq(address_parse_ip(&one->health.address, "203.0.113.9"), 0);
	one->health.address.port = 443;
	come_up();
	stay_silent(false);
	let_look();
	ck_assert_uint_ge(take_packet(PROTOCOL_TCP, packet), 40);
	ck_assert_uint_eq(packet[33] & 0x3f, 0x02);
	/* SYN and ACK of 203.0.113.9:443 */
	put16(segment, 443);
	memcpy(segment + 2, packet + 20, 2);
	memcpy(segment + 8, packet + 24, 4);
	segment[11]++;
	segment[12] = 0x50;
	segment[13] = 0x12;
	put16(segment + 14, 1000);
	pseudo = 203u * 256 + 0 + 113u * 256 + 9 + 10u * 256 + 1 + 2 + PROTOCOL_TCP + 20;
	put16(segment + 16, internet_sum(segment, sizeof(segment), pseudo));
	len = make_ip4(answer, PROTOCOL_TCP, place, us, segment, sizeof(segment));
	ck_assert_int_eq(send(fake_of(one)->wire, answer, len, 0), (ssize_t)len);
	run_for(20);
	ck_assert_uint_eq(one->health.n_probes, 0);
	ck_assert_ptr_null(one->health.probe.tcp);
	ck_assert_uint_ge(take_packet(PROTOCOL_TCP, packet), 40);
	ck_assert_uint_eq(packet[33] & 0x04, 0x04);
}
END_TEST

START_TEST(link_stopped_while_it_asks_leaves_nothing)
{
	one->health.target = LINK_PROBE_ADDRESS;
	ck_assert_int_eq(address_parse_ip(&one->health.address, "203.0.113.9"), 0);
	one->health.address.port = 443;
	come_up();
	stay_silent(false);
	let_look();
	ck_assert_ptr_nonnull(one->health.probe.tcp);
	link_stop(one);
	ck_assert_ptr_null(one->health.probe.tcp);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("link_health");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, link_that_answers_nothing_is_asked_then_degraded_then_down);
	tcase_add_test(tc, link_without_data_climbs_although_it_was_up);
	tcase_add_test(tc, link_whose_question_is_answered_stays_up_and_has_quiet);
	tcase_add_test(tc, link_degraded_is_up_again_when_data_passes);
	tcase_add_test(tc, link_degraded_whose_helper_dies_says_so);
	tcase_add_test(tc, link_with_nobody_to_ask_needs_two_silent_places);
	tcase_add_test(tc, link_whose_name_server_is_its_gateway_is_not_asked_there);
	tcase_add_test(tc, link_that_is_not_watched_is_left_alone);
	tcase_add_test(tc, link_probe_by_ping_is_well_formed);
	tcase_add_test(tc, link_probe_by_tcp_is_reset_when_answered);
	tcase_add_test(tc, link_stopped_while_it_asks_leaves_nothing);
	return run_suite("link_health", tc);
}
