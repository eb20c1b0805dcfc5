/* SPDX-License-Identifier: MIT */
/*
 * Names: getaddrinfo() of both classes' modules, and look-ups without waiting.
 */
#ifndef CLIENT_PYTHON_RESOLVE_H
#define CLIENT_PYTHON_RESOLVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* getaddrinfo(host, port[, family[, type[, proto[, flags]]]]) */
PyObject *resolve_getaddrinfo(PyObject *module, PyObject *args);
PyObject *resolve_getaddrinfo_standard(PyObject *module, PyObject *args);

/* Makes the class Lookup for the module @module. A new reference or NULL. */
PyTypeObject *resolve_new_lookup_type(PyObject *module);

#endif
