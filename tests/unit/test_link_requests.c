/* SPDX-License-Identifier: MIT */
#include "daemon/link_requests.h"

#include "daemon/server.h"
#include "daemon/session.h"
#include "netif/link.h"
#include "netif/link_private.h"
#include "proto/codec.h"
#include "tests/unit/daemon_fixture.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct daemon_fixture f;
static struct test_client client;

/* ---- a modem's link whose helper is the test ------------------------------------- */

static char asked[256]; /* by AT, the latest */

static int fake_at(struct link *link, const char *command)
{
	(void)link;
	snprintf(asked, sizeof(asked), "%s", command);
	return 0;
}

static void fake_open(struct link *link)
{
	link_progress(link, TABLE_LINK_NEGOTIATING, "told");
}

static void fake_close(struct link *link)
{
	(void)link;
}

static unsigned int n_changes;

static void fake_changed(struct link *link)
{
	(void)link;
	n_changes++;
}

static int set_apn(struct link *link, const char *value, char *error, size_t size)
{
	if (strlen(value) < 5) {
		snprintf(link->modem.apn, sizeof(link->modem.apn), "%s", value);
		return 0;
	}
	snprintf(error, size, "apn is short");
	return -EINVAL;
}

static const struct link_key keys[] = {
	{ "apn", set_apn },
	{ "device", set_apn },
	{ NULL, NULL },
};

static const char *const live_keys[] = { "apn", NULL };

static const struct link_driver fake_driver = {
	.name = "fake",
	.framing = IPIF_FRAMING_RAW,
	.keys = keys,
	.live_keys = live_keys,
	.changed = fake_changed,
	.open = fake_open,
	.close = fake_close,
	.at = fake_at,
	.highest_step = TABLE_STEP_RESET,
};

static void tweak(struct config *config)
{
	struct link *link = link_new("wan");

	ck_assert_ptr_nonnull(link);
	link->driver = &fake_driver;
	config->links[config->n_links++] = link;
	config->limits.session[RESOURCE_WATCH] = 2;
}

static bool is_negotiating(void *arg)
{
	return link_state(arg) == TABLE_LINK_NEGOTIATING;
}

static bool is_down(void *arg)
{
	return link_state(arg) == TABLE_LINK_DOWN;
}

static struct link *wan(void)
{
	return f.daemon.links[0];
}

static void setup(void)
{
	daemon_fixture_init(&f, tweak);
	test_client_open(&client, &f, CAPABILITY_QUEUES);
	daemon_fixture_run_until(&f, is_negotiating, wan());
	n_changes = 0;
}

static void teardown(void)
{
	test_client_close(&client);
	daemon_fixture_fini(&f);
}

static usp_Request request_of(pb_size_t tag)
{
	usp_Request request = usp_Request_init_zero;

	request.which_body = tag;
	return request;
}

static usp_Status control(const char *name, usp_LinkAction action)
{
	usp_Request request = request_of(usp_Request_link_control_tag);

	strcpy(request.body.link_control.link, name);
	request.body.link_control.action = action;
	return test_client_request(&client, &request);
}

static const char *refusal(void)
{
	ck_assert_int_eq(client.reply.which_body, usp_Reply_refusal_tag);
	return client.reply.body.refusal.text;
}

/* ---- up, down, reset ---------------------------------------------------------------- */

START_TEST(link_goes_down_and_up_by_command)
{
	struct table_link t = { 0 };

	ck_assert_int_eq(control("wan", usp_LINK_ACTION_DOWN), usp_STATUS_OK);
	ck_assert_int_eq(link_state(wan()), TABLE_LINK_DOWN);
	link_describe(wan(), &t);
	ck_assert_int_eq(t.reason, TABLE_REASON_COMMAND);
	ck_assert_ptr_nonnull(strstr(t.cause, "taken down by "));
	ck_assert_int_eq(control("wan", usp_LINK_ACTION_RESET), usp_STATUS_INVALID);
	ck_assert_ptr_nonnull(strstr(refusal(), "bring it up first"));
	ck_assert_int_eq(control("wan", usp_LINK_ACTION_UP), usp_STATUS_OK);
	daemon_fixture_run_until(&f, is_negotiating, wan());
	ck_assert_int_eq(control("wan", usp_LINK_ACTION_RESET), usp_STATUS_OK);
	ck_assert_int_eq(link_state(wan()), TABLE_LINK_DOWN);
	link_describe(wan(), &t);
	ck_assert_int_eq(t.step, TABLE_STEP_RESET);
	daemon_fixture_run_until(&f, is_negotiating, wan());
}
END_TEST

START_TEST(link_that_is_none_is_told)
{
	ck_assert_int_eq(control("lan", usp_LINK_ACTION_UP), usp_STATUS_INVALID);
	ck_assert_str_eq(refusal(), "there is no link lan");
	ck_assert_int_eq(control("wan", usp_LINK_ACTION_UNSPECIFIED), usp_STATUS_INVALID);
	ck_assert_int_eq(control("wan", (usp_LinkAction)99), usp_STATUS_INVALID);
}
END_TEST

/* ---- keys ----------------------------------------------------------------------------- */

static usp_Status set(const char *key, const char *value, bool redial)
{
	usp_Request request = request_of(usp_Request_link_set_tag);

	strcpy(request.body.link_set.link, "wan");
	strcpy(request.body.link_set.key, key);
	strcpy(request.body.link_set.value, value);
	request.body.link_set.redial = redial;
	return test_client_request(&client, &request);
}

START_TEST(key_that_is_set_counts_from_the_next_try)
{
	ck_assert_int_eq(set("apn", "a", false), usp_STATUS_OK);
	ck_assert_uint_eq(n_changes, 1);
	ck_assert_int_eq(link_state(wan()), TABLE_LINK_NEGOTIATING);
	ck_assert_int_eq(set("apn", "b", true), usp_STATUS_OK);
	ck_assert_int_eq(link_state(wan()), TABLE_LINK_DOWN);
	ck_assert_str_eq(wan()->modem.apn, "b");
	daemon_fixture_run_until(&f, is_negotiating, wan());
}
END_TEST

static const struct {
	const char *key, *value, *why;
} wrong_keys[] = {
	{ "apn", "much too long", "apn is short" },
	{ "device", "x", "device is set in the configuration only" },
	{ "mtu", "1400", "mtu is set in the configuration only" },
	{ "driver", "tun", "has no key of this name" },
	{ "", "", "has no key of this name" },
};

START_TEST(key_that_cannot_be_set_is_told)
{
	ck_assert_int_eq(set(wrong_keys[_i].key, wrong_keys[_i].value, true), usp_STATUS_INVALID);
	ck_assert_ptr_nonnull(strstr(refusal(), wrong_keys[_i].why));
	ck_assert_uint_eq(n_changes, 0);
	ck_assert_int_eq(link_state(wan()), TABLE_LINK_NEGOTIATING);
}
END_TEST

START_TEST(refused_link_is_tried_with_what_is_set)
{
	link_refuse(wan(), TABLE_REASON_DIAL, "apn is wrong");
	daemon_fixture_run(&f, 200);
	ck_assert(is_down(wan()));
	ck_assert_int_eq(set("apn", "c", true), usp_STATUS_OK);
	daemon_fixture_run_until(&f, is_negotiating, wan());
}
END_TEST

/* ---- lines ---------------------------------------------------------------------------- */

static int open_lines(usp_Request *request)
{
	ck_assert_int_eq(test_client_request(&client, request), usp_STATUS_STARTED);
	ck_assert_int_ge(client.reply_fd, 0);
	return client.reply_fd;
}

static int open_log(bool follow)
{
	usp_Request request = request_of(usp_Request_link_log_tag);

	strcpy(request.body.link_log.link, "wan");
	request.body.link_log.follow = follow;
	return open_lines(&request);
}

/* False at the end. */
static bool receive_line(int fd, usp_LinkLine *line)
{
	uint8_t buf[PROTOCOL_EVENT_MAX];
	ssize_t n = test_channel_receive(&f, fd, buf, sizeof(buf));

	memset(line, 0, sizeof(*line));
	if (n == 0)
		return false;
	ck_assert_int_gt((int)n, 0);
	ck_assert_int_eq(codec_decode_line(line, buf, (size_t)n), 0);
	return true;
}

START_TEST(log_is_sent_whole_then_ends)
{
	usp_LinkLine line;
	uint32_t n = 0;
	int fd;

	/* More than a channel takes at once. */
	for (int i = 0; i < 1000; i++)
		link_log_text(wan(), LOG_LEVEL_DEBUG, "x");
	link_log_text(wan(), LOG_LEVEL_INFO, "the last");
	fd = open_log(false);
	while (receive_line(fd, &line) && strcmp(line.text, "the last") != 0) {
		ck_assert_uint_eq(line.number, ++n);
		ck_assert_str_eq(line.text, "x");
		ck_assert_uint_eq(line.level, LOG_LEVEL_DEBUG);
		ck_assert_uint_gt(line.time_ms, 0);
	}
	ck_assert_str_eq(line.text, "the last");
	ck_assert_uint_gt(n, 300);
	ck_assert(!receive_line(fd, &line));
	close(fd);
}
END_TEST

START_TEST(log_is_followed)
{
	usp_LinkLine line;
	int fd;

	link_log_text(wan(), LOG_LEVEL_DEBUG, "before");
	fd = open_log(true);
	do {
		ck_assert(receive_line(fd, &line));
	} while (strcmp(line.text, "before") != 0);
	link_log_text(wan(), LOG_LEVEL_DEBUG, "after");
	ck_assert(receive_line(fd, &line));
	ck_assert_str_eq(line.text, "after");
	close(fd);
	/* Nobody reads it any more; the daemon comes to know. */
	daemon_fixture_run(&f, 50);
	link_log_text(wan(), LOG_LEVEL_DEBUG, "to nobody");
	ck_assert_uint_eq(account_used(session_account(LIST_FIRST(
					       &server_sessions(f.daemon.server)->all)),
				  RESOURCE_WATCH),
		0);
}
END_TEST

START_TEST(log_follower_that_does_not_read_misses_lines_only)
{
	usp_LinkLine line;
	int fd = open_log(true), n = 0;

	for (int i = 0; i < 20000; i++)
		link_log_text(wan(), LOG_LEVEL_DEBUG, "x");
	link_log_text(wan(), LOG_LEVEL_DEBUG, "the last");
	do {
		ck_assert(receive_line(fd, &line));
		n++;
	} while (strcmp(line.text, "the last") != 0);
	ck_assert_int_lt(n, 10000);
	close(fd);
}
END_TEST

START_TEST(lines_are_charged)
{
	usp_Request request = request_of(usp_Request_link_log_tag);
	int a = open_log(true), b = open_log(true);

	strcpy(request.body.link_log.link, "wan");
	ck_assert_int_eq(test_client_request(&client, &request), usp_STATUS_TOO_MANY);
	close(a);
	close(b);
}
END_TEST

/* ---- AT -------------------------------------------------------------------------------- */

static usp_Request at_request(const char *command)
{
	usp_Request request = request_of(usp_Request_link_at_tag);

	strcpy(request.body.link_at.link, "wan");
	strcpy(request.body.link_at.command, command);
	return request;
}

START_TEST(at_brings_lines_and_a_result)
{
	usp_Request request = at_request("AT+CSQ");
	int fd = open_lines(&request);
	usp_LinkLine line;

	ck_assert_str_eq(asked, "AT+CSQ");
	link_at_answered(wan(), "+CSQ: 20,99", false);
	link_at_answered(wan(), "OK", true);
	ck_assert(receive_line(fd, &line));
	ck_assert_str_eq(line.text, "+CSQ: 20,99");
	ck_assert(!line.is_final);
	ck_assert(receive_line(fd, &line));
	ck_assert_str_eq(line.text, "OK");
	ck_assert(line.is_final);
	ck_assert(!receive_line(fd, &line));
	close(fd);
}
END_TEST

START_TEST(at_ends_with_the_link)
{
	usp_Request request = at_request("AT+CSQ");
	int fd = open_lines(&request);
	usp_LinkLine line;

	link_down(wan(), "test");
	ck_assert(receive_line(fd, &line));
	ck_assert(line.is_final);
	close(fd);
	request = at_request("AT+CSQ");
	ck_assert_int_eq(test_client_request(&client, &request), usp_STATUS_HOST_UNREACHABLE);
	ck_assert_ptr_nonnull(strstr(refusal(), "no AT channel now"));
}
END_TEST

START_TEST(at_one_at_a_time)
{
	usp_Request request = at_request("AT+CSQ");
	int fd = open_lines(&request);

	request = at_request("ATI");
	ck_assert_int_eq(test_client_request(&client, &request), usp_STATUS_ALREADY);
	ck_assert_ptr_nonnull(strstr(refusal(), "another command"));
	/* Who asked has left: the answer is nobody's. */
	close(fd);
	daemon_fixture_run(&f, 50);
	link_at_answered(wan(), "OK", true);
	request = at_request("ATI");
	fd = open_lines(&request);
	close(fd);
}
END_TEST

START_TEST(at_that_does_harm_is_refused)
{
	usp_Request request = at_request("ATD*99#");

	asked[0] = '\0';
	ck_assert_int_eq(test_client_request(&client, &request), usp_STATUS_INVALID);
	ck_assert_ptr_nonnull(strstr(refusal(), "calls are the link's"));
	ck_assert_str_eq(asked, "");
}
END_TEST

START_TEST(daemon_ends_with_lines_under_way)
{
	usp_Request request = at_request("AT+CSQ");
	int at = open_lines(&request);
	int log = open_log(true);

	/* The fixture's end must find nothing left. */
	close(at);
	close(log);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("link_requests");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, link_goes_down_and_up_by_command);
	tcase_add_test(tc, link_that_is_none_is_told);
	tcase_add_test(tc, key_that_is_set_counts_from_the_next_try);
	tcase_add_loop_test(tc, key_that_cannot_be_set_is_told, 0,
		(int)(sizeof(wrong_keys) / sizeof(wrong_keys[0])));
	tcase_add_test(tc, refused_link_is_tried_with_what_is_set);
	tcase_add_test(tc, log_is_sent_whole_then_ends);
	tcase_add_test(tc, log_is_followed);
	tcase_add_test(tc, log_follower_that_does_not_read_misses_lines_only);
	tcase_add_test(tc, lines_are_charged);
	tcase_add_test(tc, at_brings_lines_and_a_result);
	tcase_add_test(tc, at_ends_with_the_link);
	tcase_add_test(tc, at_one_at_a_time);
	tcase_add_test(tc, at_that_does_harm_is_refused);
	tcase_add_test(tc, daemon_ends_with_lines_under_way);
	return run_suite("link_requests", tc);
}
