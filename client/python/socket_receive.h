/* SPDX-License-Identifier: MIT */
/*
 * Methods of the sockets that receive and read.
 */
#ifndef CLIENT_PYTHON_SOCKET_RECEIVE_H
#define CLIENT_PYTHON_SOCKET_RECEIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *socket_recv(PyObject *self, PyObject *args);
PyObject *socket_recvfrom(PyObject *self, PyObject *args);
PyObject *socket_recv_into(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *socket_recvfrom_into(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *socket_read(PyObject *self, PyObject *args);
PyObject *socket_readall(PyObject *self, PyObject *unused);
PyObject *socket_readinto(PyObject *self, PyObject *args);
PyObject *socket_readline(PyObject *self, PyObject *args);

#endif
