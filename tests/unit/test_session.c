/* SPDX-License-Identifier: MIT */
#include "daemon/session.h"

#include "daemon/server.h"
#include "netif/stack.h"
#include "proto/codec.h"
#include "proto/fdpass.h"
#include "proto/table.h"
#include "tests/unit/daemon_fixture.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static struct daemon_fixture f;

static void setup(void)
{
	daemon_fixture_init(&f, NULL);
}

static void teardown(void)
{
	daemon_fixture_fini(&f);
}

static usp_Request status_request(void)
{
	usp_Request request = usp_Request_init_zero;

	request.which_body = usp_Request_get_status_tag;
	return request;
}

static usp_Status ask_status(struct test_client *c)
{
	usp_Request request = status_request();

	return test_client_request(c, &request);
}

static struct session *only_session(void)
{
	struct session *session = LIST_FIRST(&server_sessions(f.daemon.server)->all);

	ck_assert_ptr_nonnull(session);
	return session;
}

static uint32_t n_admitted(void)
{
	return server_sessions(f.daemon.server)->n_admitted;
}

static bool is_nobody_there(void *arg)
{
	const struct session_registry *registry = server_sessions(f.daemon.server);

	(void)arg;
	return LIST_EMPTY(&registry->all) && registry->n_admitted == 0 &&
		registry->n_refused == 0;
}

/* ---- hello ---- */

START_TEST(hello_gets_table_and_queues)
{
	struct test_client c;
	struct table table;

	test_client_open(&c, &f, CAPABILITY_QUEUES | CAPABILITY_WATCH | 1u << 30);
	ck_assert_uint_eq(c.reply.body.hello.version, PROTOCOL_VERSION_MAX);
	ck_assert_uint_eq(c.reply.body.hello.capabilities, CAPABILITY_QUEUES | CAPABILITY_WATCH);
	ck_assert_uint_eq(c.reply.body.hello.instance, f.daemon.instance);
	ck_assert_int_eq(table_map(&table, c.table), 0);
	ck_assert_uint_eq(table.header->instance, f.daemon.instance);
	table_unmap(&table);
	ck_assert_uint_eq(n_admitted(), 1);
	ck_assert_uint_eq(f.daemon.n_sessions_without_queue, 0);
	test_client_close(&c);
}
END_TEST

START_TEST(hello_hands_over_ends_with_only_the_rights_needed)
{
	struct test_client c;
	char buf[PROTOCOL_MESSAGE_MAX];
	struct mq_attr attr;

	test_client_open(&c, &f, CAPABILITY_QUEUES);
	ck_assert_int_eq((int)mq_receive(c.requests, buf, sizeof(buf), NULL), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(mq_send(c.replies, buf, 1, 0), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(mq_getattr(c.requests, &attr), 0);
	ck_assert_int_eq((int)attr.mq_maxmsg, PROTOCOL_QUEUE_DEPTH);
	ck_assert_int_eq((int)attr.mq_msgsize, PROTOCOL_MESSAGE_MAX);
	test_client_close(&c);
}
END_TEST

START_TEST(hello_without_the_capability_gets_no_queues)
{
	struct test_client c;

	test_client_open(&c, &f, 0);
	ck_assert_int_eq(c.requests, -1);
	ck_assert_uint_eq(f.daemon.n_sessions_without_queue, 1);
	ck_assert_int_eq(ask_status(&c), usp_STATUS_OK);
	test_client_close(&c);
	daemon_fixture_run_until(&f, is_nobody_there, NULL);
	ck_assert_uint_eq(f.daemon.n_sessions_without_queue, 0);
}
END_TEST

START_TEST(hello_when_configured_without_queues_gets_none)
{
	struct test_client c;

	f.daemon.config.queues = false;
	test_client_open(&c, &f, CAPABILITY_QUEUES);
	ck_assert_int_eq(c.requests, -1);
	ck_assert_int_eq(ask_status(&c), usp_STATUS_OK);
	test_client_close(&c);
}
END_TEST

START_TEST(hello_when_system_grants_no_queues_goes_without)
{
	struct rlimit none = { 0, 0 };
	int n_before = count_descriptors();
	struct test_client c;

	ck_assert_int_eq(setrlimit(RLIMIT_MSGQUEUE, &none), 0);
	test_client_open(&c, &f, CAPABILITY_QUEUES);
	ck_assert_uint_eq(c.reply.body.hello.capabilities, 0);
	ck_assert_uint_eq(f.daemon.n_sessions_without_queue, 1);
	ck_assert_int_eq(ask_status(&c), usp_STATUS_OK);
	test_client_close(&c);
	daemon_fixture_run_until(&f, is_nobody_there, NULL);
	ck_assert_int_eq(count_descriptors(), n_before);
}
END_TEST

static void send_hello(struct test_client *c, uint32_t min, uint32_t max, const char *program)
{
	usp_Request request = usp_Request_init_zero;
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	int len;

	request.sequence = 1;
	request.which_body = usp_Request_hello_tag;
	request.body.hello.version_min = min;
	request.body.hello.version_max = max;
	snprintf(request.body.hello.program, sizeof(request.body.hello.program), "%s", program);
	len = codec_encode_request(&request, buf, sizeof(buf));
	test_client_send_bytes(c, buf, (size_t)len, -1);
}

static const struct {
	uint32_t min, max;
	usp_Status status;
} versions[] = {
	{ 1, 1, usp_STATUS_OK },
	{ 0, 1, usp_STATUS_OK },
	{ 1, 99, usp_STATUS_OK },
	{ PROTOCOL_VERSION_MAX + 1, 99, usp_STATUS_VERSION },
	{ 0, 0, usp_STATUS_VERSION },
	{ 2, 1, usp_STATUS_VERSION },
};

START_TEST(hello_with_version_is_negotiated)
{
	struct test_client c;
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	usp_Reply reply = usp_Reply_init_zero;
	ssize_t n;

	test_client_connect(&c, &f);
	send_hello(&c, versions[_i].min, versions[_i].max, "");
	n = test_channel_receive(&f, c.fd, buf, sizeof(buf));
	ck_assert_int_gt((int)n, 0);
	ck_assert_int_eq(codec_decode_reply(&reply, buf, (size_t)n), 0);
	ck_assert_int_eq(reply.status, versions[_i].status);
	ck_assert_uint_eq(reply.body.hello.version_min, PROTOCOL_VERSION_MIN);
	ck_assert_uint_eq(reply.body.hello.version_max, PROTOCOL_VERSION_MAX);
	if (versions[_i].status != usp_STATUS_OK)
		test_client_expect_hangup(&c);
	test_client_close(&c);
}
END_TEST

START_TEST(hello_refused_can_be_read_though_more_was_sent)
{
	struct test_client c;

	test_client_connect(&c, &f);
	send_hello(&c, 98, 99, "");
	for (int i = 0; i < 5; i++)
		send_hello(&c, 98, 99, "");
	daemon_fixture_run(&f, 20);
	/* ECONNRESET would come before the answer. */
	ck_assert(test_client_receive(&c));
	ck_assert_int_eq(c.reply.status, usp_STATUS_VERSION);
	test_client_expect_hangup(&c);
	daemon_fixture_run_until(&f, is_nobody_there, NULL);
	test_client_close(&c);
}
END_TEST

START_TEST(hello_twice_is_malformed_but_survived)
{
	usp_Request request = usp_Request_init_zero;
	struct test_client c;

	test_client_open(&c, &f, CAPABILITY_QUEUES);
	request.which_body = usp_Request_hello_tag;
	ck_assert_int_eq(test_client_request(&c, &request), usp_STATUS_MALFORMED);
	ck_assert_int_eq(ask_status(&c), usp_STATUS_OK);
	test_client_close(&c);
}
END_TEST

START_TEST(hello_that_does_not_come_ends_the_session)
{
	struct test_client c;
	uint64_t start_ns = stack_now_ns();

	test_client_connect(&c, &f);
	test_client_expect_hangup(&c);
	ck_assert_uint_ge((stack_now_ns() - start_ns) / 1000000, 1900);
	ck_assert_uint_eq(f.daemon.n_clients_dropped, 1);
	test_client_close(&c);
}
END_TEST

/* ---- breaches ---- */

START_TEST(request_before_hello_is_dropped)
{
	usp_Request request = status_request();
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	struct test_client c;
	int len;

	test_client_connect(&c, &f);
	len = codec_encode_request(&request, buf, sizeof(buf));
	test_client_send_bytes(&c, buf, (size_t)len, -1);
	test_client_expect_hangup(&c);
	ck_assert_uint_eq(f.daemon.n_clients_dropped, 1);
	test_client_close(&c);
}
END_TEST

START_TEST(noise_by_rendezvous_is_dropped)
{
	struct test_client c;

	test_client_open(&c, &f, 0);
	test_client_send_bytes(&c, "\xff\xff\xff\xff", 4, -1);
	test_client_expect_hangup(&c);
	ck_assert_uint_eq(f.daemon.n_malformed, 1);
	ck_assert_uint_eq(f.daemon.n_clients_dropped, 1);
	test_client_close(&c);
}
END_TEST

START_TEST(noise_by_queue_is_dropped)
{
	struct test_client c;

	test_client_open(&c, &f, CAPABILITY_QUEUES);
	ck_assert_int_eq(mq_send(c.requests, "\xff\xff\xff\xff", 4, 0), 0);
	test_client_expect_hangup(&c);
	ck_assert_uint_eq(f.daemon.n_malformed, 1);
	test_client_close(&c);
}
END_TEST

START_TEST(message_too_long_is_dropped)
{
	char buf[PROTOCOL_MESSAGE_MAX + 1] = { 0 };
	struct test_client c;

	test_client_open(&c, &f, 0);
	test_client_send_bytes(&c, buf, sizeof(buf), -1);
	test_client_expect_hangup(&c);
	ck_assert_uint_eq(f.daemon.n_clients_dropped, 1);
	test_client_close(&c);
}
END_TEST

START_TEST(client_not_reading_replies_is_dropped)
{
	static const uint32_t capabilities[] = { 0, CAPABILITY_QUEUES };
	usp_Request request = status_request();
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	struct test_client c;
	int len;

	test_client_open(&c, &f, capabilities[_i]);
	len = codec_encode_request(&request, buf, sizeof(buf));
	for (int i = 0; i < 5000 && f.daemon.n_clients_dropped == 0; i++) {
		if (c.requests >= 0)
			mq_send(c.requests, (char *)buf, (size_t)len, 0);
		else
			send(c.fd, buf, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
		daemon_fixture_run(&f, 0);
		daemon_fixture_run(&f, 1);
	}
	ck_assert_uint_eq(f.daemon.n_clients_dropped, 1);
	daemon_fixture_run_until(&f, is_nobody_there, NULL);
	test_client_close(&c);
}
END_TEST

START_TEST(descriptors_nobody_asked_for_are_closed)
{
	usp_Request request = status_request();
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	int fds[50];
	struct test_client c;
	int n_before, len;

	test_client_open(&c, &f, 0);
	for (int i = 0; i < 50; i++)
		fds[i] = c.fd;
	n_before = count_descriptors();
	len = codec_encode_request(&request, buf, sizeof(buf));
	ck_assert_int_gt((int)fdpass_send(c.fd, buf, (size_t)len, fds, 50, 0), 0);
	ck_assert(test_client_receive(&c));
	ck_assert_int_eq(c.reply.status, usp_STATUS_OK);
	ck_assert_int_eq(count_descriptors(), n_before);
	test_client_close(&c);
}
END_TEST

START_TEST(descriptors_with_noise_are_closed)
{
	int fds[3];
	struct test_client c;
	int n_before;

	n_before = count_descriptors();
	test_client_open(&c, &f, 0);
	for (int i = 0; i < 3; i++)
		fds[i] = c.fd;
	ck_assert_int_gt((int)fdpass_send(c.fd, "\xff", 1, fds, 3, 0), 0);
	daemon_fixture_run_until(&f, is_nobody_there, NULL);
	test_client_close(&c);
	daemon_fixture_run(&f, 5);
	ck_assert_int_eq(count_descriptors(), n_before);
}
END_TEST

/* ---- routes ---- */

START_TEST(reply_comes_the_way_of_the_request)
{
	usp_Request request = status_request();
	struct test_client c;
	struct mq_attr attr;

	test_client_open(&c, &f, CAPABILITY_QUEUES);
	ck_assert_int_eq(ask_status(&c), usp_STATUS_OK);
	request = status_request();
	ck_assert_int_eq(test_client_request_fd(&c, &request, -1), usp_STATUS_OK);
	ck_assert_int_eq(mq_getattr(c.replies, &attr), 0);
	ck_assert_int_eq((int)attr.mq_curmsgs, 0);
	test_client_close(&c);
}
END_TEST

START_TEST(reply_with_descriptor_comes_by_rendezvous)
{
	usp_Request request = usp_Request_init_zero;
	struct test_client c;

	test_client_open(&c, &f, CAPABILITY_QUEUES);
	request.which_body = usp_Request_watch_tag;
	ck_assert_int_eq(test_client_request(&c, &request), usp_STATUS_STARTED);
	ck_assert_int_ge(c.reply_fd, 0);
	close(c.reply_fd);
	test_client_close(&c);
}
END_TEST

START_TEST(request_of_the_future_is_unknown)
{
	static const uint8_t newer[] = { 0x08, 7, 0xa2, 0x06, 2, 1, 2 };
	struct test_client c;

	test_client_open(&c, &f, 0);
	test_client_send_bytes(&c, newer, sizeof(newer), -1);
	ck_assert(test_client_receive(&c));
	ck_assert_int_eq(c.reply.status, usp_STATUS_UNKNOWN_REQUEST);
	ck_assert_uint_eq(c.reply.sequence, 7);
	test_client_close(&c);
}
END_TEST

/* ---- requests without reply ---- */

/* Puts it into the queue; the loop does not run meanwhile. */
static void post(struct test_client *c, const usp_Request *request)
{
	uint8_t bytes[PROTOCOL_MESSAGE_MAX];
	int len = codec_encode_request(request, bytes, sizeof(bytes));

	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(mq_send(c->requests, (const char *)bytes, (size_t)len, 0), 0);
}

/* The reply in the queue, or false if there is none. */
static bool take_reply(struct test_client *c)
{
	uint8_t bytes[PROTOCOL_MESSAGE_MAX];
	const struct timespec long_ago = { 0, 0 };
	ssize_t n = mq_timedreceive(c->replies, (char *)bytes, sizeof(bytes), NULL, &long_ago);

	return n >= 0 && codec_decode_reply(&c->reply, bytes, (size_t)n) == 0;
}

static bool is_replied(void *arg)
{
	return take_reply(arg);
}

static socket_id new_stream(struct test_client *c, int *channel)
{
	usp_Request request = usp_Request_init_zero;

	request.which_body = usp_Request_socket_new_tag;
	request.body.socket_new.family = usp_FAMILY_IPV4;
	request.body.socket_new.type = usp_SOCKET_TYPE_STREAM;
	ck_assert_int_eq(test_client_request(c, &request), usp_STATUS_OK);
	*channel = c->reply_fd;
	return c->reply.body.socket.socket;
}

static void attach(struct test_client *c, int channel)
{
	usp_Request request = usp_Request_init_zero;

	request.which_body = usp_Request_socket_attach_tag;
	ck_assert_int_eq(test_client_request_fd(c, &request, channel), usp_STATUS_OK);
}

/* Two that share a stream socket, whose client's end is @channel. */
static socket_id open_two(struct test_client *a, struct test_client *b, int *channel)
{
	socket_id id;

	test_client_open(a, &f, CAPABILITY_QUEUES | CAPABILITY_NO_REPLY);
	test_client_open(b, &f, CAPABILITY_QUEUES);
	id = new_stream(a, channel);
	attach(b, *channel);
	return id;
}

static void close_two(struct test_client *a, struct test_client *b, int channel)
{
	close(channel);
	test_client_close(a);
	test_client_close(b);
}

static usp_Request set_no_delay(socket_id id)
{
	usp_Request request = usp_Request_init_zero;

	request.sequence = 1000;
	request.which_body = usp_Request_socket_set_option_tag;
	request.body.socket_set_option.socket = id;
	request.body.socket_set_option.option = usp_OPTION_NO_DELAY;
	request.body.socket_set_option.value = 1;
	request.body.socket_set_option.no_reply = true;
	return request;
}

static usp_Request get_no_delay(socket_id id, uint32_t sequence)
{
	usp_Request request = usp_Request_init_zero;

	request.sequence = sequence;
	request.which_body = usp_Request_socket_get_option_tag;
	request.body.socket_get_option.socket = id;
	request.body.socket_get_option.option = usp_OPTION_NO_DELAY;
	return request;
}

static void expect_no_delay(struct test_client *c, uint32_t sequence)
{
	daemon_fixture_run_until(&f, is_replied, c);
	ck_assert_int_eq(c->reply.status, usp_STATUS_OK);
	ck_assert_uint_eq(c->reply.sequence, sequence);
	ck_assert_int_eq(c->reply.body.option.value, 1);
}

START_TEST(request_without_reply_gets_none)
{
	usp_Request set, get;
	struct test_client c;
	int channel;
	socket_id id;

	test_client_open(&c, &f, CAPABILITY_QUEUES | CAPABILITY_NO_REPLY);
	ck_assert_uint_eq(c.reply.body.hello.capabilities,
		CAPABILITY_QUEUES | CAPABILITY_NO_REPLY);
	id = new_stream(&c, &channel);
	set = set_no_delay(id);
	get = get_no_delay(id, 2000);
	post(&c, &set);
	post(&c, &get);
	expect_no_delay(&c, 2000);
	ck_assert(!take_reply(&c));
	close(channel);
	test_client_close(&c);
}
END_TEST

START_TEST(request_without_reply_is_done_before_what_others_ask)
{
	usp_Request set, get_first, get_second;
	struct test_client a, b, c;
	int channel;
	socket_id id;

	id = open_two(&a, &b, &channel);
	test_client_open(&c, &f, CAPABILITY_QUEUES);
	attach(&c, channel);
	set = set_no_delay(id);
	get_first = get_no_delay(id, 2000);
	get_second = get_no_delay(id, 3000);
	/* Those who ask come first to where the daemon looks. */
	post(&c, &get_first);
	post(&b, &get_second);
	post(&a, &set);
	expect_no_delay(&c, 2000);
	expect_no_delay(&b, 3000);
	test_client_close(&c);
	close_two(&a, &b, channel);
}
END_TEST

START_TEST(request_taken_early_keeps_its_place)
{
	usp_Request set, get, own_get, status = status_request();
	struct test_client a, b;
	int channel;
	socket_id id;

	id = open_two(&a, &b, &channel);
	set = set_no_delay(id);
	own_get = get_no_delay(id, 1001);
	get = get_no_delay(id, 2000);
	status.sequence = 1002;
	post(&b, &get);
	post(&a, &set);
	post(&a, &own_get);
	post(&a, &status);
	expect_no_delay(&b, 2000);
	expect_no_delay(&a, 1001);
	daemon_fixture_run_until(&f, is_replied, &a);
	ck_assert_uint_eq(a.reply.sequence, 1002);
	close_two(&a, &b, channel);
}
END_TEST

struct later_post {
	struct test_client *c;
	const usp_Request *request;
};

static void on_later(evutil_socket_t fd, short events, void *arg)
{
	const struct later_post *later = arg;
	char byte;

	(void)events;
	ck_assert_int_eq((int)read(fd, &byte, 1), 1);
	post(later->c, later->request);
}

START_TEST(request_taken_early_is_not_forgotten)
{
	usp_Request get, own_get;
	struct test_client a, b;
	struct later_post later = { &a, &own_get };
	struct event *event;
	int channel, trigger[2];
	socket_id id;

	id = open_two(&a, &b, &channel);
	own_get = get_no_delay(id, 1001);
	get = get_no_delay(id, 2000);
	/* It comes when this turn of the loop has looked at the queues already. */
	ck_assert_int_eq(pipe(trigger), 0);
	event = event_new(f.daemon.base, trigger[0], EV_READ, on_later, &later);
	event_add(event, NULL);
	ck_assert_int_eq((int)write(trigger[1], "", 1), 1);
	post(&b, &get);
	daemon_fixture_run_until(&f, is_replied, &a);
	ck_assert_uint_eq(a.reply.sequence, 1001);
	daemon_fixture_run_until(&f, is_replied, &b);
	event_free(event);
	close(trigger[0]);
	close(trigger[1]);
	close_two(&a, &b, channel);
}
END_TEST

START_TEST(request_without_reply_counts_though_its_client_is_gone)
{
	static const uint8_t status[] = { 0x08, 7, 0x6a, 0 };
	usp_Request set, get;
	struct test_client a, b;
	int channel;
	socket_id id;

	id = open_two(&a, &b, &channel);
	set = set_no_delay(id);
	/* To close with a reply unread makes it a reset. */
	if (_i) {
		test_client_send_bytes(&a, status, sizeof(status), -1);
		daemon_fixture_run(&f, 20);
	}
	/* The hang-up comes first to where the daemon looks. */
	close(a.fd);
	a.fd = -1;
	post(&a, &set);
	test_client_close(&a);
	daemon_fixture_run(&f, 20);
	ck_assert_uint_eq(n_admitted(), 1);
	get = get_no_delay(id, 2000);
	post(&b, &get);
	expect_no_delay(&b, 2000);
	close(channel);
	test_client_close(&b);
}
END_TEST

START_TEST(noise_taken_early_is_dealt_with)
{
	usp_Request get;
	struct test_client a, b;
	int channel;
	socket_id id;

	id = open_two(&a, &b, &channel);
	get = get_no_delay(id, 2000);
	post(&b, &get);
	ck_assert_int_eq(mq_send(a.requests, _i ? "\xff\xff\xff" : "", _i ? 3 : 0, 0), 0);
	daemon_fixture_run_until(&f, is_replied, &b);
	ck_assert_uint_eq(b.reply.sequence, 2000);
	if (_i) {
		test_client_expect_hangup(&a);
		ck_assert_uint_eq(n_admitted(), 1);
	} else {
		daemon_fixture_run_until(&f, is_replied, &a);
		ck_assert_int_eq(a.reply.status, usp_STATUS_UNKNOWN_REQUEST);
	}
	close_two(&a, &b, channel);
}
END_TEST

/* ---- limits ---- */

START_TEST(sessions_over_the_users_limit_are_told_so)
{
	struct test_client a, b, c;

	f.daemon.config.limits.user[RESOURCE_SESSION] = 2;
	test_client_open(&a, &f, 0);
	test_client_open(&b, &f, 0);
	test_client_connect(&c, &f);
	test_client_hello(&c, 0, usp_STATUS_TOO_MANY);
	test_client_expect_hangup(&c);
	test_client_close(&c);
	test_client_close(&a);
	daemon_fixture_run(&f, 5);
	test_client_open(&c, &f, 0);
	test_client_close(&b);
	test_client_close(&c);
}
END_TEST

START_TEST(sessions_over_the_daemons_limit_are_told_so)
{
	struct test_client a, b;

	f.daemon.config.sessions_max = 1;
	test_client_open(&a, &f, 0);
	test_client_connect(&b, &f);
	test_client_hello(&b, 0, usp_STATUS_TOO_MANY_SYSTEM);
	test_client_close(&a);
	test_client_close(&b);
}
END_TEST

START_TEST(sessions_far_over_the_limit_are_turned_away)
{
	struct test_client first, others[40];

	f.daemon.config.sessions_max = 1;
	test_client_open(&first, &f, 0);
	for (int i = 0; i < 40; i++)
		test_client_connect(&others[i], &f);
	daemon_fixture_run(&f, 20);
	ck_assert_uint_eq(server_sessions(f.daemon.server)->n_refused, 16);
	for (int i = 16; i < 40; i++)
		test_client_expect_hangup(&others[i]);
	ck_assert_int_eq(ask_status(&first), usp_STATUS_OK);
	for (int i = 0; i < 40; i++)
		test_client_close(&others[i]);
	test_client_close(&first);
	daemon_fixture_run_until(&f, is_nobody_there, NULL);
}
END_TEST

START_TEST(sessions_ended_leave_nothing_behind)
{
	struct test_client c;
	int n_before;

	test_client_open(&c, &f, CAPABILITY_QUEUES);
	test_client_close(&c);
	daemon_fixture_run_until(&f, is_nobody_there, NULL);
	n_before = count_descriptors();
	for (int i = 0; i < 300; i++) {
		test_client_open(&c, &f, CAPABILITY_QUEUES);
		test_client_close(&c);
		daemon_fixture_run_until(&f, is_nobody_there, NULL);
	}
	ck_assert_int_eq(count_descriptors(), n_before);
}
END_TEST

START_TEST(daemon_ends_with_sessions_open)
{
	static struct test_client clients[3];

	test_client_open(&clients[0], &f, CAPABILITY_QUEUES);
	test_client_open(&clients[1], &f, 0);
	test_client_connect(&clients[2], &f);
	daemon_fixture_run(&f, 5);
	/* teardown frees it all. */
}
END_TEST

/* ---- who it is ---- */

START_TEST(credentials_are_the_peers)
{
	struct test_client c;

	test_client_open(&c, &f, 0);
	ck_assert_int_eq(session_pid(only_session()), getpid());
	ck_assert_uint_eq(session_uid(only_session()), getuid());
	ck_assert(session_in_group(only_session(), getegid()));
	ck_assert(!session_in_group(only_session(), 54321));
	test_client_close(&c);
}
END_TEST

START_TEST(program_without_name_is_its_comm)
{
	char comm[17];
	struct test_client c;

	prctl(PR_GET_NAME, comm);
	test_client_connect(&c, &f);
	send_hello(&c, 1, 1, "");
	ck_assert(test_client_receive(&c));
	close(c.reply_fd);
	ck_assert_str_eq(session_program(only_session()), comm);
	test_client_close(&c);
}
END_TEST

static const struct {
	const char *sent, *shown;
} programs[] = {
	{ "script.py", "script.py" },
	{ "tab\there", "tab?here" },
	{ "\x1b[31mred", "?[31mred" },
	{ "caf\xc3\xa9", "caf\xc3\xa9" },
	{ "cut\xc3", "cut?" },
	{ "c1\xc2\x85", "c1?" },
	{ "bad\xff\xfe", "bad??" },
	{ "overlong\xc0\x80", "overlong??" },
	{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
	{ "0123456789012345678901234567890", "0123456789012345678901234567890" },
};

START_TEST(program_name_is_made_printable)
{
	struct test_client c;

	test_client_connect(&c, &f);
	send_hello(&c, 1, 1, programs[_i].sent);
	ck_assert(test_client_receive(&c));
	close(c.reply_fd);
	ck_assert_str_eq(session_program(only_session()), programs[_i].shown);
	test_client_close(&c);
}
END_TEST

/* ---- rights ---- */

START_TEST(grant_is_for_one_generation)
{
	const socket_id old = socket_id_make(5, 100), new = socket_id_make(5, 101);
	struct session *session;
	struct test_client c;

	test_client_open(&c, &f, 0);
	session = only_session();
	ck_assert(!session_may_control(session, old));
	ck_assert_int_eq(session_grant(session, old), 0);
	ck_assert_int_eq(session_grant(session, old), 0);
	ck_assert(session_may_control(session, old));
	ck_assert(!session_may_control(session, new));
	ck_assert(!session_may_control(session, socket_id_make(6, 100)));
	ck_assert_int_eq(session_grant(session, new), 0);
	ck_assert(session_may_control(session, new));
	ck_assert(!session_may_control(session, old));
	for (uint32_t i = 0; i < 1000; i++)
		ck_assert_int_eq(session_grant(session, socket_id_make(i, i + 1)), 0);
	for (uint32_t i = 0; i < 1000; i++)
		ck_assert(session_may_control(session, socket_id_make(i, i + 1)));
	test_client_close(&c);
}
END_TEST

START_TEST(grant_is_for_one_session)
{
	const socket_id id = socket_id_make(5, 100);
	struct test_client a, b;
	struct session *session;

	test_client_open(&a, &f, 0);
	session = only_session();
	ck_assert_int_eq(session_grant(session, id), 0);
	test_client_open(&b, &f, 0);
	ck_assert(!session_may_control(only_session(), id));
	test_client_close(&a);
	test_client_close(&b);
}
END_TEST

#define N(array) (int)(sizeof(array) / sizeof((array)[0]))

static void add_more(TCase *tc)
{
	tcase_add_test(tc, request_without_reply_gets_none);
	tcase_add_test(tc, request_without_reply_is_done_before_what_others_ask);
	tcase_add_test(tc, request_taken_early_keeps_its_place);
	tcase_add_test(tc, request_taken_early_is_not_forgotten);
	tcase_add_loop_test(tc, request_without_reply_counts_though_its_client_is_gone, 0, 2);
	tcase_add_loop_test(tc, noise_taken_early_is_dealt_with, 0, 2);
	tcase_add_test(tc, sessions_over_the_users_limit_are_told_so);
	tcase_add_test(tc, sessions_over_the_daemons_limit_are_told_so);
	tcase_add_test(tc, sessions_far_over_the_limit_are_turned_away);
	tcase_add_test(tc, sessions_ended_leave_nothing_behind);
	tcase_add_test(tc, daemon_ends_with_sessions_open);
	tcase_add_test(tc, credentials_are_the_peers);
	tcase_add_test(tc, program_without_name_is_its_comm);
	tcase_add_loop_test(tc, program_name_is_made_printable, 0, N(programs));
	tcase_add_test(tc, grant_is_for_one_generation);
	tcase_add_test(tc, grant_is_for_one_session);
}

int main(void)
{
	TCase *tc = tcase_create("session");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, hello_gets_table_and_queues);
	tcase_add_test(tc, hello_hands_over_ends_with_only_the_rights_needed);
	tcase_add_test(tc, hello_without_the_capability_gets_no_queues);
	tcase_add_test(tc, hello_when_configured_without_queues_gets_none);
	tcase_add_test(tc, hello_when_system_grants_no_queues_goes_without);
	tcase_add_loop_test(tc, hello_with_version_is_negotiated, 0, N(versions));
	tcase_add_test(tc, hello_refused_can_be_read_though_more_was_sent);
	tcase_add_test(tc, hello_twice_is_malformed_but_survived);
	tcase_add_test(tc, hello_that_does_not_come_ends_the_session);
	tcase_add_test(tc, request_before_hello_is_dropped);
	tcase_add_test(tc, noise_by_rendezvous_is_dropped);
	tcase_add_test(tc, noise_by_queue_is_dropped);
	tcase_add_test(tc, message_too_long_is_dropped);
	tcase_add_loop_test(tc, client_not_reading_replies_is_dropped, 0, 2);
	tcase_add_test(tc, descriptors_nobody_asked_for_are_closed);
	tcase_add_test(tc, descriptors_with_noise_are_closed);
	tcase_add_test(tc, reply_comes_the_way_of_the_request);
	tcase_add_test(tc, reply_with_descriptor_comes_by_rendezvous);
	tcase_add_test(tc, request_of_the_future_is_unknown);
	add_more(tc);
	return run_suite("session", tc);
}
