/* SPDX-License-Identifier: MIT */
#include "netif/pdp_type.h"

#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <string.h>

static void refuse_calls(struct pdp_type *p, int n)
{
	while (n-- > 0)
		pdp_type_refused(p, "No cause information");
}

START_TEST(configured_type_is_the_only_one)
{
	struct pdp_type p = { .wanted = PDP_TYPE_IP6 };

	pdp_type_refused(&p, "PDP type IPv4 only allowed");
	ck_assert_str_eq(pdp_type_now(&p), "IPV6");
	refuse_calls(&p, 3);
	ck_assert_str_eq(pdp_type_now(&p), "IPV6");
	p.wanted = PDP_TYPE_IP4;
	ck_assert_str_eq(pdp_type_now(&p), "IP");
}
END_TEST

static const struct {
	const char *cause, *type;
} causes[] = {
	{ "PDP type IPv4 only allowed", "IP" },
	{ "PDN TYPE IPV6 ONLY ALLOWED", "IPV6" },
	{ "Requested service option not subscribed (#33)", "IPV4V6" },
	{ "EMM cause 50", "IP" },
	{ "(51)", "IPV6" },
	{ "5,28", "IP" },
	{ "unknown PDP type", "IP" },
	{ "No cause information available", "IPV4V6" },
	{ "150 and 510", "IPV4V6" },
	{ "", "IPV4V6" },
};

START_TEST(cause_says_what_to_ask_for)
{
	struct pdp_type p = { .wanted = PDP_TYPE_BOTH };

	pdp_type_refused(&p, causes[_i].cause);
	ck_assert_str_eq(pdp_type_now(&p), causes[_i].type);
}
END_TEST

START_TEST(calls_refused_without_a_word_try_others_in_the_end)
{
	static const char *const order[] = { "IP", "IPV6", "IPV4V6" };
	struct pdp_type p = { .wanted = PDP_TYPE_BOTH };
	const char *before = "IPV4V6";

	for (int i = 0; i < 3; i++) {
		refuse_calls(&p, 2);
		ck_assert_str_eq(pdp_type_now(&p), before);
		refuse_calls(&p, 1);
		before = order[i];
		ck_assert_str_eq(pdp_type_now(&p), before);
	}
}
END_TEST

START_TEST(type_that_was_told_is_remembered_for_its_sim)
{
	struct pdp_type p = { 0 };

	pdp_type_take_sim(&p, "8949");
	pdp_type_refused(&p, "51");
	pdp_type_granted(&p);
	ck_assert_str_eq(pdp_type_now(&p), "IPV6");
	/* Another SIM has another network. */
	pdp_type_take_sim(&p, "8933");
	ck_assert_str_eq(pdp_type_now(&p), "IPV4V6");
	pdp_type_granted(&p);
	pdp_type_take_sim(&p, "8949");
	ck_assert_str_eq(pdp_type_now(&p), "IPV6");
	/* What was granted may not be any more. */
	pdp_type_refused(&p, "50");
	ck_assert_str_eq(pdp_type_now(&p), "IP");
}
END_TEST

START_TEST(guess_is_not_remembered)
{
	struct pdp_type p = { 0 };

	pdp_type_take_sim(&p, "8949");
	refuse_calls(&p, 3);
	ck_assert_str_eq(pdp_type_now(&p), "IP");
	pdp_type_granted(&p);
	ck_assert_str_eq(pdp_type_now(&p), "IPV4V6");
}
END_TEST

START_TEST(grant_without_data_is_forgotten)
{
	struct pdp_type p = { 0 };

	pdp_type_take_sim(&p, "8949");
	pdp_type_refused(&p, "51");
	pdp_type_granted(&p);
	pdp_type_forget(&p);
	ck_assert_str_eq(pdp_type_now(&p), "IPV4V6");
	/* Nothing to forget does no harm. */
	pdp_type_forget(&p);
}
END_TEST

START_TEST(cause_that_says_what_was_asked_for_is_no_reason_to_change)
{
	struct pdp_type p = { 0 };

	pdp_type_refused(&p, "50");
	pdp_type_refused(&p, "50");
	ck_assert_str_eq(pdp_type_now(&p), "IP");
	pdp_type_refused(&p, "50");
	pdp_type_refused(&p, "50");
	ck_assert_str_eq(pdp_type_now(&p), "IPV6");
}
END_TEST

START_TEST(unknown_sim_is_not_remembered)
{
	struct pdp_type p = { 0 };

	pdp_type_refused(&p, "51");
	pdp_type_granted(&p);
	ck_assert_str_eq(pdp_type_now(&p), "IPV4V6");
}
END_TEST

START_TEST(oldest_sim_is_forgotten_first)
{
	struct pdp_type p = { 0 };
	char iccid[PDP_TYPE_ICCID_MAX];

	for (int i = 0; i <= PDP_TYPE_SIMS; i++) {
		snprintf(iccid, sizeof(iccid), "89%d", i);
		pdp_type_take_sim(&p, iccid);
		pdp_type_refused(&p, "50");
		pdp_type_granted(&p);
		/* Used again meanwhile: not the oldest. */
		pdp_type_take_sim(&p, "891");
		pdp_type_granted(&p);
	}
	ck_assert_str_eq(pdp_type_now(&p), "IP");
	pdp_type_take_sim(&p, "890");
	ck_assert_str_eq(pdp_type_now(&p), "IPV4V6");
	pdp_type_take_sim(&p, "898");
	ck_assert_str_eq(pdp_type_now(&p), "IP");
}
END_TEST

START_TEST(types_by_name)
{
	ck_assert_str_eq(pdp_type_find("ipv4v6"), "IPV4V6");
	ck_assert_str_eq(pdp_type_find("IP"), "IP");
	ck_assert_str_eq(pdp_type_find("Ipv6"), "IPV6");
	ck_assert_ptr_null(pdp_type_find("ppp"));
	ck_assert_ptr_null(pdp_type_find(""));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("pdp_type");

	tcase_add_test(tc, configured_type_is_the_only_one);
	tcase_add_loop_test(tc, cause_says_what_to_ask_for, 0,
		(int)(sizeof(causes) / sizeof(causes[0])));
	tcase_add_test(tc, calls_refused_without_a_word_try_others_in_the_end);
	tcase_add_test(tc, type_that_was_told_is_remembered_for_its_sim);
	tcase_add_test(tc, guess_is_not_remembered);
	tcase_add_test(tc, grant_without_data_is_forgotten);
	tcase_add_test(tc, cause_that_says_what_was_asked_for_is_no_reason_to_change);
	tcase_add_test(tc, unknown_sim_is_not_remembered);
	tcase_add_test(tc, oldest_sim_is_forgotten_first);
	tcase_add_test(tc, types_by_name);
	return run_suite("pdp_type", tc);
}
