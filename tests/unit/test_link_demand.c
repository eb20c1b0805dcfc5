/* SPDX-License-Identifier: MIT */
/*
 * Links that dial on demand and are hung up when idle. Time passes when the
 * test says so, as in test_link_health.c.
 */
#include "netif/link.h"

#include "netif/link_private.h"
#include "netif/log.h"
#include "tests/unit/fake_driver.h"
#include "tests/unit/netif_test.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000000)

static struct link *one;

static void set(const char *key, const char *value)
{
	char error[200];

	ck_assert_int_eq(link_set(one, key, value, error, sizeof(error)), 0);
}

static void setup(void)
{
	stack_setup();
	log_set_level(LOG_LEVEL_ERROR);
	one = make_link("one");
	set("dial", "demand");
	set("idle_timeout", "60");
}

static void teardown(void)
{
	free_fake(one);
	stack_teardown();
}

static void start(void)
{
	start_fake(one);
	run_for(5);
}

static void let_pass(unsigned int seconds)
{
	struct link_demand *d = &one->demand;
	uint64_t ns = seconds * SECOND;

	d->moved_ns -= d->moved_ns > ns ? ns : 0;
	d->demanded_ns -= d->demanded_ns > ns ? ns : 0;
	d->earliest_ns -= d->earliest_ns > ns ? ns : 0;
	if (event_pending(d->timer, EV_TIMEOUT, NULL))
		event_active(d->timer, EV_TIMEOUT, 0);
	run_for(5);
}

static bool is_asleep(void)
{
	return link_state(one) == TABLE_LINK_DOWN && one->demand.is_asleep &&
		!event_pending(one->timer, EV_TIMEOUT, NULL);
}

START_TEST(link_on_demand_sleeps_until_it_is_needed)
{
	struct table_link t = { 0 };

	start();
	ck_assert(is_asleep());
	ck_assert_int_eq(fake_of(one)->n_opens, 0);
	link_describe(one, &t);
	ck_assert_int_eq(t.reason, TABLE_REASON_IDLE);
	ck_assert_int_eq(t.dials_on_demand, 1);
	ck_assert_uint_eq(t.retry_ns, 0);
	ck_assert(link_demand(one));
	ck_assert(run_until(is_up, one, 10000));
	/* Up: who has no way there waits in vain. */
	ck_assert(!link_demand(one));
}
END_TEST

START_TEST(link_always_dialed_is_not_woken)
{
	set("dial", "always");
	one->demand.is_timeout_set = false;
	start();
	ck_assert(run_until(is_up, one, 10000));
	ck_assert(!event_pending(one->demand.timer, EV_TIMEOUT, NULL));
	link_fail(one, TABLE_REASON_CARRIER, "no carrier");
	ck_assert(!link_demand(one));
}
END_TEST

START_TEST(link_on_demand_is_hung_up_when_idle)
{
	static const uint8_t peer[4] = { 10, 1, 0, 1 }, us[4] = { 10, 1, 0, 2 };
	uint8_t packet[64];
	size_t len = make_echo4(packet, peer, us);

	start();
	link_demand(one);
	ck_assert(run_until(is_up, one, 10000));
	let_pass(59);
	ck_assert_int_eq(link_state(one), TABLE_LINK_UP);
	ck_assert_int_eq(send(fake_of(one)->wire, packet, len, 0), (ssize_t)len);
	run_for(1500);
	let_pass(50);
	ck_assert_int_eq(link_state(one), TABLE_LINK_UP);
	let_pass(11);
	ck_assert(is_asleep());
	ck_assert_int_eq(one->reason, TABLE_REASON_IDLE);
	ck_assert_str_eq(one->cause, "no packet for 60 s");
	ck_assert_int_eq(fake_of(one)->n_closes, 1);
	/* As if it had never been away. */
	link_demand(one);
	ck_assert(run_until(is_up, one, 10000));
}
END_TEST

START_TEST(link_on_demand_without_timeout_stays_up)
{
	set("idle_timeout", "0");
	start();
	link_demand(one);
	ck_assert(run_until(is_up, one, 10000));
	let_pass(86400);
	ck_assert_int_eq(link_state(one), TABLE_LINK_UP);
}
END_TEST

START_TEST(link_on_demand_that_fails_is_tried_while_it_is_needed)
{
	start();
	fake_of(one)->refuses = true;
	link_demand(one);
	run_for(5);
	ck_assert_int_eq(fake_of(one)->n_opens, 1);
	ck_assert(event_pending(one->timer, EV_TIMEOUT, NULL));
	ck_assert(link_demand(one));
	let_pass(61);
	event_active(one->timer, EV_TIMEOUT, 0);
	run_for(5);
	ck_assert_int_eq(fake_of(one)->n_opens, 2);
	ck_assert(is_asleep());
	/* The pause of the failure is not over: who is impatient dials no faster. */
	fake_of(one)->refuses = false;
	ck_assert(link_demand(one));
	run_for(100);
	ck_assert_int_eq(fake_of(one)->n_opens, 2);
	ck_assert(run_until(is_up, one, 10000));
}
END_TEST

START_TEST(link_on_demand_that_is_refused_or_held_is_not_waited_for)
{
	start();
	fake_of(one)->negotiates = true;
	link_demand(one);
	run_for(5);
	link_refuse(one, TABLE_REASON_SIM_MISSING, "no SIM");
	ck_assert(!link_demand(one));
	link_down(one, "asked for");
	ck_assert(!link_demand(one));
	fake_of(one)->negotiates = false;
	link_up(one, "asked for");
	ck_assert(run_until(is_up, one, 10000));
	link_stop(one);
	ck_assert(!link_demand(one));
}
END_TEST

START_TEST(link_idle_timeout_needs_demand)
{
	char error[200] = "";

	ck_assert_int_eq(link_check(one, error, sizeof(error)), 0);
	set("dial", "always");
	ck_assert_int_eq(link_check(one, error, sizeof(error)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "demand"));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("link_demand");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, link_on_demand_sleeps_until_it_is_needed);
	tcase_add_test(tc, link_always_dialed_is_not_woken);
	tcase_add_test(tc, link_on_demand_is_hung_up_when_idle);
	tcase_add_test(tc, link_on_demand_without_timeout_stays_up);
	tcase_add_test(tc, link_on_demand_that_fails_is_tried_while_it_is_needed);
	tcase_add_test(tc, link_on_demand_that_is_refused_or_held_is_not_waited_for);
	tcase_add_test(tc, link_idle_timeout_needs_demand);
	return run_suite("link_demand", tc);
}
