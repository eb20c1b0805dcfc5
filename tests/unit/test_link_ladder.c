/* SPDX-License-Identifier: MIT */
/*
 * What a link does about failures: steps, power script, refusals, its device
 * coming back. The tables behind it are test_ladder.c's.
 */
#include "netif/link.h"

#include "netif/link_private.h"
#include "netif/log.h"
#include "tests/unit/fake_driver.h"
#include "tests/unit/netif_test.h"
#include "tests/unit/run_suite.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct link *one;

static void setup(void)
{
	stack_setup();
	log_set_level(LOG_LEVEL_ERROR);
	one = make_link("one");
}

static void teardown(void)
{
	free_fake(one);
	stack_teardown();
}

/* As if the pause, or the state's deadline, were over. */
static void let_time_pass(struct link *link)
{
	event_active(link->timer, EV_TIMEOUT, 0);
	run_for(5);
}

/* As if the process had been killed, but did not end. */
static void start_sleeper(struct helper *helper)
{
	helper->pid = fork();
	ck_assert_int_ge(helper->pid, 0);
	while (helper->pid == 0)
		pause();
	helper->pidfd = (int)syscall(SYS_pidfd_open, helper->pid, 0);
	ck_assert_int_ge(helper->pidfd, 0);
	helper->is_dying = true;
}

static void end_sleeper(const struct helper *helper)
{
	ck_assert_int_eq(kill(helper->pid, SIGKILL), 0);
	waitid(P_PIDFD, (id_t)helper->pidfd, NULL, WEXITED | WNOWAIT);
}

static bool is_tried_again(void *arg)
{
	return fake_of(arg)->n_opens > 1;
}

START_TEST(link_try_waits_for_the_end_of_the_last_helper)
{
	struct helper helper;

	link_helper_init(one, &helper, "no-such-helper", NULL);
	fake_of(one)->refuses = true;
	start_fake(one);
	let_time_pass(one);
	start_sleeper(&helper);
	fake_of(one)->helper = &helper;
	/* It is due after a tenth of a second. */
	run_for(300);
	ck_assert_int_eq(fake_of(one)->n_opens, 1);
	ck_assert_int_eq(one->ladder.n_failures, 1);
	end_sleeper(&helper);
	ck_assert(run_until(is_tried_again, one, 5000));
	fake_of(one)->helper = NULL;
	helper_fini(&helper);
}
END_TEST

START_TEST(link_keeps_its_step_when_the_last_helper_does_not_end)
{
	struct helper helper;
	struct table_link t = { 0 };

	link_helper_init(one, &helper, "no-such-helper", NULL);
	fake_of(one)->refuses = true;
	fake_of(one)->reason = TABLE_REASON_SILENT;
	start_fake(one);
	let_time_pass(one);
	let_time_pass(one);
	start_sleeper(&helper);
	fake_of(one)->helper = &helper;
	for (int i = 0; i < 2; i++) {
		/* As if all the time were over that the try waits for its end. */
		one->retry_ns = 0;
		let_time_pass(one);
		ck_assert_int_eq(fake_of(one)->step, TABLE_STEP_RESET);
		link_describe(one, &t);
		ck_assert_int_eq(t.reason, TABLE_REASON_DEVICE_BUSY);
		ck_assert_ptr_nonnull(strstr(t.cause, "has not ended yet"));
	}
	end_sleeper(&helper);
	/* It is there no more; nor is its program. */
	let_time_pass(one);
	ck_assert_int_eq(fake_of(one)->step, TABLE_STEP_RESET);
	link_describe(one, &t);
	ck_assert_int_eq(t.reason, TABLE_REASON_SYSTEM);
	fake_of(one)->helper = NULL;
	helper_fini(&helper);
}
END_TEST

START_TEST(link_that_fails_again_and_again_takes_the_next_step)
{
	static const enum table_link_step steps[] = { TABLE_STEP_REDIAL, TABLE_STEP_REDIAL,
		TABLE_STEP_PDP, TABLE_STEP_RADIO, TABLE_STEP_RESET, TABLE_STEP_REDIAL };
	struct table_link t = { 0 };

	fake_of(one)->refuses = true;
	start_fake(one);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		let_time_pass(one);
		ck_assert_int_eq(fake_of(one)->n_opens, (int)i + 1);
		/* No script is configured: power is left out. */
		ck_assert_int_eq(fake_of(one)->step, steps[i]);
	}
	link_describe(one, &t);
	ck_assert_int_eq(t.reason, TABLE_REASON_DIAL);
	ck_assert_int_eq(t.is_refused, 0);
	fake_of(one)->refuses = false;
	let_time_pass(one);
	ck_assert_int_eq(link_state(one), TABLE_LINK_UP);
	/* Short lives prove nothing. */
	link_fail(one, TABLE_REASON_CARRIER, "no carrier");
	let_time_pass(one);
	link_fail(one, TABLE_REASON_CARRIER, "no carrier");
	ck_assert_int_eq(one->step, TABLE_STEP_PDP);
	let_time_pass(one);
	one->up_ns -= UINT64_C(11000000000);
	link_fail(one, TABLE_REASON_CARRIER, "no carrier");
	ck_assert_int_eq(one->step, TABLE_STEP_REDIAL);
}
END_TEST

START_TEST(link_down_for_the_same_cause_again_is_no_news)
{
	struct link_log_line line;
	uint64_t position = 0;
	int n_notices = 0, n = 0;

	fake_of(one)->refuses = true;
	start_fake(one);
	for (int i = 0; i < 4; i++)
		let_time_pass(one);
	fake_of(one)->reason = TABLE_REASON_CARRIER;
	fake_of(one)->refuses = false;
	let_time_pass(one);
	link_fail(one, TABLE_REASON_DIAL, "refused");
	while (link_log_read(link_log_of(one), &position, &line) == 1) {
		if (!strstr(line.text, "down (refused)"))
			continue;
		n++;
		n_notices += line.level == LOG_LEVEL_NOTICE;
	}
	ck_assert_int_eq(n, 5);
	/* The first, and the one after it had been up. */
	ck_assert_int_eq(n_notices, 2);
}
END_TEST

START_TEST(link_whose_power_step_is_due_runs_the_script_first)
{
	fake_of(one)->refuses = true;
	fake_of(one)->reason = TABLE_REASON_SILENT;
	snprintf(one->power_script, sizeof(one->power_script), "/bin/true");
	start_fake(one);
	let_time_pass(one);
	let_time_pass(one);
	let_time_pass(one);
	ck_assert_int_eq(one->step, TABLE_STEP_POWER);
	fake_of(one)->refuses = false;
	event_active(one->timer, EV_TIMEOUT, 0);
	ck_assert(run_until(is_up, one, 20000));
	ck_assert_int_eq(fake_of(one)->step, TABLE_STEP_POWER);
	ck_assert_int_eq(fake_of(one)->n_opens, 4);
}
END_TEST

START_TEST(link_taken_down_ends_the_power_script)
{
	start_fake(one);
	ck_assert(run_until(is_up, one, 10000));
	link_fail(one, TABLE_REASON_CARRIER, "no carrier");
	/* It will not end by itself: the link's name is no file, the device is endless. */
	snprintf(one->power_script, sizeof(one->power_script), "/bin/cat");
	fake_of(one)->device = "/dev/zero";
	one->step = TABLE_STEP_POWER;
	let_time_pass(one);
	ck_assert_ptr_nonnull(one->power);
	ck_assert_int_eq(link_state(one), TABLE_LINK_OPENING);
	link_down(one, "asked for");
	ck_assert_ptr_null(one->power);
	run_for(50);
	ck_assert_int_eq(fake_of(one)->n_opens, 1);
}
END_TEST

START_TEST(link_refused_three_times_is_not_tried_again)
{
	struct table_link t = { 0 };

	fake_of(one)->refuses = true;
	fake_of(one)->reason = TABLE_REASON_AUTHENTICATION;
	start_fake(one);
	let_time_pass(one);
	let_time_pass(one);
	ck_assert(!one->is_refused);
	let_time_pass(one);
	ck_assert(!event_pending(one->timer, EV_TIMEOUT, NULL));
	link_describe(one, &t);
	ck_assert_int_eq(t.is_refused, 1);
	ck_assert_int_eq(t.reason, TABLE_REASON_AUTHENTICATION);
	ck_assert_str_eq(t.cause, "refused 3 times: refused");
	fake_of(one)->refuses = false;
	link_redial(one, "asked for");
	ck_assert(run_until(is_up, one, 10000));
}
END_TEST

/* The watch looks every two seconds: as if they were over. */
static void let_it_look(struct link *link)
{
	event_active(link->watch.timer, EV_TIMEOUT, 0);
	run_for(5);
}

START_TEST(link_refused_is_tried_again_when_the_device_comes_back)
{
	char folder[] = "/tmp/test_link.XXXXXX", path[64];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/tty", folder);
	fclose(fopen(path, "w"));
	fake_of(one)->device = path;
	fake_of(one)->negotiates = true;
	start_fake(one);
	run_for(10);
	link_refuse(one, TABLE_REASON_SIM_MISSING, "no SIM");
	let_it_look(one);
	ck_assert_int_eq(link_state(one), TABLE_LINK_DOWN);
	unlink(path);
	let_it_look(one);
	ck_assert(one->is_refused);
	fake_of(one)->negotiates = false;
	fclose(fopen(path, "w"));
	let_it_look(one);
	ck_assert(run_until(is_up, one, 10000));
	ck_assert(!one->is_refused);
	unlink(path);
	rmdir(folder);
}
END_TEST

START_TEST(link_without_its_device_is_tried_as_soon_as_it_is_there)
{
	char folder[] = "/tmp/test_link.XXXXXX", path[64];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/tty", folder);
	fake_of(one)->device = path;
	fake_of(one)->refuses = true;
	fake_of(one)->reason = TABLE_REASON_DEVICE;
	start_fake(one);
	for (int i = 0; i < 12; i++)
		let_time_pass(one);
	fake_of(one)->refuses = false;
	let_it_look(one);
	ck_assert_int_eq(link_state(one), TABLE_LINK_DOWN);
	fclose(fopen(path, "w"));
	let_it_look(one);
	ck_assert(run_until(is_up, one, 10000));
	unlink(path);
	rmdir(folder);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("link_ladder");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, link_try_waits_for_the_end_of_the_last_helper);
	tcase_add_test(tc, link_keeps_its_step_when_the_last_helper_does_not_end);
	tcase_add_test(tc, link_that_fails_again_and_again_takes_the_next_step);
	tcase_add_test(tc, link_down_for_the_same_cause_again_is_no_news);
	tcase_add_test(tc, link_whose_power_step_is_due_runs_the_script_first);
	tcase_add_test(tc, link_taken_down_ends_the_power_script);
	tcase_add_test(tc, link_refused_three_times_is_not_tried_again);
	tcase_add_test(tc, link_refused_is_tried_again_when_the_device_comes_back);
	tcase_add_test(tc, link_without_its_device_is_tried_as_soon_as_it_is_there);
	return run_suite("link_ladder", tc);
}
