/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Each method fills in a small struct, and a wait_fn makes the library's call
 * from it. connect's remembers that it has begun: after a signal the attempt is
 * still under way and is waited for, not begun again.
 */
#include "client/python/socket_connect.h"

#include "client/python/sockaddr.h"
#include "client/python/wait.h"

#include "usocket.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define BACKLOG_DEFAULT 8

static ssize_t do_bind(int fd, void *argument, int timeout_ms)
{
	struct sockaddr_any *address = argument;

	(void)timeout_ms;
	return usocket_bind(fd, &address->generic, address->len);
}

PyObject *socket_bind(PyObject *self, PyObject *object)
{
	struct socket_object *s = (struct socket_object *)self;
	struct deadline deadline = deadline_start(s->timeout_ns);
	struct sockaddr_any address;

	if (sockaddr_parse(&address, object, s, &deadline) < 0 ||
		wait_request(s, do_bind, &address) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static ssize_t do_listen(int fd, void *argument, int timeout_ms)
{
	const int *backlog = argument;

	(void)timeout_ms;
	return usocket_listen(fd, *backlog);
}

PyObject *socket_listen(PyObject *self, PyObject *args)
{
	int backlog = BACKLOG_DEFAULT;

	if (!PyArg_ParseTuple(args, "|i:listen", &backlog) ||
		wait_request((struct socket_object *)self, do_listen, &backlog) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static ssize_t do_accept(int fd, void *argument, int timeout_ms)
{
	struct sockaddr_any *address = argument;

	address->len = sizeof(address->storage);
	return usocket_accept_timeout(fd, &address->generic, &address->len, SOCK_CLOEXEC,
		timeout_ms);
}

PyObject *socket_accept(PyObject *self, PyObject *unused)
{
	struct socket_object *s = (struct socket_object *)self;
	struct module_state *state = module_state_of(Py_TYPE(self));
	struct deadline deadline = deadline_start(s->timeout_ns);
	struct sockaddr_any address;
	PyObject *accepted;
	ssize_t fd;

	(void)unused;
	if (!state)
		return NULL;
	fd = wait_call(s, &deadline, do_accept, &address);
	if (fd < 0)
		return wait_raise(fd);
	accepted = socket_object_wrap(state->socket_type, (int)fd, s);
	if (!accepted)
		return NULL;
	return Py_BuildValue("(NNi)", accepted, sockaddr_host(&address),
		sockaddr_port(&address));
}

struct connect_call {
	struct sockaddr_any address;
	bool begun;
};

static ssize_t do_connect(int fd, void *argument, int timeout_ms)
{
	struct connect_call *call = argument;

	if (call->begun)
		return usocket_connect_wait(fd, timeout_ms);
	call->begun = true;
	return usocket_connect_timeout(fd, &call->address.generic, call->address.len, timeout_ms);
}

/* None, for what is not TCP, dissolves the association, as AF_UNSPEC does. */
static int parse_peer(struct sockaddr_any *address, PyObject *object,
	const struct socket_object *s, const struct deadline *deadline)
{
	if (object != Py_None || s->type == SOCK_STREAM)
		return sockaddr_parse(address, object, s, deadline);
	memset(&address->storage, 0, sizeof(address->storage));
	address->generic.sa_family = AF_UNSPEC;
	address->len = sizeof(address->generic);
	return 0;
}

PyObject *socket_connect(PyObject *self, PyObject *object)
{
	struct socket_object *s = (struct socket_object *)self;
	struct deadline deadline = deadline_start(s->timeout_ns);
	struct connect_call call = { .begun = false };
	ssize_t result;

	if (parse_peer(&call.address, object, s, &deadline) < 0)
		return NULL;
	result = wait_call(s, &deadline, do_connect, &call);
	if (result < 0)
		return wait_raise(result);
	Py_RETURN_NONE;
}

static ssize_t do_shutdown(int fd, void *argument, int timeout_ms)
{
	const int *how = argument;

	(void)timeout_ms;
	return usocket_shutdown(fd, *how);
}

PyObject *socket_shutdown(PyObject *self, PyObject *args)
{
	int how;

	if (!PyArg_ParseTuple(args, "i:shutdown", &how) ||
		wait_request((struct socket_object *)self, do_shutdown, &how) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static ssize_t do_getsockname(int fd, void *argument, int timeout_ms)
{
	struct sockaddr_any *address = argument;

	(void)timeout_ms;
	address->len = sizeof(address->storage);
	return usocket_getsockname(fd, &address->generic, &address->len);
}

PyObject *socket_getsockname(PyObject *self, PyObject *unused)
{
	struct sockaddr_any address;

	(void)unused;
	if (wait_request((struct socket_object *)self, do_getsockname, &address) < 0)
		return NULL;
	return sockaddr_tuple(&address);
}

static ssize_t do_getpeername(int fd, void *argument, int timeout_ms)
{
	struct sockaddr_any *address = argument;

	(void)timeout_ms;
	address->len = sizeof(address->storage);
	return usocket_getpeername(fd, &address->generic, &address->len);
}

PyObject *socket_getpeername(PyObject *self, PyObject *unused)
{
	struct sockaddr_any address;

	(void)unused;
	if (wait_request((struct socket_object *)self, do_getpeername, &address) < 0)
		return NULL;
	return sockaddr_tuple(&address);
}
