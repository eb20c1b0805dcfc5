/* SPDX-License-Identifier: MIT */
/*
 * Names: usocket.getaddrinfo(), and names in addresses.
 */
#ifndef CLIENT_PYTHON_RESOLVE_H
#define CLIENT_PYTHON_RESOLVE_H

#include "client/python/wait.h"

struct addrinfo;

/*
 * Looks @host and @service up (either may be NULL), before @deadline. The
 * result is freed with usocket_freeaddrinfo(). NULL: an exception is set.
 */
struct addrinfo *resolve_name(const char *host, const char *service,
	const struct addrinfo *hints, const struct deadline *deadline);

/* getaddrinfo(host, port[, family[, type[, proto[, flags]]]]) */
PyObject *resolve_getaddrinfo(PyObject *module, PyObject *args);

#endif
