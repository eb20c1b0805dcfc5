/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A read ends when it has all it was asked for, or at the end of the stream,
 * or when it has to stop: the deadline, would-block, an error, an exception
 * from a signal handler. Nothing that was received is lost then: read() and
 * readinto() return the part they have, and the error, if it is one, is left
 * for the next call; readline() pushes its part back when its time is over,
 * and the next readline() goes on there. Without any part the stop is the
 * result: None for would-block, else an exception.
 *
 * readline() peeks, so that of a stream it takes no byte beyond the line: a
 * poll(2) for the descriptor then still tells of what is left. A datagram
 * cannot be taken in part: its rest is pushed back. A read() of a datagram
 * socket is one datagram.
 */
#include "client/python/socket_read.h"

#include "client/python/socket_receive.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* What readline() looks at in one go; bytes. */
#define LINE_CHUNK 4096

/* Outcomes of filling a buffer, beside -errno and WAIT_RAISED. */
enum fill {
	FILL_FULL, /* as much as asked for */
	FILL_END,  /* end of the stream, or of the datagram */
};

/* A read under way. */
struct reader {
	struct socket_object *s;
	struct deadline deadline;
	ssize_t outcome; /* enum fill, or as wait_call() */
};

static struct reader reader_make(PyObject *self)
{
	struct socket_object *s = (struct socket_object *)self;

	return (struct reader){ .s = s, .deadline = deadline_start(s->timeout_ns) };
}

/* Fills @buffer up to @len and sets r->outcome. Returns the bytes it has. */
static size_t fill(struct reader *r, char *buffer, size_t len)
{
	size_t n = 0;

	r->outcome = FILL_FULL;
	while (n < len && r->outcome == FILL_FULL) {
		ssize_t got = receive_some(r->s, &r->deadline, buffer + n, len - n);

		if (got < 0)
			r->outcome = got;
		else if (got == 0 || r->s->type != SOCK_STREAM)
			r->outcome = FILL_END;
		n += got > 0 ? (size_t)got : 0;
	}
	return n;
}

/* The connection's own 110 is an error like others, not the deadline. */
static bool is_timeout(const struct reader *r)
{
	return r->outcome == -ETIMEDOUT && deadline_passed(&r->deadline);
}

/*
 * Ends a read that has @n bytes. Returns true if they are its result, which
 * none are at the end. Else *@result is what the method returns: None, or NULL
 * with an exception set, and if there are bytes they must be pushed back.
 */
static bool reader_end(struct reader *r, size_t n, PyObject **result)
{
	*result = NULL;
	if (r->outcome >= 0)
		return true;
	if (r->outcome == WAIT_RAISED)
		return false;
	if (n > 0) {
		if (r->outcome != -EAGAIN && !is_timeout(r))
			r->s->deferred_error = (int)-r->outcome;
		return true;
	}
	if (r->outcome != -EAGAIN) {
		wait_raise(r->outcome);
		return false;
	}
	Py_INCREF(Py_None);
	*result = Py_None;
	return false;
}

/* Reads up to @limit bytes (SIZE_MAX: to the end) into @received. */
static void fill_buffer(struct reader *r, struct buffer *received, size_t limit)
{
	size_t room = RECEIVE_BUFFER;

	do {
		size_t left = limit - received->n;
		char *end;

		if (received->n > room)
			room = received->n;
		if (room > left)
			room = left;
		end = buffer_reserve(received, room);
		if (!end) {
			r->outcome = -ENOMEM;
			return;
		}
		buffer_commit(received, fill(r, end, room));
	} while (r->outcome == FILL_FULL && received->n < limit);
}

static PyObject *read_bytes(PyObject *self, size_t limit)
{
	struct reader r = reader_make(self);
	struct buffer received = { 0 };
	PyObject *result;

	if (r.s->fd < 0)
		return wait_raise(-EBADF);
	fill_buffer(&r, &received, limit);
	if (reader_end(&r, received.n, &result))
		result = receive_to_bytes(r.s, &received);
	else
		buffer_move(&r.s->pushback, &received);
	buffer_fini(&received);
	return result;
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
	size_t limit;

	if (parse_limit(args, "|O:read", &limit) < 0)
		return NULL;
	return read_bytes(self, limit);
}

PyObject *socket_readall(PyObject *self, PyObject *unused)
{
	(void)unused;
	return read_bytes(self, SIZE_MAX);
}

PyObject *socket_readinto(PyObject *self, PyObject *args)
{
	struct reader r = reader_make(self);
	Py_ssize_t limit = -1;
	PyObject *result;
	Py_buffer buffer;
	size_t len, n;

	if (r.s->fd < 0)
		return wait_raise(-EBADF);
	if (!PyArg_ParseTuple(args, "w*|n:readinto", &buffer, &limit))
		return NULL;
	len = (size_t)buffer.len;
	if (limit >= 0 && (size_t)limit < len)
		len = (size_t)limit;
	n = fill(&r, buffer.buf, len);
	if (reader_end(&r, n, &result))
		result = PyLong_FromSize_t(n);
	else
		buffer_append(&r.s->pushback, buffer.buf, n);
	PyBuffer_Release(&buffer);
	return result;
}

/* Length of the line at the front of @data, or all of it without a newline. */
static size_t line_part(const char *data, size_t len)
{
	const char *newline = memchr(data, '\n', len);

	return newline ? (size_t)(newline - data) + 1 : len;
}

/*
 * Moves the next bytes of the socket behind those pushed back: of a stream at
 * most @limit, and no more than the line. Returns how many, 0 at the end, or
 * as wait_call().
 */
static ssize_t take_line_part(struct reader *r, size_t limit)
{
	bool is_stream = r->s->type == SOCK_STREAM;
	size_t size = is_stream ? LINE_CHUNK : RECEIVE_BUFFER;
	char *chunk = PyMem_Malloc(size);
	ssize_t got;

	if (!chunk)
		return -ENOMEM;
	got = receive_fresh(r->s, &r->deadline, chunk, size, is_stream ? MSG_PEEK : 0);
	if (got > 0 && is_stream) {
		size_t part = line_part(chunk, (size_t)got);

		got = receive_fresh(r->s, &r->deadline, chunk, part < limit ? part : limit, 0);
	}
	if (got > 0 && buffer_append(&r->s->pushback, chunk, (size_t)got) < 0)
		got = -ENOMEM;
	PyMem_Free(chunk);
	return got;
}

static PyObject *take_pushed_back(struct socket_object *s, size_t len)
{
	PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)len);

	if (bytes)
		buffer_take(&s->pushback, PyBytes_AsString(bytes), len);
	return bytes;
}

/* Ends a readline() whose line, pushed back so far, will not be completed. */
static PyObject *readline_end(struct reader *r)
{
	struct socket_object *s = r->s;
	bool is_error = r->outcome < 0 && r->outcome != -EAGAIN;

	if (r->outcome == WAIT_RAISED || is_timeout(r) || (is_error && s->pushback.n == 0))
		return wait_raise(r->outcome);
	if (is_error)
		s->deferred_error = (int)-r->outcome;
	if (r->outcome == -EAGAIN && s->pushback.n == 0)
		Py_RETURN_NONE;
	return take_pushed_back(s, s->pushback.n);
}

PyObject *socket_readline(PyObject *self, PyObject *args)
{
	struct reader r = reader_make(self);
	size_t limit, len;

	if (parse_limit(args, "|O:readline", &limit) < 0)
		return NULL;
	if (r.s->fd < 0)
		return wait_raise(-EBADF);
	if (limit == 0)
		return PyBytes_FromStringAndSize(NULL, 0);
	do {
		len = buffer_line(&r.s->pushback, limit);
		if (len > 0)
			return take_pushed_back(r.s, len);
		r.outcome = take_line_part(&r, limit - r.s->pushback.n);
	} while (r.outcome > 0);
	return readline_end(&r);
}
