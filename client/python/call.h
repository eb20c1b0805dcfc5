/* SPDX-License-Identifier: MIT */
/*
 * Calls of libusocket from Python: without the GIL, and again after a signal
 * once Python's handlers have run.
 */
#ifndef CLIENT_PYTHON_CALL_H
#define CLIENT_PYTHON_CALL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "usocket_script.h"

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

struct call {
	struct usocket_script *script; /* NULL: of no socket */
	struct usocket_script_call call;
	void *argument;
};

/* Makes the call; returns as usocket_script.h's calls do. Without the GIL. */
typedef ssize_t (*call_fn)(struct call *c);

/* A Python signal handler raised: the exception is set. */
#define CALL_RAISED INT_MIN

/* A call that begins now, with the socket's time-out. */
struct call call_of(struct usocket_script *script, void *argument);

/* The same with a time-out of its own. */
struct call call_in(int64_t timeout_ns, void *argument);

/*
 * Calls @fn until something other than a signal ends it. Returns what it
 * returned, or CALL_RAISED; what c->call.done counts is still in hand then.
 */
ssize_t call_run(struct call *c, call_fn fn);

/* Raises for a result that is no success. Returns NULL. */
PyObject *call_raise(ssize_t result);

/* The same for what opens a session with the daemon. */
PyObject *call_raise_session(ssize_t result);

/* Returns None, or NULL with an exception set for a result below 0. */
PyObject *call_none(ssize_t result);

/*
 * Reads settimeout()'s argument: None, or seconds that are not negative.
 * Returns 0, or -1 with an exception set.
 */
int call_parse_timeout(PyObject *object, int64_t *timeout_ns);

#endif
