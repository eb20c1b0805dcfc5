/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A plain call obeys what the descriptor is set to, but most calls need not
 * wait at all; so the descriptor is asked only when a call is about to.
 * Time-outs set to zero mean "never", as socket(7) says.
 */
#include "client/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US INT64_C(1000)

int64_t time_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t time_after_ms(int64_t ms)
{
	return time_now_ns() + ms * NS_PER_MS;
}

int time_left_ms(int64_t until_ns)
{
	int64_t left;

	if (until_ns == DEADLINE_NEVER)
		return -1;
	left = until_ns - time_now_ns();
	if (left <= 0)
		return 0;
	left = (left + NS_PER_MS - 1) / NS_PER_MS;
	return left > INT_MAX ? INT_MAX : (int)left;
}

struct deadline deadline_in(int timeout_ms)
{
	if (timeout_ms < 0)
		return (struct deadline){ .until_ns = DEADLINE_NEVER };
	if (timeout_ms == 0)
		return (struct deadline){ .until_ns = 0, .error = -EAGAIN };
	return (struct deadline){
		.until_ns = time_after_ms(timeout_ms),
		.error = -ETIMEDOUT,
	};
}

struct deadline deadline_of_flags(int flags, int option)
{
	return (struct deadline){
		.error = -EAGAIN,
		.option = flags & MSG_DONTWAIT ? 0 : option,
		.restarts = true,
	};
}

void deadline_resolve(struct deadline *deadline, int fd)
{
	struct timeval limit = { 0, 0 };
	socklen_t len = sizeof(limit);
	int64_t ns;
	int flags;

	if (deadline->option == 0)
		return;
	flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && flags & O_NONBLOCK) {
		deadline->until_ns = 0;
	} else {
		getsockopt(fd, SOL_SOCKET, deadline->option, &limit, &len);
		ns = limit.tv_sec >= INT64_MAX / NS_PER_S / 4
			? 0
			: limit.tv_sec * NS_PER_S + limit.tv_usec * NS_PER_US;
		deadline->until_ns = ns ? time_now_ns() + ns : DEADLINE_NEVER;
	}
	deadline->option = 0;
}
