/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * OSError's own constructor picks the subclass that belongs to an errno
 * (TimeoutError, ConnectionRefusedError, ...) and keeps number and text in
 * args, so one way of raising serves all. Texts are strerror()'s but where
 * that would mislead: a row of a const table names what writes a better one.
 * Resolver errors are the only negative numbers.
 */
#include "client/python/errors.h"

#include "usocket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX	512
#define SOCKET_PATH_MAX 256

typedef void (*text_fn)(char text[TEXT_MAX]);

static PyObject *raise_os_error(int number, const char *text)
{
	PyObject *exception = PyObject_CallFunction(PyExc_OSError, "is", number, text);

	if (!exception)
		return NULL;
	PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
	Py_DECREF(exception);
	return NULL;
}

static void text_timed_out(char text[TEXT_MAX])
{
	snprintf(text, TEXT_MAX, "timed out");
}

static void text_no_daemon(char text[TEXT_MAX])
{
	char path[SOCKET_PATH_MAX];

	usocket_socket_path(path, sizeof(path));
	snprintf(text, TEXT_MAX,
		"cannot reach usocketd at %s: is it running? Start it with "
		"\"systemctl start usocketd\", or run \"usocketd\"",
		path);
}

/* The number is also an ordinary answer to a protocol that does not fit. */
static void text_versions(char text[TEXT_MAX])
{
	struct usocket_versions v;

	usocket_versions(&v, sizeof(v));
	if (v.daemon_min == 0 ||
		(v.daemon_min <= v.library_max && v.library_min <= v.daemon_max)) {
		snprintf(text, TEXT_MAX, "%s", strerror(EPROTONOSUPPORT));
		return;
	}
	snprintf(text, TEXT_MAX,
		"usocketd %s speaks protocol versions %u to %u, this library %u to %u: "
		"install the same release of both",
		v.daemon, v.daemon_min, v.daemon_max, v.library_min, v.library_max);
}

static void text_session_access(char text[TEXT_MAX])
{
	char path[SOCKET_PATH_MAX];

	usocket_socket_path(path, sizeof(path));
	snprintf(text, TEXT_MAX,
		"not permitted to use usocketd at %s: is this user in its group?", path);
}

static const struct {
	int error;
	text_fn write;
} texts[] = {
	{ ETIMEDOUT, text_timed_out },
	{ ENODEV, text_no_daemon },
	{ EPROTONOSUPPORT, text_versions },
};

PyObject *errors_raise(int error)
{
	char text[TEXT_MAX];
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].error != error)
			continue;
		texts[i].write(text);
		return raise_os_error(error, text);
	}
	return raise_os_error(error, strerror(error));
}

PyObject *errors_raise_session(int error)
{
	char text[TEXT_MAX];

	if (error != EACCES)
		return errors_raise(error);
	text_session_access(text);
	return raise_os_error(error, text);
}

PyObject *errors_raise_resolver(int result, int error)
{
	switch (result) {
	case EAI_SYSTEM:
		return errors_raise_session(error);
	case EAI_MEMORY:
		return PyErr_NoMemory();
	default:
		return raise_os_error(result, usocket_gai_strerror(result));
	}
}
