/* SPDX-License-Identifier: MIT */
/*
 * The sockets' run queue, when the service of one socket ends others.
 */
#include "tests/unit/socket_fixture.h"

#include "tests/unit/run_suite.h"

#include <unistd.h>

static struct socket_fixture fixture;
static struct test_socket first, second, third;
static struct socket_ops killing_ops, counting_ops;
static unsigned int n_serviced;

static void kill_second(struct usock *s)
{
	(void)s;
	if (second.s)
		socket_kill(second.s);
	second.s = NULL;
}

static void count(struct usock *s)
{
	n_serviced++;
	/* Once more, in the turn after this one. */
	if (n_serviced == 1)
		socket_schedule(s);
}

static void setup(void)
{
	fixture_init(&fixture);
	first = fixture_socket(&fixture, TABLE_TYPE_DATAGRAM, ADDRESS_IPV4);
	second = fixture_socket(&fixture, TABLE_TYPE_DATAGRAM, ADDRESS_IPV4);
	third = fixture_socket(&fixture, TABLE_TYPE_DATAGRAM, ADDRESS_IPV4);
	fixture_settle(&fixture);
	killing_ops = counting_ops = *first.s->ops;
	killing_ops.service = kill_second;
	counting_ops.service = count;
	first.s->ops = &killing_ops;
	third.s->ops = &counting_ops;
	n_serviced = 0;
}

static void teardown(void)
{
	close(first.fd);
	close(second.fd);
	close(third.fd);
	socket_kill(first.s);
	socket_kill(third.s);
	fixture_fini(&fixture);
}

START_TEST(killed_last_in_its_turn_leaves_the_queue_whole)
{
	socket_schedule(first.s);
	socket_schedule(second.s);
	fixture_settle(&fixture);
	ck_assert_ptr_null(second.s);
	socket_schedule(third.s);
	fixture_settle(&fixture);
	ck_assert_uint_eq(n_serviced, 2);
}
END_TEST

START_TEST(killed_between_others_leaves_them_their_turn)
{
	socket_schedule(first.s);
	socket_schedule(second.s);
	socket_schedule(third.s);
	fixture_settle(&fixture);
	ck_assert_ptr_null(second.s);
	ck_assert_uint_eq(n_serviced, 2);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("run_queue");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, killed_last_in_its_turn_leaves_the_queue_whole);
	tcase_add_test(tc, killed_between_others_leaves_them_their_turn);
	return run_suite("run_queue", tc);
}
