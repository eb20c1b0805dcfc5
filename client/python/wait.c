/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The library's calls take the time that is left in milliseconds, and end with
 * EINTR when a signal came. Here a Python call's deadline is made once; each
 * round passes what is left, and between rounds Python's signal handlers run.
 * They, or another thread, may close the socket meanwhile, so the descriptor
 * is read anew in each round.
 *
 * A time-out beyond INT_MAX milliseconds (24 days) ends then: the library
 * cannot count further.
 */
#include "client/python/wait.h"

#include "client/python/errors.h"

#include <errno.h>
#include <math.h>
#include <time.h>

#define NS_PER_S      INT64_C(1000000000)
#define NS_PER_MS     INT64_C(1000000)
#define TIMEOUT_MAX_S 1e9

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

struct deadline deadline_start(int64_t timeout_ns)
{
	if (timeout_ns == TIMEOUT_NONE)
		return (struct deadline){ .kind = DEADLINE_NEVER };
	if (timeout_ns == 0)
		return (struct deadline){ .kind = DEADLINE_NOW };
	return (struct deadline){
		.kind = DEADLINE_TIMED,
		.end_ns = now_ns() + timeout_ns,
	};
}

int deadline_left_ms(const struct deadline *deadline)
{
	int64_t left_ms;

	if (deadline->kind == DEADLINE_NEVER)
		return -1;
	if (deadline->kind == DEADLINE_NOW)
		return 0;
	left_ms = (deadline->end_ns - now_ns() + NS_PER_MS - 1) / NS_PER_MS;
	if (left_ms < 0)
		return 0;
	return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

bool deadline_passed(const struct deadline *deadline)
{
	return deadline->kind == DEADLINE_TIMED && now_ns() >= deadline->end_ns;
}

int deadline_parse_timeout(PyObject *object, int64_t *timeout_ns)
{
	double seconds;

	if (object == Py_None) {
		*timeout_ns = TIMEOUT_NONE;
		return 0;
	}
	seconds = PyFloat_AsDouble(object);
	if (seconds == -1.0 && PyErr_Occurred())
		return -1;
	if (isnan(seconds) || seconds < 0) {
		PyErr_SetString(PyExc_ValueError, "timeout must be None or at least 0");
		return -1;
	}
	if (seconds > TIMEOUT_MAX_S) {
		PyErr_SetString(PyExc_OverflowError, "timeout is too large");
		return -1;
	}
	/* Up: what is not 0 must not become 0, which is another mode. */
	*timeout_ns = (int64_t)ceil(seconds * (double)NS_PER_S);
	return 0;
}

ssize_t wait_call(struct socket_object *s, const struct deadline *deadline, wait_fn fn,
	void *argument)
{
	ssize_t result;
	int error;

	do {
		int fd = s->fd;
		int timeout_ms = deadline_left_ms(deadline);

		if (fd < 0)
			return -EBADF;
		if (deadline->kind == DEADLINE_TIMED && timeout_ms == 0)
			return -ETIMEDOUT;
		Py_BEGIN_ALLOW_THREADS
		result = fn(fd, argument, timeout_ms);
		error = errno;
		Py_END_ALLOW_THREADS
		if (result >= 0)
			return result;
		if (error == EINTR && PyErr_CheckSignals() < 0)
			return WAIT_RAISED;
	} while (error == EINTR);
	return -error;
}

ssize_t wait_request(struct socket_object *s, wait_fn fn, void *argument)
{
	struct deadline never = deadline_start(TIMEOUT_NONE);
	ssize_t result = wait_call(s, &never, fn, argument);

	if (result >= 0)
		return result;
	wait_raise(result);
	return -1;
}

PyObject *wait_raise(ssize_t result)
{
	if (result == WAIT_RAISED)
		return NULL;
	return errors_raise((int)-result);
}
