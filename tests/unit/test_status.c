/* SPDX-License-Identifier: MIT */
#include "proto/status.h"

#include "tests/unit/run_suite.h"

#include <errno.h>

/* semantics.md G13 and B2: numbers that scripts compare with. */
static const struct {
	usp_Status status;
	int error;
} numbers[] = {
	{ usp_STATUS_OK, 0 },
	{ usp_STATUS_NOT_PERMITTED, 1 },
	{ usp_STATUS_INTERNAL, 5 },
	{ usp_STATUS_BAD_SOCKET, 9 },
	{ usp_STATUS_ACCESS, 13 },
	{ usp_STATUS_NO_DEVICE, 19 },
	{ usp_STATUS_INVALID, 22 },
	{ usp_STATUS_TOO_MANY_SYSTEM, 23 },
	{ usp_STATUS_TOO_MANY, 24 },
	{ usp_STATUS_PIPE, 32 },
	{ usp_STATUS_NO_DESTINATION, 89 },
	{ usp_STATUS_MESSAGE_SIZE, 90 },
	{ usp_STATUS_NO_OPTION, 92 },
	{ usp_STATUS_PROTOCOL, 93 },
	{ usp_STATUS_SOCKET_TYPE, 94 },
	{ usp_STATUS_NOT_SUPPORTED, 95 },
	{ usp_STATUS_FAMILY, 97 },
	{ usp_STATUS_ADDRESS_IN_USE, 98 },
	{ usp_STATUS_ADDRESS_NOT_OURS, 99 },
	{ usp_STATUS_NET_UNREACHABLE, 101 },
	{ usp_STATUS_ABORTED, 103 },
	{ usp_STATUS_RESET, 104 },
	{ usp_STATUS_NO_BUFFERS, 105 },
	{ usp_STATUS_IS_CONNECTED, 106 },
	{ usp_STATUS_NOT_CONNECTED, 107 },
	{ usp_STATUS_TIMED_OUT, 110 },
	{ usp_STATUS_REFUSED, 111 },
	{ usp_STATUS_HOST_UNREACHABLE, 113 },
	{ usp_STATUS_ALREADY, 114 },
	{ usp_STATUS_QUOTA, 122 },
};

START_TEST(errno_of_status_is_linux_number_and_back)
{
	ck_assert_int_eq(status_to_errno(numbers[_i].status), numbers[_i].error);
	ck_assert_int_eq(status_from_errno(-numbers[_i].error), numbers[_i].status);
}
END_TEST

START_TEST(errno_of_started_is_zero)
{
	ck_assert_int_eq(status_to_errno(usp_STATUS_STARTED), 0);
}
END_TEST

START_TEST(errno_of_every_status_is_known)
{
	static const usp_Status others[] = {
		usp_STATUS_MALFORMED,
		usp_STATUS_UNKNOWN_REQUEST,
		usp_STATUS_VERSION,
		usp_STATUS_NAME_UNKNOWN,
		usp_STATUS_NAME_AGAIN,
		usp_STATUS_NAME_FAILED,
		usp_STATUS_NAME_SERVICE,
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_int_gt(status_to_errno(others[i]), 0);
		ck_assert_int_ne(status_to_errno(others[i]), EIO);
	}
}
END_TEST

START_TEST(errno_of_newer_status_is_io_error)
{
	ck_assert_int_eq(status_to_errno((usp_Status)63), EIO);
	ck_assert_int_eq(status_to_errno((usp_Status)-1), EIO);
}
END_TEST

START_TEST(status_of_other_errno_is_internal)
{
	ck_assert_int_eq(status_from_errno(-ENOTTY), usp_STATUS_INTERNAL);
	ck_assert_int_eq(status_from_errno(-9999), usp_STATUS_INTERNAL);
}
END_TEST

START_TEST(status_of_no_memory_is_no_buffers)
{
	ck_assert_int_eq(status_from_errno(-ENOMEM), usp_STATUS_NO_BUFFERS);
	ck_assert_int_eq(status_to_errno(usp_STATUS_NO_BUFFERS), ENOBUFS);
}
END_TEST

START_TEST(status_of_ambiguous_errno_is_what_handlers_mean)
{
	ck_assert_int_eq(status_from_errno(-EPROTONOSUPPORT), usp_STATUS_PROTOCOL);
	ck_assert_int_eq(status_from_errno(-EHOSTUNREACH), usp_STATUS_HOST_UNREACHABLE);
}
END_TEST

START_TEST(resolve_errors_are_scripts_numbers_and_back)
{
	static const struct {
		usp_Status status;
		int error;
	} rows[] = {
		{ usp_STATUS_OK, 0 },
		{ usp_STATUS_NAME_UNKNOWN, -2 },
		{ usp_STATUS_NAME_AGAIN, -3 },
		{ usp_STATUS_NAME_FAILED, -4 },
		{ usp_STATUS_NAME_SERVICE, -8 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(status_to_resolve_error(rows[i].status), rows[i].error);
		ck_assert_int_eq(status_from_resolve_error(rows[i].error), rows[i].status);
	}
}
END_TEST

START_TEST(resolve_error_of_other_status_is_failed)
{
	ck_assert_int_eq(status_to_resolve_error(usp_STATUS_TOO_MANY), RESOLVE_FAILED);
	ck_assert_int_eq(status_from_resolve_error(-77), usp_STATUS_NAME_FAILED);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("status");

	tcase_add_loop_test(tc, errno_of_status_is_linux_number_and_back, 0,
		(int)(sizeof(numbers) / sizeof(numbers[0])));
	tcase_add_test(tc, errno_of_started_is_zero);
	tcase_add_test(tc, errno_of_every_status_is_known);
	tcase_add_test(tc, errno_of_newer_status_is_io_error);
	tcase_add_test(tc, status_of_other_errno_is_internal);
	tcase_add_test(tc, status_of_no_memory_is_no_buffers);
	tcase_add_test(tc, status_of_ambiguous_errno_is_what_handlers_mean);
	tcase_add_test(tc, resolve_errors_are_scripts_numbers_and_back);
	tcase_add_test(tc, resolve_error_of_other_status_is_failed);
	return run_suite("status", tc);
}
