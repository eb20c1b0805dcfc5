/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The end of a pipe that nobody reads shows in poll(2) without writing to it.
 * What cannot be written for another reason is main()'s to report.
 */
#include "client/usocketctl/follow.h"

#include "client/usocketctl/report.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <time.h>

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int left_ms(int64_t end_ms)
{
	int64_t left = end_ms - now_ms();

	return left > 0 ? (int)left : 0;
}

int follow(int fd, const struct ctl_options *options, FILE *out, follow_fn fn, void *arg,
	int timeout_ms)
{
	int64_t end_ms = now_ms() + timeout_ms;
	struct pollfd p[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = fileno(out) },
	};
	int n, rc;

	for (;;) {
		rc = fn(fd, options, out, arg);
		fflush(out);
		if (rc != FOLLOW_ON)
			return rc;
		if (ferror(out))
			return CTL_EXIT_OK;
		n = poll(p, 2, timeout_ms < 0 ? -1 : left_ms(end_ms));
		if (n < 0 && errno != EINTR)
			return report_error(errno);
		if (n == 0)
			return FOLLOW_TIMED_OUT;
		if (n > 0 && p[1].revents & (POLLERR | POLLHUP))
			return CTL_EXIT_OK;
	}
}
