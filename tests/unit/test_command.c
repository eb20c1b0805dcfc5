/* SPDX-License-Identifier: MIT */
/*
 * Programs that are run for their output: the shell plays them.
 */
#include "netif/command.h"

#include "tests/unit/netif_test.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#define LIMIT_MS   10000
#define TIMEOUT_MS 8000

static struct command command;
static int n_done, status;
static char output[COMMAND_OUTPUT_MAX];

static void on_done(int s, char *text, void *arg)
{
	ck_assert_ptr_eq(arg, &n_done);
	n_done++;
	status = s;
	strcpy(output, text);
}

static void setup(void)
{
	base = event_base_new();
	command_init(&command, base);
	n_done = 0;
}

static void teardown(void)
{
	command_fini(&command);
	event_base_free(base);
}

static int start(const char *script, uint32_t timeout_ms)
{
	const char *argv[] = { "sh", "-c", script, NULL };

	return command_start(&command, argv, timeout_ms, on_done, &n_done);
}

static bool is_done(void *arg)
{
	(void)arg;
	return n_done > 0;
}

static bool is_reaped(void *arg)
{
	(void)arg;
	return command.pid == 0;
}

START_TEST(command_gives_output_errors_and_status)
{
	ck_assert_int_eq(start("echo one; echo two >&2; cat; exit 3", TIMEOUT_MS), 0);
	ck_assert_int_eq(n_done, 0);
	ck_assert(run_until(is_done, NULL, LIMIT_MS));
	ck_assert_int_eq(status, 3);
	ck_assert_str_eq(output, "one\ntwo\n");
}
END_TEST

START_TEST(command_that_is_not_there_is_an_error)
{
	const char *argv[] = { "/no/such/program", NULL };

	ck_assert_int_eq(command_start(&command, argv, TIMEOUT_MS, on_done, &n_done), -ENOENT);
	ck_assert_int_eq(command.pid, 0);
	ck_assert_int_eq(start("exit 0", TIMEOUT_MS), 0);
	ck_assert(run_until(is_done, NULL, LIMIT_MS));
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(command_with_much_output_ends_and_is_cut)
{
	ck_assert_int_eq(start("head -c 200000 /dev/zero | tr '\\0' x", TIMEOUT_MS), 0);
	ck_assert(run_until(is_done, NULL, LIMIT_MS));
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(strlen(output), COMMAND_OUTPUT_MAX - 1);
}
END_TEST

START_TEST(command_that_does_not_end_is_ended)
{
	ck_assert_int_eq(start("sleep 1000", 50), 0);
	ck_assert(run_until(is_done, NULL, LIMIT_MS));
	ck_assert_int_eq(status, -ETIMEDOUT);
	ck_assert(run_until(is_reaped, NULL, LIMIT_MS));
	ck_assert_int_eq(n_done, 1);
}
END_TEST

START_TEST(command_killed_takes_its_children_along)
{
	int held[2];
	char c;

	/* Inherited by all of them, so it ends with the last. */
	ck_assert_int_eq(pipe(held), 0);
	ck_assert_int_eq(start("sleep 1000 & echo; wait", TIMEOUT_MS), 0);
	close(held[1]);
	run_for(50);
	command_kill(&command);
	ck_assert(run_until(is_reaped, NULL, LIMIT_MS));
	ck_assert_int_eq(n_done, 0);
	ck_assert_int_eq(read(held[0], &c, 1), 0);
	close(held[0]);
}
END_TEST

/* Its child holds the pipe, as a daemon that a script starts would. */
START_TEST(command_is_done_when_it_exits)
{
	ck_assert_int_eq(start("sleep 1000 & echo $!", TIMEOUT_MS), 0);
	ck_assert(run_until(is_done, NULL, LIMIT_MS));
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(kill((pid_t)atoi(output), SIGKILL), 0);
}
END_TEST

START_TEST(command_ended_by_a_signal_is_told)
{
	ck_assert_int_eq(start("kill -9 $$", TIMEOUT_MS), 0);
	ck_assert(run_until(is_done, NULL, LIMIT_MS));
	ck_assert_int_eq(status, -ECHILD);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("command");
	TCase *tc = tcase_create("command");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, command_gives_output_errors_and_status);
	tcase_add_test(tc, command_that_is_not_there_is_an_error);
	tcase_add_test(tc, command_with_much_output_ends_and_is_cut);
	tcase_add_test(tc, command_that_does_not_end_is_ended);
	tcase_add_test(tc, command_killed_takes_its_children_along);
	tcase_add_test(tc, command_is_done_when_it_exits);
	tcase_add_test(tc, command_ended_by_a_signal_is_told);
	suite_add_tcase(suite, tc);
	return run_all(suite);
}
