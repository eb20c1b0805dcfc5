/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The daemon looks names up; here its answers get QuecPython's shape: one
 * 5-tuple an address, the host as it was given in the place of the canonical
 * name. Where the caller leaves the family open IPv4 comes first while a link
 * has IPv4, because scripts take the first entry and pair it with AF_INET.
 * A look-up that a signal interrupted is asked again: the daemon has its answer
 * or is still at it.
 */
#include "client/python/resolve.h"

#include "client/python/errors.h"
#include "client/python/sockaddr.h"

#include "usocket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_TEXT_MAX 12

/* Arguments of getaddrinfo(), checked. */
struct query {
	PyObject *host_owner, *port_owner; /* own references, or NULL */
	const char *host;
	const char *service;
	char port_text[PORT_TEXT_MAX];
	struct addrinfo hints;
	int protocol;
};

struct addrinfo *resolve_name(const char *host, const char *service,
	const struct addrinfo *hints, const struct deadline *deadline)
{
	struct addrinfo *result = NULL;
	int rc, error;

	do {
		int timeout_ms = deadline_left_ms(deadline);

		if (deadline->kind == DEADLINE_TIMED && timeout_ms == 0) {
			errors_raise(ETIMEDOUT);
			return NULL;
		}
		Py_BEGIN_ALLOW_THREADS
		rc = usocket_getaddrinfo_timeout(host, service, hints, &result, timeout_ms);
		error = errno;
		Py_END_ALLOW_THREADS
		if (rc == 0)
			return result;
		if (rc == EAI_SYSTEM && error == EINTR && PyErr_CheckSignals() < 0)
			return NULL;
	} while (rc == EAI_SYSTEM && error == EINTR);
	errors_raise_resolver(rc, error);
	return NULL;
}

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

	if (PyUnicode_Check(object))
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

static int parse_query(struct query *query, PyObject *args)
{
	PyObject *host, *port;

	*query = (struct query){ .hints = { .ai_socktype = SOCK_STREAM } };
	if (!PyArg_ParseTuple(args, "OO|iiii:getaddrinfo", &host, &port,
		    &query->hints.ai_family, &query->hints.ai_socktype,
		    &query->protocol, &query->hints.ai_flags))
		return -1;
	if (query->hints.ai_socktype == 0)
		query->hints.ai_socktype = SOCK_STREAM;
	if (parse_port(query, port) < 0 ||
		sockaddr_parse_host(host, &query->host, &query->host_owner) < 0)
		return -1;
	if (query->host[0] == '\0') {
		query->host = NULL;
		query->hints.ai_flags |= AI_PASSIVE;
		if (query->hints.ai_family == AF_UNSPEC)
			query->hints.ai_family = AF_INET;
	}
	return 0;
}

static void query_fini(struct query *query)
{
	Py_CLEAR(query->host_owner);
	Py_CLEAR(query->port_owner);
}

static bool some_link_has_ipv4(void)
{
	struct usocket_link_info link;
	uint32_t cursor = 0;

	while (usocket_next_link(&cursor, &link, sizeof(link)) == 1)
		if (link.state >= USOCKET_LINK_UP && link.address4.family == AF_INET)
			return true;
	return false;
}

static int append_entry(PyObject *list, const struct query *query, const struct addrinfo *entry)
{
	struct sockaddr_any address = { .len = entry->ai_addrlen };
	PyObject *tuple;
	int rc;

	memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
	tuple = Py_BuildValue("(iiisN)", entry->ai_family, query->hints.ai_socktype,
		query->protocol, query->host ? query->host : "",
		sockaddr_tuple(&address));
	if (!tuple)
		return -1;
	rc = PyList_Append(list, tuple);
	Py_DECREF(tuple);
	return rc;
}

/* Appends the entries whose being IPv4 is @ipv4. */
static int append_entries(PyObject *list, const struct query *query,
	const struct addrinfo *entries, bool ipv4)
{
	for (; entries; entries = entries->ai_next) {
		if ((entries->ai_family == AF_INET) != ipv4)
			continue;
		if (append_entry(list, query, entries) < 0)
			return -1;
	}
	return 0;
}

static bool wants_ipv4_first(const struct query *query, const struct addrinfo *entries)
{
	const struct addrinfo *ipv4 = entries;
	bool is_wanted;

	while (ipv4 && ipv4->ai_family != AF_INET)
		ipv4 = ipv4->ai_next;
	/* It does not matter, or the daemon's order says so already. */
	if (!ipv4 || ipv4 == entries || query->hints.ai_family != AF_UNSPEC)
		return ipv4 == entries;
	Py_BEGIN_ALLOW_THREADS
	is_wanted = some_link_has_ipv4();
	Py_END_ALLOW_THREADS
	return is_wanted;
}

static PyObject *make_list(const struct query *query, const struct addrinfo *entries)
{
	bool ipv4_first = wants_ipv4_first(query, entries);
	PyObject *list = PyList_New(0);

	if (!list)
		return NULL;
	if (append_entries(list, query, entries, ipv4_first) < 0 ||
		append_entries(list, query, entries, !ipv4_first) < 0)
		Py_CLEAR(list);
	return list;
}

PyObject *resolve_getaddrinfo(PyObject *module, PyObject *args)
{
	struct deadline never = deadline_start(TIMEOUT_NONE);
	struct addrinfo *result = NULL;
	PyObject *list = NULL;
	struct query query;

	(void)module;
	if (parse_query(&query, args) == 0)
		result = resolve_name(query.host, query.service, &query.hints, &never);
	if (result)
		list = make_list(&query, result);
	query_fini(&query);
	usocket_freeaddrinfo(result);
	return list;
}
