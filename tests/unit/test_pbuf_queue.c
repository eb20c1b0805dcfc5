/* SPDX-License-Identifier: MIT */
#include "daemon/pbuf_queue.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <lwip/pbuf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A pbuf, or a chain of @n_parts, whose bytes count up from *@next. */
static struct pbuf *counted_pbuf(size_t len, size_t n_parts, uint8_t *next)
{
	struct pbuf *head = NULL;

	for (size_t i = 0; i < n_parts; i++) {
		struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);

		ck_assert_ptr_nonnull(p);
		for (size_t j = 0; j < len; j++)
			((uint8_t *)p->payload)[j] = (*next)++;
		if (head)
			pbuf_cat(head, p);
		else
			head = p;
	}
	return head;
}

/* Takes @n bytes off the queue and checks that they count up from *@next. */
static void take_counted(struct pbuf_queue *queue, size_t n, uint8_t *next)
{
	struct iovec iov[8];
	size_t left = n;

	while (left > 0) {
		size_t n_iov = pbuf_queue_peek(queue, iov, 8), took = 0;

		ck_assert_uint_gt(n_iov, 0);
		for (size_t i = 0; i < n_iov && took < left; i++)
			for (size_t j = 0; j < iov[i].iov_len && took < left; j++, took++)
				ck_assert_uint_eq(((uint8_t *)iov[i].iov_base)[j], (*next)++);
		pbuf_queue_consume(queue, took);
		left -= took;
	}
}

START_TEST(queue_empty_peeks_nothing)
{
	struct pbuf_queue queue = { 0 };
	struct iovec iov[1];

	ck_assert_uint_eq(pbuf_queue_peek(&queue, iov, 1), 0);
	pbuf_queue_consume(&queue, 0);
	pbuf_queue_clear(&queue);
}
END_TEST

START_TEST(queue_consumed_in_odd_steps_keeps_order)
{
	static const size_t steps[] = { 1, 2, 7, 64, 3, 100, 13, 61 };
	struct pbuf_queue queue = { 0 };
	uint8_t in = 0, out = 0;
	size_t step = 0;

	/* Wraps the ring and grows it while the oldest is half consumed. */
	for (int round = 0; round < 200; round++) {
		ck_assert_int_eq(pbuf_queue_push(&queue, counted_pbuf(37, 1, &in)), 0);
		ck_assert_int_eq(pbuf_queue_push(&queue, counted_pbuf(11, 3, &in)), 0);
		while (queue.n_bytes > 500) {
			take_counted(&queue, steps[step % 8], &out);
			step++;
		}
	}
	take_counted(&queue, queue.n_bytes, &out);
	ck_assert_uint_eq(in, out);
	ck_assert_uint_eq(queue.n, 0);
	pbuf_queue_clear(&queue);
}
END_TEST

START_TEST(queue_larger_than_a_chain_counts_all_bytes)
{
	struct pbuf_queue queue = { 0 };
	uint8_t in = 0, out = 0;

	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(pbuf_queue_push(&queue, counted_pbuf(1460, 1, &in)), 0);
	ck_assert_uint_eq(queue.n_bytes, 146000);
	take_counted(&queue, 146000, &out);
	/* What is empty takes no memory, and can be used again. */
	ck_assert_ptr_null(queue.ring);
	ck_assert_int_eq(pbuf_queue_push(&queue, counted_pbuf(100, 1, &in)), 0);
	take_counted(&queue, 50, &out);
	pbuf_queue_clear(&queue);
}
END_TEST

START_TEST(queue_cleared_half_consumed_frees_all)
{
	struct pbuf_queue queue = { 0 };
	uint8_t in = 0, out = 0;

	ck_assert_int_eq(pbuf_queue_push(&queue, counted_pbuf(100, 4, &in)), 0);
	take_counted(&queue, 150, &out);
	pbuf_queue_clear(&queue);
	ck_assert_uint_eq(queue.n_bytes, 0);
	ck_assert_ptr_null(queue.ring);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("queue");

	tcase_add_test(tc, queue_empty_peeks_nothing);
	tcase_add_test(tc, queue_consumed_in_odd_steps_keeps_order);
	tcase_add_test(tc, queue_larger_than_a_chain_counts_all_bytes);
	tcase_add_test(tc, queue_cleared_half_consumed_frees_all);
	return run_suite("pbuf_queue", tc);
}
