/* SPDX-License-Identifier: MIT */
/*
 * What one instance of the CPython module usocket holds.
 */
#ifndef CLIENT_PYTHON_MODULE_STATE_H
#define CLIENT_PYTHON_MODULE_STATE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

struct module_state {
	PyTypeObject *socket_type; /* owned */
};

/*
 * The state of the module whose socket class @type is or derives from.
 * NULL with a TypeError set if it is neither.
 */
struct module_state *module_state_of(PyTypeObject *type);

#endif
