/* SPDX-License-Identifier: MIT */
/*
 * Methods of usocket.socket that read as from a file: until there is as much
 * as asked for.
 */
#ifndef CLIENT_PYTHON_SOCKET_READ_H
#define CLIENT_PYTHON_SOCKET_READ_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *socket_read(PyObject *self, PyObject *args);
PyObject *socket_readall(PyObject *self, PyObject *unused);
PyObject *socket_readinto(PyObject *self, PyObject *args);
PyObject *socket_readline(PyObject *self, PyObject *args);

#endif
