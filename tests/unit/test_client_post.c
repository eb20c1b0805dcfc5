/* SPDX-License-Identifier: MIT */
/*
 * Requests that the library does not wait for: flags of stream sockets.
 */
#include "tests/unit/client_suite.h"

#include <linux/tcp.h>
#include <sys/socket.h>

static void setup_posts(void)
{
	fake = fake_start(true);
	atomic_store(&fake->takes_posts, true);
}

static int new_socket(int type)
{
	int fd = usocket_socket(AF_INET, type, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static int set_keep_alive(int fd, int value)
{
	return usocket_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value));
}

static int get_keep_alive(int fd)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(usocket_getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len), 0);
	return value;
}

static void expect_counts(unsigned int n_posted, unsigned int n_requests)
{
	ck_assert_uint_eq(atomic_load(&fake->n_posted), n_posted);
	ck_assert_uint_eq(atomic_load(&fake->n_requests), n_requests);
}

/* A flag of a new socket: two requests, both with a reply. */
static void expect_waited_for(int type)
{
	int fd = new_socket(type);

	ck_assert_int_eq(set_keep_alive(fd, 1), 0);
	expect_counts(0, 2);
}

START_TEST(flag_is_not_waited_for)
{
	int fd = new_socket(SOCK_STREAM), on = 1;

	/* A daemon that stands still. */
	pthread_mutex_lock(&fake->lock);
	ck_assert_int_eq(set_keep_alive(fd, 1), 0);
	ck_assert_int_eq(usocket_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	pthread_mutex_unlock(&fake->lock);
	ck_assert_int_eq(get_keep_alive(fd), 1);
	expect_counts(2, 4);
	ck_assert_uint_eq(atomic_load(&fake->n_hellos), 1);
}
END_TEST

START_TEST(flags_in_numbers_leave_room_in_the_queue)
{
	int fd = new_socket(SOCK_STREAM);

	for (int i = 0; i < 99; i++)
		ck_assert_int_eq(set_keep_alive(fd, 1), 0);
	ck_assert_int_eq(set_keep_alive(fd, 0), 0);
	ck_assert_int_eq(get_keep_alive(fd), 0);
	/* Each fifth is waited for. */
	expect_counts(80, 102);
	ck_assert_uint_eq(atomic_load(&fake->n_hellos), 1);
}
END_TEST

START_TEST(flag_that_makes_no_sense_is_refused)
{
	int fd = new_socket(SOCK_STREAM);
	char byte = 1;

	ck_fails(usocket_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &byte, 1), EINVAL);
	ck_fails(usocket_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, NULL, 4), EFAULT);
	expect_counts(0, 1);
}
END_TEST

START_TEST(flag_of_a_datagram_socket_is_waited_for)
{
	expect_waited_for(SOCK_DGRAM);
}
END_TEST

START_TEST(flag_of_a_listener_is_waited_for)
{
	int fd = new_socket(SOCK_STREAM);

	ck_assert_int_eq(usocket_listen(fd, 1), 0);
	ck_assert_int_eq(set_keep_alive(fd, 1), 0);
	expect_counts(0, 3);
}
END_TEST

START_TEST(other_options_are_waited_for)
{
	int fd = new_socket(SOCK_STREAM), value = 60;

	ck_assert_int_eq(usocket_setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value,
				 sizeof(value)),
		0);
	ck_assert_int_eq(usocket_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value,
				 sizeof(value)),
		0);
	expect_counts(0, 3);
}
END_TEST

START_TEST(flag_of_a_socket_not_shown_yet_shows_it_first)
{
	enum fake_answer answer = FAKE_ANSWER_HANG_UP;
	int fd = new_socket(SOCK_STREAM);

	/* The next session must prove its right to the socket. */
	fake_set_hook(fake, hook_once, &answer);
	new_socket(SOCK_STREAM);
	ck_assert_uint_eq(atomic_load(&fake->n_hellos), 2);
	ck_assert_int_eq(set_keep_alive(fd, 1), 0);
	ck_assert_int_eq(get_keep_alive(fd), 1);
	ck_assert_uint_eq(atomic_load(&fake->n_attached), 1);
	/* Three for the sockets, the attach, the flag, what was asked. */
	expect_counts(1, 6);
	ck_assert_int_eq(set_keep_alive(fd, 0), 0);
	ck_assert_int_eq(get_keep_alive(fd), 0);
	expect_counts(2, 8);
}
END_TEST

START_TEST(flag_of_a_socket_that_has_ended_is_refused)
{
	int fd = new_socket(SOCK_STREAM);

	fake_end_socket(fake, fd);
	ck_fails(set_keep_alive(fd, 1), ECONNABORTED);
	ck_assert_uint_eq(atomic_load(&fake->n_posted), 0);
}
END_TEST

START_TEST(flag_for_a_daemon_that_has_ended_is_refused)
{
	int fd = new_socket(SOCK_STREAM);

	fake_kill(fake);
	ck_fails(set_keep_alive(fd, 1), ECONNABORTED);
}
END_TEST

START_TEST(flag_without_queues_is_waited_for)
{
	atomic_store(&fake->takes_posts, true);
	expect_waited_for(SOCK_STREAM);
}
END_TEST

START_TEST(flag_without_the_capability_is_waited_for)
{
	expect_waited_for(SOCK_STREAM);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("client post");
	TCase *posts = add_case(suite, "posts", setup_posts);

	tcase_add_test(posts, flag_is_not_waited_for);
	tcase_add_test(posts, flags_in_numbers_leave_room_in_the_queue);
	tcase_add_test(posts, flag_that_makes_no_sense_is_refused);
	tcase_add_test(posts, flag_of_a_datagram_socket_is_waited_for);
	tcase_add_test(posts, flag_of_a_listener_is_waited_for);
	tcase_add_test(posts, other_options_are_waited_for);
	tcase_add_test(posts, flag_of_a_socket_not_shown_yet_shows_it_first);
	tcase_add_test(posts, flag_of_a_socket_that_has_ended_is_refused);
	tcase_add_test(posts, flag_for_a_daemon_that_has_ended_is_refused);
	tcase_add_test(add_case(suite, "no capability", setup_queues),
		flag_without_the_capability_is_waited_for);
	tcase_add_test(add_case(suite, "no queues", setup_rendezvous),
		flag_without_queues_is_waited_for);
	return run_suite(suite);
}
