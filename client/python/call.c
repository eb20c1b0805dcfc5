/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The deadline of a Python call is made once, when it begins; the library's
 * calls take what is left of it. Between two rounds Python's signal handlers
 * run, with the GIL. OSError's own constructor picks the subclass that belongs
 * to an errno (TimeoutError, ConnectionRefusedError, ...) and keeps number and
 * text in args; resolver errors are socket.gaierror, which has no errno.
 */
#include "client/python/call.h"

#include <errno.h>

#define TEXT_MAX 512

struct call call_of(struct usocket_script *script, void *argument)
{
	struct call c = { .script = script, .argument = argument };

	usocket_script_begin(&c.call, script);
	return c;
}

struct call call_in(int64_t timeout_ns, void *argument)
{
	struct call c = { .argument = argument };

	usocket_script_begin_timeout(&c.call, timeout_ns);
	return c;
}

ssize_t call_run(struct call *c, call_fn fn)
{
	ssize_t result;

	do {
		Py_BEGIN_ALLOW_THREADS
		result = fn(c);
		Py_END_ALLOW_THREADS
		if (result == -EINTR && PyErr_CheckSignals() < 0)
			return CALL_RAISED;
	} while (result == -EINTR);
	return result;
}

static void raise_resolver(int number, const char *text)
{
	PyObject *module = PyImport_ImportModule("socket");
	PyObject *type = module ? PyObject_GetAttrString(module, "gaierror") : NULL;
	PyObject *exception = type ? PyObject_CallFunction(type, "is", number, text) : NULL;

	if (exception)
		PyErr_SetObject(type, exception);
	Py_XDECREF(exception);
	Py_XDECREF(type);
	Py_XDECREF(module);
}

static void raise_os(int number, const char *text)
{
	PyObject *exception = PyObject_CallFunction(PyExc_OSError, "is", number, text);

	if (!exception)
		return;
	PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
	Py_DECREF(exception);
}

static PyObject *raise_result(ssize_t result, int for_session)
{
	char text[TEXT_MAX];
	int number;

	if (result == CALL_RAISED)
		return NULL;
	if (result == -ENOMEM)
		return PyErr_NoMemory();
	number = usocket_script_error((int)result, for_session, text, sizeof(text));
	if (result > 0)
		raise_resolver(number, text);
	else
		raise_os(number, text);
	return NULL;
}

PyObject *call_raise(ssize_t result)
{
	return raise_result(result, 0);
}

PyObject *call_raise_session(ssize_t result)
{
	return raise_result(result, 1);
}

PyObject *call_none(ssize_t result)
{
	if (result < 0)
		return call_raise(result);
	Py_RETURN_NONE;
}

int call_parse_timeout(PyObject *object, int64_t *timeout_ns)
{
	double seconds;

	*timeout_ns = USOCKET_SCRIPT_WAIT;
	if (object == Py_None)
		return 0;
	seconds = PyFloat_AsDouble(object);
	if (seconds == -1.0 && PyErr_Occurred())
		return -1;
	switch (usocket_script_timeout(seconds, timeout_ns)) {
	case 0:
		return 0;
	case -ERANGE:
		PyErr_SetString(PyExc_OverflowError, "timeout is too large");
		return -1;
	default:
		PyErr_SetString(PyExc_ValueError, "timeout must be None or at least 0");
		return -1;
	}
}
