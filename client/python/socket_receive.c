/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What is received and kept the library decides. Bytes that have left the
 * socket are in hand until their object is made; if a signal handler raises
 * meanwhile, or there is no memory, they go back.
 */
#include "client/python/socket_receive.h"

#include "client/python/sockaddr.h"
#include "client/python/socket_object.h"

#include <errno.h>
#include <stdint.h>

/* A receive of so many bytes and less goes straight into its object. */
#define FEW 16384

struct receive {
	void *buffer; /* the caller's, or NULL: the library's, in bytes */
	size_t len;
	int flags;
	struct usocket_script_address *address; /* NULL: not wanted */
	struct usocket_script_bytes bytes;
};

static ssize_t do_recv(struct call *c)
{
	struct receive *receive = c->argument;

	return usocket_script_recv(c->script, &c->call, receive->buffer, receive->len,
		receive->flags, receive->address);
}

static ssize_t do_recv_bytes(struct call *c)
{
	struct receive *receive = c->argument;

	return usocket_script_recv_bytes(c->script, &c->call, receive->len, receive->flags,
		&receive->bytes, receive->address);
}

static ssize_t do_read(struct call *c)
{
	struct receive *receive = c->argument;

	return usocket_script_read(c->script, &c->call, receive->len, &receive->bytes);
}

static ssize_t do_readinto(struct call *c)
{
	struct receive *receive = c->argument;

	return usocket_script_readinto(c->script, &c->call, receive->buffer, receive->len);
}

static ssize_t do_readline(struct call *c)
{
	struct receive *receive = c->argument;

	return usocket_script_readline(c->script, &c->call, receive->len, &receive->bytes);
}

/* What is in hand goes back; what was only looked at is still there. */
static void take_back(struct call *c)
{
	struct receive *receive = c->argument;
	const char *data = receive->buffer ? receive->buffer : receive->bytes.data;
	size_t n = receive->buffer ? c->call.done : receive->bytes.len;

	if (n > 0 && !(receive->flags & MSG_PEEK))
		usocket_script_unread(c->script, data, n);
}

/* Runs @fn, which fills bytes. Would-block is None if @or_none, else raises. */
static PyObject *run_bytes(struct call *c, call_fn fn, bool or_none)
{
	struct receive *receive = c->argument;
	ssize_t result = call_run(c, fn);
	PyObject *object = NULL;

	if (result == -EAGAIN && or_none) {
		Py_INCREF(Py_None);
		object = Py_None;
	} else if (result < 0) {
		call_raise(result);
	} else {
		object = PyBytes_FromStringAndSize(receive->bytes.len ? receive->bytes.data : "",
			(Py_ssize_t)receive->bytes.len);
	}
	if (!object)
		take_back(c);
	usocket_script_bytes_free(&receive->bytes);
	return object;
}

/* The same for a receive of few bytes. */
static PyObject *run_few(struct call *c)
{
	struct receive *receive = c->argument;
	char buffer[FEW];
	PyObject *object;
	ssize_t result;

	receive->buffer = buffer;
	result = call_run(c, do_recv);
	if (result < 0) {
		take_back(c);
		return call_raise(result);
	}
	object = PyBytes_FromStringAndSize(buffer, result);
	if (!object)
		take_back(c);
	return object;
}

/* (bufsize[, flags]), of recvfrom too. */
static PyObject *receive_bytes(PyObject *self, PyObject *args, const char *format,
	struct usocket_script_address *address)
{
	struct receive receive = { .address = address };
	struct call c = call_of(&socket_from(self)->script, &receive);
	Py_ssize_t size;

	if (!PyArg_ParseTuple(args, format, &size, &receive.flags))
		return NULL;
	if (size < 0) {
		PyErr_SetString(PyExc_ValueError, "bufsize must not be negative");
		return NULL;
	}
	receive.len = (size_t)size;
	return receive.len <= FEW ? run_few(&c) : run_bytes(&c, do_recv_bytes, false);
}

PyObject *socket_recv(PyObject *self, PyObject *args)
{
	return receive_bytes(self, args, "n|i:recv", NULL);
}

PyObject *socket_recvfrom(PyObject *self, PyObject *args)
{
	struct usocket_script_address address = { .len = 0 };
	PyObject *bytes = receive_bytes(self, args, "n|i:recvfrom", &address);

	if (!bytes)
		return NULL;
	return Py_BuildValue("(NN)", bytes,
		sockaddr_tuple(&address, socket_from(self)->is_standard));
}

/* Receives into @buffer, at most @limit bytes (negative, 0: all of it). */
static ssize_t receive_into(PyObject *self, Py_buffer *buffer, Py_ssize_t limit,
	struct receive *receive)
{
	struct call c = call_of(&socket_from(self)->script, receive);
	ssize_t result;

	receive->buffer = buffer->buf;
	receive->len = (size_t)buffer->len;
	if (limit > 0 && limit < buffer->len)
		receive->len = (size_t)limit;
	result = call_run(&c, do_recv);
	if (result == CALL_RAISED)
		take_back(&c);
	PyBuffer_Release(buffer);
	return result;
}

/* (buffer[, nbytes[, flags]]) */
static int parse_into(PyObject *args, PyObject *keywords, const char *format, Py_buffer *buffer,
	Py_ssize_t *limit, int *flags)
{
	static const char *const names[] = { "buffer", "nbytes", "flags", NULL };

	*limit = 0;
	*flags = 0;
	if (!PyArg_ParseTupleAndKeywords(args, keywords, format, (char **)(uintptr_t)names, buffer,
		    limit, flags))
		return -1;
	if (*limit >= 0 && *limit <= buffer->len)
		return 0;
	PyErr_SetString(PyExc_ValueError, "nbytes is negative or more than the buffer has");
	PyBuffer_Release(buffer);
	return -1;
}

PyObject *socket_recv_into(PyObject *self, PyObject *args, PyObject *keywords)
{
	struct receive receive = { .len = 0 };
	Py_ssize_t limit;
	Py_buffer buffer;
	ssize_t result;

	if (parse_into(args, keywords, "w*|ni:recv_into", &buffer, &limit, &receive.flags) < 0)
		return NULL;
	result = receive_into(self, &buffer, limit, &receive);
	return result < 0 ? call_raise(result) : PyLong_FromSsize_t(result);
}

PyObject *socket_recvfrom_into(PyObject *self, PyObject *args, PyObject *keywords)
{
	struct usocket_script_address address = { .len = 0 };
	struct receive receive = { .address = &address };
	Py_ssize_t limit;
	Py_buffer buffer;
	ssize_t result;

	if (parse_into(args, keywords, "w*|ni:recvfrom_into", &buffer, &limit, &receive.flags) < 0)
		return NULL;
	result = receive_into(self, &buffer, limit, &receive);
	if (result < 0)
		return call_raise(result);
	return Py_BuildValue("(nN)", (Py_ssize_t)result,
		sockaddr_tuple(&address, socket_from(self)->is_standard));
}

/* None and negative numbers mean: no limit. */
static int parse_limit(PyObject *args, const char *format, size_t *limit)
{
	PyObject *object = Py_None;
	Py_ssize_t n;

	*limit = SIZE_MAX;
	if (!PyArg_ParseTuple(args, format, &object))
		return -1;
	if (object == Py_None)
		return 0;
	n = PyNumber_AsSsize_t(object, PyExc_OverflowError);
	if (n == -1 && PyErr_Occurred())
		return -1;
	if (n >= 0)
		*limit = (size_t)n;
	return 0;
}

PyObject *socket_read(PyObject *self, PyObject *args)
{
	struct receive receive = { .len = 0 };
	struct call c = call_of(&socket_from(self)->script, &receive);

	if (parse_limit(args, "|O:read", &receive.len) < 0)
		return NULL;
	return run_bytes(&c, do_read, true);
}

PyObject *socket_readall(PyObject *self, PyObject *unused)
{
	struct receive receive = { .len = SIZE_MAX };
	struct call c = call_of(&socket_from(self)->script, &receive);

	(void)unused;
	return run_bytes(&c, do_read, true);
}

PyObject *socket_readline(PyObject *self, PyObject *args)
{
	struct receive receive = { .len = 0 };
	struct call c = call_of(&socket_from(self)->script, &receive);

	if (parse_limit(args, "|O:readline", &receive.len) < 0)
		return NULL;
	return run_bytes(&c, do_readline, true);
}

PyObject *socket_readinto(PyObject *self, PyObject *args)
{
	struct receive receive = { .len = 0 };
	struct call c = call_of(&socket_from(self)->script, &receive);
	Py_ssize_t limit = -1;
	Py_buffer buffer;
	ssize_t result;

	if (!PyArg_ParseTuple(args, "w*|n:readinto", &buffer, &limit))
		return NULL;
	receive.buffer = buffer.buf;
	receive.len = (size_t)buffer.len;
	if (limit >= 0 && (size_t)limit < receive.len)
		receive.len = (size_t)limit;
	result = call_run(&c, do_readinto);
	if (result == CALL_RAISED)
		take_back(&c);
	PyBuffer_Release(&buffer);
	if (result == -EAGAIN)
		Py_RETURN_NONE;
	return result < 0 ? call_raise(result) : PyLong_FromSsize_t(result);
}
