/* SPDX-License-Identifier: MIT */
/*
 * Constants of the module: the library's.
 */
#ifndef CLIENT_PYTHON_CONSTANTS_H
#define CLIENT_PYTHON_CONSTANTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Adds them to the module. Returns 0, or -1 with an exception set. */
int constants_add(PyObject *module);

#endif
