/* SPDX-License-Identifier: MIT */
/*
 * Options of a socket and what shared memory says of it.
 */
#ifndef CLIENT_PYTHON_SOCKET_OPTIONS_H
#define CLIENT_PYTHON_SOCKET_OPTIONS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *socket_setsockopt(PyObject *self, PyObject *args);
PyObject *socket_getsockopt(PyObject *self, PyObject *args);
PyObject *socket_getsocketsta(PyObject *self, PyObject *unused);
PyObject *socket_getsendacksize(PyObject *self, PyObject *unused);

#endif
