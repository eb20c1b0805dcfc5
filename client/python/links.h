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

/*
 * _watch_links() -> descriptor that is readable while there are events of links;
 * _watch_next(fd) -> (index, state's name), None: none yet; _watch_close(fd).
 */
/* (name, "up", "down" or "reset"), and (name, key, value, redial). Raise OSError. */
PyObject *links_control(PyObject *module, PyObject *args);
PyObject *links_set(PyObject *module, PyObject *args);

PyObject *links_watch(PyObject *module, PyObject *unused);
PyObject *links_watch_next(PyObject *module, PyObject *descriptor);
PyObject *links_watch_close(PyObject *module, PyObject *descriptor);

#endif
