/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The library's calls take the time that is left in milliseconds and end with
 * EINTR when a signal came. A script's call has one deadline, made once; each
 * round passes what is left. Between rounds the socket may have been closed, so
 * its descriptor is read anew in each.
 *
 * A call whose time was over before its first round still tries once without
 * waiting: what has arrived is worth more than punctuality, and a machine that
 * stood still must not turn data into time-outs. One that has moved bytes does
 * not, so that a fast peer cannot keep it beyond its deadline.
 */
#include "client/script/script.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <time.h>

#define NS_PER_S       INT64_C(1000000000)
#define NS_PER_MS      INT64_C(1000000)
#define TIMEOUT_MAX_S  1e9
#define DEADLINE_NEVER INT64_C(-1)

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

int usocket_script_timeout(double seconds, int64_t *timeout_ns)
{
	if (isnan(seconds) || seconds < 0)
		return -EINVAL;
	if (seconds > TIMEOUT_MAX_S)
		return -ERANGE;
	*timeout_ns = (int64_t)(seconds * (double)NS_PER_S);
	if ((double)*timeout_ns < seconds * (double)NS_PER_S)
		(*timeout_ns)++;
	return 0;
}

void usocket_script_begin_timeout(struct usocket_script_call *call, int64_t timeout_ns)
{
	*call = (struct usocket_script_call){ .deadline_ns = 0 };
	if (timeout_ns < 0)
		call->deadline_ns = DEADLINE_NEVER;
	else if (timeout_ns > 0)
		call->deadline_ns = now_ns() + timeout_ns;
}

void usocket_script_begin(struct usocket_script_call *call, const struct usocket_script *s)
{
	int64_t timeout_ns;

	script_lock();
	timeout_ns = script_of(s)->timeout_ns;
	script_unlock();
	usocket_script_begin_timeout(call, timeout_ns);
}

int usocket_script_timed_out(const struct usocket_script_call *call)
{
	return call->deadline_ns > 0 && now_ns() >= call->deadline_ns;
}

int usocket_script_left_ms(const struct usocket_script_call *call)
{
	int64_t left_ms;

	if (call->deadline_ns == DEADLINE_NEVER)
		return -1;
	if (call->deadline_ns == 0)
		return 0;
	left_ms = (call->deadline_ns - now_ns() + NS_PER_MS - 1) / NS_PER_MS;
	if (left_ms < 0)
		return 0;
	return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

ssize_t script_wait(struct usocket_script *s, const struct usocket_script_call *call,
	script_fn fn, void *argument)
{
	int fd = script_fd(s);
	int timeout_ms = usocket_script_left_ms(call);
	bool is_over = call->deadline_ns > 0 && timeout_ms == 0;
	ssize_t result;

	if (fd < 0)
		return -EBADF;
	if (is_over && call->done > 0)
		return -ETIMEDOUT;
	result = fn(fd, argument, timeout_ms);
	if (result >= 0)
		return result;
	return is_over && errno == EAGAIN ? -ETIMEDOUT : -errno;
}

ssize_t script_request(struct usocket_script *s, script_fn fn, void *argument)
{
	int fd = script_fd(s);
	ssize_t result;

	if (fd < 0)
		return -EBADF;
	do
		result = fn(fd, argument, 0);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : result;
}

int script_take_error(struct usocket_script *s)
{
	int error;

	script_lock();
	error = script_of(s)->deferred_error;
	script_of(s)->deferred_error = 0;
	script_unlock();
	return error;
}

void script_defer(struct usocket_script *s, const struct usocket_script_call *call, int error)
{
	/* The connection's own 110 is an error like others, not the deadline. */
	if (error == EAGAIN || (error == ETIMEDOUT && usocket_script_timed_out(call)))
		return;
	script_lock();
	script_of(s)->deferred_error = error;
	script_unlock();
}
