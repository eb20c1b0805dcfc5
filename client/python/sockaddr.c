/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The class usocket.socket gives every address as (host, port), IPv6 too, as
 * QuecPython does, with a link-local address's scope in the host's text; the
 * standard class gives IPv6 addresses four items. All calls take both. What a
 * host is, literal or name, the library decides.
 */
#include "client/python/sockaddr.h"

#include <netinet/in.h>
#include <string.h>

#define PORT_MAX     65535
#define FLOWINFO_MAX 0xfffff

int sockaddr_parse_host(PyObject *object, const char **host, PyObject **owner)
{
	Py_ssize_t len;
	char *text;

	if (PyUnicode_Check(object)) {
		*owner = PyUnicode_AsUTF8String(object);
	} else if (PyBytes_Check(object) || PyByteArray_Check(object)) {
		*owner = PyBytes_FromObject(object);
	} else {
		PyErr_SetString(PyExc_TypeError, "host must be str or bytes");
		return -1;
	}
	if (!*owner)
		return -1;
	if (PyBytes_AsStringAndSize(*owner, &text, &len) < 0 || strlen(text) != (size_t)len) {
		if (!PyErr_Occurred())
			PyErr_SetString(PyExc_ValueError, "host holds a NUL character");
		Py_CLEAR(*owner);
		return -1;
	}
	*host = text;
	return 0;
}

int sockaddr_parse_port(PyObject *object)
{
	long port;
	int overflow;

	if (!PyLong_Check(object)) {
		PyErr_SetString(PyExc_TypeError, "port must be an int");
		return -1;
	}
	port = PyLong_AsLongAndOverflow(object, &overflow);
	if (overflow || port < 0 || port > PORT_MAX) {
		PyErr_SetString(PyExc_OverflowError, "port must be 0..65535");
		return -1;
	}
	return (int)port;
}

static int parse_flow_and_scope(struct usocket_script_endpoint *endpoint, PyObject *tuple)
{
	unsigned long flowinfo, scope = 0;

	flowinfo = PyLong_AsUnsignedLong(PyTuple_GetItem(tuple, 2));
	if (!PyErr_Occurred())
		scope = PyLong_AsUnsignedLong(PyTuple_GetItem(tuple, 3));
	if (PyErr_Occurred())
		return -1;
	if (flowinfo > FLOWINFO_MAX || scope > UINT32_MAX) {
		PyErr_SetString(PyExc_OverflowError, "flowinfo or scope_id out of range");
		return -1;
	}
	endpoint->flowinfo = (uint32_t)flowinfo;
	endpoint->scope = (uint32_t)scope;
	return 0;
}

static int parse_items(struct endpoint *endpoint, PyObject *tuple, int family)
{
	Py_ssize_t n = PyTuple_Size(tuple);
	int port;

	if (n != 2 && !(n == 4 && family == AF_INET6)) {
		PyErr_SetString(PyExc_TypeError, "address must be (host, port)");
		return -1;
	}
	port = sockaddr_parse_port(PyTuple_GetItem(tuple, 1));
	if (port < 0 || (n == 4 && parse_flow_and_scope(&endpoint->endpoint, tuple) < 0))
		return -1;
	endpoint->endpoint.port = (uint32_t)port;
	return sockaddr_parse_host(PyTuple_GetItem(tuple, 0), &endpoint->endpoint.host,
		&endpoint->owner);
}

int sockaddr_parse(struct endpoint *endpoint, PyObject *object, int family)
{
	PyObject *tuple;
	int rc;

	*endpoint = (struct endpoint){ .owner = NULL };
	if (!PyTuple_Check(object) && !PyList_Check(object)) {
		PyErr_SetString(PyExc_TypeError, "address must be a tuple or list (host, port)");
		return -1;
	}
	tuple = PySequence_Tuple(object);
	if (!tuple)
		return -1;
	rc = parse_items(endpoint, tuple, family);
	Py_DECREF(tuple);
	return rc;
}

struct resolve {
	struct endpoint endpoint;
	struct usocket_script_address *address;
};

static ssize_t do_address(struct call *c)
{
	struct resolve *resolve = c->argument;

	return usocket_script_address(c->script, &c->call, &resolve->endpoint.endpoint,
		resolve->address);
}

int sockaddr_resolve(struct usocket_script_address *address, PyObject *object, struct call *c)
{
	struct resolve resolve = { .address = address };
	void *argument = c->argument;
	ssize_t result;

	if (sockaddr_parse(&resolve.endpoint, object, usocket_script_family(c->script)) < 0)
		return -1;
	c->argument = &resolve;
	result = call_run(c, do_address);
	c->argument = argument;
	Py_DECREF(resolve.endpoint.owner);
	if (result == 0)
		return 0;
	call_raise_session(result);
	return -1;
}

static PyObject *long_tuple(const struct usocket_script_address *address, char *host, int port)
{
	const struct sockaddr_in6 *sin6 = (const void *)&address->storage;

	host[strcspn(host, "%")] = '\0';
	return Py_BuildValue("(siII)", host, port, (unsigned int)ntohl(sin6->sin6_flowinfo),
		(unsigned int)sin6->sin6_scope_id);
}

PyObject *sockaddr_tuple(const struct usocket_script_address *address, bool is_long)
{
	char host[USOCKET_SCRIPT_HOST_MAX];
	int port = usocket_script_address_text(address, host);

	if (port < 0)
		Py_RETURN_NONE;
	if (is_long && address->storage.ss_family == AF_INET6)
		return long_tuple(address, host, port);
	return Py_BuildValue("(si)", host, port);
}
