/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * All bytes come through receive_some(), so that no call passes by what an
 * earlier one pushed back or the error it could not report yet.
 *
 * recv(n) never waits for n bytes and never allocates for n that do not come:
 * it starts with a modest buffer, which grows while bytes that have arrived
 * fill it.
 */
#include "client/python/socket_receive.h"

#include "client/python/sockaddr.h"

#include "usocket.h"

#include <errno.h>

struct receive_call {
	void *buffer;
	size_t len;
	int flags;
	struct sockaddr_any *address; /* NULL: not wanted */
};

static ssize_t do_receive(int fd, void *argument, int timeout_ms)
{
	struct receive_call *call = argument;

	if (!call->address)
		return usocket_recv_timeout(fd, call->buffer, call->len, call->flags, timeout_ms);
	call->address->len = sizeof(call->address->storage);
	return usocket_recvfrom_timeout(fd, call->buffer, call->len, call->flags,
		&call->address->generic, &call->address->len, timeout_ms);
}

static ssize_t do_getpeername(int fd, void *argument, int timeout_ms)
{
	struct sockaddr_any *address = argument;

	(void)timeout_ms;
	address->len = sizeof(address->storage);
	return usocket_getpeername(fd, &address->generic, &address->len);
}

/* The peer of bytes that were received before; it may be unknown by now. */
static void find_peer(struct socket_object *s, struct sockaddr_any *address)
{
	struct deadline now = deadline_start(0);

	address->len = 0;
	if (wait_call(s, &now, do_getpeername, address) < 0)
		address->len = 0;
}

static ssize_t from_socket(struct socket_object *s, const struct deadline *deadline,
	struct receive_call *call)
{
	int error = s->deferred_error;

	s->deferred_error = 0;
	return error ? -error : wait_call(s, deadline, do_receive, call);
}

static ssize_t receive(struct socket_object *s, const struct deadline *deadline,
	struct receive_call *call)
{
	if (s->pushback.n == 0)
		return from_socket(s, deadline, call);
	if (call->address)
		find_peer(s, call->address);
	return (ssize_t)buffer_take(&s->pushback, call->buffer, call->len);
}

ssize_t receive_fresh(struct socket_object *s, const struct deadline *deadline, void *buffer,
	size_t len, int flags)
{
	struct receive_call call = { .buffer = buffer, .len = len, .flags = flags };

	return from_socket(s, deadline, &call);
}

ssize_t receive_some(struct socket_object *s, const struct deadline *deadline, void *buffer,
	size_t len)
{
	struct receive_call call = { .buffer = buffer, .len = len };

	return receive(s, deadline, &call);
}

PyObject *receive_to_bytes(struct socket_object *s, struct buffer *received)
{
	PyObject *bytes = PyBytes_FromStringAndSize(received->n ? received->bytes : "",
		(Py_ssize_t)received->n);

	if (!bytes)
		buffer_move(&s->pushback, received);
	buffer_fini(received);
	return bytes;
}

/*
 * Adds to @received, which was filled, what more has arrived, up to @size bytes
 * in all. Returns 0; or -1 with an exception set, the bytes pushed back.
 */
static int receive_more(struct socket_object *s, struct buffer *received, size_t size)
{
	struct deadline now = deadline_start(0);
	ssize_t got;
	size_t room;

	do {
		char *end;

		room = received->n < size - received->n ? received->n : size - received->n;
		end = buffer_reserve(received, room);
		if (!end)
			return 0;
		got = receive_some(s, &now, end, room);
		if (got > 0)
			buffer_commit(received, (size_t)got);
	} while (got == (ssize_t)room && received->n < size);
	if (got == WAIT_RAISED) {
		buffer_move(&s->pushback, received);
		return -1;
	}
	if (got < 0 && got != -EAGAIN)
		s->deferred_error = (int)-got;
	return 0;
}

/* A new bytes object, or NULL with an exception set. */
static PyObject *receive_bytes(struct socket_object *s, size_t size,
	struct sockaddr_any *address)
{
	struct deadline deadline = deadline_start(s->timeout_ns);
	size_t first = size < RECEIVE_BUFFER ? size : RECEIVE_BUFFER;
	struct buffer received = { 0 };
	struct receive_call call = { .len = first, .address = address };
	PyObject *bytes = NULL;
	ssize_t got;

	call.buffer = buffer_reserve(&received, first);
	if (!call.buffer)
		return PyErr_NoMemory();
	got = receive(s, &deadline, &call);
	if (got < 0) {
		wait_raise(got);
		goto out;
	}
	buffer_commit(&received, (size_t)got);
	if ((size_t)got < first || first == size || s->type != SOCK_STREAM ||
		receive_more(s, &received, size) == 0)
		bytes = receive_to_bytes(s, &received);
out:
	buffer_fini(&received);
	return bytes;
}

static int parse_size(PyObject *args, const char *format, Py_ssize_t *size)
{
	if (!PyArg_ParseTuple(args, format, size))
		return -1;
	if (*size >= 0)
		return 0;
	PyErr_SetString(PyExc_ValueError, "bufsize must not be negative");
	return -1;
}

/* Nothing asked for is nothing waited for, on an open socket. */
static PyObject *no_bytes(const struct socket_object *s)
{
	if (s->fd < 0)
		return wait_raise(-EBADF);
	return PyBytes_FromStringAndSize(NULL, 0);
}

PyObject *socket_recv(PyObject *self, PyObject *args)
{
	struct socket_object *s = (struct socket_object *)self;
	Py_ssize_t size;

	if (parse_size(args, "n:recv", &size) < 0)
		return NULL;
	if (size == 0 && s->type == SOCK_STREAM)
		return no_bytes(s);
	return receive_bytes(s, (size_t)size, NULL);
}

PyObject *socket_recvfrom(PyObject *self, PyObject *args)
{
	struct socket_object *s = (struct socket_object *)self;
	struct sockaddr_any address = { .len = 0 };
	PyObject *bytes;
	Py_ssize_t size;

	if (parse_size(args, "n:recvfrom", &size) < 0)
		return NULL;
	if (size == 0 && s->type == SOCK_STREAM) {
		find_peer(s, &address);
		bytes = no_bytes(s);
	} else {
		bytes = receive_bytes(s, (size_t)size, &address);
	}
	if (!bytes)
		return NULL;
	return Py_BuildValue("(NN)", bytes, sockaddr_tuple(&address));
}
