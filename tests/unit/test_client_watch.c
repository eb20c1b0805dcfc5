/* SPDX-License-Identifier: MIT */
#include "tests/unit/client_suite.h"

#include "proto/codec.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void send_event(uint32_t link, uint32_t state, const char *cause)
{
	usp_Event event = usp_Event_init_zero;
	uint8_t bytes[PROTOCOL_EVENT_MAX];
	int len;

	event.link = link;
	event.state = state;
	event.number = 1;
	event.reason = TABLE_REASON_CARRIER;
	event.is_refused = state == USOCKET_LINK_DOWN;
	snprintf(event.cause, sizeof(event.cause), "%s", cause);
	len = codec_encode_event(&event, bytes, sizeof(bytes));
	ck_assert_int_gt(len, 0);
	fake_send_lookup(fake, bytes, (size_t)len);
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

START_TEST(watch_gives_events_one_by_one)
{
	struct usocket_link_event event;
	int fd = usocket_watch_links();

	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(usocket_watch_next(fd, &event, sizeof(event)), 0);
	ck_assert(!is_readable(fd));
	fake_set_link(fake, 0, TABLE_LINK_UP, "10.0.0.2", "");
	send_event(0, USOCKET_LINK_UP, "address 10.0.0.2");
	send_event(0, USOCKET_LINK_DOWN, "");
	ck_assert(is_readable(fd));
	ck_assert_int_eq(usocket_watch_next(fd, &event, sizeof(event)), 1);
	ck_assert_uint_eq(event.index, 0);
	ck_assert_uint_eq(event.state, USOCKET_LINK_UP);
	ck_assert_str_eq(event.cause, "address 10.0.0.2");
	ck_assert_int_eq(usocket_watch_next(fd, &event, sizeof(event)), 1);
	ck_assert_uint_eq(event.state, USOCKET_LINK_DOWN);
	ck_assert_str_eq(event.cause, "");
	ck_assert_str_eq(usocket_link_reason_name(event.reason), "carrier");
	ck_assert(event.is_refused);
	ck_assert_int_eq(usocket_watch_next(fd, &event, sizeof(event)), 0);
	close(fd);
}
END_TEST

START_TEST(watch_event_of_a_link_out_of_range_has_no_name)
{
	struct usocket_link_event event;
	int fd = usocket_watch_links();

	send_event(4000000, 200, "x");
	ck_assert_int_eq(usocket_watch_next(fd, &event, sizeof(event)), 1);
	ck_assert_uint_eq(event.index, 4000000);
	ck_assert_str_eq(event.name, "");
	ck_assert_str_eq(usocket_link_state_name(event.state), "?");
	close(fd);
}
END_TEST

START_TEST(watch_writes_no_more_than_the_caller_knows)
{
	uint8_t old[12];
	int fd = usocket_watch_links();

	memset(old, 0xaa, sizeof(old));
	send_event(0, USOCKET_LINK_UP, "x");
	ck_assert_int_eq(usocket_watch_next(fd, (struct usocket_link_event *)(void *)old, 8), 1);
	ck_assert_uint_eq(old[4], USOCKET_LINK_UP);
	for (int i = 8; i < 12; i++)
		ck_assert_uint_eq(old[i], 0xaa);
	close(fd);
}
END_TEST

START_TEST(watch_nonsense_is_eproto)
{
	struct usocket_link_event event;
	int fd = usocket_watch_links();

	fake_send_lookup(fake, "\xff\xff\xff", 3);
	ck_fails(usocket_watch_next(fd, &event, sizeof(event)), EPROTO);
	send_event(0, 256, "x");
	ck_fails(usocket_watch_next(fd, &event, sizeof(event)), EPROTO);
	send_event(0, USOCKET_LINK_UP, "x");
	ck_assert_int_eq(usocket_watch_next(fd, &event, sizeof(event)), 1);
	close(fd);
}
END_TEST

START_TEST(watch_ends_with_the_daemon)
{
	struct usocket_link_event event;
	int fd = usocket_watch_links();

	send_event(0, USOCKET_LINK_UP, "last");
	if (_i == 0)
		fake_stop(fake);
	else
		fake_kill(fake);
	ck_assert_int_eq(usocket_watch_next(fd, &event, sizeof(event)), 1);
	ck_assert(is_readable(fd));
	ck_fails(usocket_watch_next(fd, &event, sizeof(event)), ENODEV);
	ck_fails(usocket_watch_next(fd, &event, sizeof(event)), ENODEV);
	close(fd);
	ck_fails(usocket_watch_links(), ENODEV);
}
END_TEST

static enum fake_answer answer(struct fake_daemon *f, const usp_Request *request,
	usp_Reply *reply, int *fd)
{
	(void)request;
	(void)fd;
	reply->status = *(usp_Status *)f->hook_arg;
	return FAKE_ANSWER_FILLED;
}

static const struct {
	usp_Status status;
	int error;
} refusals[] = {
	{ usp_Status_STATUS_UNKNOWN_REQUEST, EOPNOTSUPP },
	{ usp_Status_STATUS_TOO_MANY, EMFILE },
};

START_TEST(watch_refused_says_why)
{
	usp_Status status = refusals[_i].status;

	fake_set_hook(fake, answer, &status);
	ck_fails(usocket_watch_links(), refusals[_i].error);
	fake_set_hook(fake, NULL, NULL);
}
END_TEST

START_TEST(watch_of_other_descriptors_is_refused_and_takes_nothing)
{
	struct usocket_link_event event;
	int tcp = fake_connected(fake), udp = usocket_socket(AF_INET, SOCK_DGRAM, 0), pair[2];

	ck_fails(usocket_watch_next(-1, &event, sizeof(event)), EBADF);
	ck_assert_int_eq(pipe(pair), 0);
	ck_fails(usocket_watch_next(pair[0], &event, sizeof(event)), ENOTSOCK);
	ck_assert_int_eq(send(fake_channel(fake, tcp), "data", 4, 0), 4);
	ck_fails(usocket_watch_next(tcp, &event, sizeof(event)), EINVAL);
	ck_fails(usocket_watch_next(udp, &event, sizeof(event)), EINVAL);
	ck_assert_int_eq(usocket_recv(tcp, (char[8]){ 0 }, 8, 0), 4);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client watch");
	TCase *tc = tcase_create("watch");

	tcase_add_checked_fixture(tc, setup_queues, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, watch_gives_events_one_by_one);
	tcase_add_test(tc, watch_event_of_a_link_out_of_range_has_no_name);
	tcase_add_test(tc, watch_writes_no_more_than_the_caller_knows);
	tcase_add_test(tc, watch_nonsense_is_eproto);
	tcase_add_loop_test(tc, watch_ends_with_the_daemon, 0, 2);
	tcase_add_loop_test(tc, watch_refused_says_why, 0,
		sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(tc, watch_of_other_descriptors_is_refused_and_takes_nothing);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
