/* SPDX-License-Identifier: MIT */
/*
 * Which step, which pause, and when it is over: the tables of netif/ladder.c.
 */
#include "netif/ladder.h"

#include "tests/unit/run_suite.h"

#include <stddef.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void fail_times(struct ladder *ladder, enum table_link_reason reason, unsigned int n)
{
	while (n-- > 0)
		ladder_failed(ladder, reason);
}

/* ---- steps --------------------------------------------------------------------------- */

static const struct step_row {
	enum table_link_reason reason;
	enum table_link_step highest;
	enum table_link_step steps[8]; /* after 1, 2, ... failures */
} step_rows[] = {
	{ TABLE_REASON_CARRIER, TABLE_STEP_POWER,
		{ TABLE_STEP_REDIAL, TABLE_STEP_PDP, TABLE_STEP_RADIO, TABLE_STEP_RESET,
			TABLE_STEP_POWER, TABLE_STEP_REDIAL, TABLE_STEP_REDIAL,
			TABLE_STEP_PDP } },
	/* What cannot be done is left out. */
	{ TABLE_REASON_NO_DATA, TABLE_STEP_RESET,
		{ TABLE_STEP_REDIAL, TABLE_STEP_PDP, TABLE_STEP_RADIO, TABLE_STEP_RESET,
			TABLE_STEP_REDIAL, TABLE_STEP_REDIAL, TABLE_STEP_REDIAL,
			TABLE_STEP_PDP } },
	{ TABLE_REASON_TIMEOUT, TABLE_STEP_REDIAL, { TABLE_STEP_REDIAL } },
	/* Who says nothing is reset at the second time. */
	{ TABLE_REASON_SILENT, TABLE_STEP_POWER,
		{ TABLE_STEP_REDIAL, TABLE_STEP_RESET, TABLE_STEP_POWER, TABLE_STEP_REDIAL,
			TABLE_STEP_REDIAL, TABLE_STEP_RESET, TABLE_STEP_POWER,
			TABLE_STEP_REDIAL } },
	{ TABLE_REASON_SILENT, TABLE_STEP_RESET,
		{ TABLE_STEP_REDIAL, TABLE_STEP_RESET, TABLE_STEP_REDIAL, TABLE_STEP_REDIAL,
			TABLE_STEP_REDIAL, TABLE_STEP_RESET, TABLE_STEP_REDIAL,
			TABLE_STEP_REDIAL } },
	/* Not the modem's fault. */
	{ TABLE_REASON_HELPER, TABLE_STEP_POWER, { TABLE_STEP_REDIAL } },
	{ TABLE_REASON_DEVICE, TABLE_STEP_POWER, { TABLE_STEP_REDIAL } },
	{ TABLE_REASON_ROAMING, TABLE_STEP_POWER, { TABLE_STEP_REDIAL } },
	{ TABLE_REASON_COMMAND, TABLE_STEP_POWER, { TABLE_STEP_REDIAL } },
};

START_TEST(ladder_reason_leads_to_its_steps)
{
	const struct step_row *row = &step_rows[_i];
	struct ladder ladder = { 0 };

	ck_assert_int_eq(ladder_step(&ladder, row->highest), TABLE_STEP_REDIAL);
	for (size_t i = 0; i < N(row->steps); i++) {
		ladder_failed(&ladder, row->reason);
		ck_assert_msg(ladder_step(&ladder, row->highest) == row->steps[i],
			"%s: %s after %zu failures", table_link_reason_name(row->reason),
			table_link_step_name(ladder_step(&ladder, row->highest)), i + 1);
	}
}
END_TEST

START_TEST(ladder_other_failures_between_keep_the_rung)
{
	struct ladder ladder = { 0 };

	fail_times(&ladder, TABLE_REASON_SILENT, 2);
	ck_assert_int_eq(ladder_step(&ladder, TABLE_STEP_POWER), TABLE_STEP_RESET);
	/* The port is away while the modem restarts: that is not reset again. */
	fail_times(&ladder, TABLE_REASON_DEVICE, 3);
	ck_assert_int_eq(ladder_step(&ladder, TABLE_STEP_POWER), TABLE_STEP_REDIAL);
	ladder_hurry(&ladder);
	ladder_failed(&ladder, TABLE_REASON_SILENT);
	ck_assert_int_eq(ladder_step(&ladder, TABLE_STEP_POWER), TABLE_STEP_POWER);
}
END_TEST

START_TEST(ladder_busy_port_leaves_the_step_to_be_done)
{
	struct ladder ladder = { 0 };

	fail_times(&ladder, TABLE_REASON_DEVICE_BUSY, 2);
	ck_assert_int_eq(ladder_step(&ladder, TABLE_STEP_POWER), TABLE_STEP_REDIAL);
	fail_times(&ladder, TABLE_REASON_SILENT, 2);
	fail_times(&ladder, TABLE_REASON_DEVICE_BUSY, 3);
	ck_assert_int_eq(ladder_step(&ladder, TABLE_STEP_POWER), TABLE_STEP_RESET);
	/* The pauses grow all the same. */
	ck_assert_uint_eq(ladder.n_failures, 7);
	ladder_failed(&ladder, TABLE_REASON_SILENT);
	ck_assert_int_eq(ladder_step(&ladder, TABLE_STEP_POWER), TABLE_STEP_POWER);
}
END_TEST

START_TEST(ladder_of_another_kind_starts_at_its_foot)
{
	struct ladder ladder = { 0 };

	fail_times(&ladder, TABLE_REASON_CARRIER, 4);
	ladder_failed(&ladder, TABLE_REASON_SILENT);
	ck_assert_int_eq(ladder_step(&ladder, TABLE_STEP_POWER), TABLE_STEP_REDIAL);
	ladder_failed(&ladder, TABLE_REASON_SILENT);
	ck_assert_int_eq(ladder_step(&ladder, TABLE_STEP_POWER), TABLE_STEP_RESET);
	ladder_reset(&ladder);
	ladder_failed(&ladder, TABLE_REASON_SILENT);
	ck_assert_int_eq(ladder_step(&ladder, TABLE_STEP_POWER), TABLE_STEP_REDIAL);
}
END_TEST

/* ---- pauses -------------------------------------------------------------------------- */

static const uint32_t pauses_ms[] = { 100, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000,
	256000, 300000, 300000 };

START_TEST(ladder_pause_doubles_up_to_five_minutes)
{
	struct ladder ladder = { 0 };

	for (size_t i = 0; i < N(pauses_ms); i++) {
		uint32_t jitter = i == 0 ? 0 : pauses_ms[i] / 5;

		ladder_failed(&ladder, TABLE_REASON_HELPER);
		ck_assert_uint_eq(ladder_pause_ms(&ladder, 0), pauses_ms[i] - jitter);
		ck_assert_uint_eq(ladder_pause_ms(&ladder, jitter), pauses_ms[i]);
		ck_assert_uint_eq(ladder_pause_ms(&ladder, 2 * jitter), pauses_ms[i] + jitter);
		ck_assert_uint_eq(ladder_pause_ms(&ladder, 2 * jitter + 1), pauses_ms[i] - jitter);
	}
	/* Weeks of failures do not overflow it. */
	fail_times(&ladder, TABLE_REASON_CARRIER, 10000);
	ck_assert_uint_eq(ladder_pause_ms(&ladder, 60000), 300000);
	ladder_hurry(&ladder);
	ladder_failed(&ladder, TABLE_REASON_CARRIER);
	ck_assert_uint_eq(ladder_pause_ms(&ladder, 7), 100);
}
END_TEST

/* ---- the end ------------------------------------------------------------------------- */

static const struct end_row {
	enum table_link_reason reason;
	unsigned int final_after; /* 0: never */
} end_rows[] = {
	{ TABLE_REASON_AUTHENTICATION, 3 },
	{ TABLE_REASON_BARRED, 3 },
	{ TABLE_REASON_ROAMING, 0 },
	{ TABLE_REASON_REGISTRATION, 0 },
	{ TABLE_REASON_DIAL, 0 },
	{ TABLE_REASON_SILENT, 0 },
};

START_TEST(ladder_refusals_end_it_after_the_third)
{
	const struct end_row *row = &end_rows[_i];
	struct ladder ladder = { 0 };

	for (unsigned int n = 1; n <= 20; n++) {
		ladder_failed(&ladder, row->reason);
		ck_assert_int_eq(ladder_is_at_end(&ladder),
			row->final_after > 0 && n >= row->final_after);
	}
}
END_TEST

START_TEST(ladder_network_that_lets_in_forgives_refusals)
{
	struct ladder ladder = { 0 };

	fail_times(&ladder, TABLE_REASON_AUTHENTICATION, 2);
	ladder_failed(&ladder, TABLE_REASON_CARRIER);
	ladder_accepted(&ladder);
	fail_times(&ladder, TABLE_REASON_AUTHENTICATION, 2);
	ck_assert(!ladder_is_at_end(&ladder));
	ladder_failed(&ladder, TABLE_REASON_CARRIER);
	ladder_failed(&ladder, TABLE_REASON_AUTHENTICATION);
	ck_assert(ladder_is_at_end(&ladder));
	ladder_reset(&ladder);
	ck_assert(!ladder_is_at_end(&ladder));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("ladder");

	tcase_add_loop_test(tc, ladder_reason_leads_to_its_steps, 0, N(step_rows));
	tcase_add_test(tc, ladder_other_failures_between_keep_the_rung);
	tcase_add_test(tc, ladder_busy_port_leaves_the_step_to_be_done);
	tcase_add_test(tc, ladder_of_another_kind_starts_at_its_foot);
	tcase_add_test(tc, ladder_pause_doubles_up_to_five_minutes);
	tcase_add_loop_test(tc, ladder_refusals_end_it_after_the_third, 0, N(end_rows));
	tcase_add_test(tc, ladder_network_that_lets_in_forgives_refusals);
	return run_suite("ladder", tc);
}
