/* SPDX-License-Identifier: MIT */
#include "daemon/request.h"

#include "daemon/session.h"
#include "daemon/watch.h"
#include "netif/stack.h"
#include "proto/channel.h"
#include "proto/codec.h"
#include "tests/unit/daemon_fixture.h"
#include "tests/unit/fake_dns.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 5300

static struct daemon_fixture f;
static struct fake_dns dns;
static struct test_client client;

static void tweak(struct config *config)
{
	config->servers[0] = (struct address){
		.family = ADDRESS_IPV4,
		.port = PORT,
		.ip = { 127, 0, 0, 1 },
	};
	config->n_servers = 1;
	config->resolve_timeout_s = 2;
}

static void setup(void)
{
	daemon_fixture_init(&f, tweak);
	fake_dns_start(&dns, PORT, false);
	test_client_open(&client, &f, CAPABILITY_QUEUES);
}

static void teardown(void)
{
	test_client_close(&client);
	fake_dns_stop(&dns);
	daemon_fixture_fini(&f);
}

static usp_Request request_of(pb_size_t tag)
{
	usp_Request request = usp_Request_init_zero;

	request.which_body = tag;
	return request;
}

/* ---- status ---- */

static usp_StatusReply get_status(void)
{
	usp_Request request = request_of(usp_Request_get_status_tag);

	ck_assert_int_eq(test_client_request(&client, &request), usp_STATUS_OK);
	ck_assert_int_eq(client.reply.which_body, usp_Reply_daemon_tag);
	return client.reply.body.daemon;
}

START_TEST(status_tells_what_is_there)
{
	usp_StatusReply status = get_status();

	ck_assert_str_eq(status.version, PACKAGE_VERSION);
	ck_assert_str_eq(status.lwip_version, stack_version());
	ck_assert_int_gt((int)strlen(status.lwip_version), 4);
	ck_assert_uint_eq(status.sessions, 1);
	ck_assert_uint_eq(status.sessions_max, 256);
	ck_assert_uint_eq(status.sockets, 0);
	ck_assert_uint_eq(status.sockets_max, 4096);
	ck_assert_uint_eq(status.requests, 2);
	ck_assert_uint_eq(status.malformed, 0);
	ck_assert_uint_eq(status.sessions_without_queue, 0);
	ck_assert_uint_eq(status.name_server_count, 1);
	ck_assert_mem_eq(status.name_server[0].address.ip.bytes, "\177\0\0\1", 4);
	ck_assert_uint_eq(status.name_server[0].link, 0);
	ck_assert_uint_lt(status.uptime_ms, 10000);
}
END_TEST

START_TEST(status_counts_requests)
{
	uint64_t before = get_status().requests;

	ck_assert_uint_eq(get_status().requests, before + 1);
}
END_TEST

/* ---- look-ups ---- */

static usp_Status resolve(const char *name, usp_Family family)
{
	usp_Request request = request_of(usp_Request_resolve_tag);

	snprintf(request.body.resolve.name, sizeof(request.body.resolve.name), "%s", name);
	request.body.resolve.family = family;
	return test_client_request(&client, &request);
}

static usp_ResolveResult receive_result(int fd)
{
	usp_ResolveResult result = usp_ResolveResult_init_zero;
	uint8_t buf[PROTOCOL_EVENT_MAX];
	ssize_t n = test_channel_receive(&f, fd, buf, sizeof(buf));

	ck_assert_int_gt((int)n, 0);
	ck_assert_int_eq(codec_decode_result(&result, buf, (size_t)n), 0);
	return result;
}

START_TEST(resolve_sends_one_result_then_end)
{
	usp_ResolveResult result;
	uint8_t byte;

	ck_assert_int_eq(resolve("alias.example", usp_FAMILY_ANY), usp_STATUS_STARTED);
	result = receive_result(client.reply_fd);
	ck_assert_int_eq(result.status, usp_STATUS_OK);
	ck_assert_str_eq(result.canonical, "both.example");
	ck_assert_int_eq(result.address_count, 3);
	ck_assert_int_eq(result.address[0].family, usp_FAMILY_IPV4);
	ck_assert_int_eq(result.address[2].family, usp_FAMILY_IPV6);
	ck_assert_int_eq((int)test_channel_receive(&f, client.reply_fd, &byte, 1), 0);
	close(client.reply_fd);
}
END_TEST

START_TEST(resolve_result_can_be_read_though_client_has_written)
{
	usp_ResolveResult result;

	ck_assert_int_eq(resolve("both.example", usp_FAMILY_ANY), usp_STATUS_STARTED);
	for (int i = 0; i < 5; i++)
		send(client.reply_fd, "noise", 5, MSG_DONTWAIT | MSG_NOSIGNAL);
	daemon_fixture_run(&f, 50);
	result = receive_result(client.reply_fd);
	ck_assert_int_eq(result.status, usp_STATUS_OK);
	close(client.reply_fd);
}
END_TEST

static const struct {
	const char *name;
	usp_Status status;
} outcomes[] = {
	{ "192.0.2.1", usp_STATUS_OK },
	{ "four.example", usp_STATUS_OK },
	{ "nx.example", usp_STATUS_NAME_UNKNOWN },
	{ "", usp_STATUS_NAME_UNKNOWN },
	{ "fail.example", usp_STATUS_NAME_FAILED },
	{ "silent.example", usp_STATUS_NAME_AGAIN },
};

START_TEST(resolve_outcome_is_in_the_result)
{
	ck_assert_int_eq(resolve(outcomes[_i].name, usp_FAMILY_IPV4), usp_STATUS_STARTED);
	ck_assert_int_eq(receive_result(client.reply_fd).status, outcomes[_i].status);
	close(client.reply_fd);
}
END_TEST

START_TEST(resolve_of_other_family_is_refused)
{
	ck_assert_int_eq(resolve("four.example", (usp_Family)9), usp_STATUS_FAMILY);
	ck_assert_int_eq(client.reply_fd, -1);
}
END_TEST

START_TEST(resolve_over_the_limit_is_refused)
{
	int fds[2];

	f.daemon.config.limits.session[RESOURCE_LOOKUP] = 2;
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(resolve("silent.example", usp_FAMILY_ANY), usp_STATUS_STARTED);
		fds[i] = client.reply_fd;
	}
	ck_assert_int_eq(resolve("silent.example", usp_FAMILY_ANY), usp_STATUS_TOO_MANY);
	ck_assert_int_eq(client.reply_fd, -1);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static bool no_lookups(void *arg)
{
	(void)arg;
	return get_status().lookups == 0;
}

START_TEST(resolve_closed_early_stays_charged_until_done)
{
	f.daemon.config.limits.session[RESOURCE_LOOKUP] = 1;
	ck_assert_int_eq(resolve("silent.example", usp_FAMILY_ANY), usp_STATUS_STARTED);
	close(client.reply_fd);
	daemon_fixture_run(&f, 50);
	ck_assert_int_eq(resolve("four.example", usp_FAMILY_ANY), usp_STATUS_TOO_MANY);
	daemon_fixture_run_until(&f, no_lookups, NULL);
	daemon_fixture_run(&f, 10);
	ck_assert_int_eq(resolve("four.example", usp_FAMILY_ANY), usp_STATUS_STARTED);
	close(client.reply_fd);
}
END_TEST

START_TEST(resolve_many_times_leaves_nothing_behind)
{
	int n_before = count_descriptors();

	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(resolve("both.example", usp_FAMILY_ANY), usp_STATUS_STARTED);
		if (i % 2)
			receive_result(client.reply_fd);
		close(client.reply_fd);
		daemon_fixture_run(&f, 1);
	}
	daemon_fixture_run(&f, 10);
	ck_assert_int_eq(count_descriptors(), n_before);
}
END_TEST

START_TEST(resolve_survives_the_end_of_its_session)
{
	int fd;

	ck_assert_int_eq(resolve("both.example", usp_FAMILY_ANY), usp_STATUS_STARTED);
	fd = client.reply_fd;
	test_client_close(&client);
	ck_assert_int_eq(receive_result(fd).status, usp_STATUS_OK);
	close(fd);
}
END_TEST

START_TEST(daemon_ends_with_lookups_under_way)
{
	ck_assert_int_eq(resolve("silent.example", usp_FAMILY_ANY), usp_STATUS_STARTED);
	ck_assert_int_eq(resolve("four.example", usp_FAMILY_ANY), usp_STATUS_STARTED);
	daemon_fixture_run(&f, 20);
	/* teardown frees it all. */
}
END_TEST

/* ---- watches ---- */

static int watch(void)
{
	usp_Request request = request_of(usp_Request_watch_tag);

	ck_assert_int_eq(test_client_request(&client, &request), usp_STATUS_STARTED);
	return client.reply_fd;
}

static usp_Event receive_event(int fd)
{
	usp_Event event = usp_Event_init_zero;
	uint8_t buf[PROTOCOL_EVENT_MAX];
	ssize_t n = test_channel_receive(&f, fd, buf, sizeof(buf));

	ck_assert_int_gt((int)n, 0);
	ck_assert_int_eq(codec_decode_event(&event, buf, (size_t)n), 0);
	return event;
}

/* There is no link, but a record as if there were. */
static void set_link(enum table_link_state state, const char *cause)
{
	f.daemon.n_links = 1;
	f.daemon.link_records[0].state = (uint8_t)state;
	snprintf(f.daemon.link_records[0].cause, TABLE_CAUSE_MAX, "%s", cause);
	watchers_link_changed(f.daemon.watchers, 0);
}

START_TEST(watch_tells_present_state_and_changes)
{
	usp_Event event;
	int fd;

	set_link(TABLE_LINK_OPENING, "started");
	fd = watch();
	event = receive_event(fd);
	ck_assert_uint_eq(event.state, TABLE_LINK_OPENING);
	ck_assert_str_eq(event.cause, "started");
	set_link(TABLE_LINK_UP, "address 10.0.0.1");
	event = receive_event(fd);
	ck_assert_uint_eq(event.link, 0);
	ck_assert_uint_eq(event.state, TABLE_LINK_UP);
	ck_assert_str_eq(event.cause, "address 10.0.0.1");
	ck_assert_uint_eq(event.number, 2);
	/* All zero, and yet a message. */
	set_link(TABLE_LINK_DOWN, "");
	event = receive_event(fd);
	ck_assert_uint_eq(event.state, TABLE_LINK_DOWN);
	ck_assert_uint_eq(event.number, 3);
	close(fd);
	daemon_fixture_run(&f, 5);
	set_link(TABLE_LINK_DOWN, "");
	f.daemon.n_links = 0;
}
END_TEST

START_TEST(watch_not_read_is_ended)
{
	uint8_t buf[PROTOCOL_EVENT_MAX];
	int fd = watch();
	int n = 0;

	for (int i = 0; i < 5000; i++)
		set_link(i % 2 ? TABLE_LINK_UP : TABLE_LINK_DOWN, "flapping");
	daemon_fixture_run(&f, 5);
	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		n++;
	ck_assert_int_gt(n, 5);
	ck_assert_int_lt(n, 5000);
	ck_assert_int_eq((int)recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 0);
	close(fd);
	f.daemon.n_links = 0;
}
END_TEST

START_TEST(watch_over_the_limit_is_refused)
{
	usp_Request request = request_of(usp_Request_watch_tag);
	int fds[2];

	f.daemon.config.limits.session[RESOURCE_WATCH] = 2;
	fds[0] = watch();
	fds[1] = watch();
	ck_assert_int_eq(test_client_request(&client, &request), usp_STATUS_TOO_MANY);
	close(fds[0]);
	daemon_fixture_run(&f, 5);
	close(watch());
	close(fds[1]);
}
END_TEST

START_TEST(daemon_ends_with_watches_open)
{
	watch();
	watch();
}
END_TEST

/* ---- descriptors and sockets, as far as dispatching goes ---- */

START_TEST(attach_without_descriptor_is_invalid)
{
	usp_Request request = request_of(usp_Request_socket_attach_tag);

	ck_assert_int_eq(test_client_request(&client, &request), usp_STATUS_INVALID);
}
END_TEST

START_TEST(attach_of_other_descriptor_is_refused_and_closed)
{
	usp_Request request = request_of(usp_Request_socket_attach_tag);
	int n_before = count_descriptors();

	ck_assert_int_ne(test_client_request_fd(&client, &request, STDIN_FILENO), usp_STATUS_OK);
	ck_assert_int_eq(count_descriptors(), n_before);
}
END_TEST

START_TEST(socket_new_gives_descriptor_and_right)
{
	usp_Request request = request_of(usp_Request_socket_new_tag);
	uint64_t instance;
	socket_id id, named;

	request.body.socket_new.family = usp_FAMILY_IPV4;
	request.body.socket_new.type = usp_SOCKET_TYPE_STREAM;
	ck_assert_int_eq(test_client_request(&client, &request), usp_STATUS_OK);
	id = client.reply.body.socket.socket;
	ck_assert_int_ge(client.reply_fd, 0);
	ck_assert_int_eq(channel_identify(client.reply_fd, &instance, &named), 0);
	ck_assert_uint_eq(instance, f.daemon.instance);
	ck_assert_uint_eq(named, id);
	request = request_of(usp_Request_socket_listen_tag);
	request.body.socket_listen.socket = id;
	request.body.socket_listen.backlog = 5;
	ck_assert_int_eq(test_client_request(&client, &request), usp_STATUS_OK);
	close(client.reply_fd);
}
END_TEST

START_TEST(socket_of_another_session_needs_attach)
{
	usp_Request request = request_of(usp_Request_socket_new_tag);
	struct test_client other;
	socket_id id;
	int fd;

	request.body.socket_new.family = usp_FAMILY_IPV4;
	request.body.socket_new.type = usp_SOCKET_TYPE_STREAM;
	ck_assert_int_eq(test_client_request(&client, &request), usp_STATUS_OK);
	id = client.reply.body.socket.socket;
	fd = client.reply_fd;
	test_client_open(&other, &f, CAPABILITY_QUEUES);
	request = request_of(usp_Request_socket_listen_tag);
	request.body.socket_listen.socket = id;
	request.body.socket_listen.backlog = 5;
	ck_assert_int_eq(test_client_request(&other, &request), usp_STATUS_BAD_SOCKET);
	request = request_of(usp_Request_socket_attach_tag);
	ck_assert_int_eq(test_client_request_fd(&other, &request, fd), usp_STATUS_OK);
	request = request_of(usp_Request_socket_listen_tag);
	request.body.socket_listen.socket = id;
	request.body.socket_listen.backlog = 5;
	ck_assert_int_eq(test_client_request(&other, &request), usp_STATUS_OK);
	close(fd);
	test_client_close(&other);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("request");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, status_tells_what_is_there);
	tcase_add_test(tc, status_counts_requests);
	tcase_add_test(tc, resolve_sends_one_result_then_end);
	tcase_add_test(tc, resolve_result_can_be_read_though_client_has_written);
	tcase_add_loop_test(tc, resolve_outcome_is_in_the_result, 0,
		(int)(sizeof(outcomes) / sizeof(outcomes[0])));
	tcase_add_test(tc, resolve_of_other_family_is_refused);
	tcase_add_test(tc, resolve_over_the_limit_is_refused);
	tcase_add_test(tc, resolve_closed_early_stays_charged_until_done);
	tcase_add_test(tc, resolve_many_times_leaves_nothing_behind);
	tcase_add_test(tc, resolve_survives_the_end_of_its_session);
	tcase_add_test(tc, daemon_ends_with_lookups_under_way);
	tcase_add_test(tc, watch_tells_present_state_and_changes);
	tcase_add_test(tc, watch_not_read_is_ended);
	tcase_add_test(tc, watch_over_the_limit_is_refused);
	tcase_add_test(tc, daemon_ends_with_watches_open);
	tcase_add_test(tc, attach_without_descriptor_is_invalid);
	tcase_add_test(tc, attach_of_other_descriptor_is_refused_and_closed);
	tcase_add_test(tc, socket_new_gives_descriptor_and_right);
	tcase_add_test(tc, socket_of_another_session_needs_attach);
	return run_suite("request", tc);
}
