/* SPDX-License-Identifier: MIT */
/*
 * Methods of usocket.socket that receive what is there: recv, recvfrom.
 */
#ifndef CLIENT_PYTHON_SOCKET_RECEIVE_H
#define CLIENT_PYTHON_SOCKET_RECEIVE_H

#include "client/python/wait.h"

/* Holds the largest datagram; what a read begins with; bytes. */
#define RECEIVE_BUFFER 65536

/*
 * Receives at most @len bytes: what was pushed back, or else the error that was
 * deferred, or else from the socket. Returns how many, or as wait_call().
 */
ssize_t receive_some(struct socket_object *s, const struct deadline *deadline, void *buffer,
	size_t len);

/* The same, leaving alone what was pushed back; @flags are recv(2)'s. */
ssize_t receive_fresh(struct socket_object *s, const struct deadline *deadline, void *buffer,
	size_t len, int flags);

/*
 * A new bytes object of what is in @received, which is empty afterwards. If
 * there is no memory for it the bytes are pushed back, and NULL is returned.
 */
PyObject *receive_to_bytes(struct socket_object *s, struct buffer *received);

PyObject *socket_recv(PyObject *self, PyObject *args);
PyObject *socket_recvfrom(PyObject *self, PyObject *args);

#endif
