/* SPDX-License-Identifier: MIT */
#include "tests/unit/client_streams.h"

#include <sys/ioctl.h>
#include <sys/uio.h>

/* ---- data ------------------------------------------------------------------ */

START_TEST(never_connected_is_enotconn)
{
	int fd = new_stream(), listener = new_listener();
	char byte;

	ck_fails(usocket_send(fd, "x", 1, 0), ENOTCONN);
	ck_fails(usocket_send(fd, "", 0, 0), ENOTCONN);
	ck_fails(usocket_recv(fd, &byte, 1, 0), ENOTCONN);
	ck_fails(usocket_recv_timeout(fd, &byte, 1, 0, 50), ENOTCONN);
	ck_fails(usocket_shutdown(fd, SHUT_WR), ENOTCONN);
	ck_fails(usocket_getsendacksize(fd), ENOTCONN);
	ck_fails(usocket_recv(listener, &byte, 1, 0), ENOTCONN);
	ck_fails(usocket_send(listener, "x", 1, 0), ENOTCONN);
}
END_TEST

START_TEST(never_connected_of_killed_daemon_is_aborted)
{
	int fd = new_stream();
	char byte;

	fake_kill(fake);
	if (_i)
		ck_fails(usocket_send(fd, "x", 1, MSG_NOSIGNAL), ECONNABORTED);
	else
		ck_fails(usocket_recv(fd, &byte, 1, 0), ECONNABORTED);
	ck_fails(usocket_send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
}
END_TEST

START_TEST(data_goes_both_ways)
{
	int fd = fake_connected(fake), other = fake_channel(fake, fd);
	char bytes[16] = "";
	struct iovec iov[2] = { { bytes, 2 }, { bytes + 4, 8 } };
	struct sockaddr_in peer;
	struct msghdr message = {
		.msg_name = &peer,
		.msg_namelen = sizeof(peer),
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = bytes + 12,
		.msg_controllen = 4,
	};
	struct sockaddr_in elsewhere = ipv4("192.0.2.77", 1);

	ck_assert_int_eq(usocket_send(fd, "abc", 3, 0), 3);
	ck_assert_int_eq(usocket_sendto(fd, "de", 2, 0, ADDRESS(elsewhere)), 2);
	ck_assert_int_eq(recv(other, bytes, sizeof(bytes), 0), 5);
	ck_assert_mem_eq(bytes, "abcde", 5);
	ck_assert_int_eq(send(other, "12345", 5, 0), 5);
	ck_assert_int_eq(usocket_recv(fd, bytes, 2, MSG_PEEK), 2);
	ck_assert_int_eq(usocket_recvmsg(fd, &message, 0), 5);
	ck_assert_mem_eq(bytes, "12", 2);
	ck_assert_mem_eq(bytes + 4, "345", 3);
	ck_assert_int_eq(ntohs(peer.sin_port), 80);
	ck_assert_uint_eq(message.msg_controllen, 0);
	ck_assert_int_eq(usocket_recv(fd, bytes, 0, 0), 0);
	ck_fails(usocket_recv(fd, bytes, 1, MSG_DONTWAIT), EAGAIN);
	ck_fails(usocket_recv(fd, bytes, 1, MSG_OOB), EINVAL);
	ck_fails(usocket_send(fd, bytes, 1, MSG_OOB), EOPNOTSUPP);
}
END_TEST

START_TEST(sendmsg_keeps_descriptors_here)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int fd = fake_connected(fake);
	struct msghdr in = { .msg_iov = &iov, .msg_iovlen = 1 };

	ck_assert_int_eq(usocket_sendmsg(fd, &message, 0), 1);
	in.msg_control = control.bytes;
	in.msg_controllen = sizeof(control.bytes);
	ck_assert_int_eq(recvmsg(fake_channel(fake, fd), &in, 0), 1);
	ck_assert_uint_eq(in.msg_controllen, 0);
	control.header.cmsg_level = IPPROTO_IP;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	ck_fails(usocket_sendmsg(fd, &message, 0), EINVAL);
}
END_TEST

START_TEST(many_parts_arrive_in_order)
{
	enum {
		N = 300
	};
	struct iovec iov[N];
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = N };
	char out[N], in[N];
	int fd = fake_connected(fake), other = fake_channel(fake, fd);

	for (int i = 0; i < N; i++) {
		out[i] = (char)i;
		iov[i] = (struct iovec){ &out[i], i % 7 ? 1 : 1 };
	}
	ck_assert_int_eq(usocket_sendmsg(fd, &message, 0), N);
	ck_assert_int_eq(recv(other, in, N, MSG_WAITALL), N);
	ck_assert_mem_eq(in, out, N);
	ck_assert_int_eq(send(other, out, N, 0), N);
	memset(out, 0, N);
	ck_assert_int_eq(usocket_recvmsg(fd, &message, MSG_WAITALL), N);
	ck_assert_mem_eq(in, out, N);
	message.msg_iovlen = 1025;
	ck_fails(usocket_sendmsg(fd, &message, 0), EMSGSIZE);
}
END_TEST

struct reader {
	pthread_t thread;
	int fd;
	size_t total;
	int pause_us;
};

static void *read_all(void *arg)
{
	struct reader *r = arg;
	char bytes[65536];
	ssize_t n;

	while ((n = recv(r->fd, bytes, sizeof(bytes), 0)) > 0) {
		r->total += (size_t)n;
		usleep((useconds_t)r->pause_us);
	}
	return NULL;
}

#define LARGE (8 * 1024 * 1024)

START_TEST(send_large_blocks_until_all_is_queued)
{
	int fd = fake_connected(fake);
	struct reader reader = { .fd = fake_channel(fake, fd), .pause_us = 100 };
	char *bytes = calloc(1, LARGE);
	size_t sent = 0;

	pthread_create(&reader.thread, NULL, read_all, &reader);
	if (_i == 0)
		ck_assert_int_eq(usocket_send(fd, bytes, LARGE, 0), LARGE);
	else
		ck_assert_int_eq(usocket_sendall_timeout(fd, bytes, LARGE, 0, 20000, &sent), 0);
	ck_assert(_i == 0 || sent == LARGE);
	ck_assert_int_eq(usocket_shutdown(fd, SHUT_WR), 0);
	pthread_join(reader.thread, NULL);
	ck_assert_uint_eq(reader.total, LARGE);
	free(bytes);
}
END_TEST

START_TEST(send_partly_returns_count)
{
	char *bytes = calloc(1, LARGE);
	size_t sent = 0;
	ssize_t n;
	int fd = fake_connected(fake);

	ck_fails(usocket_sendall_timeout(fd, bytes, LARGE, 0, 50, &sent), ETIMEDOUT);
	ck_assert_uint_gt(sent, 0);
	ck_fails(usocket_send_timeout(fd, bytes, 1000, 0, 50), ETIMEDOUT);
	ck_fails(usocket_send(fd, bytes, 1000, MSG_DONTWAIT), EAGAIN);
	ck_assert_int_gt(recv(fake_channel(fake, fd), bytes, LARGE, 0), 100000);
	n = usocket_send_timeout(fd, bytes, LARGE, 0, 50);
	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, LARGE);
	set_timeout(fd, SO_SNDTIMEO, 50);
	ck_assert_int_gt(recv(fake_channel(fake, fd), bytes, LARGE, 0), 10000);
	n = usocket_send(fd, bytes, LARGE, 0);
	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, LARGE);
	ck_fails(usocket_send(fd, bytes, LARGE, 0), EAGAIN);
	free(bytes);
}
END_TEST

/* Row W12: all of it or nothing. */
START_TEST(sendall_nonblocking_is_all_or_nothing)
{
	static const size_t sizes[] = { 1, 1000, 40000, 100000, 150000, 200000, 300000, LARGE };
	char *bytes = calloc(1, LARGE);
	size_t sent = 0, n = sizes[_i], total = 0;
	int queued, fd = fake_connected(fake), other = fake_channel(fake, fd);

	while (usocket_sendall_timeout(fd, bytes, n, 0, 0, &sent) == 0) {
		ck_assert_uint_eq(sent, n);
		total += n;
	}
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_eq(sent, 0);
	ck_assert_int_eq(ioctl(other, FIONREAD, &queued), 0);
	ck_assert_uint_eq((size_t)queued, total);
	/* What is small enough must not be refused by an empty socket. */
	ck_assert(n > 100000 || total > 0);
	free(bytes);
}
END_TEST

START_TEST(recv_times_out)
{
	int fd = fake_connected(fake);
	int64_t start = now_ms();
	char byte;

	ck_fails(usocket_recv_timeout(fd, &byte, 1, 0, 60), ETIMEDOUT);
	ck_assert_int_ge(now_ms() - start, 60);
	ck_fails(usocket_recv_timeout(fd, &byte, 1, 0, 0), EAGAIN);
	set_timeout(fd, SO_RCVTIMEO, 60);
	ck_fails(usocket_recv(fd, &byte, 1, 0), EAGAIN);
	ck_assert_int_ge(now_ms() - start, 120);
	set_nonblocking(fd);
	ck_fails(usocket_recv(fd, &byte, 1, 0), EAGAIN);
	ck_assert_int_le(now_ms() - start, 1000);
}
END_TEST

START_TEST(recv_waitall_waits_for_all)
{
	int fd = fake_connected(fake), other = fake_channel(fake, fd);
	char bytes[8];

	ck_assert_int_eq(send(other, "abc", 3, 0), 3);
	/* What came when the time is over is returned. */
	ck_assert_int_eq(usocket_recv_timeout(fd, bytes, 8, MSG_WAITALL, 50), 3);
	ck_assert_int_eq(send(other, "12345678", 8, 0), 8);
	ck_assert_int_eq(usocket_recv(fd, bytes, 8, MSG_WAITALL), 8);
	ck_assert_int_eq(send(other, "xy", 2, 0), 2);
	shutdown(other, SHUT_WR);
	ck_assert_int_eq(usocket_recv(fd, bytes, 8, MSG_WAITALL), 2);
	ck_assert_int_eq(usocket_recv(fd, bytes, 8, MSG_WAITALL), 0);
}
END_TEST

START_TEST(recv_trunc_discards)
{
	int fd = fake_connected(fake), other = fake_channel(fake, fd);
	char byte;

	ck_assert_int_eq(send(other, "abcde", 5, 0), 5);
	ck_assert_int_eq(usocket_recv(fd, NULL, 4, MSG_TRUNC), 4);
	ck_assert_int_eq(usocket_recv(fd, &byte, 1, 0), 1);
	ck_assert_int_eq(byte, 'e');
}
END_TEST

START_TEST(fin_is_end_of_stream_for_ever)
{
	int fd = fake_connected(fake), other = fake_channel(fake, fd);
	char bytes[8];

	ck_assert_int_eq(send(other, "bye", 3, 0), 3);
	fake_set_state(fake, fd, TABLE_STATE_CLOSE_WAIT, TABLE_SOCKET_FIN_RECEIVED, 0);
	shutdown(other, SHUT_WR);
	ck_assert_int_eq(usocket_recv(fd, bytes, sizeof(bytes), 0), 3);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(usocket_recv(fd, bytes, sizeof(bytes), 0), 0);
	ck_assert_int_eq(events_of(fd), POLLIN | POLLOUT);
	ck_assert_int_eq(usocket_send(fd, "x", 1, 0), 1);
	ck_assert_int_eq(usocket_getsocketsta(fd), 7);
}
END_TEST

/* Reset with none of our bytes unread: half-closed, the error in the table. */
START_TEST(reset_is_reported_once_after_data)
{
	int fd = fake_connected(fake), other = fake_channel(fake, fd);
	char bytes[8];

	ck_assert_int_eq(send(other, "last", 4, 0), 4);
	fake_set_state(fake, fd, TABLE_STATE_CLOSED, 0, ECONNRESET);
	shutdown(other, SHUT_WR);
	ck_assert_int_eq(events_of(fd), POLLIN | POLLOUT | POLLERR | POLLHUP);
	switch (_i) {
	case 0:
		ck_assert_int_eq(usocket_recv(fd, bytes, sizeof(bytes), 0), 4);
		ck_fails(usocket_recv(fd, bytes, sizeof(bytes), 0), ECONNRESET);
		break;
	case 1:
		ck_fails(usocket_send(fd, "x", 1, MSG_NOSIGNAL), ECONNRESET);
		ck_assert_int_eq(usocket_recv(fd, bytes, sizeof(bytes), 0), 4);
		break;
	default:
		ck_assert_int_eq(pending_error(fd), ECONNRESET);
		ck_assert_int_eq(usocket_recv(fd, bytes, sizeof(bytes), 0), 4);
		break;
	}
	ck_assert_int_eq(usocket_recv(fd, bytes, sizeof(bytes), 0), 0);
	ck_fails(usocket_send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	ck_assert_int_eq(pending_error(fd), 0);
	ck_assert_int_eq(events_of(fd), POLLIN | POLLOUT | POLLHUP);
	ck_assert_int_eq(usocket_getsocketsta(fd), 0);
}
END_TEST

START_TEST(reset_after_the_peers_end_is_for_sends)
{
	int fd = fake_connected(fake), other = fake_channel(fake, fd);
	char bytes[8];

	shutdown(other, SHUT_WR);
	ck_assert_int_eq(usocket_recv(fd, bytes, sizeof(bytes), 0), 0);
	fake_set_state(fake, fd, TABLE_STATE_CLOSED, 0, EPIPE);
	if (_i == 0)
		ck_assert_int_eq(usocket_recv(fd, bytes, sizeof(bytes), 0), 0);
	ck_fails(usocket_send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	ck_assert_int_eq(usocket_recv(fd, bytes, sizeof(bytes), 0), 0);
	ck_assert_int_eq(pending_error(fd), 0);
}
END_TEST

/* Reset with bytes of ours unread: the daemon closes, the kernel tells. */
START_TEST(reset_by_close_is_reported_once_after_data)
{
	int fd = fake_connected(fake), other = fake_channel(fake, fd);
	char bytes[8];

	ck_assert_int_eq(usocket_send(fd, "unread", 6, 0), 6);
	ck_assert_int_eq(send(other, "last", 4, 0), 4);
	fake_end_socket(fake, fd);
	ck_assert_int_eq(events_of(fd), POLLIN | POLLOUT | POLLERR | POLLHUP);
	switch (_i) {
	case 0:
		ck_assert_int_eq(usocket_recv(fd, bytes, sizeof(bytes), 0), 4);
		ck_fails(usocket_recv(fd, bytes, sizeof(bytes), 0), ECONNRESET);
		break;
	case 1:
		ck_fails(usocket_send(fd, "x", 1, MSG_NOSIGNAL), ECONNRESET);
		ck_assert_int_eq(usocket_recv(fd, bytes, sizeof(bytes), 0), 4);
		break;
	default:
		ck_assert_int_eq(pending_error(fd), ECONNRESET);
		ck_assert_int_eq(usocket_recv(fd, bytes, sizeof(bytes), 0), 4);
		break;
	}
	ck_assert_int_eq(usocket_recv(fd, bytes, sizeof(bytes), 0), 0);
	ck_fails(usocket_send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	ck_assert_int_eq(usocket_getsocketsta(fd), 0);
	ck_fails(usocket_getpeername(fd, (struct sockaddr *)bytes, &(socklen_t){ 0 }), ENOTCONN);
}
END_TEST

START_TEST(timed_out_connection_is_110)
{
	int fd = fake_connected(fake);
	char byte;

	fake_set_state(fake, fd, TABLE_STATE_CLOSED, 0, ETIMEDOUT);
	shutdown(fake_channel(fake, fd), SHUT_WR);
	ck_fails(usocket_recv(fd, &byte, 1, 0), ETIMEDOUT);
	ck_assert_int_eq(usocket_recv(fd, &byte, 1, 0), 0);
}
END_TEST

static atomic_int n_pipes;

static void on_pipe(int number)
{
	(void)number;
	atomic_fetch_add(&n_pipes, 1);
}

START_TEST(sigpipe_is_raised_as_linux_does)
{
	struct sigaction action = { .sa_handler = on_pipe };
	int fd = fake_connected(fake);

	sigaction(SIGPIPE, &action, NULL);
	ck_assert_int_eq(usocket_shutdown(fd, SHUT_WR), 0);
	ck_fails(usocket_send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	ck_fails(usocket_send_timeout(fd, "x", 1, 0, -1), EPIPE);
	ck_fails(usocket_sendall_timeout(fd, "x", 1, 0, -1, NULL), EPIPE);
	ck_assert_int_eq(atomic_load(&n_pipes), 0);
	ck_fails(usocket_send(fd, "x", 1, 0), EPIPE);
	ck_assert_int_eq(atomic_load(&n_pipes), 1);
}
END_TEST

START_TEST(shutdown_leaves_other_direction)
{
	int fd = fake_connected(fake), other = fake_channel(fake, fd);
	char byte;

	ck_fails(usocket_shutdown(fd, 7), EINVAL);
	ck_assert_int_eq(usocket_shutdown(fd, SHUT_WR), 0);
	ck_assert_int_eq(recv(other, &byte, 1, 0), 0);
	ck_assert_int_eq(send(other, "y", 1, 0), 1);
	ck_assert_int_eq(usocket_recv(fd, &byte, 1, 0), 1);
	ck_assert_int_eq(usocket_shutdown(fd, SHUT_RD), 0);
	ck_assert_int_eq(usocket_recv(fd, &byte, 1, 0), 0);
}
END_TEST

START_TEST(shutdown_ends_connect_under_way)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	int fd = new_stream(), before = send_buffer(fd);

	ck_fails(usocket_connect_timeout(fd, ADDRESS(sin), 0), EINPROGRESS);
	ck_assert_int_eq(usocket_shutdown(fd, SHUT_RDWR), 0);
	ck_assert_int_eq(usocket_getsocketsta(fd), 0);
	ck_assert_int_eq(send_buffer(fd), before);
}
END_TEST

START_TEST(names_come_from_table)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	socklen_t len = sizeof(sin);
	int fd = new_stream();

	ck_assert_int_eq(usocket_getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	ck_assert_int_eq(sin.sin_family, AF_INET);
	ck_assert_int_eq(sin.sin_port, 0);
	ck_assert_uint_eq(len, sizeof(sin));
	ck_fails(usocket_getpeername(fd, (struct sockaddr *)&sin, &len), ENOTCONN);
	sin = ipv4("0.0.0.0", 0);
	ck_assert_int_eq(usocket_bind(fd, ADDRESS(sin)), 0);
	len = 4;
	memset(&sin, 0xff, sizeof(sin));
	ck_assert_int_eq(usocket_getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	ck_assert_uint_eq(len, sizeof(sin));
	ck_assert_int_eq(ntohs(sin.sin_port), 50000);
	ck_assert_uint_eq(sin.sin_addr.s_addr, 0xffffffff);
	len = (socklen_t)-1;
	ck_fails(usocket_getsockname(fd, (struct sockaddr *)&sin, &len), EINVAL);
	ck_fails(usocket_getsockname(fd, NULL, NULL), EFAULT);
}
END_TEST

START_TEST(poll_wakes_for_reset_nobody_asked_about)
{
	struct pollfd p = { .fd = fake_connected(fake), .events = 0 };
	int other = fake_channel(fake, p.fd);

	ck_assert_int_eq(usocket_poll(&p, 1, 20), 0);
	/* The end of the stream alone is no event here, and must not spin. */
	fake_set_state(fake, p.fd, TABLE_STATE_CLOSE_WAIT, TABLE_SOCKET_FIN_RECEIVED, 0);
	shutdown(other, SHUT_WR);
	ck_assert_int_eq(usocket_poll(&p, 1, 100), 0);
	fake_set_state(fake, p.fd, TABLE_STATE_CLOSED, 0, ECONNRESET);
	ck_assert_int_eq(usocket_poll(&p, 1, -1), 1);
	ck_assert_int_eq(p.revents, POLLERR | POLLHUP);
}
END_TEST

/* The record is published before the channel shows the same. */
START_TEST(poll_waits_until_channel_follows_record)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	int fd = new_stream(), connected = fake_connected(fake);
	struct fake_socket *s = fake_socket(fake, fd);

	ck_fails(usocket_connect_timeout(fd, ADDRESS(sin), 0), EINPROGRESS);
	s->record.flags = 0;
	s->record.state = TABLE_STATE_CLOSED;
	s->record.error = ECONNREFUSED;
	fake_publish(fake, fd);
	ck_assert_int_eq(events_of(fd), 0);
	fake_complete_connect(fake, fd, ECONNREFUSED);
	ck_assert_int_eq(events_of(fd), POLLOUT | POLLERR | POLLHUP);
	fake_set_state(fake, connected, TABLE_STATE_CLOSED, 0, ECONNRESET);
	ck_assert_int_eq(events_of(connected), POLLOUT);
	shutdown(fake_channel(fake, connected), SHUT_WR);
	ck_assert_int_eq(events_of(connected), POLLIN | POLLOUT | POLLERR | POLLHUP);
}
END_TEST

START_TEST(poll_takes_mixed_sets)
{
	struct pollfd p[40];
	int pair[2], fd = fake_connected(fake);

	ck_assert_int_eq(pipe(pair), 0);
	for (int i = 0; i < 40; i++)
		p[i] = (struct pollfd){ .fd = i % 2 ? pair[0] : fd, .events = POLLIN };
	p[38].fd = -1;
	p[39].fd = 900;
	ck_assert_int_eq(usocket_poll(p, 39, 20), 0);
	ck_assert_int_eq(usocket_poll(p, 40, -1), 1);
	ck_assert_int_eq(p[39].revents, POLLNVAL);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_int_eq(usocket_poll(p, 38, -1), 19);
	ck_assert_int_eq(send(fake_channel(fake, fd), "x", 1, 0), 1);
	ck_assert_int_eq(usocket_poll(p, 38, -1), 38);
}
END_TEST

START_TEST(poll_of_lost_daemon_has_all_events)
{
	int fd = fake_connected(fake);

	fake_kill(fake);
	ck_assert_int_eq(events_of(fd), POLLIN | POLLOUT | POLLERR | POLLHUP);
	ck_assert_int_eq(pending_error(fd), ECONNABORTED);
	ck_assert_int_eq(events_of(fd), POLLIN | POLLOUT | POLLHUP);
}
END_TEST

static TCase *data_tests(void)
{
	TCase *tc = tcase_create("data");

	tcase_add_test(tc, never_connected_is_enotconn);
	tcase_add_loop_test(tc, never_connected_of_killed_daemon_is_aborted, 0, 2);
	tcase_add_test(tc, data_goes_both_ways);
	tcase_add_test(tc, sendmsg_keeps_descriptors_here);
	tcase_add_test(tc, many_parts_arrive_in_order);
	tcase_add_loop_test(tc, send_large_blocks_until_all_is_queued, 0, 2);
	tcase_add_test(tc, send_partly_returns_count);
	tcase_add_loop_test(tc, sendall_nonblocking_is_all_or_nothing, 0, 8);
	tcase_add_test(tc, recv_times_out);
	tcase_add_test(tc, recv_waitall_waits_for_all);
	tcase_add_test(tc, recv_trunc_discards);
	tcase_add_test(tc, fin_is_end_of_stream_for_ever);
	tcase_add_loop_test(tc, reset_is_reported_once_after_data, 0, 3);
	tcase_add_loop_test(tc, reset_after_the_peers_end_is_for_sends, 0, 2);
	tcase_add_loop_test(tc, reset_by_close_is_reported_once_after_data, 0, 3);
	tcase_add_test(tc, timed_out_connection_is_110);
	tcase_add_test(tc, sigpipe_is_raised_as_linux_does);
	tcase_add_test(tc, shutdown_leaves_other_direction);
	tcase_add_test(tc, shutdown_ends_connect_under_way);
	tcase_add_test(tc, names_come_from_table);
	return tc;
}

static TCase *poll_tests(void)
{
	TCase *tc = tcase_create("poll");

	tcase_add_test(tc, poll_wakes_for_reset_nobody_asked_about);
	tcase_add_test(tc, poll_waits_until_channel_follows_record);
	tcase_add_test(tc, poll_takes_mixed_sets);
	tcase_add_test(tc, poll_of_lost_daemon_has_all_events);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("client stream");
	TCase *cases[] = { data_tests(), poll_tests() };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tcase_add_checked_fixture(cases[i], setup_queues, teardown);
		tcase_set_timeout(cases[i], 60);
		suite_add_tcase(suite, cases[i]);
	}
	return run_suite(suite);
}
