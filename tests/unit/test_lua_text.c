/* SPDX-License-Identifier: MIT */
/* The texts of the Lua module's errors, to the letter LuaSocket's. */
#include "client/lua/text.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <errno.h>
#include <stddef.h>

struct expectation {
	int number;
	const char *text; /* NULL: strerror(3)'s */
};

static void check_texts(const struct expectation *expected, size_t n,
	const char *(*text_of)(int number))
{
	const char *text;
	size_t i;

	for (i = 0; i < n; i++) {
		text = text_of(expected[i].number);
		if (expected[i].text)
			ck_assert_str_eq(text, expected[i].text);
		else
			ck_assert_ptr_null(text);
	}
}

START_TEST(errno_text_is_luasockets)
{
	static const struct expectation expected[] = {
		{ EPIPE, "closed" },
		{ ECONNRESET, "closed" },
		{ ECONNABORTED, "closed" },
		{ EAGAIN, "timeout" },
		{ EINPROGRESS, "timeout" },
		{ ETIMEDOUT, "timeout" },
		{ ECONNREFUSED, "connection refused" },
		{ EADDRINUSE, "address already in use" },
		{ EISCONN, "already connected" },
		{ EACCES, "permission denied" },
		{ 0, NULL },
		{ EBADF, NULL },
		{ EALREADY, NULL },
		{ ENOTCONN, NULL },
		{ EHOSTUNREACH, NULL },
		{ -EPIPE, NULL },
		{ 4711, NULL },
	};

	check_texts(expected, sizeof(expected) / sizeof(expected[0]), ulua_errno_text);
}
END_TEST

START_TEST(resolver_text_is_luasockets)
{
	static const struct expectation expected[] = {
		{ 1, "invalid value for ai_flags" },
		{ 2, "host or service not provided, or not known" },
		{ 3, "temporary failure in name resolution" },
		{ 4, "non-recoverable failure in name resolution" },
		{ 6, "ai_family not supported" },
		{ 7, "ai_socktype not supported" },
		{ 8, "service not supported for socket type" },
		{ 9, "Address family for hostname not supported" },
		{ 10, "memory allocation failure" },
		{ 4711, "non-recoverable failure in name resolution" },
	};

	check_texts(expected, sizeof(expected) / sizeof(expected[0]), ulua_resolver_text);
}
END_TEST

START_TEST(host_text_is_luasockets)
{
	static const struct expectation expected[] = {
		{ 2, "host not found" },
		{ 3, "Host name lookup failure" },
		{ 4, "Unknown server error" },
		{ 8, "Unknown server error" },
	};

	check_texts(expected, sizeof(expected) / sizeof(expected[0]), ulua_host_text);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("texts");

	tcase_add_test(tc, errno_text_is_luasockets);
	tcase_add_test(tc, resolver_text_is_luasockets);
	tcase_add_test(tc, host_text_is_luasockets);
	return run_suite("lua_text", tc);
}
