/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What the calls mean is the library's (usocket_script.h). usocket.socket takes
 * str as data and its send() queues all; the standard class takes what has a
 * buffer, and its send() may be short. Flags are the standard class's, and
 * harmless in the other.
 */
#include "client/python/socket_send.h"

#include "client/python/sockaddr.h"
#include "client/python/socket_object.h"

#include <errno.h>

struct send {
	Py_buffer data;
	int flags;
	struct usocket_script_address address; /* sendto only */
};

static ssize_t do_write(struct call *c)
{
	struct send *send = c->argument;

	return usocket_script_write(c->script, &c->call, send->data.buf, (size_t)send->data.len);
}

static ssize_t do_send(struct call *c)
{
	struct send *send = c->argument;

	return usocket_script_send(c->script, &c->call, send->data.buf, (size_t)send->data.len,
		send->flags);
}

static ssize_t do_sendall(struct call *c)
{
	struct send *send = c->argument;

	return usocket_script_sendall(c->script, &c->call, send->data.buf, (size_t)send->data.len,
		send->flags);
}

static ssize_t do_sendto(struct call *c)
{
	struct send *send = c->argument;

	return usocket_script_sendto(c->script, &c->call, send->data.buf, (size_t)send->data.len,
		send->flags, &send->address);
}

/* Reads (data[, flags]). Returns 0, or -1 with an exception set. */
static int parse_data(PyObject *self, PyObject *args, struct send *send)
{
	const char *format = socket_from(self)->is_standard ? "y*|i:send" : "s*|i:send";

	send->flags = 0;
	return PyArg_ParseTuple(args, format, &send->data, &send->flags) ? 0 : -1;
}

static ssize_t run_send(PyObject *self, struct send *send, call_fn fn)
{
	struct call c = call_of(&socket_from(self)->script, send);
	ssize_t result = call_run(&c, fn);

	PyBuffer_Release(&send->data);
	return result;
}

PyObject *socket_send(PyObject *self, PyObject *args)
{
	struct send send;
	ssize_t result;

	if (parse_data(self, args, &send) < 0)
		return NULL;
	/* With flags (MSG_DONTWAIT) it is the standard one in both. */
	result = run_send(self, &send,
		socket_from(self)->is_standard || send.flags ? do_send : do_write);
	return result < 0 ? call_raise(result) : PyLong_FromSsize_t(result);
}

PyObject *socket_write(PyObject *self, PyObject *args)
{
	struct send send;
	ssize_t result;

	if (parse_data(self, args, &send) < 0)
		return NULL;
	result = run_send(self, &send, do_write);
	if (result == -EAGAIN)
		Py_RETURN_NONE;
	return result < 0 ? call_raise(result) : PyLong_FromSsize_t(result);
}

PyObject *socket_sendall(PyObject *self, PyObject *args)
{
	struct send send;

	if (parse_data(self, args, &send) < 0)
		return NULL;
	return call_none(run_send(self, &send, do_sendall));
}

/* Reads (data, address) or (data, flags, address). */
static int parse_sendto(PyObject *self, PyObject *args, struct send *send, PyObject **address)
{
	bool is_standard = socket_from(self)->is_standard;

	send->flags = 0;
	if (PyTuple_Size(args) == 3)
		return PyArg_ParseTuple(args, is_standard ? "y*iO:sendto" : "s*iO:sendto",
			       &send->data, &send->flags, address)
			? 0
			: -1;
	return PyArg_ParseTuple(args, is_standard ? "y*O:sendto" : "s*O:sendto", &send->data,
		       address)
		? 0
		: -1;
}

PyObject *socket_sendto(PyObject *self, PyObject *args)
{
	struct usocket_script *script = &socket_from(self)->script;
	struct send send;
	struct call c = call_of(script, &send);
	call_fn fn = do_sendto;
	PyObject *address;
	ssize_t result;

	if (parse_sendto(self, args, &send, &address) < 0)
		return NULL;
	if (usocket_script_type(script) == SOCK_STREAM)
		/* Connected or not: the address does not matter. */
		fn = do_send;
	else if (sockaddr_resolve(&send.address, address, &c) < 0) {
		PyBuffer_Release(&send.data);
		return NULL;
	}
	result = call_run(&c, fn);
	PyBuffer_Release(&send.data);
	return result < 0 ? call_raise(result) : PyLong_FromSsize_t(result);
}
