/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * usocket.socket takes the numbers of the module's constants, as all script
 * bindings do (usocket_script.h); the standard class takes Linux' too, since
 * that is where its programs have them from, also at SOL_SOCKET.
 *
 * lwIP's option 20, a function that is called when something has arrived, is
 * the business of the module usocket._watch, which is Python.
 */
#include "client/python/socket_options.h"

#include "client/python/call.h"
#include "client/python/socket_object.h"

#include <errno.h>
#include <string.h>

/* lwIP's number, at its SOL_SOCKET; scripts write the number. */
#define OPTION_CALLBACK	 20
#define OPTION_VALUE_MAX 1024

struct option {
	int level, option;
	void *value;
	socklen_t len;
};

static ssize_t do_setsockopt(struct call *c)
{
	struct option *option = c->argument;

	return usocket_script_setsockopt(c->script, option->level, option->option, option->value,
		option->len);
}

static ssize_t do_linux_setsockopt(struct call *c)
{
	struct option *option = c->argument;

	return usocket_setsockopt(usocket_script_fileno(c->script), option->level, option->option,
		       option->value, option->len) < 0
		? -errno
		: 0;
}

static ssize_t do_getsockopt(struct call *c)
{
	struct option *option = c->argument;

	return usocket_script_getsockopt(c->script, option->level, option->option, option->value,
		&option->len);
}

static PyObject *set(PyObject *self, struct option *option)
{
	struct call c = call_of(&socket_from(self)->script, option);

	if (socket_from(self)->is_standard && !usocket_script_is_option(option->option))
		return call_none(call_run(&c, do_linux_setsockopt));
	return call_none(call_run(&c, do_setsockopt));
}

static int parse_int(PyObject *object, int *value)
{
	int overflow;
	long number = PyLong_AsLongAndOverflow(object, &overflow);

	if (number == -1 && PyErr_Occurred())
		return -1;
	if (overflow || number < INT_MIN || number > INT_MAX) {
		PyErr_SetString(PyExc_OverflowError, "option value is too large");
		return -1;
	}
	*value = (int)number;
	return 0;
}

static PyObject *set_callback(PyObject *self, PyObject *callback)
{
	PyObject *module, *result;

	if (usocket_script_fileno(&socket_from(self)->script) < 0)
		return call_raise(-EBADF);
	module = PyImport_ImportModule("usocket._watch");
	if (!module)
		return NULL;
	result = PyObject_CallMethod(module, "set_callback", "OO", self, callback);
	Py_DECREF(module);
	return result;
}

static PyObject *set_buffer(PyObject *self, struct option *option, PyObject *object)
{
	PyObject *result;
	Py_buffer buffer;

	if (PyObject_GetBuffer(object, &buffer, PyBUF_SIMPLE) < 0) {
		PyErr_SetString(PyExc_TypeError, "option value must be an int or a buffer");
		return NULL;
	}
	option->value = buffer.buf;
	option->len = buffer.len < OPTION_VALUE_MAX ? (socklen_t)buffer.len : OPTION_VALUE_MAX;
	result = set(self, option);
	PyBuffer_Release(&buffer);
	return result;
}

PyObject *socket_setsockopt(PyObject *self, PyObject *args)
{
	struct option option;
	PyObject *object;
	int value;

	if (!PyArg_ParseTuple(args, "iiO:setsockopt", &option.level, &option.option, &object))
		return NULL;
	if (PyLong_Check(object)) {
		if (parse_int(object, &value) < 0)
			return NULL;
		option.value = &value;
		option.len = sizeof(value);
		return set(self, &option);
	}
	if (option.option == OPTION_CALLBACK && option.level == SOL_SOCKET &&
		!socket_from(self)->is_standard &&
		(object == Py_None || PyCallable_Check(object)))
		return set_callback(self, object);
	return set_buffer(self, &option, object);
}

static ssize_t do_info(struct call *c)
{
	return usocket_script_info(c->script, 1, c->argument);
}

/* What is known of the connection; Linux' struct would be mostly zeros. */
static PyObject *get_tcp_info(PyObject *self)
{
	struct usocket_socket_info info;
	struct call c = call_of(&socket_from(self)->script, &info);
	ssize_t result = call_run(&c, do_info);

	if (result < 0)
		return call_raise(result);
	return Py_BuildValue("{si sI sI sI sK sK sK}",
		"state", (int)info.state,
		"rtt_us", (unsigned int)info.rtt_us,
		"retransmits", (unsigned int)info.retransmissions,
		"unacked", (unsigned int)info.send_queue,
		"bytes_received", (unsigned long long)info.bytes_received,
		"bytes_sent", (unsigned long long)info.bytes_sent,
		"bytes_acked", (unsigned long long)info.bytes_acked);
}

PyObject *socket_getsockopt(PyObject *self, PyObject *args)
{
	char value[OPTION_VALUE_MAX];
	struct option option = { .value = value };
	struct call c = call_of(&socket_from(self)->script, &option);
	ssize_t result;
	int len = 0, number;

	if (!PyArg_ParseTuple(args, "ii|i:getsockopt", &option.level, &option.option, &len))
		return NULL;
	if (len == 0 && usocket_script_is_tcp_info(option.level, option.option))
		return get_tcp_info(self);
	if (len < 0 || len > OPTION_VALUE_MAX) {
		PyErr_SetString(PyExc_ValueError, "buflen must be 0..1024");
		return NULL;
	}
	option.len = len > 0 ? (socklen_t)len : sizeof(number);
	result = call_run(&c, do_getsockopt);
	if (result < 0)
		return call_raise(result);
	if (len > 0)
		return PyBytes_FromStringAndSize(value, (Py_ssize_t)option.len);
	memcpy(&number, value, sizeof(number));
	return PyLong_FromLong(number);
}

PyObject *socket_getsocketsta(PyObject *self, PyObject *unused)
{
	(void)unused;
	return PyLong_FromLong(usocket_script_getsocketsta(&socket_from(self)->script));
}

PyObject *socket_getsendacksize(PyObject *self, PyObject *unused)
{
	(void)unused;
	return PyLong_FromLongLong(usocket_script_getsendacksize(&socket_from(self)->script));
}
