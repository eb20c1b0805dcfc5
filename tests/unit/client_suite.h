/* SPDX-License-Identifier: MIT */
/*
 * What the suites of the client library share: one fake daemon a test, with
 * and without message queues, and a few checks.
 */
#ifndef TESTS_CLIENT_SUITE_H
#define TESTS_CLIENT_SUITE_H

#include "client/usocket.h"
#include "tests/unit/fake_daemon.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct fake_daemon *fake;

static inline void setup_queues(void)
{
	fake = fake_start(true);
}

static inline void setup_rendezvous(void)
{
	fake = fake_start(false);
}

static inline void teardown(void)
{
	fake_free(fake);
}

static inline int run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The call failed, with this errno. */
#define ck_fails(call, number)                      \
	do {                                        \
		errno = 0;                          \
		ck_assert_int_eq((long)(call), -1); \
		ck_assert_int_eq(errno, number);    \
	} while (0)

/* A hook whose argument is what the next request gets; those after it are answered. */
static inline enum fake_answer hook_once(struct fake_daemon *f, const usp_Request *request,
	usp_Reply *reply, int *fd)
{
	enum fake_answer *answer = f->hook_arg, now = *answer;

	(void)request;
	(void)reply;
	(void)fd;
	*answer = FAKE_ANSWER_NORMAL;
	return now;
}

static inline struct sockaddr_in ipv4(const char *ip, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };

	ck_assert_int_eq(inet_pton(AF_INET, ip, &sin.sin_addr), 1);
	return sin;
}

#define ADDRESS(sin) ((const struct sockaddr *)&(sin)), sizeof(sin)

static inline int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A thread that does something after a while. */
struct later {
	pthread_t thread;
	int ms;
	void (*action)(void *arg);
	void *arg;
};

static inline void *later_run(void *arg)
{
	struct later *later = arg;

	usleep((useconds_t)later->ms * 1000);
	later->action(later->arg);
	return NULL;
}

static inline void later_start(struct later *later, int ms, void (*action)(void *), void *arg)
{
	later->ms = ms;
	later->action = action;
	later->arg = arg;
	ck_assert_int_eq(pthread_create(&later->thread, NULL, later_run, later), 0);
}

static inline void later_join(struct later *later)
{
	pthread_join(later->thread, NULL);
}

static inline void on_signal_ignore(int number)
{
	(void)number;
}

/* Installs a handler without SA_RESTART. */
static inline void catch_signal(int number)
{
	struct sigaction action = { .sa_handler = on_signal_ignore };

	sigaction(number, &action, NULL);
}

#endif
