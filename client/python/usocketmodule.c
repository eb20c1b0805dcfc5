/* SPDX-License-Identifier: MIT */
/*
 * The CPython module usocket: QuecPython's socket API over libusocket.
 *
 * Theory of operation
 *
 * Multi-phase initialisation: nothing is static but const tables, so each
 * interpreter has a module of its own. It uses the limited API of 3.11 only,
 * so one binary serves that version and all later ones.
 *
 * The module's shapes are QuecPython's (accept() gives three values, str counts
 * as data, addresses are pairs, send() sends all). Where they differ from
 * those of Python's own socket module they are made at the end of a method,
 * by one call, so that a class with the other shapes can share the rest.
 */
#include "client/python/module_state.h"

#include "client/python/constants.h"
#include "client/python/links.h"
#include "client/python/resolve.h"
#include "client/python/socket_object.h"
#include "client/python/socket_options.h"

static int module_exec(PyObject *module)
{
	struct module_state *state = PyModule_GetState(module);

	state->socket_type = socket_object_new_type(module);
	if (!state->socket_type ||
		PyModule_AddObjectRef(module, "socket", (PyObject *)state->socket_type) < 0)
		return -1;
	if (constants_add(module) < 0 || socket_options_add_names(module) < 0)
		return -1;
	return 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
	struct module_state *state = PyModule_GetState(module);

	Py_VISIT(state->socket_type);
	return 0;
}

static int module_clear(PyObject *module)
{
	struct module_state *state = PyModule_GetState(module);

	Py_CLEAR(state->socket_type);
	return 0;
}

static void module_free(void *module)
{
	module_clear(module);
}

static PyMethodDef functions[] = {
	{ "getaddrinfo", resolve_getaddrinfo, METH_VARARGS,
		"getaddrinfo(host, port[, family[, type[, proto[, flags]]]])\n"
		"-> [(family, type, proto, canonname, sockaddr), ...]" },
	{ "_links", links_list, METH_NOARGS, NULL },
	{ "_wait_link", links_wait, METH_O, NULL },
	{ "_watch_links", links_watch, METH_NOARGS, NULL },
	{ "_watch_next", links_watch_next, METH_O, NULL },
	{ "_watch_close", links_watch_close, METH_O, NULL },
	{ NULL, NULL, 0, NULL },
};

static PyModuleDef_Slot slots[] = {
	{ Py_mod_exec, module_exec },
	{ 0, NULL },
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "usocket",
	.m_doc = "QuecPython's sockets, in the TCP/IP stack of usocketd.",
	.m_size = sizeof(struct module_state),
	.m_methods = functions,
	.m_slots = slots,
	.m_traverse = module_traverse,
	.m_clear = module_clear,
	.m_free = module_free,
};

struct module_state *module_state_of(PyTypeObject *type)
{
	while (type) {
		PyObject *module = PyType_GetModule(type);

		if (module && PyModule_GetDef(module) == &definition)
			return PyModule_GetState(module);
		PyErr_Clear();
		type = PyType_GetSlot(type, Py_tp_base);
	}
	PyErr_SetString(PyExc_TypeError, "not a usocket.socket");
	return NULL;
}

PyMODINIT_FUNC PyInit_usocket(void)
{
	return PyModuleDef_Init(&definition);
}
