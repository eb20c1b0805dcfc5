/* SPDX-License-Identifier: MIT */
#include "tests/unit/client_streams.h"

/* ---- connect --------------------------------------------------------------- */

struct completion {
	int fd;
	int error;
};

static void action_complete(void *arg)
{
	struct completion *c = arg;

	fake_complete_connect(fake, c->fd, c->error);
}

START_TEST(connect_blocking_waits_for_completion)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	struct completion c = { new_stream(), 0 };
	int before = send_buffer(c.fd);
	struct later later;

	later_start(&later, 50, action_complete, &c);
	ck_assert_int_eq(usocket_connect(c.fd, ADDRESS(sin)), 0);
	later_join(&later);
	ck_assert_int_eq(send_buffer(c.fd), before);
	ck_assert_int_eq(usocket_getsocketsta(c.fd), TABLE_STATE_ESTABLISHED);
	ck_assert_uint_eq(fake_last(fake).body.socket_connect.address.port, 80);
	ck_fails(usocket_connect(c.fd, ADDRESS(sin)), EISCONN);
	/* Nothing of the filler is left. */
	ck_assert_int_eq(usocket_send(c.fd, "hello", 5, 0), 5);
	ck_assert_int_eq(recv(fake_channel(fake, c.fd), (char[16]){ 0 }, 16, 0), 5);
}
END_TEST

static const int connect_errors[] = {
	ECONNREFUSED,
	ETIMEDOUT,
	EHOSTUNREACH,
	ENETUNREACH,
	EACCES,
};

START_TEST(connect_failed_tells_why_and_may_be_repeated)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	struct completion c = { new_stream(), connect_errors[_i] };
	int before = send_buffer(c.fd);
	struct later later;

	later_start(&later, 20, action_complete, &c);
	ck_fails(usocket_connect(c.fd, ADDRESS(sin)), c.error);
	later_join(&later);
	ck_assert_int_eq(send_buffer(c.fd), before);
	ck_assert_int_eq(pending_error(c.fd), 0);
	c.error = 0;
	later_start(&later, 20, action_complete, &c);
	ck_assert_int_eq(usocket_connect(c.fd, ADDRESS(sin)), 0);
	later_join(&later);
}
END_TEST

START_TEST(connect_nonblocking_completes_with_pollout)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	int fd = new_stream(), before = send_buffer(fd);

	set_nonblocking(fd);
	ck_assert_int_eq(events_of(fd), POLLOUT | POLLHUP);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), EINPROGRESS);
	ck_assert_int_eq(events_of(fd), 0);
	ck_assert_int_eq(usocket_getsocketsta(fd), TABLE_STATE_SYN_SENT);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), EALREADY);
	ck_assert_int_eq(pending_error(fd), 0);
	ck_fails(usocket_send(fd, "x", 1, 0), EAGAIN);
	ck_fails(usocket_recv(fd, &(char){ 0 }, 1, 0), EAGAIN);
	ck_fails(usocket_getpeername(fd, (struct sockaddr *)&sin, &(socklen_t){ sizeof(sin) }),
		ENOTCONN);
	fake_complete_connect(fake, fd, 0);
	ck_assert_int_eq(events_of(fd), POLLOUT);
	ck_assert_int_eq(pending_error(fd), 0);
	ck_assert_int_eq(send_buffer(fd), before);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), EISCONN);
}
END_TEST

/* A receive that waits meanwhile hears how it ends. */
START_TEST(connect_refused_ends_a_receive_that_waits)
{
	const struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	struct completion c = { new_stream(), ECONNREFUSED };
	struct later later;
	int flags = fcntl(c.fd, F_GETFL);

	set_nonblocking(c.fd);
	ck_fails(usocket_connect(c.fd, ADDRESS(sin)), EINPROGRESS);
	fcntl(c.fd, F_SETFL, flags);
	later_start(&later, 50, action_complete, &c);
	ck_fails(usocket_recv(c.fd, &(char){ 0 }, 1, 0), ECONNREFUSED);
	later_join(&later);
}
END_TEST

START_TEST(connect_nonblocking_refused_is_reported_once)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	int fd = new_stream(), before = send_buffer(fd);

	set_nonblocking(fd);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), EINPROGRESS);
	fake_complete_connect(fake, fd, ECONNREFUSED);
	ck_assert_int_eq(events_of(fd), POLLOUT | POLLERR | POLLHUP);
	switch (_i) {
	case 0:
		ck_assert_int_eq(pending_error(fd), ECONNREFUSED);
		ck_assert_int_eq(pending_error(fd), 0);
		break;
	case 1:
		ck_fails(usocket_send(fd, "x", 1, 0), ECONNREFUSED);
		ck_fails(usocket_send(fd, "x", 1, 0), ENOTCONN);
		break;
	case 2:
		ck_fails(usocket_recv(fd, &(char){ 0 }, 1, 0), ECONNREFUSED);
		ck_fails(usocket_recv(fd, &(char){ 0 }, 1, 0), ENOTCONN);
		break;
	default:
		ck_fails(usocket_connect(fd, ADDRESS(sin)), ECONNREFUSED);
		break;
	}
	ck_assert_int_eq(events_of(fd), POLLOUT | POLLHUP);
	ck_assert_int_eq(send_buffer(fd), before);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), EINPROGRESS);
}
END_TEST

START_TEST(connect_polled_then_repeated_gives_result)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	int fd = new_stream();

	set_nonblocking(fd);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), EINPROGRESS);
	fake_complete_connect(fake, fd, 0);
	ck_assert_int_eq(usocket_connect(fd, ADDRESS(sin)), 0);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), EISCONN);
}
END_TEST

START_TEST(connect_completed_is_restored_by_any_call)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	int fd = new_stream(), before = send_buffer(fd);

	set_nonblocking(fd);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), EINPROGRESS);
	ck_assert_int_lt(send_buffer(fd), 16384);
	fake_complete_connect(fake, fd, 0);
	if (_i)
		ck_assert_int_eq(usocket_send(fd, "x", 1, 0), 1);
	else
		ck_fails(usocket_recv(fd, &(char){ 0 }, 1, 0), EAGAIN);
	ck_assert_int_eq(send_buffer(fd), before);
}
END_TEST

START_TEST(connect_finished_by_other_process_is_restored)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	int fd = new_stream(), before = send_buffer(fd), status;
	pid_t pid;

	/* As if a process that was started by exec had left it so. */
	pid = fork();
	if (pid == 0) {
		set_nonblocking(fd);
		_exit(usocket_connect(fd, ADDRESS(sin)) < 0 && errno == EINPROGRESS ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_lt(send_buffer(fd), 16384);
	fake_complete_connect(fake, fd, 0);
	ck_assert_int_eq(usocket_connect_wait(fd, 1000), 0);
	ck_assert_int_eq(send_buffer(fd), before);
}
END_TEST

START_TEST(connect_left_behind_is_repaired_by_send)
{
	static char bytes[100000];
	int fd = fake_connected(fake), before = send_buffer(fd), none = 0;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &none, sizeof(none)), 0);
	ck_assert_int_eq(usocket_send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	ck_assert_int_eq(send_buffer(fd), before);
}
END_TEST

START_TEST(connect_send_buffer_set_meanwhile_counts_after)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	int fd = new_stream(), bytes = 0;
	socklen_t len = sizeof(bytes);

	set_nonblocking(fd);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), EINPROGRESS);
	ck_assert_int_eq(usocket_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ 30000 }, 4), 0);
	ck_assert_int_eq(events_of(fd), 0);
	ck_assert_int_eq(usocket_getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &len), 0);
	ck_assert_int_eq(bytes, 60000);
	fake_complete_connect(fake, fd, 0);
	ck_assert_int_eq(pending_error(fd), 0);
	ck_assert_int_eq(send_buffer(fd), 60000);
}
END_TEST

START_TEST(connect_timeout_gives_up)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	int fd = new_stream(), before = send_buffer(fd);
	int64_t start = now_ms();

	ck_fails(usocket_connect_timeout(fd, ADDRESS(sin), 100), ETIMEDOUT);
	ck_assert_int_ge(now_ms() - start, 100);
	ck_assert_int_le(now_ms() - start, 1000);
	ck_assert_int_eq(fake_last(fake).which_body, usp_Request_socket_disconnect_tag);
	ck_assert_int_eq(usocket_getsocketsta(fd), 0);
	ck_assert_int_eq(send_buffer(fd), before);
	ck_fails(usocket_connect_timeout(fd, ADDRESS(sin), 0), EINPROGRESS);
	ck_fails(usocket_connect_timeout(fd, ADDRESS(sin), 100), EALREADY);
	ck_fails(usocket_connect_wait(fd, 0), EINPROGRESS);
	fake_complete_connect(fake, fd, 0);
	ck_assert_int_eq(usocket_connect_wait(fd, 0), 0);
	ck_assert_int_eq(usocket_connect_wait(fd, 0), 0);
}
END_TEST

START_TEST(connect_plain_timeout_leaves_it_going)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	struct completion c = { new_stream(), 0 };
	struct later later;

	set_timeout(c.fd, SO_SNDTIMEO, 50);
	ck_fails(usocket_connect(c.fd, ADDRESS(sin)), EINPROGRESS);
	ck_assert_int_eq(usocket_getsocketsta(c.fd), TABLE_STATE_SYN_SENT);
	/* A blocking connect joins the one under way, as on Linux. */
	set_timeout(c.fd, SO_SNDTIMEO, 2000);
	later_start(&later, 50, action_complete, &c);
	ck_assert_int_eq(usocket_connect(c.fd, ADDRESS(sin)), 0);
	later_join(&later);
}
END_TEST

static void action_signal(void *arg)
{
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
}

START_TEST(connect_interrupted_goes_on)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	pthread_t self = pthread_self();
	struct later later;
	int fd = new_stream();

	catch_signal(SIGUSR1);
	later_start(&later, 50, action_signal, &self);
	ck_fails(usocket_connect_timeout(fd, ADDRESS(sin), 5000), EINTR);
	later_join(&later);
	ck_fails(usocket_connect_wait(fd, 0), EINPROGRESS);
	fake_complete_connect(fake, fd, 0);
	ck_assert_int_eq(usocket_connect_wait(fd, 1000), 0);
}
END_TEST

static enum fake_answer hook_refuse(struct fake_daemon *f, const usp_Request *request,
	usp_Reply *reply, int *fd)
{
	(void)fd;
	if (request->which_body != usp_Request_socket_connect_tag)
		return FAKE_ANSWER_NORMAL;
	reply->status = *(usp_Status *)f->hook_arg;
	return FAKE_ANSWER_FILLED;
}

START_TEST(connect_refused_by_daemon_restores)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	usp_Status status = usp_Status_STATUS_HOST_UNREACHABLE;
	int fd = new_stream(), before = send_buffer(fd);

	fake_set_hook(fake, hook_refuse, &status);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), EHOSTUNREACH);
	ck_assert_int_eq(send_buffer(fd), before);
}
END_TEST

START_TEST(connect_checks_arguments)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80), zero = ipv4("192.0.2.1", 0);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = new_stream();

	ck_fails(usocket_connect(fd, ADDRESS(zero)), EINVAL);
	ck_fails(usocket_connect(fd, (struct sockaddr *)&sin, 4), EINVAL);
	ck_fails(usocket_connect(fd, NULL, 0), EINVAL);
	ck_fails(usocket_connect(fd, ADDRESS(un)), EAFNOSUPPORT);
	fake_set_state(fake, fd, TABLE_STATE_LISTEN, 0, 0);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), EISCONN);
}
END_TEST

START_TEST(connect_asks_to_wait_for_link)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	int fd = new_stream();

	set_nonblocking(fd);
	if (_i == 1)
		ck_assert_int_eq(usocket_setsockopt(fd, SOL_USOCKET, USOCKET_SO_WAIT_LINK,
					 &(int){ 1 }, 4),
			0);
	usocket_set_wait_link(_i == 2);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), EINPROGRESS);
	ck_assert_int_eq(fake_last(fake).body.socket_connect.wait_for_link, _i > 0);
}
END_TEST

START_TEST(connect_to_daemon_killed_fails)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	int fd = new_stream();

	set_nonblocking(fd);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), EINPROGRESS);
	fake_kill(fake);
	ck_fails(usocket_connect_wait(fd, 2000), ECONNABORTED);
}
END_TEST

/* A daemon that says it has not finished, but makes the channel writable. */
START_TEST(connect_lied_about_does_not_spin)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	struct timespec before, after;
	int fd = new_stream();

	ck_fails(usocket_connect_timeout(fd, ADDRESS(sin), 0), EINPROGRESS);
	while (recv(fake_channel(fake, fd), (char[16]){ 0 }, 16, MSG_DONTWAIT) > 0)
		;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	ck_fails(usocket_connect_wait(fd, 300), ETIMEDOUT);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	ck_assert_int_lt((after.tv_sec - before.tv_sec) * 1000 +
			(after.tv_nsec - before.tv_nsec) / 1000000,
		100);
}
END_TEST

/* ---- connect to a name ------------------------------------------------------- */

static const int both_types[] = { SOCK_STREAM, SOCK_DGRAM };

START_TEST(connect_name_completes_with_pollout)
{
	int fd = usocket_socket(AF_INET, both_types[_i], 0), before = send_buffer(fd);

	ck_fails(usocket_connect_name(fd, "host.example", 80), EINPROGRESS);
	ck_assert_str_eq(fake_last(fake).body.socket_connect_name.name, "host.example");
	ck_assert_uint_eq(fake_last(fake).body.socket_connect_name.port, 80);
	ck_assert(!fake_last(fake).body.socket_connect_name.wait_for_link);
	ck_assert_int_eq(events_of(fd), 0);
	ck_fails(usocket_connect_name(fd, "host.example", 80), EALREADY);
	ck_fails(usocket_connect_wait(fd, 0), EINPROGRESS);
	ck_fails(usocket_send(fd, "x", 1, MSG_DONTWAIT), EAGAIN);
	ck_assert_int_eq(pending_error(fd), 0);
	fake_complete_connect(fake, fd, 0);
	ck_assert_int_eq(events_of(fd), POLLOUT);
	ck_assert_int_eq(usocket_connect_wait(fd, 0), 0);
	ck_assert_int_eq(send_buffer(fd), before);
	ck_assert_int_eq(usocket_send(fd, (char[20000]){ 0 }, 20000, MSG_DONTWAIT), 20000);
}
END_TEST

START_TEST(connect_name_waits_and_fails)
{
	struct completion c = { usocket_socket(AF_INET, both_types[_i], 0), EHOSTUNREACH };
	int before = send_buffer(c.fd);
	struct later later;

	usocket_set_wait_link(1);
	ck_fails(usocket_connect_name(c.fd, "host.example", 80), EINPROGRESS);
	usocket_set_wait_link(0);
	ck_assert(fake_last(fake).body.socket_connect_name.wait_for_link);
	later_start(&later, 50, action_complete, &c);
	ck_fails(usocket_connect_wait(c.fd, 5000), EHOSTUNREACH);
	later_join(&later);
	ck_assert_int_eq(send_buffer(c.fd), before);
	ck_fails(usocket_connect_wait(c.fd, 0), ENOTCONN);
	/* And again; the result in SO_ERROR. */
	ck_fails(usocket_connect_name(c.fd, "host.example", 80), EINPROGRESS);
	fake_complete_connect(fake, c.fd, EHOSTUNREACH);
	ck_assert(events_of(c.fd) & POLLERR);
	ck_assert_int_eq(pending_error(c.fd), EHOSTUNREACH);
	ck_assert_int_eq(pending_error(c.fd), 0);
}
END_TEST

START_TEST(connect_name_is_given_up_after_its_time)
{
	int fd = usocket_socket(AF_INET, both_types[_i], 0), before = send_buffer(fd);

	ck_fails(usocket_connect_name(fd, "host.example", 80), EINPROGRESS);
	ck_fails(usocket_connect_wait(fd, 20), ETIMEDOUT);
	ck_assert_int_eq(fake_last(fake).which_body, usp_Request_socket_disconnect_tag);
	ck_assert_int_eq(send_buffer(fd), before);
	ck_fails(usocket_connect_name(fd, "host.example", 80), EINPROGRESS);
}
END_TEST

START_TEST(connect_name_takes_literals)
{
	int stream = usocket_socket(AF_INET, SOCK_STREAM, 0);
	int datagram = usocket_socket(AF_INET, SOCK_DGRAM, 0);

	ck_fails(usocket_connect_name(stream, "192.0.2.1", 80), EINPROGRESS);
	ck_assert_int_eq(fake_last(fake).which_body, usp_Request_socket_connect_tag);
	ck_assert_int_eq(usocket_connect_name(datagram, "192.0.2.1", 80), 0);
	ck_assert_int_eq(fake_last(fake).which_body, usp_Request_socket_connect_tag);
	ck_assert_int_eq(events_of(datagram), POLLOUT);
}
END_TEST

START_TEST(connect_name_refuses_what_it_cannot)
{
	int fd = usocket_socket(AF_INET, both_types[_i], 0);
	char name[300];

	memset(name, 'a', sizeof(name));
	name[256] = '\0';
	ck_fails(usocket_connect_name(fd, name, 80), ENAMETOOLONG);
	name[255] = '\0';
	ck_fails(usocket_connect_name(fd, "host.example", 0), EINVAL);
	ck_fails(usocket_connect_name(fd, NULL, 80), EINVAL);
	ck_fails(usocket_connect_name(-1, "host.example", 80), EBADF);
	ck_fails(usocket_connect_name(fd, name, 80), EINPROGRESS);
}
END_TEST

static enum fake_answer answer_unknown(struct fake_daemon *f, const usp_Request *request,
	usp_Reply *reply, int *fd)
{
	(void)f;
	(void)request;
	(void)fd;
	reply->status = usp_Status_STATUS_UNKNOWN_REQUEST;
	return FAKE_ANSWER_FILLED;
}

START_TEST(connect_name_needs_a_daemon_that_knows_it)
{
	int fd = usocket_socket(AF_INET, both_types[_i], 0), before = send_buffer(fd);

	fake_set_hook(fake, answer_unknown, NULL);
	ck_fails(usocket_connect_name(fd, "host.example", 80), EOPNOTSUPP);
	ck_assert_int_eq(send_buffer(fd), before);
	fake_set_hook(fake, NULL, NULL);
}
END_TEST

/* ---- accept ---------------------------------------------------------------- */

START_TEST(listen_backlog_is_clamped)
{
	static const int rows[][2] = { { -1, 1 }, { 0, 1 }, { 1, 1 }, { 255, 255 }, { 1000, 255 } };
	int fd = new_stream();

	ck_assert_int_eq(usocket_listen(fd, rows[_i][0]), 0);
	ck_assert_uint_eq(fake_last(fake).body.socket_listen.backlog, (unsigned int)rows[_i][1]);
	ck_assert_int_eq(usocket_getsocketsta(fd), TABLE_STATE_LISTEN);
}
END_TEST

START_TEST(accept_takes_connection)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	int fd, listener = new_listener();
	socket_id id;

	ck_assert_int_eq(events_of(listener), 0);
	id = fake_offer(fake, listener, TABLE_STATE_ESTABLISHED, 0);
	ck_assert_int_eq(events_of(listener), POLLIN);
	set_nonblocking(listener);
	fd = usocket_accept(listener, (struct sockaddr *)&peer, &len);
	ck_assert_int_ge(fd, 0);
	ck_assert(usocket_id(fd) == id);
	ck_assert_int_eq(ntohs(peer.sin_port), 4711);
	ck_assert_int_eq(fcntl(fd, F_GETFD), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_fails(usocket_accept(listener, NULL, NULL), EAGAIN);
	/* The right to control it is proved when it is needed. */
	ck_assert_int_eq(usocket_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, 4), 0);
	ck_assert_int_eq(atomic_load(&fake->n_attached), 1);
}
END_TEST

START_TEST(accept4_sets_flags)
{
	int fd, listener = new_listener();

	fake_offer(fake, listener, TABLE_STATE_ESTABLISHED, 0);
	fd = usocket_accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ck_fails(usocket_accept4(listener, NULL, NULL, 1), EINVAL);
}
END_TEST

START_TEST(accept_times_out)
{
	int listener = new_listener();
	int64_t start = now_ms();

	ck_fails(usocket_accept_timeout(listener, NULL, NULL, 0, 60), ETIMEDOUT);
	ck_assert_int_ge(now_ms() - start, 60);
	ck_fails(usocket_accept_timeout(listener, NULL, NULL, 0, 0), EAGAIN);
	set_timeout(listener, SO_RCVTIMEO, 60);
	ck_fails(usocket_accept(listener, NULL, NULL), EAGAIN);
	ck_assert_int_ge(now_ms() - start, 120);
}
END_TEST

START_TEST(accept_on_what_does_not_listen_fails)
{
	int stream = new_stream(), dgram = usocket_socket(AF_INET, SOCK_DGRAM, 0);

	ck_fails(usocket_accept(stream, NULL, NULL), EINVAL);
	ck_fails(usocket_accept(dgram, NULL, NULL), EOPNOTSUPP);
	ck_fails(usocket_listen(dgram, 1), EOPNOTSUPP);
}
END_TEST

START_TEST(accept_skips_stillborn_but_not_those_with_data)
{
	int fd, listener = new_listener();
	socket_id with_data;
	char byte;

	fake_offer(fake, listener, TABLE_STATE_CLOSED, ECONNRESET);
	with_data = fake_offer(fake, listener, TABLE_STATE_CLOSED, ECONNRESET);
	for (int i = 0; i < FAKE_SOCKETS; i++)
		if (fake->sockets[i].id == with_data)
			ck_assert_int_eq(send(fake->sockets[i].channel, "d", 1, 0), 1);
	fake_offer(fake, listener, TABLE_STATE_CLOSED, ECONNRESET);
	fd = usocket_accept_timeout(listener, NULL, NULL, 0, 500);
	ck_assert_int_ge(fd, 0);
	ck_assert(usocket_id(fd) == with_data);
	ck_assert_int_eq(usocket_recv(fd, &byte, 1, 0), 1);
	ck_fails(usocket_accept_timeout(listener, NULL, NULL, 0, 0), EAGAIN);
}
END_TEST

static void send_raw(int listener, const void *bytes, size_t len, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { (void *)bytes, len };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	ck_assert_int_eq(sendmsg(fake_channel(fake, listener), &message, 0), (ssize_t)len);
}

START_TEST(accept_of_nonsense_is_eproto)
{
	struct channel_header header = { .kind = CHANNEL_ACCEPTED };
	int listener = new_listener(), pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	switch (_i) {
	case 0: /* no descriptor */
		send_raw(listener, &header, sizeof(header), -1);
		break;
	case 1: /* not a channel */
		send_raw(listener, &header, sizeof(header), pair[0]);
		break;
	case 2: /* too short */
		send_raw(listener, &header, 7, pair[0]);
		break;
	default:
		header.kind = 77;
		send_raw(listener, &header, sizeof(header), pair[0]);
		break;
	}
	ck_fails(usocket_accept_timeout(listener, NULL, NULL, 0, 100), EPROTO);
	fake_offer(fake, listener, TABLE_STATE_ESTABLISHED, 0);
	ck_assert_int_ge(usocket_accept_timeout(listener, NULL, NULL, 0, 1000), 0);
}
END_TEST

static void action_shutdown(void *arg)
{
	usocket_shutdown(*(int *)arg, SHUT_RD);
}

START_TEST(accept_ends_when_listener_is_shut)
{
	int listener = new_listener();
	struct later later;

	later_start(&later, 50, action_shutdown, &listener);
	ck_fails(usocket_accept(listener, NULL, NULL), EINVAL);
	later_join(&later);
}
END_TEST

START_TEST(accept_ends_when_daemon_does)
{
	int listener = new_listener();

	fake_kill(fake);
	ck_fails(usocket_accept(listener, NULL, NULL), ECONNABORTED);
}
END_TEST

static void *accept_one(void *arg)
{
	return (void *)(intptr_t)usocket_accept_timeout(*(int *)arg, NULL, NULL, 0, 400);
}

START_TEST(accept_by_two_gives_each_connection_once)
{
	int listener = new_listener();
	pthread_t threads[4];
	void *fd;
	int n = 0;

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, accept_one, &listener);
	for (int i = 0; i < 3; i++)
		fake_offer(fake, listener, TABLE_STATE_ESTABLISHED, 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &fd);
		n += (intptr_t)fd >= 0;
	}
	ck_assert_int_eq(n, 3);
}
END_TEST

static TCase *connect_tests(void)
{
	TCase *tc = tcase_create("connect");

	tcase_add_test(tc, connect_blocking_waits_for_completion);
	tcase_add_loop_test(tc, connect_failed_tells_why_and_may_be_repeated, 0,
		sizeof(connect_errors) / sizeof(connect_errors[0]));
	tcase_add_test(tc, connect_nonblocking_completes_with_pollout);
	tcase_add_test(tc, connect_refused_ends_a_receive_that_waits);
	tcase_add_loop_test(tc, connect_name_completes_with_pollout, 0, 2);
	tcase_add_loop_test(tc, connect_name_waits_and_fails, 0, 2);
	tcase_add_loop_test(tc, connect_name_is_given_up_after_its_time, 0, 2);
	tcase_add_test(tc, connect_name_takes_literals);
	tcase_add_loop_test(tc, connect_name_refuses_what_it_cannot, 0, 2);
	tcase_add_loop_test(tc, connect_name_needs_a_daemon_that_knows_it, 0, 2);
	tcase_add_loop_test(tc, connect_nonblocking_refused_is_reported_once, 0, 4);
	tcase_add_test(tc, connect_polled_then_repeated_gives_result);
	tcase_add_loop_test(tc, connect_completed_is_restored_by_any_call, 0, 2);
	tcase_add_test(tc, connect_finished_by_other_process_is_restored);
	tcase_add_test(tc, connect_left_behind_is_repaired_by_send);
	tcase_add_test(tc, connect_send_buffer_set_meanwhile_counts_after);
	tcase_add_test(tc, connect_timeout_gives_up);
	tcase_add_test(tc, connect_plain_timeout_leaves_it_going);
	tcase_add_test(tc, connect_interrupted_goes_on);
	tcase_add_test(tc, connect_refused_by_daemon_restores);
	tcase_add_test(tc, connect_checks_arguments);
	tcase_add_loop_test(tc, connect_asks_to_wait_for_link, 0, 3);
	tcase_add_test(tc, connect_to_daemon_killed_fails);
	tcase_add_test(tc, connect_lied_about_does_not_spin);
	return tc;
}

static TCase *accept_tests(void)
{
	TCase *tc = tcase_create("accept");

	tcase_add_loop_test(tc, listen_backlog_is_clamped, 0, 5);
	tcase_add_test(tc, accept_takes_connection);
	tcase_add_test(tc, accept4_sets_flags);
	tcase_add_test(tc, accept_times_out);
	tcase_add_test(tc, accept_on_what_does_not_listen_fails);
	tcase_add_test(tc, accept_skips_stillborn_but_not_those_with_data);
	tcase_add_loop_test(tc, accept_of_nonsense_is_eproto, 0, 4);
	tcase_add_test(tc, accept_ends_when_listener_is_shut);
	tcase_add_test(tc, accept_ends_when_daemon_does);
	tcase_add_test(tc, accept_by_two_gives_each_connection_once);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("client connect");
	TCase *cases[] = { connect_tests(), accept_tests() };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tcase_add_checked_fixture(cases[i], setup_queues, teardown);
		tcase_set_timeout(cases[i], 60);
		suite_add_tcase(suite, cases[i]);
	}
	return run_suite(suite);
}
