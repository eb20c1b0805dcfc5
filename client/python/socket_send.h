/* SPDX-License-Identifier: MIT */
/*
 * Methods of usocket.socket that send.
 */
#ifndef CLIENT_PYTHON_SOCKET_SEND_H
#define CLIENT_PYTHON_SOCKET_SEND_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *socket_send(PyObject *self, PyObject *args);
PyObject *socket_sendall(PyObject *self, PyObject *args);
PyObject *socket_write(PyObject *self, PyObject *args);
PyObject *socket_sendto(PyObject *self, PyObject *args);

#endif
