/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The usocket module gives every address as (host, port), IPv6 too, as
 * QuecPython does; a link-local address keeps its scope in the host's text
 * ("fe80::1%1"), so that what one call returned another call takes. Literals
 * are read here and need no daemon; anything else is a name.
 */
#include "client/python/sockaddr.h"

#include "client/python/resolve.h"

#include "usocket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define PORT_MAX     65535
#define FLOWINFO_MAX 0xfffff
/* An address, '%', a scope's number and the NUL. */
#define HOST_TEXT_MAX (INET6_ADDRSTRLEN + 11)

/* The parts of the Python object; borrowed from it but for owner. */
struct parts {
	PyObject *owner; /* keeps host alive */
	const char *host;
	int port;
	unsigned long flowinfo;
	unsigned long scope;
};

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

static int parse_flow_and_scope(struct parts *parts, PyObject *tuple)
{
	parts->flowinfo = PyLong_AsUnsignedLong(PyTuple_GetItem(tuple, 2));
	if (PyErr_Occurred())
		return -1;
	parts->scope = PyLong_AsUnsignedLong(PyTuple_GetItem(tuple, 3));
	if (PyErr_Occurred())
		return -1;
	if (parts->flowinfo > FLOWINFO_MAX || parts->scope > UINT32_MAX) {
		PyErr_SetString(PyExc_OverflowError, "flowinfo or scope_id out of range");
		return -1;
	}
	return 0;
}

/* Tuple or list of 2, or of 4 for IPv6. */
static int parse_parts(struct parts *parts, PyObject *object, int family)
{
	PyObject *tuple;
	Py_ssize_t n;
	int rc = -1;

	*parts = (struct parts){ 0 };
	if (!PyTuple_Check(object) && !PyList_Check(object)) {
		PyErr_SetString(PyExc_TypeError,
			"address must be a tuple or list (host, port)");
		return -1;
	}
	tuple = PySequence_Tuple(object);
	if (!tuple)
		return -1;
	n = PyTuple_Size(tuple);
	if (n != 2 && !(n == 4 && family == AF_INET6)) {
		PyErr_SetString(PyExc_TypeError, "address must be (host, port)");
		goto out;
	}
	parts->port = sockaddr_parse_port(PyTuple_GetItem(tuple, 1));
	if (parts->port < 0 || (n == 4 && parse_flow_and_scope(parts, tuple) < 0))
		goto out;
	rc = sockaddr_parse_host(PyTuple_GetItem(tuple, 0), &parts->host, &parts->owner);
out:
	Py_DECREF(tuple);
	return rc;
}

static void make_ipv4(struct sockaddr_any *address, struct in_addr ip, int port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = ip,
	};

	memcpy(&address->storage, &sin, sizeof(sin));
	address->len = sizeof(sin);
}

static void make_ipv6(struct sockaddr_any *address, struct in6_addr ip,
	const struct parts *parts)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)parts->port),
		.sin6_flowinfo = htonl((uint32_t)parts->flowinfo),
		.sin6_addr = ip,
		.sin6_scope_id = (uint32_t)parts->scope,
	};

	memcpy(&address->storage, &sin6, sizeof(sin6));
	address->len = sizeof(sin6);
}

/* True if the host was a literal of the family, or empty: the wildcard. */
static bool parse_literal(struct sockaddr_any *address, const struct parts *parts, int family)
{
	struct in_addr ip4 = { .s_addr = htonl(INADDR_ANY) };
	struct in6_addr ip6 = IN6ADDR_ANY_INIT;

	if (family == AF_INET6) {
		if (parts->host[0] != '\0' && inet_pton(AF_INET6, parts->host, &ip6) != 1)
			return false;
		make_ipv6(address, ip6, parts);
		return true;
	}
	if (strcmp(parts->host, "<broadcast>") == 0)
		ip4.s_addr = htonl(INADDR_BROADCAST);
	else if (parts->host[0] != '\0' && inet_pton(AF_INET, parts->host, &ip4) != 1)
		return false;
	make_ipv4(address, ip4, parts->port);
	return true;
}

static int look_up(struct sockaddr_any *address, const struct parts *parts,
	const struct socket_object *s, const struct deadline *deadline)
{
	struct addrinfo hints = { .ai_family = s->family, .ai_socktype = s->type };
	struct addrinfo *result;
	struct deadline never = deadline_start(TIMEOUT_NONE);

	/* A non-blocking call waits for the name; the daemon bounds that. */
	if (deadline->kind == DEADLINE_NOW)
		deadline = &never;
	result = resolve_name(parts->host, NULL, &hints, deadline);
	if (!result)
		return -1;
	if (s->family == AF_INET6) {
		const struct sockaddr_in6 *sin6 = (const void *)result->ai_addr;
		struct parts with_scope = *parts;

		if (with_scope.scope == 0)
			with_scope.scope = sin6->sin6_scope_id;
		make_ipv6(address, sin6->sin6_addr, &with_scope);
	} else {
		const struct sockaddr_in *sin = (const void *)result->ai_addr;

		make_ipv4(address, sin->sin_addr, parts->port);
	}
	usocket_freeaddrinfo(result);
	return 0;
}

int sockaddr_parse(struct sockaddr_any *address, PyObject *object,
	const struct socket_object *s, const struct deadline *deadline)
{
	struct parts parts;
	int rc = 0;

	if (parse_parts(&parts, object, s->family) < 0)
		return -1;
	if (!parse_literal(address, &parts, s->family))
		rc = look_up(address, &parts, s, deadline);
	Py_DECREF(parts.owner);
	return rc;
}

PyObject *sockaddr_host(const struct sockaddr_any *address)
{
	const struct sockaddr_in *sin = (const void *)&address->storage;
	const struct sockaddr_in6 *sin6 = (const void *)&address->storage;
	char text[HOST_TEXT_MAX] = "";
	size_t len;

	if (address->generic.sa_family != AF_INET6) {
		inet_ntop(AF_INET, &sin->sin_addr, text, sizeof(text));
		return PyUnicode_FromString(text);
	}
	inet_ntop(AF_INET6, &sin6->sin6_addr, text, sizeof(text));
	len = strlen(text);
	if (sin6->sin6_scope_id != 0)
		snprintf(text + len, sizeof(text) - len, "%%%u", sin6->sin6_scope_id);
	return PyUnicode_FromString(text);
}

int sockaddr_port(const struct sockaddr_any *address)
{
	const struct sockaddr_in *sin = (const void *)&address->storage;
	const struct sockaddr_in6 *sin6 = (const void *)&address->storage;

	return ntohs(address->generic.sa_family == AF_INET6 ? sin6->sin6_port : sin->sin_port);
}

PyObject *sockaddr_tuple(const struct sockaddr_any *address)
{
	if (address->len == 0 || address->generic.sa_family == AF_UNSPEC)
		Py_RETURN_NONE;
	return Py_BuildValue("(Ni)", sockaddr_host(address), sockaddr_port(address));
}
