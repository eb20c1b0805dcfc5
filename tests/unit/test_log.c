/* SPDX-License-Identifier: MIT */
#include "netif/log.h"

#include "tests/unit/run_suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int saved_stderr, pipe_read;
static char output[65536];

static void setup(void)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	saved_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	pipe_read = ends[0];
	log_open("test");
	log_set_level(LOG_LEVEL_INFO);
}

static void teardown(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(pipe_read);
}

static const char *written(void)
{
	ssize_t n = read(pipe_read, output, sizeof(output) - 1);

	output[n > 0 ? n : 0] = '\0';
	return output;
}

START_TEST(log_without_terminal_has_systemd_prefix)
{
	log_error("one %d", 1);
	log_info("two");
	ck_assert_str_eq(written(), "<3>one 1\n<6>two\n");
}
END_TEST

START_TEST(log_below_level_is_silent)
{
	log_debug("no");
	ck_assert_str_eq(written(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("yes");
	ck_assert_str_eq(written(), "<7>yes\n");
}
END_TEST

START_TEST(log_control_characters_are_escaped)
{
	log_notice("a\nb\033[31m\x7f\tc \xc3\xa9");
	ck_assert_str_eq(written(), "<5>a\\x0ab\\x1b[31m\\x7f\\x09c \xc3\xa9\n");
}
END_TEST

START_TEST(log_long_text_is_cut_not_overrun)
{
	static char text[8000];

	memset(text, '\n', sizeof(text) - 1);
	log_notice("%s", text);
	ck_assert_uint_lt(strlen(written()), 4200);
}
END_TEST

static void flood(int n)
{
	int i;

	for (i = 0; i < n; i++)
		log_warning("flood %d", i);
}

static unsigned int count_lines(const char *text)
{
	unsigned int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

START_TEST(log_flood_of_one_place_is_limited)
{
	flood(1000);
	ck_assert_uint_eq(count_lines(written()), 20);
	/* Another place has a budget of its own. */
	log_warning("other");
	ck_assert_str_eq(written(), "<4>other\n");
}
END_TEST

START_TEST(log_suppressed_lines_are_counted)
{
	struct log_site site = { 0 };
	int i;

	for (i = 0; i < 25; i++)
		log_write(&site, LOG_LEVEL_NOTICE, "x");
	written();
	/* As if the window were over. */
	site.window_ns = 0;
	log_write(&site, LOG_LEVEL_NOTICE, "y");
	ck_assert_str_eq(written(), "<5>5 similar lines suppressed\n<5>y\n");
}
END_TEST

START_TEST(log_level_names_are_parsed)
{
	enum log_level level;

	ck_assert_int_eq(log_parse_level("warning", &level), 0);
	ck_assert_int_eq(level, LOG_LEVEL_WARNING);
	ck_assert_int_eq(log_parse_level("debug", &level), 0);
	ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq(log_parse_level("Debug", &level), -EINVAL);
	ck_assert_int_eq(log_parse_level("", &level), -EINVAL);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, log_without_terminal_has_systemd_prefix);
	tcase_add_test(tc, log_below_level_is_silent);
	tcase_add_test(tc, log_control_characters_are_escaped);
	tcase_add_test(tc, log_long_text_is_cut_not_overrun);
	tcase_add_test(tc, log_flood_of_one_place_is_limited);
	tcase_add_test(tc, log_suppressed_lines_are_counted);
	tcase_add_test(tc, log_level_names_are_parsed);
	return run_suite("log", tc);
}
