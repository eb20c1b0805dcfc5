/* SPDX-License-Identifier: MIT */
/*
 * usocket.poll(): select.poll() for usockets and other descriptors.
 */
#ifndef CLIENT_PYTHON_POLL_H
#define CLIENT_PYTHON_POLL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Makes the class for the module @module. Returns a new reference or NULL. */
PyTypeObject *poll_new_type(PyObject *module);

#endif
