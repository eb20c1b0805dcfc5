/* SPDX-License-Identifier: MIT */
/*
 * What a process's only thread is told by calls that wait: the descriptor's
 * O_NONBLOCK and SO_RCVTIMEO, and signal handlers, count as signal(7) and
 * socket(7) say. "host" and "port" are an echo server's; with "bereave" the script
 * kills the daemon under the last call.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Long enough for the call to be in its wait when the first comes. */
#define TICK_US	    200000
#define TICKS_FIRST 3

static volatile sig_atomic_t n_ticks;
static int used_fd;
static timer_t timer;

/* Ticks from now on; SIGALRM is the program's own end. */
static void handle(void (*handler)(int), int flags)
{
	const struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	const struct itimerspec none = { 0 },
				ticks = { { 0, TICK_US * 1000 }, { 0, TICK_US * 1000 } };

	timer_settime(timer, 0, &none, NULL);
	sigaction(SIGUSR1, &action, NULL);
	n_ticks = 0;
	timer_settime(timer, 0, &ticks, NULL);
}

static void on_tick(int number)
{
	(void)number;
	n_ticks = n_ticks + 1;
}

/* Ends the wait after a few that must not. */
static void on_tick_send(int number)
{
	(void)number;
	n_ticks = n_ticks + 1;
	if (n_ticks == TICKS_FIRST)
		net->send(used_fd, "x", 1, MSG_NOSIGNAL);
}

static void on_tick_close(int number)
{
	(void)number;
	if (n_ticks == 0)
		net->close(used_fd);
	n_ticks = n_ticks + 1;
}

static void require_failure(ssize_t result, int error, const char *what)
{
	require(result == -1 && errno == error, "%s: %zd, not errno %d", what, result, error);
}

static void set_receive_time(int fd, long us)
{
	const struct timeval limit = { .tv_usec = us };

	require(net->setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0,
		"SO_RCVTIMEO");
}

int load_alone(const struct args *args)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct endpoint peer, any;
	char byte;
	int flags;

	require(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "timer_create");
	arg_endpoint(args, &peer);
	endpoint_set(&any, "0.0.0.0", 0);
	used_fd = open_connected(&peer);

	flags = fcntl(used_fd, F_GETFL);
	set_nonblocking(used_fd);
	require_failure(net->recv(used_fd, &byte, 1, 0), EAGAIN, "O_NONBLOCK");
	fcntl(used_fd, F_SETFL, flags);
	set_receive_time(used_fd, TICK_US);
	require_failure(net->recv(used_fd, &byte, 1, 0), EAGAIN, "SO_RCVTIMEO");
	set_receive_time(used_fd, 0);

	handle(on_tick, 0);
	require_failure(net->recv(used_fd, &byte, 1, 0), EINTR, "a handler");
	handle(on_tick_send, SA_RESTART);
	require(net->recv(used_fd, &byte, 1, 0) == 1 && byte == 'x', "SA_RESTART");
	require(n_ticks >= TICKS_FIRST, "%d ticks", (int)n_ticks);
	handle(on_tick_close, 0);
	require_failure(net->recv(used_fd, &byte, 1, 0), EINTR, "closed by the handler");
	require_failure(net->recv(used_fd, &byte, 1, 0), EBADF, "closed");

	used_fd = open_listener(&any, 1);
	handle(on_tick_close, SA_RESTART);
	require_failure(net->accept(used_fd, NULL, NULL), EBADF, "accept, SA_RESTART");
	timer_delete(timer);

	if (arg_number(args, "bereave", 0)) {
		used_fd = open_connected(&peer);
		say("waiting");
		require_failure(net->recv(used_fd, &byte, 1, 0), ECONNABORTED, "daemon killed");
	}
	say("done");
	return 0;
}
