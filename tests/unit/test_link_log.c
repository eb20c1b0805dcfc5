/* SPDX-License-Identifier: MIT */
#include "netif/link_log.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct link_log *log_;

static void setup(void)
{
	log_ = link_log_new();
	ck_assert_ptr_nonnull(log_);
}

static void teardown(void)
{
	link_log_free(log_);
}

static void add(unsigned int number, size_t len)
{
	struct link_log_line line = {
		.time_ms = 1000 + number,
		.now_ns = 2000 + number,
		.level = LOG_LEVEL_INFO,
	};

	memset(line.text, 'x', len);
	line.text[len] = '\0';
	snprintf(line.text, len + 1, "%u", number);
	if (strlen(line.text) < len)
		line.text[strlen(line.text)] = ' ';
	link_log_add(log_, &line);
}

START_TEST(log_that_is_empty_has_no_line)
{
	struct link_log_line line;
	uint64_t position = 0;

	ck_assert_int_eq(link_log_read(log_, &position, &line), 0);
	ck_assert_uint_eq(position, link_log_end(log_));
}
END_TEST

START_TEST(lines_come_back_as_they_were_in_order)
{
	struct link_log_line line;
	uint64_t position = 0;

	add(1, 20);
	add(2, 0);
	ck_assert_int_eq(link_log_read(log_, &position, &line), 1);
	ck_assert_uint_eq(line.time_ms, 1001);
	ck_assert_uint_eq(line.now_ns, 2001);
	ck_assert_int_eq(line.level, LOG_LEVEL_INFO);
	ck_assert_uint_eq(strlen(line.text), 20);
	ck_assert_int_eq(link_log_read(log_, &position, &line), 1);
	ck_assert_str_eq(line.text, "");
	ck_assert_int_eq(link_log_read(log_, &position, &line), 0);
	add(3, 5);
	ck_assert_int_eq(link_log_read(log_, &position, &line), 1);
	ck_assert_uint_eq(line.time_ms, 1003);
}
END_TEST

/* Of lines of @_i bytes, twice as many as there is room for. */
START_TEST(oldest_lines_make_room_wherever_the_ring_wraps)
{
	unsigned int n = 2 * LINK_LOG_BYTES / (unsigned int)_i, number, first = 0;
	struct link_log_line line;
	uint64_t position = 0;

	for (number = 1; number <= n; number++)
		add(number, (size_t)_i);
	for (number = 0; link_log_read(log_, &position, &line) == 1; number++) {
		if (number == 0)
			first = (unsigned int)atoi(line.text);
		ck_assert_uint_eq((unsigned int)atoi(line.text), first + number);
		ck_assert_uint_eq(line.time_ms, 1000 + first + number);
		ck_assert_uint_eq(strlen(line.text), (size_t)_i);
	}
	ck_assert_uint_gt(first, 1);
	ck_assert_uint_eq(first + number - 1, n);
}
END_TEST

START_TEST(reader_that_was_overtaken_goes_on_with_the_oldest)
{
	struct link_log_line line;
	uint64_t position;

	add(1, 10);
	position = link_log_end(log_);
	for (unsigned int i = 2; i < 1000; i++)
		add(i, 100);
	ck_assert_int_eq(link_log_read(log_, &position, &line), 1);
	ck_assert_int_gt(atoi(line.text), 2);
}
END_TEST

START_TEST(line_without_end_is_cut)
{
	struct link_log_line line = { .level = LOG_LEVEL_DEBUG };
	uint64_t position = 0;

	memset(line.text, 'x', sizeof(line.text));
	link_log_add(log_, &line);
	ck_assert_int_eq(link_log_read(log_, &position, &line), 1);
	ck_assert_uint_eq(strlen(line.text), LINK_LOG_TEXT_MAX - 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("link_log");
	TCase *tc = tcase_create("ring");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, log_that_is_empty_has_no_line);
	tcase_add_test(tc, lines_come_back_as_they_were_in_order);
	tcase_add_loop_test(tc, oldest_lines_make_room_wherever_the_ring_wraps, 8, 40);
	tcase_add_test(tc, reader_that_was_overtaken_goes_on_with_the_oldest);
	tcase_add_test(tc, line_without_end_is_cut);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int n_failed;

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
