/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The object owns its descriptor from __init__ or accept() until close(),
 * detach() or its end, whichever is first; -1 is closed from then on, and every
 * call that needs the socket raises 9. The descriptor is forgotten before it is
 * closed, so that no other thread begins a call on a number that may be
 * somebody else's next; the library wakes those that are in one.
 *
 * It holds no Python object, yet takes part in garbage collection, as an
 * instance of a class that does (instances refer to their class, and a subclass
 * may be part of a cycle). There is no tp_dealloc: the one that Python gives to
 * a class runs the finalizer, which closes, and does the rest.
 */
#include "client/python/socket_object.h"

#include "client/python/errors.h"
#include "client/python/socket_connect.h"
#include "client/python/socket_options.h"
#include "client/python/socket_read.h"
#include "client/python/socket_receive.h"
#include "client/python/socket_send.h"
#include "client/python/wait.h"

#include "usocket.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <structmember.h>

static struct socket_object *from_object(PyObject *self)
{
	return (struct socket_object *)self;
}

/* O_NONBLOCK is for those who use the descriptor by other means. */
static int apply_timeout(struct socket_object *s)
{
	int flags = fcntl(s->fd, F_GETFL);
	int wanted = s->timeout_ns == TIMEOUT_NONE ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;

	if (flags < 0 || (flags != wanted && fcntl(s->fd, F_SETFL, wanted) < 0))
		return -errno;
	return 0;
}

/* Closes what is open. Returns 0 or -errno. */
static int close_descriptor(struct socket_object *s)
{
	int fd = s->fd, rc, error;

	s->fd = -1;
	s->deferred_error = 0;
	buffer_fini(&s->pushback);
	if (fd < 0)
		return 0;
	Py_BEGIN_ALLOW_THREADS
	rc = usocket_close(fd);
	error = errno;
	Py_END_ALLOW_THREADS
	return rc < 0 ? -error : 0;
}

static PyObject *socket_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
	struct socket_object *s = (struct socket_object *)allocate(type, 0);

	(void)args;
	(void)keywords;
	if (!s)
		return NULL;
	s->fd = -1;
	s->timeout_ns = TIMEOUT_NONE;
	return (PyObject *)s;
}

static int open_descriptor(struct socket_object *s, int family, int type, int protocol)
{
	/* The page's default protocol, TCP, is no protest against SOCK_DGRAM. */
	int wanted = protocol < 0 ? 0 : protocol;
	int fd, error;

	Py_BEGIN_ALLOW_THREADS
	fd = usocket_socket(family, type | SOCK_CLOEXEC, wanted);
	error = errno;
	Py_END_ALLOW_THREADS
	if (fd < 0) {
		errors_raise_session(error);
		return -1;
	}
	s->fd = fd;
	s->family = family;
	s->type = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	s->protocol = wanted;
	s->timeout_ns = type & SOCK_NONBLOCK ? 0 : TIMEOUT_NONE;
	if (protocol < 0)
		s->protocol = s->type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	return 0;
}

static ssize_t get_int_option(int fd, int option, int *value)
{
	socklen_t len = sizeof(*value);

	return usocket_getsockopt(fd, SOL_SOCKET, option, value, &len);
}

/* Takes over a descriptor that is a usocket, from wherever it came. */
static int adopt_descriptor(struct socket_object *s, int fd)
{
	int family, type, protocol, rc, error;

	Py_BEGIN_ALLOW_THREADS
	rc = get_int_option(fd, SO_DOMAIN, &family) < 0 ||
		get_int_option(fd, SO_TYPE, &type) < 0 ||
		get_int_option(fd, SO_PROTOCOL, &protocol) < 0;
	error = errno;
	Py_END_ALLOW_THREADS
	if (rc) {
		errors_raise_session(error);
		return -1;
	}
	s->fd = fd;
	s->family = family;
	s->type = type;
	s->protocol = protocol;
	s->timeout_ns = fcntl(fd, F_GETFL) & O_NONBLOCK ? 0 : TIMEOUT_NONE;
	return 0;
}

static int parse_fileno(PyObject *object, int *fd)
{
	*fd = -1;
	if (!object || object == Py_None)
		return 0;
	*fd = PyObject_AsFileDescriptor(object);
	return *fd < 0 ? -1 : 0;
}

static int socket_init(PyObject *self, PyObject *args, PyObject *keywords)
{
	static const char *const names[] = { "af", "type", "proto", "fileno", NULL };
	struct socket_object *s = from_object(self);
	int family = AF_INET, type = SOCK_STREAM, protocol = -1, fd;
	PyObject *fileno = NULL;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "|iii$O:socket", (char **)names,
		    &family, &type, &protocol, &fileno) ||
		parse_fileno(fileno, &fd) < 0)
		return -1;
	close_descriptor(s);
	if (fd >= 0)
		return adopt_descriptor(s, fd);
	return open_descriptor(s, family, type, protocol);
}

static int socket_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	return 0;
}

static void socket_finalize(PyObject *self)
{
	PyObject *type, *value, *traceback;

	PyErr_Fetch(&type, &value, &traceback);
	if (from_object(self)->fd >= 0 &&
		PyErr_ResourceWarning(self, 1, "unclosed %R", self) < 0 &&
		PyErr_ExceptionMatches(PyExc_Warning))
		PyErr_WriteUnraisable(self);
	close_descriptor(from_object(self));
	PyErr_Restore(type, value, traceback);
}

static PyObject *socket_repr(PyObject *self)
{
	const struct socket_object *s = from_object(self);

	if (s->fd < 0)
		return PyUnicode_FromString("<usocket.socket [closed]>");
	return PyUnicode_FromFormat("<usocket.socket fd=%d, family=%d, type=%d, proto=%d>",
		s->fd, s->family, s->type, s->protocol);
}

static PyObject *socket_close(PyObject *self, PyObject *unused)
{
	int rc = close_descriptor(from_object(self));

	(void)unused;
	if (rc < 0)
		return errors_raise(-rc);
	Py_RETURN_NONE;
}

static PyObject *socket_detach(PyObject *self, PyObject *unused)
{
	struct socket_object *s = from_object(self);
	int fd = s->fd;

	(void)unused;
	s->fd = -1;
	close_descriptor(s);
	return PyLong_FromLong(fd);
}

static PyObject *socket_fileno(PyObject *self, PyObject *unused)
{
	(void)unused;
	return PyLong_FromLong(from_object(self)->fd);
}

static PyObject *set_timeout(struct socket_object *s, int64_t timeout_ns)
{
	int rc;

	if (s->fd < 0)
		return errors_raise(EBADF);
	s->timeout_ns = timeout_ns;
	rc = apply_timeout(s);
	if (rc < 0)
		return errors_raise(-rc);
	Py_RETURN_NONE;
}

static PyObject *socket_settimeout(PyObject *self, PyObject *object)
{
	int64_t timeout_ns;

	if (deadline_parse_timeout(object, &timeout_ns) < 0)
		return NULL;
	return set_timeout(from_object(self), timeout_ns);
}

static PyObject *socket_setblocking(PyObject *self, PyObject *object)
{
	int blocking = PyObject_IsTrue(object);

	if (blocking < 0)
		return NULL;
	return set_timeout(from_object(self), blocking ? TIMEOUT_NONE : 0);
}

static PyObject *socket_gettimeout(PyObject *self, PyObject *unused)
{
	int64_t timeout_ns = from_object(self)->timeout_ns;

	(void)unused;
	if (from_object(self)->fd < 0)
		return errors_raise(EBADF);
	if (timeout_ns == TIMEOUT_NONE)
		Py_RETURN_NONE;
	return PyFloat_FromDouble((double)timeout_ns / 1e9);
}

static PyObject *socket_getblocking(PyObject *self, PyObject *unused)
{
	(void)unused;
	if (from_object(self)->fd < 0)
		return errors_raise(EBADF);
	return PyBool_FromLong(from_object(self)->timeout_ns != 0);
}

/* QuecPython's file object of a socket is the socket. */
static PyObject *socket_makefile(PyObject *self, PyObject *args)
{
	static const char *const modes[] = { "rb", "wb", "rwb" };
	const char *mode = "rb";
	PyObject *buffering = NULL;
	size_t i;

	if (!PyArg_ParseTuple(args, "|sO:makefile", &mode, &buffering))
		return NULL;
	if (from_object(self)->fd < 0)
		return errors_raise(EBADF);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(mode, modes[i]) == 0) {
			Py_INCREF(self);
			return self;
		}
	}
	PyErr_SetString(PyExc_ValueError, "mode must be rb, wb or rwb");
	return NULL;
}

static PyObject *socket_enter(PyObject *self, PyObject *unused)
{
	(void)unused;
	Py_INCREF(self);
	return self;
}

static PyObject *socket_exit(PyObject *self, PyObject *args)
{
	(void)args;
	return socket_close(self, NULL);
}

static PyMethodDef methods[] = {
	{ "bind", socket_bind, METH_O, "bind(address)" },
	{ "listen", socket_listen, METH_VARARGS, "listen([backlog])" },
	{ "accept", socket_accept, METH_NOARGS, "accept() -> (conn, address, port)" },
	{ "connect", socket_connect, METH_O, "connect(address)" },
	{ "shutdown", socket_shutdown, METH_VARARGS, "shutdown(how)" },
	{ "close", socket_close, METH_NOARGS, "close()" },
	{ "detach", socket_detach, METH_NOARGS, "detach() -> the descriptor, no longer ours" },
	{ "getsockname", socket_getsockname, METH_NOARGS, "getsockname() -> (host, port)" },
	{ "getpeername", socket_getpeername, METH_NOARGS, "getpeername() -> (host, port)" },
	{ "recv", socket_recv, METH_VARARGS, "recv(bufsize) -> bytes" },
	{ "recvfrom", socket_recvfrom, METH_VARARGS, "recvfrom(bufsize) -> (bytes, address)" },
	{ "read", socket_read, METH_VARARGS, "read([size]) -> bytes; to the end without size" },
	{ "readall", socket_readall, METH_NOARGS, "readall() -> bytes, to the end" },
	{ "readinto", socket_readinto, METH_VARARGS, "readinto(buf[, nbytes]) -> count" },
	{ "readline", socket_readline, METH_VARARGS, "readline([size]) -> bytes" },
	{ "send", socket_send, METH_VARARGS, "send(data) -> count" },
	{ "sendall", socket_sendall, METH_VARARGS, "sendall(data)" },
	{ "sendto", socket_sendto, METH_VARARGS, "sendto(data, address) -> count" },
	{ "write", socket_write, METH_VARARGS, "write(data) -> count, None if it would block" },
	{ "setsockopt", socket_setsockopt, METH_VARARGS, "setsockopt(level, optname, value)" },
	{ "getsockopt", socket_getsockopt, METH_VARARGS, "getsockopt(level, optname[, buflen])" },
	{ "setblocking", socket_setblocking, METH_O, "setblocking(flag)" },
	{ "settimeout", socket_settimeout, METH_O, "settimeout(seconds); None waits" },
	{ "gettimeout", socket_gettimeout, METH_NOARGS, "gettimeout() -> seconds or None" },
	{ "getblocking", socket_getblocking, METH_NOARGS, "getblocking() -> bool" },
	{ "makefile", socket_makefile, METH_VARARGS, "makefile(mode='rb') -> the socket itself" },
	{ "fileno", socket_fileno, METH_NOARGS, "fileno() -> the descriptor, -1 if closed" },
	{ "getsocketsta", socket_getsocketsta, METH_NOARGS,
		"getsocketsta() -> 0 CLOSED .. 10 TIME_WAIT, -1 closed or not TCP" },
	{ "getsendacksize", socket_getsendacksize, METH_NOARGS,
		"getsendacksize() -> bytes the peer has acknowledged, -1 without a connection" },
	{ "__enter__", socket_enter, METH_NOARGS, NULL },
	{ "__exit__", socket_exit, METH_VARARGS, NULL },
	{ NULL, NULL, 0, NULL },
};

static PyMemberDef members[] = {
	{ "family", T_INT, offsetof(struct socket_object, family), READONLY, NULL },
	{ "type", T_INT, offsetof(struct socket_object, type), READONLY, NULL },
	{ "proto", T_INT, offsetof(struct socket_object, protocol), READONLY, NULL },
	{ "__weaklistoffset__", T_PYSSIZET, offsetof(struct socket_object, weakrefs), READONLY,
		NULL },
	{ NULL, 0, 0, 0, NULL },
};

static const char doc[] =
	"socket(af=AF_INET, type=SOCK_STREAM, proto=IPPROTO_TCP, *, fileno=None)\n\n"
	"A socket in the TCP/IP stack of usocketd.";

static PyType_Slot slots[] = {
	{ Py_tp_doc, (void *)doc },
	{ Py_tp_new, socket_new },
	{ Py_tp_init, socket_init },
	{ Py_tp_traverse, socket_traverse },
	{ Py_tp_finalize, socket_finalize },
	{ Py_tp_repr, socket_repr },
	{ Py_tp_methods, methods },
	{ Py_tp_members, members },
	{ 0, NULL },
};

static PyType_Spec spec = {
	.name = "usocket.socket",
	.basicsize = sizeof(struct socket_object),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.slots = slots,
};

PyTypeObject *socket_object_new_type(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}

PyObject *socket_object_wrap(PyTypeObject *type, int fd, const struct socket_object *like)
{
	struct socket_object *s = (struct socket_object *)socket_new(type, NULL, NULL);

	if (!s) {
		usocket_close(fd);
		return NULL;
	}
	s->fd = fd;
	s->family = like->family;
	s->type = like->type;
	s->protocol = like->protocol;
	return (PyObject *)s;
}
