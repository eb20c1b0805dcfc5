/* SPDX-License-Identifier: MIT */
/*
 * What one instance of the CPython module usocket._core holds.
 */
#ifndef CLIENT_PYTHON_MODULE_STATE_H
#define CLIENT_PYTHON_MODULE_STATE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

struct module_state {
	PyTypeObject *socket_type;   /* owned; QuecPython's shapes */
	PyTypeObject *standard_type; /* owned; those of Python's own socket */
	PyTypeObject *poll_type;     /* owned */
	PyTypeObject *lookup_type;   /* owned */
};

/*
 * The state of the module that @type is of or derives from a class of. NULL
 * with a TypeError set if it is neither.
 */
struct module_state *module_state_of(PyTypeObject *type);

#endif
