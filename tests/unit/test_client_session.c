/* SPDX-License-Identifier: MIT */
#include "tests/unit/client_suite.h"

#include "client/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static int n_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 2048; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n++;
	return n;
}

static void wait_for_child(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}

START_TEST(socket_first_call_opens_session)
{
	int fd = usocket_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct usocket_versions versions;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(atomic_load(&fake->n_hellos), 1);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ck_assert(usocket_id(fd) == fake_socket(fake, fd)->id);
	usocket_versions(&versions, sizeof(versions));
	ck_assert_int_eq(versions.in_use, 1);
	ck_assert_str_eq(versions.daemon, "fake");
	ck_assert_int_eq(usocket_close(fd), 0);
	ck_fails(usocket_close(fd), EBADF);
}
END_TEST

START_TEST(socket_without_flags_is_blocking_and_inherited)
{
	int fd = usocket_socket(AF_INET6, SOCK_DGRAM, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

/* In a child, which has none of the fake's descriptors coming and going. */
static int check_numbers(void)
{
	for (int i = 0; i < 3; i++) {
		int lowest = dup(0);

		close(lowest);
		if (usocket_socket(AF_INET, SOCK_STREAM, 0) != lowest)
			return 1;
	}
	/* All that the library opened for itself is out of the way. */
	for (int fd = 20; fd < 512; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return 2;
	return fcntl(512, F_GETFD) == FD_CLOEXEC ? 0 : 3;
}

START_TEST(socket_gets_lowest_number)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (int fd = 20; fd < 512; fd++)
			close(fd);
		_exit(check_numbers());
	}
	wait_for_child(pid);
}
END_TEST

struct bad_socket {
	int domain, type, protocol, error;
};

static const struct bad_socket bad_sockets[] = {
	{ AF_UNIX, SOCK_STREAM, 0, EAFNOSUPPORT },
	{ 99, 99, 99, EAFNOSUPPORT },
	{ AF_INET, 99, 0, EINVAL },
	{ AF_INET, SOCK_SEQPACKET, 0, EINVAL },
	{ AF_INET, SOCK_STREAM, IPPROTO_UDP, EPROTONOSUPPORT },
	{ AF_INET, SOCK_DGRAM, IPPROTO_TCP, EPROTONOSUPPORT },
	{ AF_INET, SOCK_STREAM, 200, EPROTONOSUPPORT },
	{ AF_INET, SOCK_RAW, 0, EPROTONOSUPPORT },
	{ AF_INET, SOCK_RAW, 256, EPROTONOSUPPORT },
};

START_TEST(socket_with_bad_arguments_fails)
{
	const struct bad_socket *row = &bad_sockets[_i];

	ck_fails(usocket_socket(row->domain, row->type, row->protocol), row->error);
	ck_assert_int_eq(atomic_load(&fake->n_requests), 0);
}
END_TEST

static const int good_protocols[][2] = {
	{ SOCK_STREAM, 0 },
	{ SOCK_STREAM, IPPROTO_TCP },
	{ SOCK_STREAM, 7 },
	{ SOCK_STREAM, 8 },
	{ SOCK_DGRAM, 0 },
	{ SOCK_DGRAM, IPPROTO_UDP },
	{ SOCK_DGRAM, 8 },
	{ SOCK_RAW, IPPROTO_ICMP },
};

START_TEST(socket_with_fitting_protocol_works)
{
	int fd = usocket_socket(AF_INET, good_protocols[_i][0], good_protocols[_i][1]);

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(fake_last(fake).body.socket_new.protocol,
		good_protocols[_i][0] == SOCK_RAW ? IPPROTO_ICMP : 0);
}
END_TEST

START_TEST(call_on_foreign_descriptor_fails)
{
	int pair[2], fd = open("/dev/null", O_RDWR);
	char byte;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_fails(usocket_recv(fd, &byte, 1, 0), ENOTSOCK);
	ck_fails(usocket_recv(pair[0], &byte, 1, MSG_DONTWAIT), ENOTSOCK);
	ck_fails(usocket_send(987, "x", 1, 0), EBADF);
	ck_fails(usocket_listen(-1, 1), EBADF);
	ck_fails(usocket_getsocketsta(fd), ENOTSOCK);
	ck_assert_int_eq(usocket_id(pair[0]), 0);
	ck_assert_int_eq(errno, ENOTSOCK);
}
END_TEST

struct bad_hello {
	enum fake_hello hello;
	int error;
};

static const struct bad_hello bad_hellos[] = {
	{ FAKE_HELLO_VERSION, EPROTONOSUPPORT },
	{ FAKE_HELLO_GARBAGE, EPROTO },
	{ FAKE_HELLO_NO_TABLE, EPROTO },
	{ FAKE_HELLO_WRONG_TABLE, EPROTO },
	{ FAKE_HELLO_OTHER_INSTANCE, EPROTO },
	{ FAKE_HELLO_HANG_UP, ENODEV },
	{ FAKE_HELLO_FULL, ENFILE },
};

START_TEST(hello_gone_wrong_leaves_nothing_behind)
{
	int before = n_descriptors();

	fake->hello = bad_hellos[_i].hello;
	ck_fails(usocket_socket(AF_INET, SOCK_STREAM, 0), bad_hellos[_i].error);
	usleep(20000);
	/* The fake's own side of the session lives in this process too. */
	ck_assert_int_le(n_descriptors(), before + 1 + fake->queues);
	fake->hello = FAKE_HELLO_GOOD;
	ck_assert_int_ge(usocket_socket(AF_INET, SOCK_STREAM, 0), 0);
}
END_TEST

START_TEST(hello_of_other_version_tells_both)
{
	struct usocket_versions versions;

	fake->hello = FAKE_HELLO_VERSION;
	ck_fails(usocket_open_session(), EPROTONOSUPPORT);
	usocket_versions(&versions, sizeof(versions));
	ck_assert_uint_eq(versions.library_max, PROTOCOL_VERSION_MAX);
	ck_assert_uint_eq(versions.daemon_min, 7);
	ck_assert_uint_eq(versions.daemon_max, 9);
	ck_assert_uint_eq(versions.in_use, 0);
	ck_assert_str_eq(versions.daemon, "future");
}
END_TEST

START_TEST(hello_unanswered_times_out)
{
	int64_t start = now_ms();

	fake->hello = FAKE_HELLO_SILENT;
	ck_fails(usocket_open_session(), ETIMEDOUT);
	ck_assert_int_ge(now_ms() - start, 4900);
	ck_assert_int_le(now_ms() - start, 6000);
}
END_TEST

/* ---- replies gone wrong -------------------------------------------------- */

struct bad_answer {
	enum fake_answer answer;
	int error; /* 0: the call succeeds all the same */
};

static const struct bad_answer bad_answers[] = {
	{ FAKE_ANSWER_GARBAGE, EPROTO },
	{ FAKE_ANSWER_OTHER_SEQUENCE, EPROTO },
	{ FAKE_ANSWER_NO_FD, EPROTO },
	{ FAKE_ANSWER_WRONG_FD, EPROTO },
	{ FAKE_ANSWER_LONG, EPROTO },
	{ FAKE_ANSWER_SURPLUS_FDS, 0 },
	/* The session is opened anew, and the request made again. */
	{ FAKE_ANSWER_HANG_UP, 0 },
};

START_TEST(reply_gone_wrong_does_no_harm)
{
	enum fake_answer answer = bad_answers[_i].answer;
	int before;

	ck_assert_int_eq(usocket_open_session(), 0);
	before = n_descriptors();
	fake_set_hook(fake, hook_once, &answer);
	if (bad_answers[_i].error) {
		ck_fails(usocket_socket(AF_INET, SOCK_STREAM, 0), bad_answers[_i].error);
		usleep(20000);
		/* The fake keeps its end of the socket it has made. */
		ck_assert_int_le(n_descriptors(), before + 1);
	}
	ck_assert_int_ge(usocket_socket(AF_INET, SOCK_STREAM, 0), 0);
	ck_assert_int_le(n_descriptors(), before + 4);
}
END_TEST

START_TEST(reply_sent_twice_is_noticed)
{
	enum fake_answer answer = FAKE_ANSWER_TWICE;
	int fd = usocket_socket(AF_INET, SOCK_STREAM, 0);

	fake_set_hook(fake, hook_once, &answer);
	ck_assert_int_eq(usocket_listen(fd, 1), 0);
	/* Without queues the extra reply waits in the socket: the session is
	 * given up, at the latest when it answers the wrong request. */
	(void)usocket_listen(fd, 1);
	ck_assert_int_eq(usocket_listen(fd, 1), 0);
}
END_TEST

START_TEST(reply_missing_gives_session_up)
{
	enum fake_answer answer = FAKE_ANSWER_SILENT;
	int64_t start;
	int fd = usocket_socket(AF_INET, SOCK_STREAM, 0);

	fake_set_hook(fake, hook_once, &answer);
	start = now_ms();
	ck_fails(usocket_listen(fd, 1), ETIMEDOUT);
	ck_assert_int_ge(now_ms() - start, 4900);
	ck_assert_int_le(now_ms() - start, 6000);
	/* The next session must prove its right to the socket. */
	ck_assert_int_eq(usocket_listen(fd, 1), 0);
	ck_assert_int_eq(atomic_load(&fake->n_attached), 1);
	ck_assert_int_eq(atomic_load(&fake->n_hellos), 2);
}
END_TEST

/* ---- the daemon comes and goes ------------------------------------------- */

START_TEST(no_daemon_is_enodev)
{
	struct addrinfo *list = NULL;

	fake_kill(fake);
	ck_fails(usocket_socket(AF_INET, SOCK_STREAM, 0), ENODEV);
	ck_fails(usocket_wait_link(0), ENODEV);
	ck_assert_int_eq(usocket_getaddrinfo("name.example", NULL, NULL, &list), EAI_SYSTEM);
	ck_assert_int_eq(errno, ENODEV);
}
END_TEST

START_TEST(path_too_long_is_refused)
{
	char path[300];

	memset(path, 'x', sizeof(path));
	path[299] = '\0';
	ck_fails(usocket_set_socket_path(path), ENAMETOOLONG);
	ck_assert_int_eq(usocket_socket_path(path, sizeof(path)), (int)strlen(fake->path));
	ck_assert_str_eq(path, fake->path);
}
END_TEST

START_TEST(daemon_restarted_is_found_by_next_call)
{
	struct fake_daemon *old = fake;
	struct usocket_identity identity;
	char byte;
	int fd = fake_connected(fake), control = usocket_socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(usocket_identify(fd, &identity), 0);
	ck_assert_int_eq(usocket_getsocketsta_of(fd, &identity), TABLE_STATE_ESTABLISHED);
	if (_i)
		fake_stop(fake);
	else
		fake_kill(fake);
	fake = fake_restart(old);
	/* Live sockets: 103 once, then the end (G13, G16). */
	ck_fails(usocket_recv(fd, &byte, 1, 0), ECONNABORTED);
	ck_assert_int_eq(usocket_recv(fd, &byte, 1, 0), 0);
	ck_fails(usocket_send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	ck_assert_int_eq(usocket_getsocketsta(fd), 0);
	ck_assert_int_eq(usocket_getsocketsta_of(fd, &identity), 0);
	ck_fails(usocket_listen(control, 1), ECONNABORTED);
	ck_fails(usocket_listen(control, 1), ECONNABORTED);
	ck_assert_int_ge(usocket_socket(AF_INET, SOCK_STREAM, 0), 0);
	ck_assert_int_eq(atomic_load(&fake->n_hellos), 1);
	fake_free(old);
}
END_TEST

/* With an identity the state comes from memory until that tells nothing more. */
START_TEST(state_by_identity_is_that_by_descriptor)
{
	struct usocket_identity identity, other, nobody = { 0 };
	int fd = fake_connected(fake), udp = usocket_socket(AF_INET, SOCK_DGRAM, 0);
	int null = open("/dev/null", O_RDWR), state = -1;

	ck_fails(usocket_identify(null, &identity), ENOTSOCK);
	ck_fails(usocket_identify(987, &identity), EBADF);
	ck_assert_int_eq(usocket_identify(fd, &identity), 0);
	ck_assert(identity.id == usocket_id(fd));
	ck_assert_int_eq(usocket_identify(udp, &other), 0);
	ck_assert(other.daemon == identity.daemon && other.id != identity.id);
	/* From memory: the descriptor is not looked at, unless 20 ms were just over. */
	for (int i = 0; i < 3 && state < 0; i++) {
		ck_assert_int_eq(usocket_getsocketsta_of(fd, &identity),
			TABLE_STATE_ESTABLISHED);
		state = usocket_getsocketsta_of(null, &identity);
	}
	ck_assert_int_eq(state, TABLE_STATE_ESTABLISHED);
	ck_assert_int_eq(usocket_getsocketsta_of(fd, &nobody), TABLE_STATE_ESTABLISHED);
	ck_fails(usocket_getsocketsta_of(udp, &other), EOPNOTSUPP);
	fake_end_socket(fake, fd);
	ck_assert_int_eq(usocket_getsocketsta_of(fd, &identity), 0);
	ck_assert_int_eq(close(fd), 0);
	ck_fails(usocket_getsocketsta_of(fd, &identity), EBADF);
	close(null);
}
END_TEST

START_TEST(daemon_gone_ends_send_and_options)
{
	const struct sockaddr_in sin = ipv4("192.0.2.1", 80);
	int error = -1, fd = fake_connected(fake);
	socklen_t len;

	fake_kill(fake);
	ck_fails(usocket_send(fd, "x", 1, MSG_NOSIGNAL), ECONNABORTED);
	ck_fails(usocket_send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	ck_fails(usocket_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int)),
		ECONNABORTED);
	len = sizeof(error);
	ck_assert_int_eq(usocket_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	ck_assert_int_eq(error, 0);
	ck_fails(usocket_connect(fd, ADDRESS(sin)), ECONNABORTED);
	ck_assert_int_eq(usocket_close(fd), 0);
}
END_TEST

START_TEST(daemon_gone_is_one_error_for_all_holders)
{
	int error = -1, fd = fake_connected(fake), copy = dup(fd);
	socklen_t len = sizeof(error);
	char byte;

	fake_kill(fake);
	ck_assert_int_eq(usocket_getsockopt(copy, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	ck_assert_int_eq(error, ECONNABORTED);
	ck_assert_int_eq(usocket_recv(fd, &byte, 1, 0), 0);
}
END_TEST

static void action_kill(void *arg)
{
	fake_kill(arg);
}

START_TEST(daemon_killed_wakes_blocked_recv)
{
	struct later later;
	int fd = fake_connected(fake);
	int64_t start = now_ms();
	char byte;

	later_start(&later, 100, action_kill, fake);
	ck_fails(usocket_recv(fd, &byte, 1, 0), ECONNABORTED);
	ck_assert_int_le(now_ms() - start, 1500);
	later_join(&later);
}
END_TEST

/* ---- descriptors, fork ---------------------------------------------------- */

START_TEST(descriptors_closed_by_program_are_replaced)
{
	int fd = usocket_socket(AF_INET, SOCK_STREAM, 0);
	int kept;

	/* As a daemonising program does, and then it opens files. */
	for (int i = 400; i < 1024; i++)
		close(i);
	kept = fcntl(0, F_DUPFD, 512);
	ck_assert_int_eq(kept, 512);
	ck_assert_int_eq(fcntl(0, F_DUPFD, 513), 513);
	ck_assert_int_eq(fcntl(0, F_DUPFD, 514), 514);
	ck_assert_int_eq(usocket_listen(fd, 1), 0);
	/* What has the old numbers now is not ours, and was not closed. */
	ck_assert_int_ge(fcntl(512, F_GETFD), 0);
	ck_assert_int_ge(fcntl(513, F_GETFD), 0);
	ck_assert_int_ge(fcntl(514, F_GETFD), 0);
}
END_TEST

START_TEST(one_descriptor_replaced_is_noticed)
{
	int fd = usocket_socket(AF_INET, SOCK_STREAM, 0);
	int pair[2];

	/* By a socket of the very kind, which must not get our messages. */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	for (int i = 512; i < 515; i++)
		if (i - 512 == _i || !fake->queues)
			dup2(pair[0], i);
	ck_assert_int_eq(usocket_listen(fd, 1), 0);
	ck_fails(recv(pair[1], &(char){ 0 }, 1, MSG_DONTWAIT), EAGAIN);
}
END_TEST

START_TEST(child_opens_session_of_its_own)
{
	int fd = fake_connected(fake);
	pid_t pid = fork();

	if (pid == 0) {
		/* Data needs none; control does, and the right to it. */
		if (usocket_send(fd, "child", 5, 0) != 5)
			_exit(1);
		if (usocket_getsocketsta(fd) != TABLE_STATE_ESTABLISHED)
			_exit(2);
		if (fcntl(512, F_GETFD) >= 0)
			_exit(3);
		if (usocket_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, 4) < 0)
			_exit(4);
		_exit(usocket_socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : 5);
	}
	wait_for_child(pid);
	ck_assert_int_eq(atomic_load(&fake->n_hellos), 2);
	ck_assert_int_eq(atomic_load(&fake->n_attached), 1);
	/* The parent's is as it was. */
	ck_assert_int_eq(usocket_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 0 }, 4), 0);
	ck_assert_int_eq(atomic_load(&fake->n_hellos), 2);
}
END_TEST

START_TEST(child_past_atfork_is_found_out)
{
	int fd = usocket_socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);

	if (pid == 0)
		_exit(usocket_listen(fd, 3) == 0 ? 0 : 1);
	wait_for_child(pid);
	ck_assert_int_eq(atomic_load(&fake->n_hellos), 2);
	ck_assert_int_eq(usocket_listen(fd, 3), 0);
	ck_assert_int_eq(atomic_load(&fake->n_hellos), 2);
}
END_TEST

static void *fork_meanwhile(void *arg)
{
	atomic_bool *stop = arg;

	while (!atomic_load(stop)) {
		int fd = usocket_socket(AF_INET, SOCK_DGRAM, 0);

		usocket_getsockopt(fd, SOL_SOCKET, SO_BROADCAST, &(int){ 0 }, &(socklen_t){ 4 });
		if (fd >= 0)
			fake_end_socket(fake, fd);
		usocket_close(fd);
	}
	return NULL;
}

START_TEST(child_of_busy_parent_is_not_stuck)
{
	pthread_t thread;
	atomic_bool stop = false;
	int fd = usocket_socket(AF_INET, SOCK_STREAM, 0);

	pthread_create(&thread, NULL, fork_meanwhile, &stop);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(10);
			_exit(usocket_listen(fd, 1) == 0 ? 0 : 1);
		}
		wait_for_child(pid);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(no_descriptor_left_is_emfile)
{
	struct rlimit limit;
	int fds[64], n = 0, before;

	ck_assert_int_eq(usocket_open_session(), 0);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 560;
	setrlimit(RLIMIT_NOFILE, &limit);
	while ((before = dup(0)) >= 0 && n < 64)
		fds[n++] = before;
	while (dup(0) >= 0)
		;
	ck_fails(usocket_socket(AF_INET, SOCK_STREAM, 0), EMFILE);
	ck_assert_int_eq(atomic_load(&fake->n_requests), 0);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	/* One for the socket; the fake needs two of its own meanwhile. */
	ck_assert_int_ge(usocket_socket(AF_INET, SOCK_STREAM, 0), 0);
	ck_assert_int_eq(atomic_load(&fake->n_hellos), 1);
}
END_TEST

/* ---- signals, threads ------------------------------------------------------ */

static atomic_int n_handled;

static void on_alarm(int number)
{
	int saved = errno;

	(void)number;
	/* The library may be called from a handler, also when it interrupts it. */
	usocket_open_session();
	atomic_fetch_add(&n_handled, 1);
	errno = saved;
}

START_TEST(signals_do_not_disturb_requests)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerspec every = { { 0, 200000 }, { 0, 200000 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	timer_t timer;
	int fd = usocket_socket(AF_INET, SOCK_STREAM, 0);

	sigaction(SIGALRM, &action, NULL);
	ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	timer_settime(timer, 0, &every, NULL);
	for (int i = 0; i < 2000 || atomic_load(&n_handled) < 5; i++)
		ck_assert_int_eq(usocket_listen(fd, 1), 0);
	timer_delete(timer);
	ck_assert_int_eq(atomic_load(&fake->n_hellos), 1);
}
END_TEST

static void *many_requests(void *arg)
{
	int fd = *(int *)arg;

	for (int i = 0; i < 300; i++) {
		int value = i % 2, back = -1;
		socklen_t len = sizeof(back);

		usocket_setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &value, sizeof(value));
		if (usocket_getsockopt(fd, SOL_SOCKET, SO_BROADCAST, &back, &len) < 0 ||
			back != value || usocket_getsocketsta(fd) != 0)
			return (void *)1;
	}
	return NULL;
}

START_TEST(threads_share_the_session)
{
	pthread_t threads[8];
	int fds[8];
	void *failed;

	for (int i = 0; i < 8; i++) {
		fds[i] = usocket_socket(AF_INET, SOCK_STREAM, 0);
		pthread_create(&threads[i], NULL, many_requests, &fds[i]);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	ck_assert_int_eq(atomic_load(&fake->n_hellos), 1);
}
END_TEST

static void *read_table(void *arg)
{
	atomic_bool *stop = arg;
	struct usocket_socket_info info;

	while (!atomic_load(stop)) {
		uint32_t cursor = 0;

		while (usocket_next_socket(&cursor, &info, sizeof(info)) == 1)
			;
	}
	return NULL;
}

START_TEST(table_is_replaced_under_its_readers)
{
	pthread_t threads[3];
	atomic_bool stop = false;

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, read_table, &stop);
	for (int i = 0; i < 10; i++) {
		struct fake_daemon *old = fake;

		ck_assert_int_ge(usocket_socket(AF_INET, SOCK_STREAM, 0), 0);
		fake_kill(old);
		fake = fake_restart(old);
		fake_free(old);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

/* ---- what the tables show -------------------------------------------------- */

START_TEST(info_shows_sockets_and_links)
{
	struct usocket_socket_info info, found = { .id = 0 };
	struct usocket_link_info link;
	uint32_t cursor = 0;
	int fd = fake_connected(fake);

	fake_set_link(fake, 1, TABLE_LINK_UP, "10.0.0.2", "2001:db8::2");
	while (usocket_next_socket(&cursor, &info, sizeof(info)) == 1)
		found = info;
	ck_assert(found.id == usocket_id(fd));
	ck_assert_int_eq(found.state, 4);
	ck_assert_int_eq(found.type, SOCK_STREAM);
	ck_assert_int_eq(found.remote.family, AF_INET);
	ck_assert_int_eq(found.remote.port, 80);
	ck_assert_str_eq(found.program, "test");
	cursor = 0;
	ck_assert_int_eq(usocket_next_link(&cursor, &link, sizeof(link)), 1);
	ck_assert_uint_eq(link.index, 1);
	ck_assert_str_eq(usocket_link_state_name(link.state), "up");
	ck_assert_int_eq(link.address4.prefix, 24);
	ck_assert_int_eq(link.n_addresses6, 1);
	ck_assert_int_eq(usocket_next_link(&cursor, &link, sizeof(link)), 0);
}
END_TEST

START_TEST(info_of_other_size_is_cut_or_padded)
{
	struct {
		struct usocket_socket_info info;
		uint64_t newer;
	} large;
	uint64_t small[2] = { 0, 42 };
	int fd = fake_connected(fake);

	memset(&large, 0xff, sizeof(large));
	ck_assert_int_eq(usocket_socket_info(fd, &large.info, sizeof(large)), 0);
	ck_assert(large.info.id == usocket_id(fd));
	ck_assert_uint_eq(large.newer, 0);
	ck_assert_int_eq(usocket_socket_info(fd, (void *)small, sizeof(uint64_t)), 0);
	ck_assert(small[0] == usocket_id(fd) && small[1] == 42);
	fake_end_socket(fake, fd);
	ck_fails(usocket_socket_info(fd, &large.info, sizeof(large.info)), ENOENT);
}
END_TEST

START_TEST(status_comes_from_daemon)
{
	struct usocket_status status;

	ck_assert_int_eq(usocket_status(&status, sizeof(status)), 0);
	ck_assert_str_eq(status.version, "fake");
	ck_assert_uint_eq(status.sessions, 1);
	ck_assert_uint_eq(status.daemon_pid, (unsigned int)getpid());
	ck_assert_uint_eq(status.n_name_servers, 1);
	ck_assert_int_eq(status.name_servers[0].address.family, AF_INET);
	ck_assert_mem_eq(status.name_servers[0].address.ip, "\12\0\0\3", 4);
	ck_assert_uint_eq(status.name_servers[0].address.port, 5353);
	ck_assert_uint_eq(status.name_servers[0].link, 1);
}
END_TEST

static void add_tests(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, socket_first_call_opens_session);
	tcase_add_test(tc, socket_without_flags_is_blocking_and_inherited);
	tcase_add_test(tc, socket_gets_lowest_number);
	tcase_add_loop_test(tc, socket_with_bad_arguments_fails, 0,
		sizeof(bad_sockets) / sizeof(bad_sockets[0]));
	tcase_add_loop_test(tc, socket_with_fitting_protocol_works, 0,
		sizeof(good_protocols) / sizeof(good_protocols[0]));
	tcase_add_test(tc, call_on_foreign_descriptor_fails);
	tcase_add_loop_test(tc, hello_gone_wrong_leaves_nothing_behind, 0,
		sizeof(bad_hellos) / sizeof(bad_hellos[0]));
	tcase_add_test(tc, hello_of_other_version_tells_both);
	tcase_add_loop_test(tc, reply_gone_wrong_does_no_harm, 0,
		sizeof(bad_answers) / sizeof(bad_answers[0]));
	tcase_add_test(tc, reply_sent_twice_is_noticed);
	tcase_add_test(tc, no_daemon_is_enodev);
	tcase_add_test(tc, path_too_long_is_refused);
	tcase_add_loop_test(tc, daemon_restarted_is_found_by_next_call, 0, 2);
	tcase_add_test(tc, state_by_identity_is_that_by_descriptor);
	tcase_add_test(tc, daemon_gone_ends_send_and_options);
	tcase_add_test(tc, daemon_gone_is_one_error_for_all_holders);
	tcase_add_test(tc, daemon_killed_wakes_blocked_recv);
	tcase_add_test(tc, descriptors_closed_by_program_are_replaced);
	tcase_add_loop_test(tc, one_descriptor_replaced_is_noticed, 0, 3);
	tcase_add_test(tc, child_opens_session_of_its_own);
	tcase_add_test(tc, child_past_atfork_is_found_out);
	tcase_add_test(tc, child_of_busy_parent_is_not_stuck);
	tcase_add_test(tc, no_descriptor_left_is_emfile);
	tcase_add_test(tc, signals_do_not_disturb_requests);
	tcase_add_test(tc, threads_share_the_session);
	tcase_add_test(tc, table_is_replaced_under_its_readers);
	tcase_add_test(tc, info_shows_sockets_and_links);
	tcase_add_test(tc, info_of_other_size_is_cut_or_padded);
	tcase_add_test(tc, status_comes_from_daemon);
	suite_add_tcase(suite, tc);
}

int main(void)
{
	Suite *suite = suite_create("client session");
	TCase *slow = tcase_create("deadlines");

	add_tests(suite, "queues", setup_queues);
	add_tests(suite, "rendezvous", setup_rendezvous);
	tcase_add_checked_fixture(slow, setup_queues, teardown);
	tcase_set_timeout(slow, 60);
	tcase_add_test(slow, hello_unanswered_times_out);
	tcase_add_test(slow, reply_missing_gives_session_up);
	suite_add_tcase(suite, slow);
	return run_suite(suite);
}
