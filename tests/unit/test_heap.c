/* SPDX-License-Identifier: MIT */
#include "netif/heap.h"

#include "tests/unit/run_suite.h"

#include <malloc.h>
#include <stdint.h>
#include <string.h>

#define N_BLOCKS 500

static unsigned char *blocks[N_BLOCKS];

/* Of all sizes that are kept, and of some that are not. */
static size_t size_of(size_t i)
{
	return i * 7 % 2500;
}

static unsigned char mark_of(size_t i)
{
	return (unsigned char)(i * 31 + 1);
}

static void fill_all(void)
{
	for (size_t i = 0; i < N_BLOCKS; i++) {
		blocks[i] = heap_alloc(size_of(i));
		ck_assert_ptr_nonnull(blocks[i]);
		ck_assert_uint_eq((uintptr_t)blocks[i] % 8, 0);
		memset(blocks[i], mark_of(i), size_of(i));
	}
}

static void free_all(void)
{
	for (size_t i = 0; i < N_BLOCKS; i++) {
		size_t at = 0;

		while (at < size_of(i) && blocks[i][at] == mark_of(i))
			at++;
		ck_assert_uint_eq(at, size_of(i));
		heap_free(blocks[i]);
	}
}

START_TEST(blocks_do_not_overlap)
{
	for (int round = 0; round < 3; round++) {
		fill_all();
		free_all();
	}
	heap_rest();
}
END_TEST

START_TEST(blocks_of_the_c_library_are_taken)
{
	for (size_t size = 0; size < 3000; size += 13) {
		void *p = calloc(1, size);

		ck_assert_ptr_nonnull(p);
		heap_free(p);
		p = heap_alloc(size);
		ck_assert_ptr_nonnull(p);
		memset(p, 0xa5, size);
		free(p);
	}
	heap_rest();
}
END_TEST

/* Of the C library's, whoever holds them; a sanitizer's allocator says 0. */
static size_t used(void)
{
	return mallinfo2().uordblks;
}

START_TEST(rest_gives_everything_back)
{
	size_t before;

	fill_all();
	free_all();
	heap_rest();
	before = used();
	fill_all();
	free_all();
	heap_rest();
	/* The C library keeps some small blocks for itself, as in use. */
	ck_assert_uint_le(used(), before + (1 << 16));
}
END_TEST

START_TEST(no_more_than_a_megabyte_is_kept)
{
	enum {
		N = 2000,
		SIZE = 2000
	};
	static void *many[N];
	size_t before = used();

	for (int i = 0; i < N; i++)
		many[i] = heap_alloc(SIZE);
	for (int i = 0; i < N; i++)
		heap_free(many[i]);
	/* What belongs to a block but is not for use counts, too. */
	ck_assert_uint_le(used(), before + (1 << 20) + (1 << 14));
	heap_rest();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("heap");

	heap_init();
	tcase_add_test(tc, blocks_do_not_overlap);
	tcase_add_test(tc, blocks_of_the_c_library_are_taken);
	tcase_add_test(tc, rest_gives_everything_back);
	tcase_add_test(tc, no_more_than_a_megabyte_is_kept);
	return run_suite("heap", tc);
}
