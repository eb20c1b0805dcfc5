/* SPDX-License-Identifier: MIT */
/*
 * The links, for QuecPython's companion modules: private functions of usocket.
 */
#ifndef CLIENT_PYTHON_LINKS_H
#define CLIENT_PYTHON_LINKS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* _links() -> a list of one dict a link */
PyObject *links_list(PyObject *module, PyObject *unused);

/* _wait_link(timeout) -> whether a link came up; timeout as in settimeout() */
PyObject *links_wait(PyObject *module, PyObject *timeout);

#endif
