/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Two classes with the same methods: usocket.socket with QuecPython's shapes,
 * and one with those of Python's own socket, for stdsocket.py; a method that
 * differs looks at is_standard. The library owns the descriptor and decides
 * what calls mean; closing forgets it before it is closed.
 *
 * An object holds no other, yet takes part in garbage collection, as an
 * instance of a class that does (instances refer to their class, and a subclass
 * may be part of a cycle). There is no tp_dealloc: the one that Python gives to
 * a class runs the finalizer, which closes, and does the rest.
 */
#include "client/python/socket_object.h"

#include "client/python/call.h"
#include "client/python/module_state.h"
#include "client/python/socket_connect.h"
#include "client/python/socket_options.h"
#include "client/python/socket_receive.h"
#include "client/python/socket_send.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <structmember.h>
#include <sys/socket.h>

static ssize_t do_close(struct call *c)
{
	return usocket_script_close(c->script);
}

static ssize_t close_socket(struct socket_object *s)
{
	struct call c = call_of(&s->script, NULL);

	return call_run(&c, do_close);
}

PyObject *socket_object_new(PyTypeObject *type)
{
	allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
	struct socket_object *s = (struct socket_object *)allocate(type, 0);
	struct module_state *state;

	if (!s)
		return NULL;
	usocket_script_init(&s->script);
	state = module_state_of(type);
	if (!state) {
		Py_DECREF(s);
		return NULL;
	}
	s->is_standard = PyType_IsSubtype(type, state->standard_type);
	return (PyObject *)s;
}

static PyObject *socket_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	(void)args;
	(void)keywords;
	return socket_object_new(type);
}

struct usocket_script *socket_object_script(PyObject *object)
{
	struct module_state *state = module_state_of(Py_TYPE(object));

	if (!state) {
		PyErr_Clear();
		return NULL;
	}
	if (!PyObject_TypeCheck(object, state->socket_type) &&
		!PyObject_TypeCheck(object, state->standard_type))
		return NULL;
	return &socket_from(object)->script;
}

struct opening {
	int family, type, protocol;
	int fileno; /* to take over; -1: a new socket */
};

static ssize_t do_open(struct call *c)
{
	struct opening *opening = c->argument;

	if (opening->fileno >= 0)
		return usocket_script_adopt(c->script, opening->fileno);
	return usocket_script_open(c->script, opening->family, opening->type, opening->protocol);
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
	struct opening opening = { .family = AF_INET, .type = SOCK_STREAM, .protocol = -1 };
	struct call c = call_of(&socket_from(self)->script, &opening);
	PyObject *fileno = NULL;
	ssize_t result;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "|iii$O:socket",
		    (char **)(uintptr_t)names, &opening.family, &opening.type, &opening.protocol,
		    &fileno) ||
		parse_fileno(fileno, &opening.fileno) < 0)
		return -1;
	result = call_run(&c, do_open);
	if (result < 0)
		call_raise_session(result);
	return result < 0 ? -1 : 0;
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
	if (usocket_script_fileno(&socket_from(self)->script) >= 0 &&
		PyErr_ResourceWarning(self, 1, "unclosed %R", self) < 0 &&
		PyErr_ExceptionMatches(PyExc_Warning))
		PyErr_WriteUnraisable(self);
	usocket_script_close(&socket_from(self)->script);
	PyErr_Restore(type, value, traceback);
}

static PyObject *socket_repr(PyObject *self)
{
	const struct usocket_script *script = &socket_from(self)->script;
	int fd = usocket_script_fileno(script);

	if (fd < 0)
		return PyUnicode_FromString("<usocket.socket [closed]>");
	return PyUnicode_FromFormat("<usocket.socket fd=%d, family=%d, type=%d, proto=%d>", fd,
		usocket_script_family(script), usocket_script_type(script),
		usocket_script_protocol(script));
}

static PyObject *socket_close(PyObject *self, PyObject *unused)
{
	(void)unused;
	return call_none(close_socket(socket_from(self)));
}

static PyObject *socket_detach(PyObject *self, PyObject *unused)
{
	(void)unused;
	return PyLong_FromLong(usocket_script_detach(&socket_from(self)->script));
}

static PyObject *socket_fileno(PyObject *self, PyObject *unused)
{
	(void)unused;
	return PyLong_FromLong(usocket_script_fileno(&socket_from(self)->script));
}

static PyObject *socket_settimeout(PyObject *self, PyObject *object)
{
	int64_t timeout_ns;

	if (call_parse_timeout(object, &timeout_ns) < 0)
		return NULL;
	return call_none(usocket_script_settimeout(&socket_from(self)->script, timeout_ns));
}

static PyObject *socket_setblocking(PyObject *self, PyObject *object)
{
	int blocking = PyObject_IsTrue(object);

	if (blocking < 0)
		return NULL;
	return call_none(usocket_script_settimeout(&socket_from(self)->script,
		blocking ? USOCKET_SCRIPT_WAIT : 0));
}

static PyObject *socket_gettimeout(PyObject *self, PyObject *unused)
{
	int64_t timeout_ns;
	int rc = usocket_script_gettimeout(&socket_from(self)->script, &timeout_ns);

	(void)unused;
	if (rc < 0)
		return call_raise(rc);
	if (timeout_ns == USOCKET_SCRIPT_WAIT)
		Py_RETURN_NONE;
	return PyFloat_FromDouble((double)timeout_ns / 1e9);
}

static PyObject *socket_getblocking(PyObject *self, PyObject *unused)
{
	int64_t timeout_ns;
	int rc = usocket_script_gettimeout(&socket_from(self)->script, &timeout_ns);

	(void)unused;
	if (rc < 0)
		return call_raise(rc);
	return PyBool_FromLong(timeout_ns != 0);
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
	if (usocket_script_fileno(&socket_from(self)->script) < 0)
		return call_raise(-EBADF);
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
	{ "recv", socket_recv, METH_VARARGS, "recv(bufsize[, flags]) -> bytes" },
	{ "recvfrom", socket_recvfrom, METH_VARARGS,
		"recvfrom(bufsize[, flags]) -> (bytes, address)" },
	{ "recv_into", (PyCFunction)(void (*)(void))socket_recv_into, METH_VARARGS | METH_KEYWORDS,
		"recv_into(buffer[, nbytes[, flags]]) -> count" },
	{ "recvfrom_into", (PyCFunction)(void (*)(void))socket_recvfrom_into,
		METH_VARARGS | METH_KEYWORDS,
		"recvfrom_into(buffer[, nbytes[, flags]]) -> (count, address)" },
	{ "read", socket_read, METH_VARARGS, "read([size]) -> bytes; to the end without size" },
	{ "readall", socket_readall, METH_NOARGS, "readall() -> bytes, to the end" },
	{ "readinto", socket_readinto, METH_VARARGS, "readinto(buf[, nbytes]) -> count" },
	{ "readline", socket_readline, METH_VARARGS, "readline([size]) -> bytes" },
	{ "send", socket_send, METH_VARARGS, "send(data[, flags]) -> count" },
	{ "sendall", socket_sendall, METH_VARARGS, "sendall(data[, flags])" },
	{ "sendto", socket_sendto, METH_VARARGS, "sendto(data[, flags], address) -> count" },
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

static PyObject *get_family(PyObject *self, void *unused)
{
	(void)unused;
	return PyLong_FromLong(usocket_script_family(&socket_from(self)->script));
}

static PyObject *get_type(PyObject *self, void *unused)
{
	(void)unused;
	return PyLong_FromLong(usocket_script_type(&socket_from(self)->script));
}

static PyObject *get_protocol(PyObject *self, void *unused)
{
	(void)unused;
	return PyLong_FromLong(usocket_script_protocol(&socket_from(self)->script));
}

static PyGetSetDef attributes[] = {
	{ "family", get_family, NULL, "AF_INET or AF_INET6", NULL },
	{ "type", get_type, NULL, "SOCK_STREAM, SOCK_DGRAM or SOCK_RAW", NULL },
	{ "proto", get_protocol, NULL, "the protocol, as it was given", NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

static PyMemberDef members[] = {
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
	{ Py_tp_getset, attributes },
	{ 0, NULL },
};

static PyType_Spec spec = {
	.name = "usocket.socket",
	.basicsize = sizeof(struct socket_object),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.slots = slots,
};

static PyType_Spec standard_spec = {
	.name = "usocket._core.StandardSocket",
	.basicsize = sizeof(struct socket_object),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.slots = slots,
};

PyTypeObject *socket_object_new_type(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}

PyTypeObject *socket_object_new_standard_type(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &standard_spec, NULL);
}
