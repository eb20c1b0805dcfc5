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

static const struct {
	uint32_t rtt_us, retransmissions;
	uint32_t segments;
} first_windows[] = {
	{ 0, 0, 10 },
	{ 50000, 0, 10 },
	{ 300000, 0, 3 },
	{ 50000, 1, 3 },
};

START_TEST(first_window_is_ten_segments_on_a_quick_line)
{
	struct test_socket a, b;
	struct tcp_socket *t;

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	t = tcp_of(a.s);
	t->srtt_us = first_windows[_i].rtt_us;
	a.s->record.retransmissions = first_windows[_i].retransmissions;
	/* Loopback's segments are larger than any line's. */
	t->pcb->mss = 1460;
	t->pcb->cwnd = 3 * 1460;
	ck_assert_int_eq(send(a.fd, "x", 1, 0), 1);
	fixture_settle(&f);
	/* And one for the acknowledgement, RFC 5681 3.1. */
	ck_assert_uint_le(t->pcb->cwnd, (first_windows[_i].segments + 1) * 1460);
	ck_assert_uint_ge(t->pcb->cwnd, first_windows[_i].segments * 1460);
	close(a.fd);
	close(b.fd);
}
END_TEST

static bool has_no_ack_queued(void *arg)
{
	struct test_socket *t = arg;

	return !tcp_of(t->s)->is_ack_queued;
}

START_TEST(acknowledgement_put_off_is_sent)
{
	struct test_socket a, b;

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	ck_assert_int_eq(send(a.fd, "x", 1, 0), 1);
	fixture_settle(&f);
	ck_assert(tcp_of(b.s)->is_ack_queued);
	fixture_run_until(&f, has_no_ack_queued, &b);
	ck_assert(!(tcp_of(b.s)->pcb->flags & TF_ACK_DELAY));
	fixture_settle(&f);
	ck_assert_uint_eq(fixture_record(&f, a.s->id).bytes_acked, 1);
}
END_TEST

START_TEST(acknowledgement_put_off_of_a_dead_socket_is_forgotten)
{
	struct test_socket a, b, c, d;

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	fixture_connected_pair(&f, ADDRESS_IPV4, &c, &d);
	ck_assert_int_eq(send(a.fd, "x", 1, 0), 1);
	ck_assert_int_eq(send(c.fd, "x", 1, 0), 1);
	fixture_settle(&f);
	ck_assert(tcp_of(b.s)->is_ack_queued);
	socket_kill(b.s);
	fixture_run_until(&f, has_no_ack_queued, &d);
}
END_TEST

START_TEST(idle_connection_has_no_events_but_its_channels)
{
	static uint8_t bytes[4 << 20];
	struct test_socket a, b;

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	ck_assert_ptr_null(tcp_of(a.s)->deadline);
	ck_assert_ptr_null(a.s->on_writable);
	/* More than the other end's channel holds, whose client does not read. */
	for (int i = 0; i < 10; i++) {
		send(a.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		fixture_settle(&f);
	}
	ck_assert_ptr_nonnull(b.s->on_writable);
	while (recv(b.fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		fixture_settle(&f);
	ck_assert_ptr_null(b.s->on_writable);
	ck_assert_ptr_null(tcp_of(b.s)->received.ring);
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

START_TEST(reset_after_the_peers_end_is_a_broken_pipe)
{
	struct test_socket a, b;
	char in[1];

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	close(b.fd);
	fixture_settle(&f);
	ck_assert_int_eq(recv(a.fd, in, sizeof(in), MSG_DONTWAIT), 0);
	ck_assert_int_eq(fixture_record(&f, a.s->id).state, TABLE_STATE_CLOSE_WAIT);
	ck_assert_int_eq(send(a.fd, "x", 1, 0), 1);
	fixture_settle(&f);
	ck_assert_int_eq(fixture_record(&f, a.s->id).state, TABLE_STATE_CLOSED);
	ck_assert_int_eq(fixture_record(&f, a.s->id).error, EPIPE);
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

static char block[65536];

/* As much as can be sent to somebody who does not read: bytes. */
static size_t send_all_that_fits(int fd)
{
	size_t sent = 0;

	for (int i = 0; i < 2000; i++) {
		ssize_t n = send(fd, block, sizeof(block), MSG_DONTWAIT);

		if (n > 0)
			sent += (size_t)n;
		fixture_settle(&f);
		if (n < 0 && i > 100)
			break;
	}
	return sent;
}

static void read_all(int fd, size_t sent)
{
	size_t got = 0;

	for (int i = 0; i < 100000 && got < sent; i++) {
		ssize_t n = recv(fd, block, sizeof(block), MSG_DONTWAIT);

		if (n > 0)
			got += (size_t)n;
		else
			fixture_settle(&f);
	}
	ck_assert_uint_eq(got, sent);
}

START_TEST(slow_reader_holds_the_sender_back)
{
	struct test_socket a, b;
	size_t sent;

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	sent = send_all_that_fits(a.fd);
	ck_assert_uint_lt(sent, 8u << 20);
	ck_assert_uint_le(account_used(f.account, RESOURCE_QUEUED), TCP_WND);
	read_all(b.fd, sent);
}
END_TEST

/* A little more than tcp_stream.c keeps a channel large for. */
#define WIDE_KEPT_US 110000

static int channel_size(const struct test_socket *socket)
{
	int bytes = 0;
	socklen_t len = sizeof(bytes);

	ck_assert_int_eq(getsockopt(socket->s->channel, SOL_SOCKET, SO_SNDBUF, &bytes, &len), 0);
	return bytes;
}

START_TEST(channel_of_a_client_that_reads_on_is_made_larger)
{
	struct test_socket a, b;
	size_t sent;
	int before;

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	before = channel_size(&b);
	sent = send_all_that_fits(a.fd);
	ck_assert_int_eq(channel_size(&b), before);
	read_all(b.fd, sent);
	ck_assert_int_gt(channel_size(&b), before);
	ck_assert_int_eq(channel_size(&a), before);
}
END_TEST

static usp_SocketSetOption small_buffer = {
	.option = usp_Option_OPTION_RECEIVE_BUFFER,
	.value = 50000,
};

START_TEST(channel_whose_size_was_asked_for_keeps_it)
{
	struct test_socket a, b;

	fixture_connected_pair(&f, ADDRESS_IPV4, &a, &b);
	ck_assert_int_eq(socket_set_option(b.s, &small_buffer), 0);
	read_all(b.fd, send_all_that_fits(a.fd));
	ck_assert_int_eq(channel_size(&b), 2 * small_buffer.value);
}
END_TEST

START_TEST(large_channels_are_those_that_have_much_to_deliver)
{
	struct test_socket a[WIDE_CHANNELS_MAX + 1], b[WIDE_CHANNELS_MAX + 1];
	int i, before, narrow = -1, n_wide = 0;

	for (i = 0; i < WIDE_CHANNELS_MAX + 1; i++)
		fixture_connected_pair(&f, ADDRESS_IPV4, &a[i], &b[i]);
	before = channel_size(&b[0]);
	for (i = 0; i < WIDE_CHANNELS_MAX + 1; i++) {
		/* Nobody loses a place that was just taken. */
		usleep(WIDE_KEPT_US);
		read_all(b[i].fd, send_all_that_fits(a[i].fd));
	}
	/* All had, in turn; the last has taken the place of one that was done. */
	for (i = 0; i < WIDE_CHANNELS_MAX + 1; i++)
		n_wide += channel_size(&b[i]) > before;
	ck_assert_int_eq(n_wide, WIDE_CHANNELS_MAX);
	ck_assert_int_gt(channel_size(&b[WIDE_CHANNELS_MAX]), before);
	/* One that makes room then keeps a size that was asked for meanwhile. */
	for (i = 0; i < WIDE_CHANNELS_MAX + 1; i++)
		if (channel_size(&b[i]) > before)
			ck_assert_int_eq(socket_set_option(b[i].s, &small_buffer), 0);
		else
			narrow = i;
	usleep(WIDE_KEPT_US);
	read_all(b[narrow].fd, send_all_that_fits(a[narrow].fd));
	for (i = 0; i < WIDE_CHANNELS_MAX + 1; i++)
		if (i == narrow)
			ck_assert_int_gt(channel_size(&b[i]), before);
		else
			ck_assert_int_eq(channel_size(&b[i]), 2 * small_buffer.value);
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
	/* The child's channel has ended before the listener's: FIN, then RST. */
	ck_assert_int_eq(fixture_record(&f, a.s->id).error, EPIPE);
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
	tcase_add_loop_test(tc, first_window_is_ten_segments_on_a_quick_line, 0,
		sizeof(first_windows) / sizeof(first_windows[0]));
	tcase_add_test(tc, acknowledgement_put_off_is_sent);
	tcase_add_test(tc, acknowledgement_put_off_of_a_dead_socket_is_forgotten);
	tcase_add_test(tc, idle_connection_has_no_events_but_its_channels);
	tcase_add_test(tc, connect_pending_keeps_channel_unwritable);
	tcase_add_loop_test(tc, connect_refused_sets_error_and_can_be_tried_again, 0, 2);
	tcase_add_loop_test(tc, connect_bad_target_is_refused_at_once, 0, 4);
	tcase_add_test(tc, connect_waiting_for_link_ends_at_its_deadline);
	tcase_add_loop_test(tc, shutdown_write_is_a_half_close, 0, 2);
	tcase_add_test(tc, close_with_unread_data_resets_the_peer);
	tcase_add_test(tc, reset_after_the_peers_end_is_a_broken_pipe);
	tcase_add_test(tc, error_taken_ends_the_socket);
	tcase_add_test(tc, reset_with_unread_bytes_of_the_client_is_the_kernels_error);
	tcase_add_test(tc, close_delivers_what_was_written);
	tcase_add_test(tc, linger_zero_resets);
	tcase_add_test(tc, slow_reader_holds_the_sender_back);
	tcase_add_test(tc, channel_of_a_client_that_reads_on_is_made_larger);
	tcase_add_test(tc, channel_whose_size_was_asked_for_keeps_it);
	tcase_add_test(tc, large_channels_are_those_that_have_much_to_deliver);
	tcase_add_test(tc, listener_closed_resets_untaken_connections);
	tcase_add_test(tc, backlog_full_drops_syns_until_one_is_taken);
	tcase_add_test(tc, listen_again_changes_the_backlog);
	return run_suite("tcp", tc);
}
