/* SPDX-License-Identifier: MIT */
/*
 * The power script: what it is given, what becomes of what it prints, its end.
 */
#include "netif/power.h"

#include "netif/log.h"
#include "tests/unit/netif_test.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char folder[] = "/tmp/test_power.XXXXXX";
static char script[64], result[64];
static bool is_done;

static void setup(void)
{
	stack_setup();
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(script, sizeof(script), "%s/script", folder);
	snprintf(result, sizeof(result), "%s/result", folder);
	is_done = false;
}

static void teardown(void)
{
	unlink(script);
	unlink(result);
	rmdir(folder);
	stack_teardown();
}

static void write_script(const char *text)
{
	FILE *f = fopen(script, "w");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "#!/bin/sh\n%s\n", text);
	fclose(f);
	ck_assert_int_eq(chmod(script, 0755), 0);
}

static void on_done(void *arg)
{
	ck_assert_ptr_eq(arg, &is_done);
	is_done = true;
}

static bool done(void *arg)
{
	(void)arg;
	return is_done;
}

static struct power *start(void)
{
	const struct power_params params = {
		.base = base,
		.script = script,
		.link = "wan",
		.device = "/dev/ttyUSB2",
		.done = on_done,
		.arg = &is_done,
	};
	struct power *power = NULL;

	ck_assert_int_eq(power_start(&power, &params), 0);
	ck_assert_ptr_nonnull(power);
	return power;
}

static const char *read_result(void)
{
	static char text[200];
	FILE *f = fopen(result, "r");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

START_TEST(power_script_is_given_link_and_device)
{
	struct power *power;

	write_script("cd \"$(dirname \"$0\")\" && echo \"$# $1 $2\" >result && cat >>result");
	power = start();
	ck_assert(!is_done);
	ck_assert(run_until(done, NULL, 20000));
	ck_assert_str_eq(read_result(), "2 wan /dev/ttyUSB2\n");
	power_free(power);
}
END_TEST

START_TEST(power_script_may_print_much_and_fail)
{
	struct power *power;

	write_script("i=0; while [ $i -lt 3000 ]; do echo \"line $i, quite long as lines go\" >&2;"
		     " i=$((i + 1)); done; printf 'no end'; exit 3");
	power = start();
	ck_assert(run_until(done, NULL, 20000));
	power_free(power);
}
END_TEST

START_TEST(power_script_that_leaves_a_child_behind_has_ended)
{
	struct power *power;

	write_script("sleep 600 &\necho $! >\"$(dirname \"$0\")/result\"");
	power = start();
	ck_assert(run_until(done, NULL, 20000));
	power_free(power);
	kill(atoi(read_result()), SIGKILL);
}
END_TEST

static bool has_result(void *arg)
{
	(void)arg;
	return access(result, F_OK) == 0 && read_result()[0] != '\0';
}

static bool is_gone(void *arg)
{
	/* A zombie of somebody else's counts as gone: signals do not. */
	char path[64], state = 'Z';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", *(int *)arg);
	f = fopen(path, "r");
	if (!f)
		return true;
	ck_assert_int_eq(fscanf(f, "%*d %*s %c", &state), 1);
	fclose(f);
	return state == 'Z';
}

START_TEST(power_script_that_is_given_up_is_killed_with_its_children)
{
	struct power *power;
	int child;

	write_script("sleep 600 &\necho $! >\"$(dirname \"$0\")/result\"\nwait");
	power = start();
	ck_assert(run_until(has_result, NULL, 20000));
	child = atoi(read_result());
	ck_assert_int_gt(child, 1);
	power_free(power);
	ck_assert(run_until(is_gone, &child, 20000));
	ck_assert(!is_done);
}
END_TEST

START_TEST(power_script_of_no_known_format_is_told_from_a_failed_start)
{
	struct power *power;
	FILE *f = fopen(script, "w");

	fputs("\x7f no program", f);
	fclose(f);
	chmod(script, 0755);
	power = start();
	ck_assert(run_until(done, NULL, 20000));
	power_free(power);
}
END_TEST

START_TEST(power_path_is_checked)
{
	char error[200] = "";

	write_script("true");
	ck_assert_int_eq(power_check(script, error, sizeof(error)), 0);
	ck_assert_str_eq(error, "");
	chmod(script, 0644);
	ck_assert_int_eq(power_check(script, error, sizeof(error)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "chmod"));
	ck_assert_int_eq(power_check(folder, error, sizeof(error)), -EINVAL);
	ck_assert_int_eq(power_check("power.sh", error, sizeof(error)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "absolute"));
	unlink(script);
	ck_assert_int_eq(power_check(script, error, sizeof(error)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "No such file"));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("power");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, power_script_is_given_link_and_device);
	tcase_add_test(tc, power_script_may_print_much_and_fail);
	tcase_add_test(tc, power_script_that_leaves_a_child_behind_has_ended);
	tcase_add_test(tc, power_script_that_is_given_up_is_killed_with_its_children);
	tcase_add_test(tc, power_script_of_no_known_format_is_told_from_a_failed_start);
	tcase_add_test(tc, power_path_is_checked);
	return run_suite("power", tc);
}
