/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: OSError and its subclasses, with a number always in args[0].
 */
#ifndef CLIENT_PYTHON_ERRORS_H
#define CLIENT_PYTHON_ERRORS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Raises OSError for the positive errno @error. Returns NULL. */
PyObject *errors_raise(int error);

/* The same for calls that may open the session: EACCES is about its socket. */
PyObject *errors_raise_session(int error);

/*
 * Raises for a result of the library's getaddrinfo(): OSError with the negative
 * number, or with the positive errno @error if it is EAI_SYSTEM. Returns NULL.
 */
PyObject *errors_raise_resolver(int result, int error);

#endif
