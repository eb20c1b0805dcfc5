/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * bind, listen, accept, connect and their like. The object of a connection is
 * made before the connection is taken: making it may fail, and a connection
 * that nobody holds would be lost.
 */
#include "client/python/socket_connect.h"

#include "client/python/module_state.h"
#include "client/python/sockaddr.h"
#include "client/python/socket_object.h"

static ssize_t do_bind(struct call *c)
{
	return usocket_script_bind(c->script, c->argument);
}

PyObject *socket_bind(PyObject *self, PyObject *object)
{
	struct usocket_script_address address;
	struct call c = call_of(&socket_from(self)->script, &address);

	if (sockaddr_resolve(&address, object, &c) < 0)
		return NULL;
	return call_none(call_run(&c, do_bind));
}

static ssize_t do_listen(struct call *c)
{
	const int *backlog = c->argument;

	return usocket_script_listen(c->script, *backlog);
}

PyObject *socket_listen(PyObject *self, PyObject *args)
{
	int backlog = USOCKET_SCRIPT_BACKLOG;
	struct call c = call_of(&socket_from(self)->script, &backlog);

	if (!PyArg_ParseTuple(args, "|i:listen", &backlog))
		return NULL;
	return call_none(call_run(&c, do_listen));
}

struct accept {
	struct usocket_script *accepted;
	struct usocket_script_address address;
};

static ssize_t do_accept(struct call *c)
{
	struct accept *accept = c->argument;

	return usocket_script_accept(c->script, &c->call, accept->accepted, &accept->address);
}

PyObject *socket_accept(PyObject *self, PyObject *unused)
{
	struct socket_object *s = socket_from(self);
	struct module_state *state = module_state_of(Py_TYPE(self));
	PyObject *accepted = NULL, *address, *result;
	struct accept accept;
	struct call c;
	ssize_t rc;

	(void)unused;
	if (state)
		accepted = socket_object_new(s->is_standard ? state->standard_type
							    : state->socket_type);
	if (!accepted)
		return NULL;
	accept.accepted = &socket_from(accepted)->script;
	c = call_of(&s->script, &accept);
	rc = call_run(&c, do_accept);
	if (rc < 0) {
		Py_DECREF(accepted);
		return call_raise(rc);
	}
	address = sockaddr_tuple(&accept.address, s->is_standard);
	if (!address) {
		Py_DECREF(accepted);
		return NULL;
	}
	if (s->is_standard)
		return Py_BuildValue("(NN)", accepted, address);
	result = Py_BuildValue("(NOO)", accepted, PyTuple_GetItem(address, 0),
		PyTuple_GetItem(address, 1));
	Py_DECREF(address);
	return result;
}

static ssize_t do_connect(struct call *c)
{
	struct endpoint *endpoint = c->argument;

	return usocket_script_connect_to(c->script, &c->call, &endpoint->endpoint);
}

static ssize_t do_disconnect(struct call *c)
{
	return usocket_script_disconnect(c->script);
}

PyObject *socket_connect(PyObject *self, PyObject *object)
{
	struct usocket_script *script = &socket_from(self)->script;
	struct endpoint endpoint;
	struct call c = call_of(script, &endpoint);
	ssize_t result;

	/* For what is not TCP, as AF_UNSPEC does. */
	if (object == Py_None && usocket_script_type(script) != SOCK_STREAM)
		return call_none(call_run(&c, do_disconnect));
	if (sockaddr_parse(&endpoint, object, usocket_script_family(script)) < 0)
		return NULL;
	result = call_run(&c, do_connect);
	Py_DECREF(endpoint.owner);
	if (result != 0)
		return call_raise(result);
	Py_RETURN_NONE;
}

static ssize_t do_shutdown(struct call *c)
{
	const int *how = c->argument;

	return usocket_script_shutdown(c->script, *how);
}

PyObject *socket_shutdown(PyObject *self, PyObject *args)
{
	int how;
	struct call c = call_of(&socket_from(self)->script, &how);

	if (!PyArg_ParseTuple(args, "i:shutdown", &how))
		return NULL;
	return call_none(call_run(&c, do_shutdown));
}

static ssize_t do_getsockname(struct call *c)
{
	return usocket_script_getsockname(c->script, c->argument);
}

static ssize_t do_getpeername(struct call *c)
{
	return usocket_script_getpeername(c->script, c->argument);
}

static PyObject *get_name(PyObject *self, call_fn fn)
{
	struct usocket_script_address address;
	struct call c = call_of(&socket_from(self)->script, &address);
	ssize_t result = call_run(&c, fn);

	if (result < 0)
		return call_raise(result);
	return sockaddr_tuple(&address, socket_from(self)->is_standard);
}

PyObject *socket_getsockname(PyObject *self, PyObject *unused)
{
	(void)unused;
	return get_name(self, do_getsockname);
}

PyObject *socket_getpeername(PyObject *self, PyObject *unused)
{
	(void)unused;
	return get_name(self, do_getpeername);
}
