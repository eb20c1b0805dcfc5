/* SPDX-License-Identifier: MIT */
/*
 * usocket.socket as a C structure, its life, and its own few methods.
 */
#ifndef CLIENT_PYTHON_SOCKET_OBJECT_H
#define CLIENT_PYTHON_SOCKET_OBJECT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "client/python/buffer.h"
#include "client/python/module_state.h"

#include <stdint.h>

#define TIMEOUT_NONE INT64_C(-1)

/* All members are read and written with the GIL held. */
struct socket_object {
	PyObject_HEAD int fd;	/* owned; -1: closed */
	int family;		/* AF_INET, AF_INET6 */
	int type;		/* SOCK_STREAM, SOCK_DGRAM, SOCK_RAW */
	int protocol;		/* as given to the constructor */
	int64_t timeout_ns;	/* TIMEOUT_NONE; 0: non-blocking */
	int deferred_error;	/* errno the next call reports, 0: none; a call
				 * met it after it had something to return */
	struct buffer pushback; /* received, and not returned by any call yet */
	PyObject *weakrefs;
};

/* Makes the class for the module @module. Returns a new reference or NULL. */
PyTypeObject *socket_object_new_type(PyObject *module);

/*
 * A new socket object around the descriptor @fd, which it owns even on failure,
 * with the family, type and protocol of @like. Returns a reference or NULL.
 */
PyObject *socket_object_wrap(PyTypeObject *type, int fd, const struct socket_object *like);

#endif
