/* SPDX-License-Identifier: MIT */
#include "tests/unit/run_suite.h"
#include "tests/unit/socket_fixture.h"

#include "daemon/tcp_private.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct socket_fixture f;

static void setup(void)
{
	fixture_init(&f);
}

static void teardown(void)
{
	fixture_fini(&f);
}

static const uint8_t families[] = { ADDRESS_IPV4, ADDRESS_IPV6 };

static int readiness(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	poll(&p, 1, 0);
	return p.revents;
}

/* What the client library does before a connect. Returns the bytes written. */
static int fill(int fd)
{
	int least = 0, n = 0;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	while (send(fd, "", 1, MSG_DONTWAIT) == 1)
		n++;
	return n;
}

START_TEST(stream_both_ways_is_byte_exact)
{
	uint8_t out[5000], in[5000];
	struct test_socket a, b;

	fixture_connected_pair(&f, families[_i], &a, &b);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7);
	ck_assert_int_eq(send(a.fd, out, sizeof(out), 0), sizeof(out));
	fixture_settle(&f);
	ck_assert_int_eq(recv(b.fd, in, sizeof(in), MSG_DONTWAIT), sizeof(in));
	ck_assert_mem_eq(in, out, sizeof(in));
	ck_assert_int_eq(send(b.fd, "back", 4, 0), 4);
	fixture_settle(&f);
	ck_assert_int_eq(recv(a.fd, in, sizeof(in), MSG_DONTWAIT), 4);
	ck_assert_mem_eq(in, "back", 4);
	ck_assert_uint_eq(fixture_record(&f, a.s->id).bytes_sent, sizeof(out));
	ck_assert_uint_eq(fixture_record(&f, a.s->id).bytes_acked, sizeof(out));
	ck_assert_uint_eq(fixture_record(&f, a.s->id).bytes_received, 4);
	ck_assert_uint_gt(fixture_record(&f, a.s->id).rtt_us, 0);
	ck_assert_uint_lt(fixture_record(&f, a.s->id).rtt_us, 5000000);
	close(a.fd);
	close(b.fd);
}
END_TEST

START_TEST(connect_pending_keeps_channel_unwritable)
{
	struct test_socket a = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);
	struct test_socket l = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);
	struct address local = fixture_loopback(ADDRESS_IPV4, 4000);

	ck_assert_int_eq(l.s->ops->bind(l.s, &local), 0);
	ck_assert_int_eq(l.s->ops->listen(l.s, 1), 0);
	ck_assert_int_gt(fill(a.fd), 0);
	ck_assert_int_eq(a.s->ops->connect(a.s, &local, false), REQUEST_STARTED);
	socket_publish(a.s);
	ck_assert_int_eq(readiness(a.fd), 0);
	ck_assert_int_eq(fixture_record(&f, a.s->id).state, TABLE_STATE_SYN_SENT);
	ck_assert_int_eq(a.s->ops->connect(a.s, &local, false), -EALREADY);
	fixture_settle(&f);
	ck_assert_int_eq(readiness(a.fd), POLLOUT);
	ck_assert_int_eq(a.s->ops->connect(a.s, &local, false), -EISCONN);
	/* The filler never reaches the peer. */
	struct test_socket b = fixture_accept(&f, &l);
	ck_assert_int_eq(send(a.fd, "x", 1, 0), 1);
	fixture_settle(&f);
	char in[16];
	ck_assert_int_eq(recv(b.fd, in, sizeof(in), MSG_DONTWAIT), 1);
	ck_assert_int_eq(in[0], 'x');
}
END_TEST

START_TEST(connect_refused_sets_error_and_can_be_tried_again)
{
	struct test_socket a = fixture_socket(&f, TABLE_TYPE_STREAM, families[_i]);
	struct address nobody = fixture_loopback(families[_i], 4001);
	int32_t error;

	fill(a.fd);
	ck_assert_int_eq(a.s->ops->connect(a.s, &nobody, false), REQUEST_STARTED);
	fixture_settle(&f);
	ck_assert(readiness(a.fd) & POLLOUT);
	ck_assert_int_eq(fixture_record(&f, a.s->id).error, ECONNREFUSED);
	ck_assert_int_eq(socket_get_option(a.s, usp_Option_OPTION_ERROR, &error), 0);
	ck_assert_int_eq(error, ECONNREFUSED);
	ck_assert_int_eq(socket_get_option(a.s, usp_Option_OPTION_ERROR, &error), 0);
	ck_assert_int_eq(error, 0);
	ck_assert_int_eq(a.s->ops->connect(a.s, &nobody, false), REQUEST_STARTED);
	fixture_settle(&f);
	ck_assert_int_eq(fixture_record(&f, a.s->id).error, ECONNREFUSED);
}
END_TEST

static const struct {
	struct address to;
	int result;
} bad_targets[] = {
	{ { .family = ADDRESS_IPV4, .port = 0, .ip = { 127, 0, 0, 1 } }, -EINVAL },
	{ { .family = ADDRESS_IPV4, .port = 1, .ip = { 224, 0, 0, 1 } }, -ENETUNREACH },
	{ { .family = ADDRESS_IPV4, .port = 1, .ip = { 255, 255, 255, 255 } }, -ENETUNREACH },
	{ { .family = ADDRESS_IPV4, .port = 1, .ip = { 192, 0, 2, 1 } }, -EHOSTUNREACH },
};

START_TEST(connect_bad_target_is_refused_at_once)
{
	struct test_socket a = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);

	fill(a.fd);
	ck_assert_int_eq(a.s->ops->connect(a.s, &bad_targets[_i].to, false),
		bad_targets[_i].result);
	/* And the channel is writable again. */
	ck_assert(readiness(a.fd) & POLLOUT);
}
END_TEST

static bool has_error(void *arg)
{
	struct test_socket *t = arg;

	return fixture_record(&f, t->s->id).error != 0;
}

START_TEST(connect_waiting_for_link_ends_at_its_deadline)
{
	struct test_socket a = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);

	fill(a.fd);
	ck_assert_int_eq(a.s->ops->connect(a.s, &bad_targets[3].to, true), REQUEST_STARTED);
	socket_publish(a.s);
	ck_assert_int_eq(readiness(a.fd), 0);
	ck_assert(fixture_record(&f, a.s->id).flags & TABLE_SOCKET_CONNECTING);
	fixture_run_until(&f, has_error, &a);
	ck_assert_int_eq(fixture_record(&f, a.s->id).error, EHOSTUNREACH);
	ck_assert(readiness(a.fd) & POLLOUT);
}
END_TEST

START_TEST(shutdown_write_is_a_half_close)
{
	struct test_socket a, b;
	char in[16];

	fixture_connected_pair(&f, families[_i], &a, &b);
	ck_assert_int_eq(send(a.fd, "last", 4, 0), 4);
	ck_assert_int_eq(shutdown(a.fd, SHUT_WR), 0);
	fixture_settle(&f);
	ck_assert_int_eq(recv(b.fd, in, sizeof(in), MSG_DONTWAIT), 4);
	ck_assert_int_eq(recv(b.fd, in, sizeof(in), MSG_DONTWAIT), 0);
	ck_assert_int_eq(fixture_record(&f, b.s->id).state, TABLE_STATE_CLOSE_WAIT);
	ck_assert_int_eq(fixture_record(&f, a.s->id).state, TABLE_STATE_FIN_WAIT_2);
	/* The other direction lives on. */
	ck_assert_int_eq(send(b.fd, "answer", 6, 0), 6);
	fixture_settle(&f);
	ck_assert_int_eq(recv(a.fd, in, sizeof(in), MSG_DONTWAIT), 6);
}
END_TEST

START_TEST(close_with_unread_data_resets_the_peer)
{
	struct test_socket a, b;
	char in[16];

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	ck_assert_int_eq(send(a.fd, "unread", 6, 0), 6);
	ck_assert_int_eq(send(b.fd, "first", 5, 0), 5);
	fixture_settle(&f);
	close(b.fd);
	fixture_settle(&f);
	ck_assert_int_eq(fixture_record(&f, a.s->id).state, TABLE_STATE_CLOSED);
	ck_assert_int_eq(fixture_record(&f, a.s->id).error, ECONNRESET);
	/* What came before the reset is still delivered. */
	ck_assert_int_eq(recv(a.fd, in, sizeof(in), MSG_DONTWAIT), 5);
	ck_assert_int_eq(recv(a.fd, in, sizeof(in), MSG_DONTWAIT), 0);
}
END_TEST

START_TEST(error_taken_ends_the_socket)
{
	struct test_socket a, b;
	socket_id id;
	int32_t error;
	char in[1];

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	id = a.s->id;
	ck_assert_int_eq(send(a.fd, "unread", 6, 0), 6);
	fixture_settle(&f);
	close(b.fd);
	fixture_settle(&f);
	ck_assert_int_eq(socket_get_option(a.s, usp_Option_OPTION_ERROR, &error), 0);
	ck_assert_int_eq(error, ECONNRESET);
	fixture_settle(&f);
	ck_assert_ptr_null(socket_find(f.daemon.sockets, id));
	ck_assert_int_eq(recv(a.fd, in, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(send(a.fd, "x", 1, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(errno, EPIPE);
}
END_TEST

START_TEST(reset_with_unread_bytes_of_the_client_is_the_kernels_error)
{
	struct test_socket a, b;
	char in[8];

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	ck_assert_int_eq(send(a.fd, "unread", 6, 0), 6);
	fixture_settle(&f);
	close(b.fd);
	fixture_settle(&f);
	/* A client that does not look and writes on. */
	ck_assert_int_eq(send(a.fd, "more", 4, MSG_NOSIGNAL), 4);
	fixture_settle(&f);
	ck_assert_int_eq(recv(a.fd, in, sizeof(in), MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	ck_assert_int_eq(recv(a.fd, in, sizeof(in), MSG_DONTWAIT), 0);
}
END_TEST

static bool none_left(void *arg)
{
	return socket_registry_count(f.daemon.sockets) == *(uint32_t *)arg;
}

START_TEST(close_delivers_what_was_written)
{
	static char big[200000];
	struct test_socket a, b;
	uint32_t one = 1, zero = 0;
	size_t got = 0;
	char in[4096];
	ssize_t n;

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	ck_assert_int_eq(fcntl(a.fd, F_SETFL, O_NONBLOCK), 0);
	ssize_t sent = send(a.fd, big, sizeof(big), 0);
	ck_assert_int_gt(sent, 0);
	close(a.fd);
	for (int i = 0; i < 1000 && (n = recv(b.fd, in, sizeof(in), MSG_DONTWAIT)) != 0; i++) {
		if (n > 0)
			got += (size_t)n;
		fixture_settle(&f);
	}
	ck_assert_uint_eq(got, (size_t)sent);
	fixture_run_until(&f, none_left, &one);
	close(b.fd);
	fixture_run_until(&f, none_left, &zero);
	ck_assert_uint_eq(account_used(f.account, RESOURCE_QUEUED), 0);
	ck_assert_uint_eq(account_used(f.account, RESOURCE_SOCKET), 0);
}
END_TEST

START_TEST(linger_zero_resets)
{
	usp_SocketSetOption message = { .option = usp_Option_OPTION_LINGER, .value = 0 };
	struct test_socket a, b;

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	ck_assert_int_eq(socket_set_option(a.s, &message), 0);
	close(a.fd);
	fixture_settle(&f);
	ck_assert_int_eq(fixture_record(&f, b.s->id).error, ECONNRESET);
}
END_TEST

START_TEST(slow_reader_holds_the_sender_back)
{
	static char block[65536];
	struct test_socket a, b;
	size_t sent = 0, got = 0;
	ssize_t n;

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	for (int i = 0; i < 2000; i++) {
		n = send(a.fd, block, sizeof(block), MSG_DONTWAIT);
		if (n > 0)
			sent += (size_t)n;
		fixture_settle(&f);
		if (n < 0 && i > 100)
			break;
	}
	ck_assert_uint_lt(sent, 8u << 20);
	ck_assert_uint_le(account_used(f.account, RESOURCE_QUEUED), TCP_WND);
	for (int i = 0; i < 100000 && got < sent; i++) {
		n = recv(b.fd, block, sizeof(block), MSG_DONTWAIT);
		if (n > 0)
			got += (size_t)n;
		else
			fixture_settle(&f);
	}
	ck_assert_uint_eq(got, sent);
}
END_TEST

START_TEST(listener_closed_resets_untaken_connections)
{
	struct test_socket l = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);
	struct test_socket a = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);
	struct address local = fixture_loopback(ADDRESS_IPV4, 4002);
	uint32_t one = 1;

	ck_assert_int_eq(l.s->ops->bind(l.s, &local), 0);
	ck_assert_int_eq(l.s->ops->listen(l.s, 4), 0);
	ck_assert_int_eq(a.s->ops->connect(a.s, &local, false), REQUEST_STARTED);
	fixture_settle(&f);
	ck_assert_uint_eq(fixture_record(&f, l.s->id).receive_queue, 1);
	close(l.fd);
	fixture_run_until(&f, none_left, &one);
	ck_assert_int_eq(fixture_record(&f, a.s->id).error, ECONNRESET);
}
END_TEST

START_TEST(backlog_full_drops_syns_until_one_is_taken)
{
	struct test_socket l = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);
	struct address local = fixture_loopback(ADDRESS_IPV4, 4003);
	struct test_socket c[4];

	ck_assert_int_eq(l.s->ops->bind(l.s, &local), 0);
	ck_assert_int_eq(l.s->ops->listen(l.s, 2), 0);
	for (int i = 0; i < 4; i++) {
		c[i] = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);
		ck_assert_int_eq(c[i].s->ops->connect(c[i].s, &local, false), REQUEST_STARTED);
		fixture_settle(&f);
	}
	ck_assert_uint_eq(fixture_record(&f, l.s->id).receive_queue, 2);
	ck_assert_uint_ge(fixture_record(&f, l.s->id).drops, 2);
	ck_assert_int_eq(tcp_of(c[2].s)->phase, TCP_PHASE_CONNECTING);
	close(fixture_accept(&f, &l).fd);
	fixture_settle(&f);
	ck_assert_uint_eq(fixture_record(&f, l.s->id).receive_queue, 1);
}
END_TEST

START_TEST(listen_again_changes_the_backlog)
{
	struct test_socket l = fixture_socket(&f, TABLE_TYPE_STREAM, ADDRESS_IPV4);

	/* Unbound: a port is found. */
	ck_assert_int_eq(l.s->ops->listen(l.s, 2), 0);
	socket_publish(l.s);
	ck_assert_uint_ge(fixture_record(&f, l.s->id).local.port, 49152);
	ck_assert_int_eq(l.s->ops->listen(l.s, 7), 0);
	socket_publish(l.s);
	ck_assert_uint_eq(fixture_record(&f, l.s->id).send_queue, 7);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("loopback");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, stream_both_ways_is_byte_exact, 0, 2);
	tcase_add_test(tc, connect_pending_keeps_channel_unwritable);
	tcase_add_loop_test(tc, connect_refused_sets_error_and_can_be_tried_again, 0, 2);
	tcase_add_loop_test(tc, connect_bad_target_is_refused_at_once, 0, 4);
	tcase_add_test(tc, connect_waiting_for_link_ends_at_its_deadline);
	tcase_add_loop_test(tc, shutdown_write_is_a_half_close, 0, 2);
	tcase_add_test(tc, close_with_unread_data_resets_the_peer);
	tcase_add_test(tc, error_taken_ends_the_socket);
	tcase_add_test(tc, reset_with_unread_bytes_of_the_client_is_the_kernels_error);
	tcase_add_test(tc, close_delivers_what_was_written);
	tcase_add_test(tc, linger_zero_resets);
	tcase_add_test(tc, slow_reader_holds_the_sender_back);
	tcase_add_test(tc, listener_closed_resets_untaken_connections);
	tcase_add_test(tc, backlog_full_drops_syns_until_one_is_taken);
	tcase_add_test(tc, listen_again_changes_the_backlog);
	return run_suite("tcp", tc);
}
