/* SPDX-License-Identifier: MIT */
/*
 * Calls that may wait: one deadline for the whole of a Python call, the GIL
 * released, signals honoured.
 */
#ifndef CLIENT_PYTHON_WAIT_H
#define CLIENT_PYTHON_WAIT_H

#include "client/python/socket_object.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct deadline {
	enum deadline_kind {
		DEADLINE_NEVER,
		DEADLINE_NOW, /* non-blocking: do not wait at all */
		DEADLINE_TIMED,
	} kind;
	int64_t end_ns; /* CLOCK_MONOTONIC, if TIMED */
};

/* The deadline of a call that begins now; @timeout_ns as in socket_object. */
struct deadline deadline_start(int64_t timeout_ns);

/* What the library's timeout_ms means: -1, 0, or milliseconds rounded up. */
int deadline_left_ms(const struct deadline *deadline);

/* A TIMED one is over. */
bool deadline_passed(const struct deadline *deadline);

/*
 * Reads settimeout()'s argument: None, or seconds that are not negative.
 * Returns 0, or -1 with an exception set.
 */
int deadline_parse_timeout(PyObject *object, int64_t *timeout_ns);

/* A Python signal handler raised: the exception is set. */
#define WAIT_RAISED INT_MIN

/*
 * A call of the library; called without the GIL, again after a signal. Returns
 * -1 and errno on failure.
 */
typedef ssize_t (*wait_fn)(int fd, void *argument, int timeout_ms);

/*
 * Calls @fn on the socket's descriptor until something other than a signal
 * ends it. Returns what it returned, -errno, or WAIT_RAISED.
 */
ssize_t wait_call(struct socket_object *s, const struct deadline *deadline, wait_fn fn,
	void *argument);

/*
 * The same for requests, which the daemon answers at once, with the exception
 * raised too. Returns what @fn returned, or -1 with an exception set.
 */
ssize_t wait_request(struct socket_object *s, wait_fn fn, void *argument);

/* Raises for what wait_call() returned below 0. Returns NULL. */
PyObject *wait_raise(ssize_t result);

#endif
