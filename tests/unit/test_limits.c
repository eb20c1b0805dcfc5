/* SPDX-License-Identifier: MIT */
#include "daemon/limits.h"

#include "tests/unit/run_suite.h"

#include <errno.h>

static struct limits limits;
static struct accounts *accounts;

static void setup(void)
{
	limits = (struct limits){
		.session = { [RESOURCE_SOCKET] = 3, [RESOURCE_QUEUED] = UINT64_MAX },
		.user = { [RESOURCE_SOCKET] = 5, [RESOURCE_QUEUED] = UINT64_MAX },
	};
	accounts = accounts_new(&limits);
	ck_assert_ptr_nonnull(accounts);
}

static void teardown(void)
{
	accounts_free(accounts); /* asserts that no account is left */
}

static struct account *session_of(uid_t uid)
{
	struct account *user = account_ref_user(accounts, uid);
	struct account *session = account_new_session(user);

	ck_assert_ptr_nonnull(session);
	account_unref(user);
	return session;
}

START_TEST(charge_up_to_session_limit_is_taken)
{
	struct account *a = session_of(7);

	ck_assert_int_eq(account_charge(a, RESOURCE_SOCKET, 2), 0);
	ck_assert_int_eq(account_charge(a, RESOURCE_SOCKET, 1), 0);
	ck_assert_int_eq(account_charge(a, RESOURCE_SOCKET, 1), -EMFILE);
	ck_assert_uint_eq(account_used(a, RESOURCE_SOCKET), 3);
	account_release(a, RESOURCE_SOCKET, 3);
	account_unref(a);
}
END_TEST

START_TEST(charge_over_user_limit_charges_nobody)
{
	struct account *a = session_of(7), *b = session_of(7);
	struct account *user = account_ref_user(accounts, 7);

	ck_assert_int_eq(account_charge(a, RESOURCE_SOCKET, 3), 0);
	ck_assert_int_eq(account_charge(b, RESOURCE_SOCKET, 3), -EMFILE);
	ck_assert_uint_eq(account_used(b, RESOURCE_SOCKET), 0);
	ck_assert_uint_eq(account_used(user, RESOURCE_SOCKET), 3);
	ck_assert_int_eq(account_charge(b, RESOURCE_SOCKET, 2), 0);
	ck_assert_uint_eq(account_used(user, RESOURCE_SOCKET), 5);
	account_release(a, RESOURCE_SOCKET, 3);
	account_release(b, RESOURCE_SOCKET, 2);
	ck_assert_uint_eq(account_used(user, RESOURCE_SOCKET), 0);
	account_unref(user);
	account_unref(a);
	account_unref(b);
}
END_TEST

START_TEST(charge_of_one_user_leaves_others_alone)
{
	struct account *a = session_of(7), *b = session_of(8);

	ck_assert_int_eq(account_charge(a, RESOURCE_SOCKET, 3), 0);
	ck_assert_int_eq(account_charge(b, RESOURCE_SOCKET, 3), 0);
	ck_assert_uint_eq(account_uid(a), 7);
	ck_assert_uint_eq(account_uid(b), 8);
	account_release(a, RESOURCE_SOCKET, 3);
	account_release(b, RESOURCE_SOCKET, 3);
	account_unref(a);
	account_unref(b);
}
END_TEST

START_TEST(charge_with_zero_limit_is_refused)
{
	struct account *a = session_of(7);

	ck_assert_int_eq(account_charge(a, RESOURCE_LOOKUP, 1), -EMFILE);
	ck_assert_int_eq(account_charge(a, RESOURCE_LOOKUP, 0), 0);
	account_unref(a);
}
END_TEST

START_TEST(charge_of_huge_number_does_not_overflow)
{
	struct account *a = session_of(7);

	ck_assert_int_eq(account_charge(a, RESOURCE_QUEUED, 10), 0);
	ck_assert_int_eq(account_charge(a, RESOURCE_QUEUED, UINT64_MAX), -EMFILE);
	ck_assert_int_eq(account_charge(a, RESOURCE_QUEUED, UINT64_MAX - 10), 0);
	account_release(a, RESOURCE_QUEUED, UINT64_MAX);
	account_unref(a);
}
END_TEST

START_TEST(charge_after_limit_was_lowered_is_refused)
{
	struct account *a = session_of(7);

	ck_assert_int_eq(account_charge(a, RESOURCE_SOCKET, 3), 0);
	limits.session[RESOURCE_SOCKET] = 1;
	ck_assert_int_eq(account_charge(a, RESOURCE_SOCKET, 1), -EMFILE);
	account_release(a, RESOURCE_SOCKET, 2);
	ck_assert_int_eq(account_charge(a, RESOURCE_SOCKET, 1), -EMFILE);
	account_release(a, RESOURCE_SOCKET, 1);
	ck_assert_int_eq(account_charge(a, RESOURCE_SOCKET, 1), 0);
	account_release(a, RESOURCE_SOCKET, 1);
	account_unref(a);
}
END_TEST

START_TEST(user_account_is_shared_while_referenced)
{
	struct account *one = account_ref_user(accounts, 7);
	struct account *two = account_ref_user(accounts, 7);

	ck_assert_ptr_eq(one, two);
	account_unref(one);
	ck_assert_int_eq(account_charge(two, RESOURCE_SOCKET, 5), 0);
	account_release(two, RESOURCE_SOCKET, 5);
	account_unref(two);
}
END_TEST

START_TEST(account_of_a_socket_outlives_its_session)
{
	struct account *session = session_of(7);
	struct account *of_socket = account_ref(session);

	ck_assert_int_eq(account_charge(of_socket, RESOURCE_SOCKET, 1), 0);
	account_unref(session);
	ck_assert_uint_eq(account_used(of_socket, RESOURCE_SOCKET), 1);
	account_release(of_socket, RESOURCE_SOCKET, 1);
	account_unref(of_socket);
}
END_TEST

START_TEST(unref_of_null_is_legal)
{
	account_unref(NULL);
	accounts_free(NULL);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("limits");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, charge_up_to_session_limit_is_taken);
	tcase_add_test(tc, charge_over_user_limit_charges_nobody);
	tcase_add_test(tc, charge_of_one_user_leaves_others_alone);
	tcase_add_test(tc, charge_with_zero_limit_is_refused);
	tcase_add_test(tc, charge_of_huge_number_does_not_overflow);
	tcase_add_test(tc, charge_after_limit_was_lowered_is_refused);
	tcase_add_test(tc, user_account_is_shared_while_referenced);
	tcase_add_test(tc, account_of_a_socket_outlives_its_session);
	tcase_add_test(tc, unref_of_null_is_legal);
	return run_suite("limits", tc);
}
