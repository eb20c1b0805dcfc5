/* SPDX-License-Identifier: MIT */
/*
 * Methods of usocket.socket that set connections up and end them.
 */
#ifndef CLIENT_PYTHON_SOCKET_CONNECT_H
#define CLIENT_PYTHON_SOCKET_CONNECT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *socket_bind(PyObject *self, PyObject *address);
PyObject *socket_listen(PyObject *self, PyObject *args);
PyObject *socket_accept(PyObject *self, PyObject *unused);
PyObject *socket_connect(PyObject *self, PyObject *address);
PyObject *socket_shutdown(PyObject *self, PyObject *args);
PyObject *socket_getsockname(PyObject *self, PyObject *unused);
PyObject *socket_getpeername(PyObject *self, PyObject *unused);

#endif
