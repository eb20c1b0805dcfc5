/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Acts on calls that wait: each of the table's is ended by a signal handler that
 * returns, calls, or jumps, or with its thread. Whoever did that finds all the
 * sockets as they were, and no descriptor more than before.
 */
#include "tests/integration/preload_acts.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TICK_US	  20000
#define N_JUMPS	  20
#define N_CANCELS 8
/*
 * Descriptors that the library makes when a connect or an epoll_wait() first waits: on
 * a busy machine perhaps none has come so far in the first half of the rounds.
 */
#define N_LATE	  2
#define N_HANDLED 300
#define BIG	  (32 << 20)
#define GUARD_S	  30
#define FULL_MS	  200

/* ---- calls that wait ------------------------------------------------------ */

static int waits_stream[2], waits_full[2], waits_datagram, waits_listener;
static char *waits_data;

static long wait_recv(void)
{
	char byte;

	return recv(waits_stream[0], &byte, 1, 0);
}

static long wait_read(void)
{
	char byte;

	return read(waits_stream[0], &byte, 1);
}

static long wait_recvmsg(void)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	return recvmsg(waits_datagram, &message, 0);
}

static long wait_recvfrom(void)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char byte;

	return recvfrom(waits_datagram, &byte, 1, 0, (struct sockaddr *)&from, &len);
}

static long wait_accept(void)
{
	return accept(waits_listener, NULL, NULL);
}

static long wait_send(void)
{
	return send(waits_full[0], waits_data, BIG, 0);
}

/* The socket is the next call's too: a jump or a cancelled thread leaves it. */
static long wait_connect(void)
{
	static int fd = -1;
	long r;

	if (fd >= 0)
		close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	r = connect_to(fd, address_of(SILENT, 9));
	return r;
}

static long wait_poll(void)
{
	struct pollfd fds[] = { { .fd = waits_datagram, .events = POLLIN },
		{ .fd = waits_stream[0], .events = POLLIN } };

	return poll(fds, 2, GUARD_S * 1000);
}

static long wait_ppoll(void)
{
	struct pollfd fds[] = { { .fd = waits_datagram, .events = POLLIN } };
	struct timespec time = { GUARD_S, 0 };
	sigset_t none;

	sigemptyset(&none);
	return ppoll(fds, 1, &time, &none);
}

static long wait_select(void)
{
	struct timeval time = { GUARD_S, 0 };
	fd_set in;

	FD_ZERO(&in);
	FD_SET(waits_datagram, &in);
	FD_SET(waits_listener, &in);
	return select(waits_datagram + waits_listener + 1, &in, NULL, NULL, &time);
}

static long wait_epoll(void)
{
	static int epoll = -1;
	struct epoll_event event = { .events = EPOLLIN };

	if (epoll < 0) {
		epoll = epoll_create1(EPOLL_CLOEXEC);
		epoll_ctl(epoll, EPOLL_CTL_ADD, waits_datagram, &event);
		epoll_ctl(epoll, EPOLL_CTL_ADD, waits_stream[0], &event);
	}
	return epoll_wait(epoll, &event, 1, GUARD_S * 1000);
}

static long wait_getaddrinfo(void)
{
	struct addrinfo *list;

	return getaddrinfo(SILENT_NAME, "80", NULL, &list);
}

static const struct {
	const char *name;
	long (*run)(void);
	int restarts; /* after a handler with SA_RESTART, signal(7) */
} waits[] = {
	{ "recv", wait_recv, 1 },
	{ "read", wait_read, 1 },
	{ "recvmsg", wait_recvmsg, 1 },
	{ "recvfrom", wait_recvfrom, 1 },
	{ "accept", wait_accept, 1 },
	{ "connect", wait_connect, 1 },
	{ "send", wait_send, 1 },
	{ "poll", wait_poll, 0 },
	{ "ppoll", wait_ppoll, 0 },
	{ "select", wait_select, 0 },
	{ "epoll", wait_epoll, 0 },
	{ "getaddrinfo", wait_getaddrinfo, 1 },
};
#define N_WAITS (sizeof(waits) / sizeof(waits[0]))

static void prepare_waits(void)
{
	make_pair(waits_stream);
	make_pair(waits_full);
	waits_datagram = bound(SOCK_DGRAM, HERE);
	waits_listener = listening(HERE);
	waits_data = calloc(1, BIG);
	/* So that no send has room for a byte. */
	while (send(waits_full[0], waits_data, BIG, MSG_DONTWAIT) > 0 || errno != EAGAIN ||
		poll(&(struct pollfd){ .fd = waits_full[0], .events = POLLOUT }, 1, FULL_MS) > 0)
		;
}

/* All that waited can still be used, by calls that must wait. */
static void waits_still_work(void)
{
	struct sockaddr_in name = name_of(waits_datagram);
	int fd = socket(AF_INET, SOCK_STREAM, 0), accepted;
	char byte;

	talk(waits_stream[1], waits_stream[0]);
	MUST(sendto(waits_datagram, "x", 1, 0, (struct sockaddr *)&name, sizeof(name)) == 1);
	MUST(recv(waits_datagram, &byte, 1, 0) == 1);
	MUST(connect_to(fd, name_of(waits_listener)) == 0);
	accepted = accept(waits_listener, NULL, NULL);
	MUST(accepted >= 0);
	talk(fd, accepted);
	close(fd);
	close(accepted);
}

/* ---- signals -------------------------------------------------------------- */

static atomic_int n_signals;
static sigjmp_buf way_out;

static void tick_after(long first_us, long then_us)
{
	struct itimerval times = { .it_value = { 0, first_us }, .it_interval = { 0, then_us } };

	MUST(setitimer(ITIMER_REAL, &times, NULL) == 0);
}

static void handle(void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	MUST(sigaction(SIGALRM, &action, NULL) == 0);
}

static void mask_ticks(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	MUST(pthread_sigmask(how, &set, NULL) == 0);
}

static void on_signal(int number)
{
	(void)number;
	atomic_fetch_add(&n_signals, 1);
}

/* Handlers without SA_RESTART end every call that waits: EINTR. */
void act_interrupt(void)
{
	prepare_waits();
	handle(on_signal, 0);
	for (size_t i = 0; i < N_WAITS; i++) {
		long r;

		if (waits[i].run == wait_getaddrinfo)
			continue;
		/* Again and again, as the first may come before the call. */
		tick_after(TICK_US, TICK_US);
		errno = 0;
		/* A send that found a little room tells how much. */
		do
			r = waits[i].run();
		while (r > 0 && waits[i].run == wait_send);
		if (r != -1 || errno != EINTR)
			printf("%s: %ld, errno %d\n", waits[i].name, r, errno);
		tick_after(0, 0);
	}
	waits_still_work();
}

static void *let_go(void *unused)
{
	struct timespec pause = { 0, 8 * TICK_US * 1000 };

	(void)unused;
	nanosleep(&pause, NULL);
	shutdown(waits_stream[1], SHUT_WR);
	return NULL;
}

/* Those with it do not, where signal(7) says so: the call goes on. */
void act_restart(void)
{
	pthread_t thread;
	char byte;

	prepare_waits();
	handle(on_signal, SA_RESTART);
	for (size_t i = 0; i < N_WAITS; i++)
		if (!waits[i].restarts) {
			tick_after(TICK_US, TICK_US);
			errno = 0;
			if (waits[i].run() != -1 || errno != EINTR)
				printf("%s: errno %d\n", waits[i].name, errno);
			tick_after(0, 0);
		}
	mask_ticks(SIG_BLOCK);
	MUST(pthread_create(&thread, NULL, let_go, NULL) == 0);
	mask_ticks(SIG_UNBLOCK);
	atomic_store(&n_signals, 0);
	tick_after(TICK_US, TICK_US);
	MUST(recv(waits_stream[0], &byte, 1, 0) == 0);
	MUST(n_signals > 0);
	tick_after(0, 0);
	MUST(pthread_join(thread, NULL) == 0);
}

static int handler_pair[2];

/* What POSIX allows in a handler, 2.4.3. */
static void on_signal_call(int number)
{
	int error = errno, fd = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd one = { .fd = fd, .events = POLLOUT };
	char byte;

	(void)number;
	poll(&one, 1, 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	connect_to(fd, address_of(HERE, 1));
	close(fd);
	send(handler_pair[0], "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	recv(handler_pair[1], &byte, 1, MSG_DONTWAIT);
	atomic_fetch_add(&n_signals, 1);
	errno = error;
}

void act_call_in_handler(void)
{
	make_pair(handler_pair);
	handle(on_signal_call, SA_RESTART);
	tick_after(1000, 1000);
	while (n_signals < N_HANDLED)
		use_new_ones();
	tick_after(0, 0);
}

static void on_signal_jump(int number)
{
	(void)number;
	siglongjmp(way_out, 1);
}

/* The old way to give a call a time-out (wget's, curl's). */
static void *jump(void *unused)
{
	volatile int before = 0;

	(void)unused;
	mask_ticks(SIG_UNBLOCK);
	for (volatile int round = 0; round < N_JUMPS; round++) {
		for (volatile size_t i = 0; i < N_WAITS; i++) {
			/* Leaves a descriptor behind, as libc's own does. */
			if (waits[i].run == wait_getaddrinfo && round > 0)
				continue;
			if (sigsetjmp(way_out, 1) == 0) {
				tick_after(TICK_US / 4, 0);
				waits[i].run();
				printf("%s: came back\n", waits[i].name);
			}
		}
		waits_still_work();
		use_new_ones();
		if (round == N_JUMPS / 2)
			before = count_descriptors();
	}
	MUST(count_descriptors() <= before + N_LATE);
	/* Unwinds the stack, in which nothing of those calls may be registered. */
	pthread_exit(NULL);
}

void act_jump(void)
{
	pthread_t thread;

	prepare_waits();
	handle(on_signal_jump, 0);
	mask_ticks(SIG_BLOCK);
	MUST(pthread_create(&thread, NULL, jump, NULL) == 0);
	MUST(pthread_join(thread, NULL) == 0);
	waits_still_work();
}

/* ---- threads -------------------------------------------------------------- */

static void *run_wait(void *argument)
{
	waits[(size_t)argument].run();
	return NULL;
}

/* A thread that has not come as far as its call is cancelled there. */
void act_cancel(void)
{
	struct timespec pause = { 0, TICK_US * 1000 };
	int before = 0;
	pthread_t thread;
	void *result;

	prepare_waits();
	for (int round = 0; round < N_CANCELS; round++) {
		for (size_t i = 0; i < N_WAITS; i++) {
			MUST(pthread_create(&thread, NULL, run_wait, (void *)i) == 0);
			nanosleep(&pause, NULL);
			MUST(pthread_cancel(thread) == 0);
			MUST(pthread_join(thread, &result) == 0);
			if (result != PTHREAD_CANCELED)
				printf("%s: not cancelled\n", waits[i].name);
		}
		waits_still_work();
		use_new_ones();
		if (round == N_CANCELS / 2)
			before = count_descriptors();
	}
	MUST(count_descriptors() <= before + N_LATE);
}
