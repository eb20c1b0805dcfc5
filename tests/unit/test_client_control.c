/* SPDX-License-Identifier: MIT */
#include "tests/unit/client_suite.h"

#include "proto/codec.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

/* What the daemon's thread says next, and its end of the channel it gives. */
static _Atomic usp_Status answer;
static const char *_Atomic sentence;
static _Atomic int channel;

static enum fake_answer on_request(struct fake_daemon *f, const usp_Request *request,
	usp_Reply *reply, int *fd)
{
	bool has_channel = request->which_body == usp_Request_link_log_tag ||
		request->which_body == usp_Request_link_at_tag;
	int pair[2];

	(void)f;
	reply->status = answer;
	if (sentence) {
		reply->which_body = usp_Reply_refusal_tag;
		strcpy(reply->body.refusal.text, sentence);
	}
	if (answer == usp_STATUS_OK && has_channel) {
		reply->status = usp_STATUS_STARTED;
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		channel = pair[0];
		*fd = pair[1];
	}
	return FAKE_ANSWER_FILLED;
}

static void setup(void)
{
	setup_queues();
	answer = usp_STATUS_OK;
	sentence = NULL;
	channel = -1;
	fake_set_hook(fake, on_request, NULL);
}

static void finish(void)
{
	if (channel >= 0)
		close(channel);
	teardown();
}

static void send_line(uint32_t level, bool is_final, const char *text)
{
	usp_LinkLine line = { .number = 1, .time_ms = 1700000000123, .level = level };
	uint8_t bytes[PROTOCOL_EVENT_MAX];
	int len;

	line.is_final = is_final;
	snprintf(line.text, sizeof(line.text), "%s", text);
	len = codec_encode_line(&line, bytes, sizeof(bytes));
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq((int)send(channel, bytes, (size_t)len, 0), len);
}

static const struct {
	int (*call)(const char *link, struct usocket_refusal *why);
	usp_LinkAction action;
} actions[] = {
	{ usocket_link_up, usp_LINK_ACTION_UP },
	{ usocket_link_down, usp_LINK_ACTION_DOWN },
	{ usocket_link_reset, usp_LINK_ACTION_RESET },
};

START_TEST(action_is_asked_for_by_name)
{
	struct usocket_refusal why = { "stale" };
	usp_Request request;

	ck_assert_int_eq(actions[_i].call("wan", &why), 0);
	ck_assert_str_eq(why.text, "");
	request = fake_last(fake);
	ck_assert_int_eq(request.which_body, usp_Request_link_control_tag);
	ck_assert_str_eq(request.body.link_control.link, "wan");
	ck_assert_int_eq(request.body.link_control.action, actions[_i].action);
	ck_assert_int_eq(actions[_i].call("wan", NULL), 0);
}
END_TEST

START_TEST(key_is_set_as_it_is_given)
{
	usp_Request request;

	ck_assert_int_eq(usocket_link_set("wan", "apn", "inter net", 7, NULL), 0);
	request = fake_last(fake);
	ck_assert_int_eq(request.which_body, usp_Request_link_set_tag);
	ck_assert_str_eq(request.body.link_set.link, "wan");
	ck_assert_str_eq(request.body.link_set.key, "apn");
	ck_assert_str_eq(request.body.link_set.value, "inter net");
	ck_assert(request.body.link_set.redial);
}
END_TEST

START_TEST(refusal_comes_with_its_sentence)
{
	struct usocket_refusal why;

	answer = usp_STATUS_INVALID;
	sentence = "apn is up to 100 printable characters";
	ck_fails(usocket_link_set("wan", "apn", "x", 0, &why), EINVAL);
	ck_assert_str_eq(why.text, sentence);
	ck_fails(usocket_link_set("wan", "apn", "x", 0, NULL), EINVAL);
	answer = usp_STATUS_NOT_PERMITTED;
	sentence = "not you";
	ck_fails(usocket_link_at("wan", "AT", &why), EPERM);
	ck_assert_str_eq(why.text, "not you");
	sentence = NULL;
	ck_fails(usocket_link_log("wan", 0, &why), EPERM);
	ck_assert_str_eq(why.text, "");
}
END_TEST

START_TEST(daemon_that_is_too_old_is_told)
{
	struct usocket_refusal why;

	answer = usp_STATUS_UNKNOWN_REQUEST;
	ck_fails(usocket_link_up("wan", &why), EOPNOTSUPP);
	ck_fails(usocket_link_log("wan", 1, &why), EOPNOTSUPP);
}
END_TEST

START_TEST(text_that_is_too_long_is_not_sent)
{
	unsigned int before;
	char text[300];

	memset(text, 'A', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(usocket_link_up("wan", NULL), 0);
	before = atomic_load(&fake->n_requests);
	ck_fails(usocket_link_up(text, NULL), ENAMETOOLONG);
	ck_fails(usocket_link_set("wan", text, "x", 1, NULL), ENAMETOOLONG);
	ck_fails(usocket_link_set("wan", "apn", text, 1, NULL), ENAMETOOLONG);
	ck_fails(usocket_link_at("wan", text, NULL), ENAMETOOLONG);
	ck_fails(usocket_link_log(text, 0, NULL), ENAMETOOLONG);
	ck_assert_uint_eq(atomic_load(&fake->n_requests), before);
}
END_TEST

START_TEST(lines_come_one_by_one_then_the_end)
{
	struct usocket_link_line line;
	int fd = usocket_link_at("wan", "AT+CSQ", NULL);

	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert_str_eq(fake_last(fake).body.link_at.command, "AT+CSQ");
	ck_assert_int_eq(usocket_link_next_line(fd, &line, sizeof(line)), 0);
	send_line(6, false, "+CSQ: 20,99");
	send_line(0, true, "OK");
	ck_assert_int_eq(usocket_link_next_line(fd, &line, sizeof(line)), 1);
	ck_assert_str_eq(line.text, "+CSQ: 20,99");
	ck_assert_uint_eq(line.time_ms, 1700000000123);
	ck_assert_uint_eq(line.level, 6);
	ck_assert(!line.is_final);
	ck_assert_int_eq(usocket_link_next_line(fd, &line, sizeof(line)), 1);
	ck_assert(line.is_final);
	close(channel);
	channel = -1;
	ck_fails(usocket_link_next_line(fd, &line, sizeof(line)), ENODATA);
	close(fd);
}
END_TEST

START_TEST(line_is_written_no_further_than_the_caller_knows)
{
	unsigned char old[16];
	int fd = usocket_link_log("wan", 1, NULL);

	ck_assert(fake_last(fake).body.link_log.follow);
	memset(old, 0xee, sizeof(old));
	send_line(6, true, "x");
	ck_assert_int_eq(usocket_link_next_line(fd, (struct usocket_link_line *)(void *)old, 10),
		1);
	ck_assert_uint_eq(old[9], 1);
	ck_assert_uint_eq(old[10], 0xee);
	close(fd);
}
END_TEST

START_TEST(line_that_is_none_is_eproto)
{
	struct usocket_link_line line;
	int fd = usocket_link_log("wan", 0, NULL);

	ck_assert_int_eq((int)send(channel, "\xff\xff\xff", 3, 0), 3);
	ck_fails(usocket_link_next_line(fd, &line, sizeof(line)), EPROTO);
	send_line(256, false, "x");
	ck_fails(usocket_link_next_line(fd, &line, sizeof(line)), EPROTO);
	close(fd);
	ck_fails(usocket_link_next_line(fd, &line, sizeof(line)), EBADF);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client_control");
	TCase *tc = tcase_create("control");

	tcase_add_checked_fixture(tc, setup, finish);
	tcase_add_loop_test(tc, action_is_asked_for_by_name, 0,
		(int)(sizeof(actions) / sizeof(actions[0])));
	tcase_add_test(tc, key_is_set_as_it_is_given);
	tcase_add_test(tc, refusal_comes_with_its_sentence);
	tcase_add_test(tc, daemon_that_is_too_old_is_told);
	tcase_add_test(tc, text_that_is_too_long_is_not_sent);
	tcase_add_test(tc, lines_come_one_by_one_then_the_end);
	tcase_add_test(tc, line_is_written_no_further_than_the_caller_knows);
	tcase_add_test(tc, line_that_is_none_is_eproto);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
