/* SPDX-License-Identifier: MIT */
#include "netif/pdp_type.h"

#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <string.h>

START_TEST(configured_type_is_the_only_one)
{
	struct pdp_type p = { .wanted = PDP_TYPE_IP6 };

	pdp_type_refused(&p);
	ck_assert_str_eq(pdp_type_now(&p), "IPV6");
	p.wanted = PDP_TYPE_IP4;
	ck_assert_str_eq(pdp_type_now(&p), "IP");
}
END_TEST

START_TEST(refusals_try_each_type_in_turn)
{
	struct pdp_type p = { .wanted = PDP_TYPE_BOTH };

	ck_assert_str_eq(pdp_type_now(&p), "IPV4V6");
	pdp_type_refused(&p);
	ck_assert_str_eq(pdp_type_now(&p), "IP");
	pdp_type_refused(&p);
	ck_assert_str_eq(pdp_type_now(&p), "IPV6");
	pdp_type_refused(&p);
	ck_assert_str_eq(pdp_type_now(&p), "IPV4V6");
}
END_TEST

START_TEST(granted_type_is_remembered_for_its_sim)
{
	struct pdp_type p = { 0 };

	pdp_type_take_sim(&p, "8949");
	pdp_type_refused(&p);
	pdp_type_refused(&p);
	pdp_type_granted(&p);
	ck_assert_str_eq(pdp_type_now(&p), "IPV6");
	/* Another SIM has another network. */
	pdp_type_take_sim(&p, "8933");
	ck_assert_str_eq(pdp_type_now(&p), "IPV4V6");
	pdp_type_granted(&p);
	pdp_type_take_sim(&p, "8949");
	ck_assert_str_eq(pdp_type_now(&p), "IPV6");
	/* What was granted may not be any more. */
	pdp_type_refused(&p);
	ck_assert_str_eq(pdp_type_now(&p), "IPV4V6");
}
END_TEST

START_TEST(unknown_sim_is_not_remembered)
{
	struct pdp_type p = { 0 };

	pdp_type_refused(&p);
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
		pdp_type_refused(&p);
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
	tcase_add_test(tc, refusals_try_each_type_in_turn);
	tcase_add_test(tc, granted_type_is_remembered_for_its_sim);
	tcase_add_test(tc, unknown_sim_is_not_remembered);
	tcase_add_test(tc, oldest_sim_is_forgotten_first);
	tcase_add_test(tc, types_by_name);
	return run_suite("pdp_type", tc);
}
