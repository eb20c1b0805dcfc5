/* SPDX-License-Identifier: MIT */
#include "tests/unit/client_suite.h"

#include "client/waiting.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <sys/time.h>

/* A call that waits on a socket, in a thread of its own. */
struct blocked {
	pthread_t thread;
	int fd;
	int (*call)(int fd);
	int result;
	int error;
};

static int call_recv(int fd)
{
	return (int)usocket_recv(fd, (char[8]){ 0 }, 8, 0);
}

static int call_recv_timeout(int fd)
{
	return (int)usocket_recv_timeout(fd, (char[8]){ 0 }, 8, 0, 20000);
}

static int call_send(int fd)
{
	static char bytes[1 << 20];

	while (usocket_send_timeout(fd, bytes, sizeof(bytes), 0, 0) > 0)
		;
	return (int)usocket_send_timeout(fd, bytes, sizeof(bytes), 0, -1);
}

static int call_accept(int fd)
{
	usocket_listen(fd, 1);
	return usocket_accept(fd, NULL, NULL);
}

static int call_connect(int fd)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);

	return usocket_connect(fd, ADDRESS(sin));
}

static int call_sendto(int fd)
{
	struct sockaddr_in sin = ipv4("192.0.2.1", 80);

	usocket_set_wait_link(1);
	return (int)usocket_sendto(fd, "x", 1, 0, ADDRESS(sin));
}

static void *blocked_run(void *arg)
{
	struct blocked *b = arg;

	b->result = b->call(b->fd);
	b->error = errno;
	return NULL;
}

static void blocked_start(struct blocked *b, int fd, int (*call)(int))
{
	b->fd = fd;
	b->call = call;
	ck_assert_int_eq(pthread_create(&b->thread, NULL, blocked_run, b), 0);
}

struct waiting_case {
	int type; /* 0: connected stream */
	int (*call)(int fd);
};

static const struct waiting_case cases[] = {
	{ 0, call_recv },
	{ 0, call_recv_timeout },
	{ 0, call_send },
	{ SOCK_STREAM, call_accept },
	{ SOCK_STREAM, call_connect },
	{ SOCK_DGRAM, call_recv },
	{ SOCK_DGRAM, call_sendto },
};
#define N_CASES ((int)(sizeof(cases) / sizeof(cases[0])))

static int socket_for(const struct waiting_case *c)
{
	int fd = c->type ? usocket_socket(AF_INET, c->type, 0) : fake_connected(fake);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(close_wakes_blocked_call)
{
	const struct waiting_case *c = &cases[_i];
	struct blocked b;
	int64_t start;
	int fd = socket_for(c);

	blocked_start(&b, fd, c->call);
	usleep(100000);
	start = now_ms();
	ck_assert_int_eq(usocket_close(fd), 0);
	pthread_join(b.thread, NULL);
	ck_assert_int_le(now_ms() - start, 500);
	ck_assert_int_eq(b.result, -1);
	ck_assert_int_eq(b.error, EBADF);
	ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
}
END_TEST

START_TEST(close_leaves_other_holders_alone)
{
	int fd = fake_connected(fake), copy = dup(fd), other = fake_channel(fake, fd);
	struct blocked b, kept;

	blocked_start(&b, fd, call_recv);
	blocked_start(&kept, copy, call_recv);
	usleep(50000);
	ck_assert_int_eq(usocket_close(fd), 0);
	pthread_join(b.thread, NULL);
	ck_assert_int_eq(b.error, EBADF);
	ck_assert_int_eq(send(other, "x", 1, 0), 1);
	pthread_join(kept.thread, NULL);
	ck_assert_int_eq(kept.result, 1);
}
END_TEST

START_TEST(close_wakes_all_of_many)
{
	struct blocked b[20];
	int fd = fake_connected(fake);

	for (int i = 0; i < 20; i++)
		blocked_start(&b[i], fd, call_recv);
	usleep(100000);
	ck_assert_int_eq(usocket_close(fd), 0);
	for (int i = 0; i < 20; i++) {
		pthread_join(b[i].thread, NULL);
		ck_assert_int_eq(b[i].result, -1);
		ck_assert_int_eq(b[i].error, EBADF);
	}
}
END_TEST

START_TEST(closed_wakers_are_replaced)
{
	int fd = fake_connected(fake), kept;
	struct blocked b;

	ck_fails(usocket_recv_timeout(fd, (char[1]){ 0 }, 1, 0, 10), ETIMEDOUT);
	for (int i = 400; i < 1024; i++)
		close(i);
	kept = fcntl(0, F_DUPFD, 512);
	ck_assert_int_eq(kept, 512);
	blocked_start(&b, fd, call_recv);
	usleep(50000);
	ck_assert_int_eq(usocket_close(fd), 0);
	pthread_join(b.thread, NULL);
	ck_assert_int_eq(b.error, EBADF);
	ck_assert_int_ge(fcntl(kept, F_GETFD), 0);
}
END_TEST

START_TEST(signal_interrupts_blocked_call)
{
	const struct waiting_case *c = &cases[_i];
	struct blocked b;
	int fd = socket_for(c);

	catch_signal(SIGUSR1);
	blocked_start(&b, fd, c->call);
	usleep(100000);
	pthread_kill(b.thread, SIGUSR1);
	pthread_join(b.thread, NULL);
	ck_assert_int_eq(b.result, -1);
	ck_assert_int_eq(b.error, EINTR);
}
END_TEST

static void action_feed(void *arg)
{
	usleep(100000);
	ck_assert_int_eq(send(fake_channel(fake, *(int *)arg), "x", 1, 0), 1);
}

/* As signal(7): plain calls go on, calls with a time-out do not. */
START_TEST(handler_with_sa_restart_lets_plain_call_go_on)
{
	struct sigaction action = { .sa_handler = on_signal_ignore, .sa_flags = SA_RESTART };
	struct timeval tv = { 20, 0 };
	struct later feed;
	struct blocked b;
	int fd = fake_connected(fake);

	/* Check's own handlers are without. */
	for (int i = 1; i < SIGUSR1; i++)
		signal(i, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGALRM, SIG_DFL);
	sigaction(SIGUSR1, &action, NULL);
	if (_i == 2)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	blocked_start(&b, fd, _i == 1 ? call_recv_timeout : call_recv);
	usleep(100000);
	pthread_kill(b.thread, SIGUSR1);
	later_start(&feed, 0, action_feed, &fd);
	pthread_join(b.thread, NULL);
	later_join(&feed);
	ck_assert_int_eq(b.result, _i == 0 ? 1 : -1);
	ck_assert(_i == 0 || b.error == EINTR);
}
END_TEST

START_TEST(cancelled_call_leaves_nothing_locked)
{
	const struct waiting_case *c = &cases[_i];
	struct blocked b;
	void *result;
	int fd = socket_for(c), other;

	blocked_start(&b, fd, c->call);
	usleep(100000);
	pthread_cancel(b.thread);
	pthread_join(b.thread, &result);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	ck_assert_int_eq(usocket_close(fd), 0);
	other = fake_connected(fake);
	ck_fails(usocket_recv_timeout(other, (char[1]){ 0 }, 1, 0, 10), ETIMEDOUT);
}
END_TEST

START_TEST(cancelled_lookup_gives_channel_back)
{
	struct blocked b;
	int lowest = usocket_socket(AF_INET, SOCK_DGRAM, 0), after;

	fake_set_link(fake, 0, TABLE_LINK_DOWN, "", "");
	blocked_start(&b, -1, usocket_wait_link);
	usleep(100000);
	pthread_cancel(b.thread);
	pthread_join(b.thread, NULL);
	fake_close_lookups(fake);
	after = dup(0);
	ck_assert_int_le(after, lowest + 3);
}
END_TEST

static int handler_fd;

static void on_signal_close(int number)
{
	(void)number;
	usocket_close(handler_fd);
}

/* Without threads of its own: TSan allows none after a fork of several. */
static int child_waits(int fd)
{
	struct sigaction action = { .sa_handler = on_signal_close };
	struct itimerval soon = { { 0, 0 }, { 0, 50000 } };

	sigaction(SIGALRM, &action, NULL);
	handler_fd = fd;
	setitimer(ITIMER_REAL, &soon, NULL);
	return call_recv(fd) == -1 && errno == EBADF ? 0 : 1;
}

static sigjmp_buf way_out;

static void on_alarm_jump(int number)
{
	(void)number;
	siglongjmp(way_out, 1);
}

/* Waits with so many frames above it. */
static int recv_deep(int fd, int depth)
{
	volatile char room[256] = { 0 };

	return depth > 0 ? recv_deep(fd, depth - 1) + room[0] : call_recv(fd);
}

START_TEST(call_that_was_jumped_out_of_leaves_nothing_behind)
{
	struct itimerval soon = { .it_value.tv_usec = 5000 };
	int fd = fake_connected(fake);
	volatile int n_jumps = 0;
	struct timespec start, end;
	struct blocked b;

	signal(SIGALRM, on_alarm_jump);
	for (volatile int i = 0; i < 20; i++) {
		if (sigsetjmp(way_out, 1) == 0) {
			setitimer(ITIMER_REAL, &soon, NULL);
			recv_deep(fd, i * 7 % 10);
		}
		n_jumps++;
		ck_fails(usocket_recv_timeout(fd, (char[1]){ 0 }, 1, 0, 1), ETIMEDOUT);
	}
	ck_assert_int_eq(n_jumps, 20);
	signal(SIGALRM, SIG_IGN);
	/* A close would wait for calls of other threads. */
	clock_gettime(CLOCK_MONOTONIC, &start);
	blocked_start(&b, fd, usocket_close);
	pthread_join(b.thread, NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	ck_assert_int_eq(b.result, 0);
	ck_assert_int_le((end.tv_sec - start.tv_sec) * 1000 +
			(end.tv_nsec - start.tv_nsec) / 1000000,
		900);
}
END_TEST

START_TEST(child_waits_with_wakers_of_its_own)
{
	int fd = fake_connected(fake), status;
	struct blocked b;
	pid_t pid;

	ck_fails(usocket_recv_timeout(fd, (char[1]){ 0 }, 1, 0, 10), ETIMEDOUT);
	blocked_start(&b, fd, call_recv);
	usleep(50000);
	pid = fork();
	if (pid == 0)
		_exit(child_waits(fd));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	/* The parent's wait was not disturbed. */
	ck_assert_int_eq(send(fake_channel(fake, fd), "x", 1, 0), 1);
	pthread_join(b.thread, NULL);
	ck_assert_int_eq(b.result, 1);
}
END_TEST

START_TEST(handler_may_close_what_its_thread_waits_for)
{
	struct sigaction action = { .sa_handler = on_signal_close };
	struct blocked b;

	sigaction(SIGUSR2, &action, NULL);
	handler_fd = fake_connected(fake);
	blocked_start(&b, handler_fd, call_recv);
	usleep(50000);
	pthread_kill(b.thread, SIGUSR2);
	pthread_join(b.thread, NULL);
	ck_assert_int_eq(b.result, -1);
	ck_assert_int_eq(b.error, EBADF);
}
END_TEST

/*
 * A close during the very first attempt is the program's own race, as with
 * kernel sockets; TSan would say so, so there it comes later.
 */
#ifndef __has_feature /* clang's way to tell; gcc defines a macro */
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define CHURN_MIN_US 20000
#else
#define CHURN_MIN_US 0
#endif

struct churn {
	pthread_t thread;
	int seconds_ms;
	bool failed;
};

/* Waits and closes in turns; every answer must be one that makes sense. */
static void *churn_run(void *arg)
{
	struct churn *churn = arg;
	int64_t until = now_ms() + churn->seconds_ms;

	while (now_ms() < until) {
		struct blocked b;
		int fd = usocket_socket(AF_INET, SOCK_DGRAM, 0);

		if (fd < 0) {
			churn->failed = true;
			return NULL;
		}
		blocked_start(&b, fd, call_recv);
		usleep(CHURN_MIN_US + (now_ms() % 2 ? 200 : 0));
		fake_end_socket(fake, fd);
		usocket_close(fd);
		pthread_join(b.thread, NULL);
		/* Its number may have been given to another thread's socket. */
		if (b.result > 0)
			churn->failed = true;
	}
	return NULL;
}

START_TEST(closing_and_waiting_at_random_is_safe)
{
	struct churn churns[4];

	for (int i = 0; i < 4; i++) {
		churns[i] = (struct churn){ .seconds_ms = 500 };
		pthread_create(&churns[i].thread, NULL, churn_run, &churns[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(churns[i].thread, NULL);
		ck_assert(!churns[i].failed);
	}
}
END_TEST

/* ---- the loop itself ------------------------------------------------------- */

static ssize_t attempt_count(void *arg)
{
	int *n = arg;

	return --*n > 0 ? -EAGAIN : 42;
}

START_TEST(attempts_go_on_until_there_is_a_result)
{
	int pair[2], n = 5;
	struct waiting w = { .events = POLLIN, .deadline = deadline_in(1000) };

	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	w.poll_fd = pair[0];
	ck_assert_int_eq(waiting_run(&w, attempt_count, &n), 42);
	ck_assert_int_eq(n, 0);
}
END_TEST

/* As another thread may, between the attempt and the wait: the number is a pipe's now. */
static ssize_t attempt_close(void *arg)
{
	int *fd = arg, pair[2];

	ck_assert_int_eq(usocket_close(*fd), 0);
	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(dup2(pair[0], *fd), *fd);
	return -EAGAIN;
}

START_TEST(close_before_the_wait_ends_it)
{
	int fd = fake_connected(fake);
	struct holder h;
	struct waiting w = {
		.holder = &h,
		.poll_fd = fd,
		.events = POLLIN,
		.deadline = deadline_in(2000),
	};

	ck_assert_int_eq(holder_look(&h, fd), 0);
	ck_assert_int_eq(waiting_run(&w, attempt_close, &fd), -EBADF);
}
END_TEST

START_TEST(readiness_without_result_does_not_spin)
{
	int pair[2], n = 1000000;
	struct waiting w = { .events = POLLIN, .deadline = deadline_in(300) };

	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	w.poll_fd = pair[0];
	ck_assert_int_eq(waiting_run(&w, attempt_count, &n), -ETIMEDOUT);
	ck_assert_int_gt(n, 1000000 - 2000);
}
END_TEST

static ssize_t attempt_part(void *arg)
{
	(*(int *)arg)++;
	return WAITING_MORE;
}

START_TEST(deadline_ends_call_that_always_gets_on)
{
	int pair[2], n = 0;
	struct waiting w = { .events = POLLOUT, .deadline = deadline_in(50) };
	int64_t start = now_ms();

	ck_assert_int_eq(pipe(pair), 0);
	w.poll_fd = pair[1];
	ck_assert_int_eq(waiting_run(&w, attempt_part, &n), -ETIMEDOUT);
	ck_assert_int_ge(now_ms() - start, 50);
	ck_assert_int_gt(n, 2);
}
END_TEST

START_TEST(deadlines_are_rounded_up)
{
	struct deadline never = deadline_in(-1), now = deadline_in(0), soon = deadline_in(1);

	ck_assert_int_eq(time_left_ms(never.until_ns), -1);
	ck_assert(deadline_is_now(&now));
	ck_assert_int_eq(now.error, -EAGAIN);
	ck_assert_int_ge(time_left_ms(soon.until_ns), 0);
	ck_assert_int_eq(soon.error, -ETIMEDOUT);
	ck_assert_int_eq(time_left_ms(time_now_ns() - 1), 0);
	ck_assert_int_eq(time_left_ms(time_now_ns() + 500000000 + 900000), 501);
	ck_assert_int_gt(time_left_ms(DEADLINE_NEVER - 1), 1000000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client waiting");
	TCase *tc = tcase_create("waiting");

	tcase_add_checked_fixture(tc, setup_queues, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, close_wakes_blocked_call, 0, N_CASES);
	tcase_add_test(tc, close_leaves_other_holders_alone);
	tcase_add_test(tc, close_wakes_all_of_many);
	tcase_add_test(tc, closed_wakers_are_replaced);
	tcase_add_loop_test(tc, signal_interrupts_blocked_call, 0, N_CASES);
	tcase_add_loop_test(tc, handler_with_sa_restart_lets_plain_call_go_on, 0, 3);
	tcase_add_loop_test(tc, cancelled_call_leaves_nothing_locked, 0, N_CASES);
	tcase_add_test(tc, cancelled_lookup_gives_channel_back);
	tcase_add_test(tc, call_that_was_jumped_out_of_leaves_nothing_behind);
	tcase_add_test(tc, child_waits_with_wakers_of_its_own);
	tcase_add_test(tc, handler_may_close_what_its_thread_waits_for);
	tcase_add_test(tc, closing_and_waiting_at_random_is_safe);
	tcase_add_test(tc, attempts_go_on_until_there_is_a_result);
	tcase_add_test(tc, close_before_the_wait_ends_it);
	tcase_add_test(tc, readiness_without_result_does_not_spin);
	tcase_add_test(tc, deadline_ends_call_that_always_gets_on);
	tcase_add_test(tc, deadlines_are_rounded_up);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
