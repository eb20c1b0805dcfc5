/* SPDX-License-Identifier: MIT */
#include "daemon/limits.h"
#include "daemon/resolver.h"
#include "daemon/socket_private.h"
#include "tests/unit/daemon_fixture.h"
#include "tests/unit/fake_dns.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_PORT 5300
#define PORT	 4000

static struct daemon_fixture f;
static struct fake_dns dns;
static struct test_client client;

/* A client's socket. */
struct subject {
	struct usock *s;
	socket_id id;
	int fd;
};

static void tweak(struct config *config)
{
	config->servers[0] = (struct address){
		.family = ADDRESS_IPV4,
		.port = DNS_PORT,
		.ip = { 127, 0, 0, 1 },
	};
	config->n_servers = 1;
	config->resolve_timeout_s = 1;
	config->connect_timeout_s = 3;
}

static void setup(void)
{
	static const char names[] = "127.0.0.1 near\n"
				    "127.0.0.2 two\n127.0.0.1 two\n"
				    "192.0.2.1 mixed\n127.0.0.1 mixed\n"
				    "192.0.2.1 far\n"
				    "::1 near6\n";
	char path[128];
	FILE *file;

	daemon_fixture_init(&f, tweak);
	snprintf(path, sizeof(path), "%s/hosts", f.folder);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(names, file);
	fclose(file);
	snprintf(f.daemon.config.hosts, sizeof(f.daemon.config.hosts), "%s", path);
	fake_dns_start(&dns, DNS_PORT, false);
	test_client_open(&client, &f, CAPABILITY_QUEUES);
}

static void teardown(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/hosts", f.folder);
	unlink(path);
	test_client_close(&client);
	fake_dns_stop(&dns);
	daemon_fixture_fini(&f);
}

static struct subject new_socket(usp_SocketType type, usp_Family family)
{
	usp_Request request = { .which_body = usp_Request_socket_new_tag };
	struct subject subject;

	request.body.socket_new.family = family;
	request.body.socket_new.type = type;
	ck_assert_int_eq(test_client_request(&client, &request), usp_STATUS_OK);
	subject.id = client.reply.body.socket.socket;
	subject.fd = client.reply_fd;
	subject.s = socket_find(f.daemon.sockets, subject.id);
	ck_assert_ptr_nonnull(subject.s);
	return subject;
}

static usp_Status connect_name(const struct subject *subject, const char *name, uint32_t port,
	bool wait_for_link)
{
	usp_Request request = { .which_body = usp_Request_socket_connect_name_tag };
	usp_SocketConnectName *body = &request.body.socket_connect_name;

	body->socket = subject->id;
	snprintf(body->name, sizeof(body->name), "%s", name);
	body->port = port;
	body->wait_for_link = wait_for_link;
	return test_client_request(&client, &request);
}

static usp_Status disconnect(const struct subject *subject)
{
	usp_Request request = { .which_body = usp_Request_socket_disconnect_tag };

	request.body.socket_disconnect.socket = subject->id;
	return test_client_request(&client, &request);
}

/* Makes the client's end unwritable, as the library does. */
static void fill(const struct subject *subject)
{
	int least = 0;

	setsockopt(subject->fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	while (send(subject->fd, "", 1, MSG_DONTWAIT) == 1)
		;
}

static bool is_writable(void *arg)
{
	const struct subject *subject = arg;
	struct pollfd p = { .fd = subject->fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && p.revents & POLLOUT;
}

static bool is_over(void *arg)
{
	const struct subject *subject = arg;

	return !(subject->s->record.flags & TABLE_SOCKET_CONNECTING) && is_writable(arg);
}

static struct subject listen_at(const char *ip, usp_Family family)
{
	struct subject subject = new_socket(usp_SOCKET_TYPE_STREAM, family);
	struct address local;

	ck_assert_int_eq(address_parse_ip(&local, ip), 0);
	local.port = PORT;
	ck_assert_int_eq(subject.s->ops->bind(subject.s, &local), 0);
	ck_assert_int_eq(subject.s->ops->listen(subject.s, 5), 0);
	return subject;
}

static uint64_t lookups_charged(const struct subject *subject)
{
	return account_used(subject->s->account, RESOURCE_LOOKUP);
}

static const struct {
	const char *name;
	const char *listener;
	usp_Family family;
} good[] = {
	{ "near", "127.0.0.1", usp_FAMILY_IPV4 },
	{ "127.0.0.1", "127.0.0.1", usp_FAMILY_IPV4 },
	{ "localhost", "127.0.0.1", usp_FAMILY_IPV4 },
	{ "near6", "::1", usp_FAMILY_IPV6 },
	{ "localhost", "::1", usp_FAMILY_IPV6 },
	{ "two", "127.0.0.1", usp_FAMILY_IPV4 },   /* 127.0.0.2 refuses */
	{ "mixed", "127.0.0.1", usp_FAMILY_IPV4 }, /* 192.0.2.1 has no route */
};

START_TEST(stream_connects_to_the_first_address_that_takes_it)
{
	struct subject listener = listen_at(good[_i].listener, good[_i].family);
	struct subject a = new_socket(usp_SOCKET_TYPE_STREAM, good[_i].family);
	char text[ADDRESS_TEXT_MAX];

	fill(&a);
	ck_assert_int_eq(connect_name(&a, good[_i].name, PORT, false), usp_STATUS_STARTED);
	daemon_fixture_run_until(&f, is_over, &a);
	ck_assert_int_eq(a.s->record.error, 0);
	ck_assert_int_eq(a.s->record.state, TABLE_STATE_ESTABLISHED);
	ck_assert_str_eq(address_ip_text(&a.s->record.remote, text), good[_i].listener);
	ck_assert_uint_eq(lookups_charged(&a), 0);
	ck_assert_int_eq(connect_name(&a, "near", PORT, false), usp_STATUS_IS_CONNECTED);
	close(a.fd);
	close(listener.fd);
}
END_TEST

static const struct {
	const char *name;
	usp_Family family;
	int error;
} bad[] = {
	{ "nx.example", usp_FAMILY_IPV4, EHOSTUNREACH },
	{ "", usp_FAMILY_IPV4, EHOSTUNREACH },
	{ "not a name", usp_FAMILY_IPV4, EHOSTUNREACH },
	{ "fail.example", usp_FAMILY_IPV4, EHOSTUNREACH },
	{ "silent.example", usp_FAMILY_IPV4, EHOSTUNREACH },
	{ "near6", usp_FAMILY_IPV4, EHOSTUNREACH },
	{ "near", usp_FAMILY_IPV6, EHOSTUNREACH },
	{ "far", usp_FAMILY_IPV4, EHOSTUNREACH },
	{ "near", usp_FAMILY_IPV4, ECONNREFUSED },
	{ "two", usp_FAMILY_IPV4, ECONNREFUSED },
};

START_TEST(stream_failure_is_the_result_and_it_can_be_tried_again)
{
	struct subject a = new_socket(usp_SOCKET_TYPE_STREAM, bad[_i].family);

	for (int i = 0; i < 2; i++) {
		fill(&a);
		ck_assert_int_eq(connect_name(&a, bad[_i].name, PORT, false), usp_STATUS_STARTED);
		daemon_fixture_run_until(&f, is_over, &a);
		ck_assert_int_eq(a.s->record.error, bad[_i].error);
		ck_assert_int_eq(a.s->record.state, TABLE_STATE_CLOSED);
		ck_assert_ptr_null(a.s->name);
		ck_assert_uint_eq(lookups_charged(&a), 0);
	}
	close(a.fd);
}
END_TEST

START_TEST(stream_is_connecting_while_the_name_is_looked_up)
{
	struct subject a = new_socket(usp_SOCKET_TYPE_STREAM, usp_FAMILY_IPV4);
	struct address other = { ADDRESS_IPV4, 0, 9, 0, { 127, 0, 0, 1 } };

	fill(&a);
	ck_assert_int_eq(connect_name(&a, "silent.example", PORT, false), usp_STATUS_STARTED);
	ck_assert_int_eq(a.s->record.state, TABLE_STATE_SYN_SENT);
	ck_assert(a.s->record.flags & TABLE_SOCKET_CONNECTING);
	ck_assert(!is_writable(&a));
	ck_assert_int_eq(connect_name(&a, "near", PORT, false), usp_STATUS_ALREADY);
	ck_assert_int_eq(a.s->ops->connect(a.s, &other, false), -EALREADY);
	ck_assert_int_eq(a.s->ops->listen(a.s, 1), -EINVAL);
	close(a.fd);
}
END_TEST

START_TEST(time_of_the_connect_bounds_the_look_up)
{
	struct subject a = new_socket(usp_SOCKET_TYPE_STREAM, usp_FAMILY_IPV4);

	f.daemon.config.connect_timeout_s = 1;
	f.daemon.config.resolve_timeout_s = 30;
	fill(&a);
	ck_assert_int_eq(connect_name(&a, "silent.example", PORT, false), usp_STATUS_STARTED);
	daemon_fixture_run_until(&f, is_over, &a);
	ck_assert_int_eq(a.s->record.error, EHOSTUNREACH);
	close(a.fd);
}
END_TEST

static const usp_SocketType types[] = { usp_SOCKET_TYPE_STREAM, usp_SOCKET_TYPE_DATAGRAM };

START_TEST(disconnect_gives_up_and_stays_charged)
{
	struct subject a = new_socket(types[_i], usp_FAMILY_IPV4);

	fill(&a);
	ck_assert_int_eq(connect_name(&a, "silent.example", PORT, false), usp_STATUS_STARTED);
	ck_assert_int_eq(disconnect(&a), usp_STATUS_OK);
	daemon_fixture_run_until(&f, is_over, &a);
	ck_assert_int_eq(a.s->record.error, 0);
	ck_assert_uint_eq(lookups_charged(&a), 1);
	fill(&a);
	ck_assert_int_eq(connect_name(&a, "silent.example", PORT, false), usp_STATUS_STARTED);
	ck_assert_uint_eq(lookups_charged(&a), 2);
	close(a.fd);
	/* Both look-ups end, or the daemon's end does. */
}
END_TEST

START_TEST(look_ups_are_limited)
{
	struct subject a = new_socket(types[_i], usp_FAMILY_IPV4);
	struct subject b = new_socket(types[_i], usp_FAMILY_IPV4);

	f.daemon.config.limits.session[RESOURCE_LOOKUP] = 1;
	ck_assert_int_eq(connect_name(&a, "silent.example", PORT, false), usp_STATUS_STARTED);
	fill(&b);
	ck_assert_int_eq(connect_name(&b, "near", PORT, false), usp_STATUS_TOO_MANY);
	daemon_fixture_run_until(&f, is_over, &b);
	ck_assert_int_eq(b.s->record.error, 0);
	close(a.fd);
	close(b.fd);
}
END_TEST

static bool is_gone(void *arg)
{
	const struct subject *subject = arg;

	return !socket_find(f.daemon.sockets, subject->id);
}

START_TEST(close_ends_it)
{
	struct subject a = new_socket(types[_i], usp_FAMILY_IPV4);

	fill(&a);
	ck_assert_int_eq(connect_name(&a, "silent.example", PORT, false), usp_STATUS_STARTED);
	close(a.fd);
	daemon_fixture_run_until(&f, is_gone, &a);
}
END_TEST

static bool has_waited(void *arg)
{
	struct subject *subject = arg;

	return subject->s->record.state == TABLE_STATE_CLOSED;
}

/* No link ever comes here: the time ends it. */
START_TEST(wait_for_link_lasts_for_the_connects_time)
{
	struct subject a = new_socket(usp_SOCKET_TYPE_STREAM, usp_FAMILY_IPV4);

	f.daemon.config.connect_timeout_s = 1;
	fill(&a);
	ck_assert_int_eq(connect_name(&a, "far", PORT, true), usp_STATUS_STARTED);
	daemon_fixture_run(&f, 300);
	ck_assert(a.s->record.flags & TABLE_SOCKET_CONNECTING);
	/* Links changed, still none: waits on. */
	socket_registry_link_changed(f.daemon.sockets);
	daemon_fixture_run(&f, 100);
	ck_assert(a.s->record.flags & TABLE_SOCKET_CONNECTING);
	ck_assert(!is_writable(&a));
	daemon_fixture_run_until(&f, has_waited, &a);
	ck_assert_int_eq(a.s->record.error, EHOSTUNREACH);
	close(a.fd);
}
END_TEST

START_TEST(wait_for_link_looks_up_when_there_are_servers)
{
	struct subject listener = listen_at("127.0.0.1", usp_FAMILY_IPV4);
	struct subject a = new_socket(types[_i], usp_FAMILY_IPV4);

	f.daemon.config.n_servers = 0;
	resolver_update_servers(f.daemon.resolver);
	daemon_fixture_run(&f, 10);
	fill(&a);
	ck_assert_int_eq(connect_name(&a, "loop.example", PORT, true), usp_STATUS_STARTED);
	daemon_fixture_run(&f, 100);
	ck_assert(a.s->record.flags & TABLE_SOCKET_CONNECTING);
	/* As when a link comes up: sockets first, then the resolver. */
	f.daemon.config.n_servers = 1;
	socket_registry_link_changed(f.daemon.sockets);
	resolver_update_servers(f.daemon.resolver);
	daemon_fixture_run_until(&f, is_over, &a);
	ck_assert_int_eq(a.s->record.error, 0);
	ck_assert_int_eq(a.s->record.remote.port, PORT);
	close(a.fd);
	close(listener.fd);
}
END_TEST

START_TEST(datagram_gets_its_peer_when_resolved)
{
	struct subject a = new_socket(usp_SOCKET_TYPE_DATAGRAM, usp_FAMILY_IPV4);
	struct address other = { ADDRESS_IPV4, 0, 9, 0, { 127, 0, 0, 1 } };

	ck_assert_int_eq(a.s->ops->connect(a.s, &other, false), 0);
	ck_assert_int_eq(connect_name(&a, "silent.example", PORT, false), usp_STATUS_STARTED);
	fill(&a);
	ck_assert_int_eq(a.s->record.remote.family, ADDRESS_NONE);
	ck_assert(a.s->record.flags & TABLE_SOCKET_CONNECTING);
	ck_assert_int_eq(a.s->ops->connect(a.s, &other, false), -EALREADY);
	ck_assert_int_eq(connect_name(&a, "near", PORT, false), usp_STATUS_ALREADY);
	ck_assert(!is_writable(&a));
	ck_assert_int_eq(disconnect(&a), usp_STATUS_OK);
	ck_assert_int_eq(connect_name(&a, "near", PORT, false), usp_STATUS_STARTED);
	fill(&a);
	daemon_fixture_run_until(&f, is_over, &a);
	ck_assert_int_eq(a.s->record.error, 0);
	ck_assert_int_eq(a.s->record.remote.port, PORT);
	ck_assert_uint_eq(a.s->record.drops, 0);
	close(a.fd);
}
END_TEST

START_TEST(datagram_failure_is_pending_and_wakes)
{
	struct subject a = new_socket(usp_SOCKET_TYPE_DATAGRAM, usp_FAMILY_IPV4);
	struct pollfd p = { .fd = a.fd, .events = POLLIN };

	ck_assert_int_eq(connect_name(&a, "nx.example", PORT, false), usp_STATUS_STARTED);
	fill(&a);
	daemon_fixture_run_until(&f, is_over, &a);
	ck_assert_int_eq(a.s->record.error, EHOSTUNREACH);
	ck_assert_int_eq(a.s->record.remote.family, ADDRESS_NONE);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	close(a.fd);
}
END_TEST

START_TEST(bad_requests_are_refused)
{
	struct subject a = new_socket(usp_SOCKET_TYPE_STREAM, usp_FAMILY_IPV4);
	struct subject listener = listen_at("127.0.0.1", usp_FAMILY_IPV4);
	struct subject raw = new_socket(usp_SOCKET_TYPE_STREAM, usp_FAMILY_IPV4);

	ck_assert_int_eq(connect_name(&a, "near", 0, false), usp_STATUS_INVALID);
	ck_assert_int_eq(connect_name(&a, "near", 65536, false), usp_STATUS_INVALID);
	ck_assert_int_eq(connect_name(&listener, "near", PORT, false), usp_STATUS_IS_CONNECTED);
	raw.id ^= UINT64_C(1) << 40;
	ck_assert_int_eq(connect_name(&raw, "near", PORT, false), usp_STATUS_BAD_SOCKET);
	close(a.fd);
	close(listener.fd);
	close(raw.fd);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

int main(void)
{
	TCase *tc = tcase_create("connect_name");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, stream_connects_to_the_first_address_that_takes_it, 0,
		COUNT(good));
	tcase_add_loop_test(tc, stream_failure_is_the_result_and_it_can_be_tried_again, 0,
		COUNT(bad));
	tcase_add_test(tc, stream_is_connecting_while_the_name_is_looked_up);
	tcase_add_test(tc, time_of_the_connect_bounds_the_look_up);
	tcase_add_loop_test(tc, disconnect_gives_up_and_stays_charged, 0, COUNT(types));
	tcase_add_loop_test(tc, look_ups_are_limited, 0, COUNT(types));
	tcase_add_loop_test(tc, close_ends_it, 0, COUNT(types));
	tcase_add_test(tc, wait_for_link_lasts_for_the_connects_time);
	tcase_add_loop_test(tc, wait_for_link_looks_up_when_there_are_servers, 0, COUNT(types));
	tcase_add_test(tc, datagram_gets_its_peer_when_resolved);
	tcase_add_test(tc, datagram_failure_is_pending_and_wakes);
	tcase_add_test(tc, bad_requests_are_refused);
	return run_suite("connect_name", tc);
}
