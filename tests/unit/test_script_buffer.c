/* SPDX-License-Identifier: MIT */
#include "client/script/buffer.h"

#include "tests/unit/run_suite.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static struct buffer b;

static void setup(void)
{
	b = (struct buffer){ 0 };
}

static void teardown(void)
{
	buffer_fini(&b);
}

static void append(const char *text)
{
	ck_assert_int_eq(buffer_append(&b, text, strlen(text)), 0);
}

static void assert_takes(size_t len, const char *text)
{
	char out[64];
	size_t n = buffer_take(&b, out, len);

	ck_assert_uint_eq(n, strlen(text));
	ck_assert_mem_eq(out, text, n);
}

START_TEST(take_bytes_come_in_order)
{
	append("abc");
	append("def");
	assert_takes(2, "ab");
	append("gh");
	assert_takes(0, "");
	assert_takes(50, "cdefgh");
	assert_takes(50, "");
}
END_TEST

START_TEST(take_last_byte_frees_the_memory)
{
	append("abc");
	assert_takes(3, "abc");
	ck_assert_ptr_null(b.bytes);
	append("x");
	assert_takes(1, "x");
}
END_TEST

START_TEST(append_nothing_changes_nothing)
{
	ck_assert_int_eq(buffer_append(&b, NULL, 0), 0);
	ck_assert_uint_eq(b.n, 0);
}
END_TEST

START_TEST(append_many_grows_and_moves)
{
	uint8_t next_in = 0, next_out = 0, byte;
	int i;

	for (i = 0; i < 10000; i++, next_in++) {
		ck_assert_int_eq(buffer_append(&b, &next_in, 1), 0);
		if (i % 3 == 0)
			continue;
		ck_assert_uint_eq(buffer_take(&b, &byte, 1), 1);
		ck_assert_uint_eq(byte, next_out++);
	}
	while (buffer_take(&b, &byte, 1) == 1)
		ck_assert_uint_eq(byte, next_out++);
	ck_assert_uint_eq(next_out, next_in);
}
END_TEST

START_TEST(reserve_room_is_at_the_end)
{
	append("abc");
	assert_takes(1, "a");
	memcpy(buffer_reserve(&b, 1000), "def", 3);
	buffer_commit(&b, 3);
	assert_takes(9, "bcdef");
}
END_TEST

START_TEST(reserve_too_much_is_refused)
{
	append("abc");
	ck_assert_ptr_null(buffer_reserve(&b, SIZE_MAX));
	ck_assert_ptr_null(buffer_reserve(&b, SIZE_MAX / 2));
	assert_takes(9, "abc");
}
END_TEST

START_TEST(move_takes_all)
{
	struct buffer from = { 0 };

	append("ab");
	ck_assert_int_eq(buffer_append(&from, "cd", 2), 0);
	ck_assert_int_eq(buffer_move(&b, &from), 0);
	ck_assert_ptr_null(from.bytes);
	ck_assert_int_eq(buffer_move(&b, &from), 0);
	assert_takes(9, "abcd");
}
END_TEST

START_TEST(line_ends_with_newline_or_limit)
{
	ck_assert_uint_eq(buffer_line(&b, SIZE_MAX), 0);
	append("part");
	ck_assert_uint_eq(buffer_line(&b, SIZE_MAX), 0);
	ck_assert_uint_eq(buffer_line(&b, 5), 0);
	ck_assert_uint_eq(buffer_line(&b, 4), 4);
	ck_assert_uint_eq(buffer_line(&b, 2), 2);
	append("ial\n\nnext");
	ck_assert_uint_eq(buffer_line(&b, SIZE_MAX), 8);
	ck_assert_uint_eq(buffer_line(&b, 8), 8);
	ck_assert_uint_eq(buffer_line(&b, 7), 7);
	assert_takes(8, "partial\n");
	ck_assert_uint_eq(buffer_line(&b, SIZE_MAX), 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("buffer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, take_bytes_come_in_order);
	tcase_add_test(tc, take_last_byte_frees_the_memory);
	tcase_add_test(tc, append_nothing_changes_nothing);
	tcase_add_test(tc, append_many_grows_and_moves);
	tcase_add_test(tc, reserve_room_is_at_the_end);
	tcase_add_test(tc, reserve_too_much_is_refused);
	tcase_add_test(tc, move_takes_all);
	tcase_add_test(tc, line_ends_with_newline_or_limit);
	return run_suite("script_buffer", tc);
}
