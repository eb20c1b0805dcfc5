/* SPDX-License-Identifier: MIT */
/*
 * Addresses of Python and of the library.
 */
#ifndef CLIENT_PYTHON_SOCKADDR_H
#define CLIENT_PYTHON_SOCKADDR_H

#include "client/python/call.h"

#include <stdbool.h>

/* An address as a script gave it; @owner keeps the host's text alive. */
struct endpoint {
	struct usocket_script_endpoint endpoint;
	PyObject *owner;
};

/*
 * Reads a host: str or bytes. *@owner keeps *@host alive.
 * Returns 0, or -1 with an exception set.
 */
int sockaddr_parse_host(PyObject *object, const char **host, PyObject **owner);

/* Reads a port. Returns it, or -1 with an exception set. */
int sockaddr_parse_port(PyObject *object);

/*
 * Reads (host, port), for IPv6 also (host, port, flowinfo, scope_id), a tuple or
 * list. Returns 0, or -1 with an exception set.
 */
int sockaddr_parse(struct endpoint *endpoint, PyObject *object, int family);

/*
 * The same for an address that is needed now: names are looked up inside the
 * time of @c, a call of the socket.
 */
int sockaddr_resolve(struct usocket_script_address *address, PyObject *object, struct call *c);

/* A new tuple; IPv6 addresses have four items if @is_long. None for none. */
PyObject *sockaddr_tuple(const struct usocket_script_address *address, bool is_long);

#endif
