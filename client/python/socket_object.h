/* SPDX-License-Identifier: MIT */
/*
 * The module's two socket classes as a C structure, and their life.
 */
#ifndef CLIENT_PYTHON_SOCKET_OBJECT_H
#define CLIENT_PYTHON_SOCKET_OBJECT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "usocket_script.h"

#include <stdbool.h>

struct socket_object {
	PyObject_HEAD struct usocket_script script;
	bool is_standard; /* its class has the shapes of Python's own socket */
	PyObject *weakrefs;
};

static inline struct socket_object *socket_from(PyObject *self)
{
	return (struct socket_object *)self;
}

/* Make the classes for the module @module. Return a new reference or NULL. */
PyTypeObject *socket_object_new_type(PyObject *module);
PyTypeObject *socket_object_new_standard_type(PyObject *module);

/* A new closed socket of a class. Returns a reference or NULL. */
PyObject *socket_object_new(PyTypeObject *type);

/* The socket's struct, NULL if the object is none of this module's. */
struct usocket_script *socket_object_script(PyObject *object);

#endif
