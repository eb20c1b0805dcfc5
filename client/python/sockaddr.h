/* SPDX-License-Identifier: MIT */
/*
 * Addresses between Python and the library: (host, port), as a tuple or list,
 * and (host, port, flowinfo, scope_id) too for IPv6.
 */
#ifndef CLIENT_PYTHON_SOCKADDR_H
#define CLIENT_PYTHON_SOCKADDR_H

#include "client/python/wait.h"

#include <sys/socket.h>

struct sockaddr_any {
	union {
		struct sockaddr generic;
		struct sockaddr_storage storage;
	};
	socklen_t len; /* bytes; 0: no address */
};

/*
 * Takes str, bytes or bytearray as a host name. *@host lives as long as
 * *@owner, a new reference. Returns 0, or -1 with an exception set.
 */
int sockaddr_parse_host(PyObject *object, const char **host, PyObject **owner);

/* Takes an int of 0..65535 as a port. Returns it, or -1 with an exception. */
int sockaddr_parse_port(PyObject *object);

/*
 * Reads an address for socket @s; a host name is looked up before @deadline.
 * Returns 0, or -1 with an exception set.
 */
int sockaddr_parse(struct sockaddr_any *address, PyObject *object,
	const struct socket_object *s, const struct deadline *deadline);

/*
 * The host of @address as str (link-local ones with their scope), and its port.
 */
PyObject *sockaddr_host(const struct sockaddr_any *address);
int sockaddr_port(const struct sockaddr_any *address);

/* (host, port); None if there is no address. */
PyObject *sockaddr_tuple(const struct sockaddr_any *address);

#endif
