/* SPDX-License-Identifier: MIT */
/*
 * Makes time run faster in the process that preloads it: $FASTCLOCK times.
 *
 * Theory of operation
 *
 * Timers of a program on libevent are two things: the monotonic clock, and how
 * long epoll_wait() sleeps, or when its timerfd ends that. They are put in here
 * before libc's; the one is multiplied, the others divided. Wall-clock time
 * stays as it is. So a test can see limits of minutes reached in a second or
 * two.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

static int64_t factor(void)
{
	static int64_t found;
	const char *text;

	if (found == 0) {
		text = getenv("FASTCLOCK");
		found = text ? atoll(text) : 1;
		if (found < 1)
			found = 1;
	}
	return found;
}

static int read_clock(clockid_t clock, int64_t *now)
{
	struct timespec t;

	if (syscall(SYS_clock_gettime, clock, &t) < 0)
		return -1;
	*now = (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
	return 0;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
	static int64_t start;
	int64_t now;

	/* The coarse one's steps would be multiplied, too. */
	if (clock == CLOCK_MONOTONIC_COARSE)
		clock = CLOCK_MONOTONIC;
	if (read_clock(clock, &now) < 0)
		return -1;
	if (clock == CLOCK_MONOTONIC) {
		if (start == 0)
			start = now;
		now = start + (now - start) * factor();
	}
	out->tv_sec = (time_t)(now / NS_PER_S);
	out->tv_nsec = (long)(now % NS_PER_S);
	return 0;
}

int epoll_wait(int fd, struct epoll_event *events, int n, int timeout_ms)
{
	if (timeout_ms > 0)
		timeout_ms = (int)((timeout_ms + factor() - 1) / factor());
	return epoll_pwait(fd, events, n, timeout_ms, NULL);
}

static struct timespec divide(const struct timespec *t)
{
	int64_t ns = (int64_t)t->tv_sec * NS_PER_S + t->tv_nsec;

	/* 0 would disarm it. */
	if (ns > 0)
		ns = (ns + factor() - 1) / factor();
	return (struct timespec){ (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };
}

/* Relative times only; libevent uses no others. */
int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *before)
{
	const struct itimerspec faster = {
		.it_interval = divide(&value->it_interval),
		.it_value = divide(&value->it_value),
	};

	return (int)syscall(SYS_timerfd_settime, fd, flags, &faster, before);
}
