/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * send(), sendall() and write() are one operation with three endings. Blocking
 * or with a time-out it queues all of the data, in as many rounds as signals
 * make of it; non-blocking, send() and write() queue what fits, sendall() all
 * or nothing. send() and write() return the count if anything was queued, and
 * leave the error, if it was one, for the next call; sendall() raises.
 */
#include "client/python/socket_send.h"

#include "client/python/sockaddr.h"
#include "client/python/wait.h"

#include "usocket.h"

#include <errno.h>

struct send_call {
	Py_buffer buffer;
	size_t sent;		     /* bytes queued so far */
	struct sockaddr_any address; /* sendto only */
};

static ssize_t do_send_all(int fd, void *argument, int timeout_ms)
{
	struct send_call *call = argument;
	const char *data = call->buffer.buf;
	size_t sent = 0;
	int rc;

	rc = usocket_sendall_timeout(fd, data + call->sent, (size_t)call->buffer.len - call->sent,
		0, timeout_ms, &sent);
	call->sent += sent;
	return rc;
}

static ssize_t do_send_some(int fd, void *argument, int timeout_ms)
{
	struct send_call *call = argument;
	ssize_t n;

	n = usocket_send_timeout(fd, call->buffer.buf, (size_t)call->buffer.len, 0, timeout_ms);
	if (n > 0)
		call->sent = (size_t)n;
	return n;
}

static ssize_t do_sendto(int fd, void *argument, int timeout_ms)
{
	struct send_call *call = argument;

	return usocket_sendto_timeout(fd, call->buffer.buf, (size_t)call->buffer.len, 0,
		&call->address.generic, call->address.len, timeout_ms);
}

/* Runs @fn, reporting first what an earlier call had to defer. */
static ssize_t run(struct socket_object *s, const struct deadline *deadline, wait_fn fn,
	struct send_call *call)
{
	int error = s->deferred_error;

	s->deferred_error = 0;
	return error ? -error : wait_call(s, deadline, fn, call);
}

/* send() and write(): what was queued counts, and its end is the next call's. */
static PyObject *send_and_count(PyObject *self, struct send_call *call, PyObject *blocked)
{
	struct socket_object *s = (struct socket_object *)self;
	struct deadline deadline = deadline_start(s->timeout_ns);
	ssize_t result = run(s, &deadline, s->timeout_ns ? do_send_all : do_send_some, call);

	if (result >= 0)
		return PyLong_FromSize_t(s->timeout_ns ? (size_t)call->buffer.len : call->sent);
	if (result == WAIT_RAISED)
		return NULL;
	if (call->sent > 0) {
		if (result != -EAGAIN && !(result == -ETIMEDOUT && deadline_passed(&deadline)))
			s->deferred_error = (int)-result;
		return PyLong_FromSize_t(call->sent);
	}
	if (result != -EAGAIN || !blocked)
		return wait_raise(result);
	Py_INCREF(blocked);
	return blocked;
}

PyObject *socket_send(PyObject *self, PyObject *args)
{
	struct send_call call = { .sent = 0 };
	PyObject *result;

	if (!PyArg_ParseTuple(args, "s*:send", &call.buffer))
		return NULL;
	result = send_and_count(self, &call, NULL);
	PyBuffer_Release(&call.buffer);
	return result;
}

PyObject *socket_write(PyObject *self, PyObject *args)
{
	struct send_call call = { .sent = 0 };
	PyObject *result;

	if (!PyArg_ParseTuple(args, "s*:write", &call.buffer))
		return NULL;
	result = send_and_count(self, &call, Py_None);
	PyBuffer_Release(&call.buffer);
	return result;
}

PyObject *socket_sendall(PyObject *self, PyObject *args)
{
	struct socket_object *s = (struct socket_object *)self;
	struct deadline deadline = deadline_start(s->timeout_ns);
	struct send_call call = { .sent = 0 };
	ssize_t result;

	if (!PyArg_ParseTuple(args, "s*:sendall", &call.buffer))
		return NULL;
	result = run(s, &deadline, do_send_all, &call);
	PyBuffer_Release(&call.buffer);
	if (result < 0)
		return wait_raise(result);
	Py_RETURN_NONE;
}

PyObject *socket_sendto(PyObject *self, PyObject *args)
{
	struct socket_object *s = (struct socket_object *)self;
	struct deadline deadline = deadline_start(s->timeout_ns);
	struct send_call call = { .sent = 0 };
	PyObject *address;
	ssize_t result;

	if (!PyArg_ParseTuple(args, "s*O:sendto", &call.buffer, &address))
		return NULL;
	if (sockaddr_parse(&call.address, address, s, &deadline) < 0) {
		PyBuffer_Release(&call.buffer);
		return NULL;
	}
	result = run(s, &deadline, do_sendto, &call);
	PyBuffer_Release(&call.buffer);
	if (result < 0)
		return wait_raise(result);
	return PyLong_FromSsize_t(result);
}
