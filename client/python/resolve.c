/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The daemon looks names up; here its answers get their shapes: one 5-tuple an
 * address. usocket.getaddrinfo() gives the host as it was given in the place of
 * the canonical name and IPv4 first where the link has it; the standard one the
 * canonical name when it was asked for, and the daemon's order (RFC 6724).
 *
 * A Lookup is the standard one without waiting: its descriptor becomes readable
 * when finish() has something to return.
 */
#include "client/python/resolve.h"

#include "client/python/call.h"
#include "client/python/sockaddr.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_TEXT_MAX 12

/* Arguments of getaddrinfo(), checked. */
struct query {
	PyObject *host_owner, *port_owner; /* own references, or NULL */
	const char *host;		   /* NULL: the wildcard */
	const char *service;		   /* NULL: no port */
	char port_text[PORT_TEXT_MAX];
	struct addrinfo hints;
	int protocol;
	bool is_standard;
	struct addrinfo *result;
};

static int bad_port(void)
{
	PyErr_SetString(PyExc_ValueError, "port must be 0..65535, or a service's name");
	return -1;
}

/* Digits as they are, so that "70000" is not a service nobody knows. */
static int parse_service(struct query *query, PyObject *object)
{
	size_t digits;

	if (sockaddr_parse_host(object, &query->service, &query->port_owner) < 0)
		return -1;
	digits = strspn(query->service, "0123456789");
	if (query->service[0] == '\0')
		return bad_port();
	if (query->service[digits] != '\0')
		return 0;
	if (digits > 5 || strtol(query->service, NULL, 10) > UINT16_MAX)
		return bad_port();
	return 0;
}

static int parse_port(struct query *query, PyObject *object)
{
	int port;

	if (object == Py_None && query->is_standard)
		return 0;
	if (PyUnicode_Check(object) || (PyBytes_Check(object) && query->is_standard))
		return parse_service(query, object);
	port = sockaddr_parse_port(object);
	if (port < 0 && PyErr_ExceptionMatches(PyExc_OverflowError)) {
		PyErr_Clear();
		return bad_port();
	}
	if (port < 0)
		return -1;
	snprintf(query->port_text, sizeof(query->port_text), "%d", port);
	query->service = query->port_text;
	return 0;
}

/* '' is any address in QuecPython, and nobody's name elsewhere. */
static int parse_host(struct query *query, PyObject *object)
{
	if (object == Py_None && query->is_standard)
		return 0;
	if (sockaddr_parse_host(object, &query->host, &query->host_owner) < 0)
		return -1;
	if (query->host[0] != '\0' || !query->is_standard)
		return 0;
	call_raise(-EAI_NONAME);
	return -1;
}

static void query_fini(struct query *query)
{
	Py_CLEAR(query->host_owner);
	Py_CLEAR(query->port_owner);
	usocket_freeaddrinfo(query->result);
}

static int parse_query(struct query *query, PyObject *args, bool is_standard)
{
	PyObject *host, *port;

	*query = (struct query){ .is_standard = is_standard };
	if (!PyArg_ParseTuple(args, "OO|iiii:getaddrinfo", &host, &port,
		    &query->hints.ai_family, &query->hints.ai_socktype,
		    &query->protocol, &query->hints.ai_flags))
		return -1;
	if (query->hints.ai_socktype == 0)
		query->hints.ai_socktype = SOCK_STREAM;
	if (parse_port(query, port) == 0 && parse_host(query, host) == 0)
		return 0;
	query_fini(query);
	return -1;
}

static const char *canonical_name(const struct query *query, const struct addrinfo *entry)
{
	if (!query->is_standard)
		return query->host ? query->host : "";
	return entry->ai_canonname ? entry->ai_canonname : "";
}

static PyObject *make_list(const struct query *query)
{
	PyObject *list = PyList_New(0);
	const struct addrinfo *entry;

	for (entry = query->result; list && entry; entry = entry->ai_next) {
		struct usocket_script_address address;
		PyObject *tuple;

		usocket_script_entry(entry, 0, &address);
		tuple = Py_BuildValue("(iiisN)", entry->ai_family, query->hints.ai_socktype,
			query->protocol, canonical_name(query, entry),
			sockaddr_tuple(&address, query->is_standard));
		if (!tuple || PyList_Append(list, tuple) < 0)
			Py_CLEAR(list);
		Py_XDECREF(tuple);
	}
	return list;
}

static ssize_t do_getaddrinfo(struct call *c)
{
	struct query *query = c->argument;

	return usocket_script_getaddrinfo(&c->call, query->host, query->service, &query->hints,
		query->is_standard, &query->result);
}

static PyObject *getaddrinfo_of(PyObject *args, bool is_standard)
{
	struct query query;
	struct call c = call_in(USOCKET_SCRIPT_WAIT, &query);
	PyObject *list = NULL;
	ssize_t result;

	if (parse_query(&query, args, is_standard) < 0)
		return NULL;
	result = call_run(&c, do_getaddrinfo);
	if (result == 0)
		list = make_list(&query);
	else
		call_raise_session(result);
	query_fini(&query);
	return list;
}

PyObject *resolve_getaddrinfo(PyObject *module, PyObject *args)
{
	(void)module;
	return getaddrinfo_of(args, false);
}

PyObject *resolve_getaddrinfo_standard(PyObject *module, PyObject *args)
{
	(void)module;
	return getaddrinfo_of(args, true);
}

/* ---- Lookup ------------------------------------------------------------------ */

struct lookup_object {
	PyObject_HEAD struct query query;
	struct usocket_lookup *lookup; /* owned; NULL: finished */
};

static struct lookup_object *lookup_from(PyObject *self)
{
	return (struct lookup_object *)self;
}

/* What the library's look-ups return, as usocket_script.h's calls do. */
static ssize_t result_of(int rc)
{
	return rc == EAI_SYSTEM ? -errno : -rc;
}

static ssize_t do_start(struct call *c)
{
	struct lookup_object *lookup = c->argument;
	struct query *query = &lookup->query;

	return result_of(usocket_lookup_start(query->host, query->service, &query->hints,
		&lookup->lookup));
}

static PyObject *lookup_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
	struct call c = call_in(USOCKET_SCRIPT_WAIT, NULL);
	PyObject *self;
	ssize_t result;

	if (keywords && PyDict_Size(keywords) > 0) {
		PyErr_SetString(PyExc_TypeError, "Lookup() takes no keyword arguments");
		return NULL;
	}
	self = allocate(type, 0);
	if (!self)
		return NULL;
	if (parse_query(&lookup_from(self)->query, args, true) < 0) {
		Py_DECREF(self);
		return NULL;
	}
	c.argument = self;
	result = call_run(&c, do_start);
	if (result == 0)
		return self;
	Py_DECREF(self);
	return call_raise_session(result);
}

static void lookup_end(struct lookup_object *lookup)
{
	if (lookup->lookup)
		usocket_lookup_cancel(lookup->lookup);
	lookup->lookup = NULL;
}

static void lookup_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	lookup_end(lookup_from(self));
	query_fini(&lookup_from(self)->query);
	release(self);
	Py_DECREF(type);
}

static PyObject *lookup_fileno(PyObject *self, PyObject *unused)
{
	(void)unused;
	if (!lookup_from(self)->lookup)
		return call_raise(-EBADF);
	return PyLong_FromLong(usocket_lookup_fd(lookup_from(self)->lookup));
}

static PyObject *lookup_finish(PyObject *self, PyObject *unused)
{
	struct lookup_object *lookup = lookup_from(self);
	struct query query = lookup->query;
	PyObject *list;
	ssize_t result;

	(void)unused;
	if (!lookup->lookup)
		return call_raise(-EBADF);
	result = result_of(usocket_lookup_finish(lookup->lookup, &query.result));
	if (result == -EAGAIN)
		return call_raise(result);
	lookup->lookup = NULL;
	if (result != 0)
		return call_raise(result);
	list = make_list(&query);
	usocket_freeaddrinfo(query.result);
	return list;
}

static PyObject *lookup_cancel(PyObject *self, PyObject *unused)
{
	(void)unused;
	lookup_end(lookup_from(self));
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{ "fileno", lookup_fileno, METH_NOARGS, "fileno() -> readable when there is a result" },
	{ "finish", lookup_finish, METH_NOARGS,
		"finish() -> as getaddrinfo(); BlockingIOError while there is no result" },
	{ "cancel", lookup_cancel, METH_NOARGS, "cancel()" },
	{ NULL, NULL, 0, NULL },
};

static const char doc[] =
	"Lookup(host, port[, family[, type[, proto[, flags]]]])\n\n"
	"A look-up of a name that is under way.";

static PyType_Slot slots[] = {
	{ Py_tp_doc, (void *)doc },
	{ Py_tp_new, lookup_new },
	{ Py_tp_dealloc, lookup_dealloc },
	{ Py_tp_methods, methods },
	{ 0, NULL },
};

static PyType_Spec spec = {
	.name = "usocket._core.Lookup",
	.basicsize = sizeof(struct lookup_object),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = slots,
};

PyTypeObject *resolve_new_lookup_type(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
