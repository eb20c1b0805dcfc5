/* SPDX-License-Identifier: MIT */
#include "client/spin.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <time.h>

/* Longer than anybody asks. */
static const struct timespec long_enough = { 0, 5000000 };

/* How many waits sleep at once after one that asked in vain. */
static unsigned int skips_after_vain(struct spin *spin)
{
	unsigned int n = 0;

	spin_end(spin, false);
	while (!spin_begin(spin))
		n++;
	return n;
}

START_TEST(spin_goes_on_as_long_as_it_is_not_in_vain)
{
	struct spin spin = { 0 };

	for (int i = 0; i < 100; i++) {
		ck_assert(spin_begin(&spin));
		spin_end(&spin, true);
	}
}
END_TEST

START_TEST(spin_ends_in_time)
{
	struct spin spin = { 0 };

	ck_assert(spin_begin(&spin));
	nanosleep(&long_enough, NULL);
	ck_assert(!spin_goes_on(&spin));
}
END_TEST

START_TEST(spin_in_vain_makes_more_and_more_waits_sleep)
{
	struct spin spin = { 0 };

	ck_assert(spin_begin(&spin));
	for (unsigned int expected = 1; expected < 1023; expected = 2 * expected + 1)
		ck_assert_uint_eq(skips_after_vain(&spin), expected);
	/* No more than that: it may be worth while again. */
	ck_assert_uint_eq(skips_after_vain(&spin), 1023);
	ck_assert_uint_eq(skips_after_vain(&spin), 1023);
}
END_TEST

START_TEST(spin_that_was_worth_while_forgets_the_vain_ones)
{
	struct spin spin = { 0 };

	ck_assert(spin_begin(&spin));
	ck_assert_uint_eq(skips_after_vain(&spin), 1);
	ck_assert_uint_eq(skips_after_vain(&spin), 3);
	spin_end(&spin, true);
	ck_assert(spin_begin(&spin));
	ck_assert_uint_eq(skips_after_vain(&spin), 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("spin");

	tcase_add_test(tc, spin_goes_on_as_long_as_it_is_not_in_vain);
	tcase_add_test(tc, spin_ends_in_time);
	tcase_add_test(tc, spin_in_vain_makes_more_and_more_waits_sleep);
	tcase_add_test(tc, spin_that_was_worth_while_forgets_the_vain_ones);
	return run_suite("spin", tc);
}
