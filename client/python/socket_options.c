/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The numbers of Linux, lwIP and QuecPython collide (2 is SO_REUSEADDR here
 * and TCP_KEEPALIVE there) and scripts ignore the level. So the module's names
 * have numbers of their own, which no system uses, and a const table says what
 * each stands for; the level is not looked at for them.
 *
 * Programs that take their numbers from Python's own socket module (asyncio,
 * ssl) are served as well: a number that is none of ours goes to the library
 * with its level. But not for setting at SOL_SOCKET, where a script's hard-coded
 * number most likely is another system's: that is 92, and a line says so.
 */
#include "client/python/socket_options.h"

#include "client/python/errors.h"
#include "client/python/wait.h"

#include "usocket.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* First of the module's own numbers; they follow the table's order. */
#define OPTION_FIRST	 0x7500
#define OPTION_VALUE_MAX 1024

static const struct option {
	const char *name;
	int level; /* the library's */
	int option;
} options[] = {
	{ "SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR },
	{ "TCP_KEEPALIVE", SOL_USOCKET, USOCKET_SO_KEEPALIVE_MINUTES },
	{ "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE },
	{ "SO_BROADCAST", SOL_SOCKET, SO_BROADCAST },
	{ "SO_LINGER", SOL_SOCKET, SO_LINGER },
	{ "SO_RCVBUF", SOL_SOCKET, SO_RCVBUF },
	{ "SO_SNDBUF", SOL_SOCKET, SO_SNDBUF },
	{ "SO_ERROR", SOL_SOCKET, SO_ERROR },
	{ "SO_TYPE", SOL_SOCKET, SO_TYPE },
	{ "SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN },
	{ "SO_WAIT_LINK", SOL_USOCKET, USOCKET_SO_WAIT_LINK },
	{ "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY },
	{ "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE },
	{ "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL },
	{ "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT },
	{ "TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG },
	{ "TCP_INFO", IPPROTO_TCP, TCP_INFO },
	{ "IP_TTL", IPPROTO_IP, IP_TTL },
	{ "IP_TOS", IPPROTO_IP, IP_TOS },
	{ "IP_MULTICAST_TTL", IPPROTO_IP, IP_MULTICAST_TTL },
	{ "IP_MULTICAST_LOOP", IPPROTO_IP, IP_MULTICAST_LOOP },
	{ "IP_ADD_MEMBERSHIP", IPPROTO_IP, IP_ADD_MEMBERSHIP },
	{ "IP_DROP_MEMBERSHIP", IPPROTO_IP, IP_DROP_MEMBERSHIP },
	{ "IPV6_V6ONLY", IPPROTO_IPV6, IPV6_V6ONLY },
	{ "IPV6_UNICAST_HOPS", IPPROTO_IPV6, IPV6_UNICAST_HOPS },
	{ "IPV6_MULTICAST_HOPS", IPPROTO_IPV6, IPV6_MULTICAST_HOPS },
	{ "IPV6_MULTICAST_LOOP", IPPROTO_IPV6, IPV6_MULTICAST_LOOP },
	{ "IPV6_JOIN_GROUP", IPPROTO_IPV6, IPV6_JOIN_GROUP },
	{ "IPV6_LEAVE_GROUP", IPPROTO_IPV6, IPV6_LEAVE_GROUP },
};

#define N_OPTIONS ((int)(sizeof(options) / sizeof(options[0])))

struct option_call {
	int level, option; /* as the script gave them, then the library's */
	void *value;
	socklen_t len;
};

int socket_options_add_names(PyObject *module)
{
	int i;

	for (i = 0; i < N_OPTIONS; i++)
		if (PyModule_AddIntConstant(module, options[i].name, OPTION_FIRST + i) < 0)
			return -1;
	return 0;
}

/* Returns 0 if the number is the module's own, and puts the library's there. */
static int translate(struct option_call *call)
{
	int i = call->option - OPTION_FIRST;

	if (call->option < OPTION_FIRST || i >= N_OPTIONS)
		return -ENOENT;
	call->level = options[i].level;
	call->option = options[i].option;
	return 0;
}

static ssize_t do_setsockopt(int fd, void *argument, int timeout_ms)
{
	struct option_call *call = argument;

	(void)timeout_ms;
	return usocket_setsockopt(fd, call->level, call->option, call->value, call->len);
}

static ssize_t do_getsockopt(int fd, void *argument, int timeout_ms)
{
	struct option_call *call = argument;

	(void)timeout_ms;
	return usocket_getsockopt(fd, call->level, call->option, call->value, &call->len);
}

static PyObject *refuse(const struct option_call *call)
{
	PySys_WriteStderr("usocket: setsockopt: unknown option %d (level %d): use the names "
			  "of the module\n",
		call->option, call->level);
	return errors_raise(ENOPROTOOPT);
}

static PyObject *set(PyObject *self, struct option_call *call)
{
	struct option_call given = *call;
	struct socket_object *s = (struct socket_object *)self;
	int foreign = translate(call) < 0;
	struct deadline never = deadline_start(TIMEOUT_NONE);
	ssize_t result;

	if (foreign && call->level == SOL_SOCKET && s->fd >= 0)
		return refuse(&given);
	result = wait_call(s, &never, do_setsockopt, call);
	if (result == -ENOPROTOOPT && foreign)
		return refuse(&given);
	if (result < 0)
		return wait_raise(result);
	Py_RETURN_NONE;
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

PyObject *socket_setsockopt(PyObject *self, PyObject *args)
{
	struct option_call call;
	PyObject *object, *result;
	Py_buffer buffer;
	int value;

	if (!PyArg_ParseTuple(args, "iiO:setsockopt", &call.level, &call.option, &object))
		return NULL;
	if (PyLong_Check(object)) {
		if (parse_int(object, &value) < 0)
			return NULL;
		call.value = &value;
		call.len = sizeof(value);
		return set(self, &call);
	}
	if (PyObject_GetBuffer(object, &buffer, PyBUF_SIMPLE) < 0) {
		PyErr_SetString(PyExc_TypeError, "option value must be an int or a buffer");
		return NULL;
	}
	call.value = buffer.buf;
	call.len = buffer.len < OPTION_VALUE_MAX ? (socklen_t)buffer.len : OPTION_VALUE_MAX;
	result = set(self, &call);
	PyBuffer_Release(&buffer);
	return result;
}

static ssize_t do_socket_info(int fd, void *argument, int timeout_ms)
{
	(void)timeout_ms;
	return usocket_socket_info(fd, argument, sizeof(struct usocket_socket_info));
}

/* What is known of the connection; Linux' struct would be mostly zeros. */
static PyObject *get_tcp_info(PyObject *self)
{
	struct socket_object *s = (struct socket_object *)self;
	struct usocket_socket_info info;

	if (s->fd >= 0 && s->type != SOCK_STREAM)
		return errors_raise(ENOPROTOOPT);
	if (wait_request(s, do_socket_info, &info) < 0)
		return NULL;
	return Py_BuildValue("{si sI sI sI sK sK sK}",
		"state", (int)info.state,
		"rtt_us", (unsigned int)info.rtt_us,
		"retransmits", (unsigned int)info.retransmissions,
		"unacked", (unsigned int)info.send_queue,
		"bytes_received", (unsigned long long)info.bytes_received,
		"bytes_sent", (unsigned long long)info.bytes_sent,
		"bytes_acked", (unsigned long long)info.bytes_acked);
}

/* An error that a call could not report is the pending one. */
static PyObject *take_deferred(struct socket_object *s)
{
	int error = s->deferred_error;

	s->deferred_error = 0;
	return PyLong_FromLong(error);
}

static PyObject *get_int(struct socket_object *s, struct option_call *call)
{
	int value = 0;

	call->value = &value;
	call->len = sizeof(value);
	if (wait_request(s, do_getsockopt, call) < 0)
		return NULL;
	return PyLong_FromLong(value);
}

static PyObject *get_bytes(struct socket_object *s, struct option_call *call)
{
	char value[OPTION_VALUE_MAX];

	call->value = value;
	if (wait_request(s, do_getsockopt, call) < 0)
		return NULL;
	return PyBytes_FromStringAndSize(value, (Py_ssize_t)call->len);
}

PyObject *socket_getsockopt(PyObject *self, PyObject *args)
{
	struct socket_object *s = (struct socket_object *)self;
	struct option_call call;
	int foreign, len = 0;

	if (!PyArg_ParseTuple(args, "ii|i:getsockopt", &call.level, &call.option, &len))
		return NULL;
	foreign = translate(&call) < 0;
	if (!foreign && call.level == IPPROTO_TCP && call.option == TCP_INFO)
		return get_tcp_info(self);
	if (len < 0 || len > OPTION_VALUE_MAX) {
		PyErr_SetString(PyExc_ValueError, "buflen must be 0..1024");
		return NULL;
	}
	call.len = (socklen_t)len;
	if (len > 0)
		return get_bytes(s, &call);
	if (call.level == SOL_SOCKET && call.option == SO_ERROR && s->deferred_error)
		return take_deferred(s);
	return get_int(s, &call);
}

static ssize_t do_getsocketsta(int fd, void *argument, int timeout_ms)
{
	int *state = argument;

	(void)timeout_ms;
	*state = usocket_getsocketsta(fd);
	return 0;
}

PyObject *socket_getsocketsta(PyObject *self, PyObject *unused)
{
	struct socket_object *s = (struct socket_object *)self;
	int state = -1;

	(void)unused;
	if (s->fd >= 0 && wait_request(s, do_getsocketsta, &state) < 0)
		return NULL;
	return PyLong_FromLong(state);
}

static ssize_t do_getsendacksize(int fd, void *argument, int timeout_ms)
{
	int64_t *size = argument;

	(void)timeout_ms;
	*size = usocket_getsendacksize(fd);
	return 0;
}

PyObject *socket_getsendacksize(PyObject *self, PyObject *unused)
{
	struct socket_object *s = (struct socket_object *)self;
	int64_t size = -1;

	(void)unused;
	if (s->fd >= 0 && wait_request(s, do_getsendacksize, &size) < 0)
		return NULL;
	return PyLong_FromLongLong(size);
}
