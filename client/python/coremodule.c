/* SPDX-License-Identifier: MIT */
/*
 * The CPython module usocket._core: sockets over libusocket, from which the
 * package usocket is made.
 *
 * Theory of operation
 *
 * Multi-phase initialisation: nothing is static but const tables, so each
 * interpreter has a module of its own. It uses the limited API of 3.11 only,
 * so one binary serves that version and all later ones.
 *
 * It has two classes of sockets, QuecPython's and the standard library's, which
 * share all but the shapes of what they take and give; see socket_object.c.
 */
#include "client/python/module_state.h"

#include "client/python/constants.h"
#include "client/python/links.h"
#include "client/python/poll.h"
#include "client/python/resolve.h"
#include "client/python/socket_object.h"

/* Makes a class and adds it. Returns 0, or -1 with an exception set. */
static int add_type(PyObject *module, const char *name, PyTypeObject *(*make)(PyObject *module),
	PyTypeObject **type)
{
	*type = make(module);
	return *type ? PyModule_AddObjectRef(module, name, (PyObject *)*type) : -1;
}

static int module_exec(PyObject *module)
{
	struct module_state *state = PyModule_GetState(module);

	if (add_type(module, "socket", socket_object_new_type, &state->socket_type) < 0 ||
		add_type(module, "StandardSocket", socket_object_new_standard_type,
			&state->standard_type) < 0 ||
		add_type(module, "poll", poll_new_type, &state->poll_type) < 0 ||
		add_type(module, "Lookup", resolve_new_lookup_type, &state->lookup_type) < 0)
		return -1;
	return constants_add(module);
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
	struct module_state *state = PyModule_GetState(module);

	Py_VISIT(state->socket_type);
	Py_VISIT(state->standard_type);
	Py_VISIT(state->poll_type);
	Py_VISIT(state->lookup_type);
	return 0;
}

static int module_clear(PyObject *module)
{
	struct module_state *state = PyModule_GetState(module);

	Py_CLEAR(state->socket_type);
	Py_CLEAR(state->standard_type);
	Py_CLEAR(state->poll_type);
	Py_CLEAR(state->lookup_type);
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
	{ "_getaddrinfo_standard", resolve_getaddrinfo_standard, METH_VARARGS, NULL },
	{ "_links", links_list, METH_NOARGS, NULL },
	{ "_wait_link", links_wait, METH_O, NULL },
	{ "_link_control", links_control, METH_VARARGS, NULL },
	{ "_link_set", links_set, METH_VARARGS, NULL },
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
	.m_name = "usocket._core",
	.m_doc = "Sockets in the TCP/IP stack of usocketd.",
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
	PyErr_SetString(PyExc_TypeError, "not a class of usocket");
	return NULL;
}

PyMODINIT_FUNC PyInit__core(void)
{
	return PyModuleDef_Init(&definition);
}
