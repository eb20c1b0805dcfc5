/* SPDX-License-Identifier: MIT */
#include "daemon/event_channel.h"

#include "tests/unit/run_suite.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct event_base *base;
static struct event_channel *channel;
static int client;
static int n_closed;

static void on_closed(void *arg)
{
	n_closed++;
	event_base_loopbreak(arg);
}

static void setup(void)
{
	base = event_base_new();
	ck_assert_int_eq(event_channel_new(&channel, base, on_closed, base, &client), 0);
}

static void teardown(void)
{
	event_channel_free(channel);
	if (client >= 0)
		close(client);
	event_base_free(base);
}

static void close_client(void)
{
	close(client);
	client = -1;
}

/* Runs the loop for at most @ms. */
static void run(int ms)
{
	const struct timeval limit = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_base_loopexit(base, &limit);
	event_base_dispatch(base);
}

static void send_text(const char *text)
{
	ck_assert_int_eq(event_channel_send(channel, (const uint8_t *)text, strlen(text)), 0);
}

START_TEST(messages_sent_arrive_one_by_one)
{
	char buf[16];

	send_text("one");
	send_text("three");
	ck_assert_int_eq((int)recv(client, buf, sizeof(buf), 0), 3);
	ck_assert_int_eq((int)recv(client, buf, sizeof(buf), 0), 5);
	ck_assert_int_eq((int)recv(client, buf, sizeof(buf), MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

START_TEST(client_that_closes_is_told_once)
{
	close_client();
	run(1000);
	ck_assert_int_eq(n_closed, 1);
	run(20);
	ck_assert_int_eq(n_closed, 1);
	ck_assert_int_eq(event_channel_send(channel, (const uint8_t *)"x", 1), -EPIPE);
}
END_TEST

START_TEST(send_to_full_channel_says_so)
{
	uint8_t message[512] = { 0 };
	int r = 0;

	for (int i = 0; i < 10000 && r == 0; i++)
		r = event_channel_send(channel, message, sizeof(message));
	ck_assert_int_eq(r, -EAGAIN);
}
END_TEST

static unsigned int n_rooms;

static void on_room(void *arg)
{
	n_rooms++;
	event_base_loopbreak(arg);
}

START_TEST(room_is_told_once_when_it_is_there)
{
	uint8_t message[512] = { 0 };

	n_rooms = 0;
	while (event_channel_send(channel, message, sizeof(message)) == 0)
		;
	event_channel_when_writable(channel, on_room);
	run(20);
	ck_assert_uint_eq(n_rooms, 0);
	while (recv(client, message, sizeof(message), MSG_DONTWAIT) > 0)
		;
	run(1000);
	ck_assert_uint_eq(n_rooms, 1);
	run(20);
	ck_assert_uint_eq(n_rooms, 1);
}
END_TEST

START_TEST(finish_lets_the_client_read_and_close)
{
	char buf[16];

	send(client, "noise", 5, 0);
	send_text("last");
	event_channel_finish(channel);
	send(client, "more noise", 10, MSG_NOSIGNAL);
	run(20);
	ck_assert_int_eq(n_closed, 0);
	ck_assert_int_eq((int)recv(client, buf, sizeof(buf), 0), 4);
	ck_assert_int_eq((int)recv(client, buf, sizeof(buf), 0), 0);
	close_client();
	run(1000);
	ck_assert_int_eq(n_closed, 1);
}
END_TEST

START_TEST(finish_does_not_wait_for_ever)
{
	struct timespec before, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	event_channel_finish(channel);
	for (int i = 0; i < 100 && n_closed == 0; i++) {
		/* A client that keeps talking gains no time. */
		send(client, "noise", 5, MSG_DONTWAIT | MSG_NOSIGNAL);
		run(100);
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	ck_assert_int_eq(n_closed, 1);
	ck_assert_int_le(after.tv_sec - before.tv_sec, 5);
}
END_TEST

START_TEST(last_message_is_there_after_the_daemons_end)
{
	char buf[16];

	send(client, "noise", 5, 0);
	run(20);
	send_text("last");
	event_channel_finish(channel);
	event_channel_free(channel);
	channel = NULL;
	ck_assert_int_eq((int)recv(client, buf, sizeof(buf), 0), 4);
	ck_assert_int_eq((int)recv(client, buf, sizeof(buf), 0), 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("event_channel");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, messages_sent_arrive_one_by_one);
	tcase_add_test(tc, client_that_closes_is_told_once);
	tcase_add_test(tc, send_to_full_channel_says_so);
	tcase_add_test(tc, room_is_told_once_when_it_is_there);
	tcase_add_test(tc, finish_lets_the_client_read_and_close);
	tcase_add_test(tc, finish_does_not_wait_for_ever);
	tcase_add_test(tc, last_message_is_there_after_the_daemons_end);
	return run_suite("event_channel", tc);
}
