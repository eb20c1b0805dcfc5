/* SPDX-License-Identifier: MIT */
#include "daemon/resolver_cache.h"

#include "proto/status.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define DAY_S  86400

static struct resolver_cache *cache;

static void setup(void)
{
	cache = resolver_cache_new(3);
	ck_assert_ptr_nonnull(cache);
}

static void teardown(void)
{
	resolver_cache_free(cache);
}

static struct resolver_answer answer_of(uint8_t last)
{
	struct resolver_answer answer = { .n_addresses = 1 };

	answer.addresses[0].family = ADDRESS_IPV4;
	answer.addresses[0].ip[3] = last;
	return answer;
}

static void put(const char *name, uint8_t last, uint32_t ttl_s, uint64_t now_ns)
{
	struct resolver_answer answer = answer_of(last);

	resolver_cache_put(cache, name, ADDRESS_IPV4, &answer, ttl_s, now_ns);
}

/* The last byte of the cached address, -1 if there is none. */
static int get(const char *name, uint64_t now_ns)
{
	const struct resolver_answer *answer =
		resolver_cache_find(cache, name, ADDRESS_IPV4, now_ns);

	return answer ? answer->addresses[0].ip[3] : -1;
}

START_TEST(find_within_ttl_hits)
{
	put("a.example", 1, 10, 0);
	ck_assert_int_eq(get("a.example", 10 * SECOND - 1), 1);
	ck_assert_uint_eq(resolver_cache_hits(cache), 1);
	ck_assert_uint_eq(resolver_cache_misses(cache), 0);
}
END_TEST

START_TEST(find_after_ttl_misses_and_forgets)
{
	put("a.example", 1, 10, 0);
	ck_assert_int_eq(get("a.example", 10 * SECOND), -1);
	ck_assert_uint_eq(resolver_cache_misses(cache), 1);
	ck_assert_uint_eq(resolver_cache_count(cache), 0);
}
END_TEST

START_TEST(find_of_other_family_misses)
{
	put("a.example", 1, 10, 0);
	ck_assert_ptr_null(resolver_cache_find(cache, "a.example", ADDRESS_IPV6, 0));
}
END_TEST

START_TEST(put_with_zero_ttl_removes)
{
	put("a.example", 1, 10, 0);
	put("a.example", 2, 0, 0);
	ck_assert_int_eq(get("a.example", 0), -1);
	put("b.example", 2, 0, 0);
	ck_assert_uint_eq(resolver_cache_count(cache), 0);
}
END_TEST

START_TEST(put_again_replaces_answer_and_time)
{
	put("a.example", 1, 10, 0);
	put("a.example", 2, 10, 5 * SECOND);
	ck_assert_uint_eq(resolver_cache_count(cache), 1);
	ck_assert_int_eq(get("a.example", 14 * SECOND), 2);
}
END_TEST

START_TEST(put_for_longer_than_a_day_is_a_day)
{
	put("a.example", 1, UINT32_MAX, 0);
	ck_assert_int_eq(get("a.example", DAY_S * SECOND - 1), 1);
	ck_assert_int_eq(get("a.example", DAY_S * SECOND), -1);
}
END_TEST

START_TEST(put_negative_answer_is_kept)
{
	struct resolver_answer unknown = { .error = RESOLVE_UNKNOWN };
	const struct resolver_answer *found;

	resolver_cache_put(cache, "no.example", ADDRESS_IPV6, &unknown, 30, 0);
	found = resolver_cache_find(cache, "no.example", ADDRESS_IPV6, 29 * SECOND);
	ck_assert_ptr_nonnull(found);
	ck_assert_int_eq(found->error, RESOLVE_UNKNOWN);
}
END_TEST

START_TEST(put_beyond_capacity_drops_least_recently_used)
{
	put("a", 1, 60, 0);
	put("b", 2, 60, 0);
	put("c", 3, 60, 0);
	ck_assert_int_eq(get("a", 1), 1);
	put("d", 4, 60, 0);
	ck_assert_uint_eq(resolver_cache_count(cache), 3);
	ck_assert_int_eq(get("b", 1), -1);
	ck_assert_int_eq(get("a", 1), 1);
	ck_assert_int_eq(get("c", 1), 3);
	ck_assert_int_eq(get("d", 1), 4);
}
END_TEST

START_TEST(resize_to_fewer_keeps_latest)
{
	put("a", 1, 60, 0);
	put("b", 2, 60, 0);
	put("c", 3, 60, 0);
	resolver_cache_resize(cache, 1);
	ck_assert_uint_eq(resolver_cache_count(cache), 1);
	ck_assert_int_eq(get("c", 1), 3);
}
END_TEST

START_TEST(resize_to_none_keeps_nothing)
{
	put("a", 1, 60, 0);
	resolver_cache_resize(cache, 0);
	put("b", 2, 60, 0);
	ck_assert_uint_eq(resolver_cache_count(cache), 0);
	ck_assert_int_eq(get("b", 1), -1);
}
END_TEST

START_TEST(flush_forgets_all)
{
	put("a", 1, 60, 0);
	put("b", 2, 60, 0);
	resolver_cache_flush(cache);
	ck_assert_uint_eq(resolver_cache_count(cache), 0);
	put("a", 5, 60, 0);
	ck_assert_int_eq(get("a", 1), 5);
}
END_TEST

START_TEST(many_names_stay_within_capacity)
{
	char name[32];

	resolver_cache_resize(cache, 100);
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "host%d.example", i);
		put(name, (uint8_t)i, 60, 0);
		ck_assert_int_eq(get(name, 1), (uint8_t)i);
	}
	ck_assert_uint_eq(resolver_cache_count(cache), 100);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("resolver_cache");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, find_within_ttl_hits);
	tcase_add_test(tc, find_after_ttl_misses_and_forgets);
	tcase_add_test(tc, find_of_other_family_misses);
	tcase_add_test(tc, put_with_zero_ttl_removes);
	tcase_add_test(tc, put_again_replaces_answer_and_time);
	tcase_add_test(tc, put_for_longer_than_a_day_is_a_day);
	tcase_add_test(tc, put_negative_answer_is_kept);
	tcase_add_test(tc, put_beyond_capacity_drops_least_recently_used);
	tcase_add_test(tc, resize_to_fewer_keeps_latest);
	tcase_add_test(tc, resize_to_none_keeps_nothing);
	tcase_add_test(tc, flush_forgets_all);
	tcase_add_test(tc, many_names_stay_within_capacity);
	return run_suite("resolver_cache", tc);
}
