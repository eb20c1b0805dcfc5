/* SPDX-License-Identifier: MIT */
/*
 * Options of a socket and what shared memory says of it.
 */
#ifndef CLIENT_PYTHON_SOCKET_OPTIONS_H
#define CLIENT_PYTHON_SOCKET_OPTIONS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Adds the options' names to the module. Returns 0, or -1 with an exception. */
int socket_options_add_names(PyObject *module);

PyObject *socket_setsockopt(PyObject *self, PyObject *args);
PyObject *socket_getsockopt(PyObject *self, PyObject *args);
PyObject *socket_getsocketsta(PyObject *self, PyObject *unused);
PyObject *socket_getsendacksize(PyObject *self, PyObject *unused);

#endif
