/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The object has select.poll()'s methods and gives the same pairs, (descriptor,
 * events). What it says of a usocket is what the kernel would say of its own:
 * select.poll(), which works on usockets too, knows nothing of pending errors
 * and of bytes that were put back.
 *
 * What is registered is in a dict, descriptor -> (object, events); the object
 * is kept, so that a socket that has been closed meanwhile is known to be
 * (POLLNVAL), whoever has its number now.
 */
#include "client/python/poll.h"

#include "client/python/call.h"
#include "client/python/socket_object.h"

#include <errno.h>
#include <math.h>
#include <poll.h>

#define EVENTS_MAX 0xffff
#define NS_PER_MS  1e6
/* Beyond that it is no time-out. */
#define TIMEOUT_MAX_MS 1e12

struct poll_object {
	PyObject_HEAD
		PyObject *registered; /* owned dict */
};

static struct poll_object *poll_from(PyObject *self)
{
	return (struct poll_object *)self;
}

static PyObject *poll_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
	PyObject *self;

	if (!PyArg_ParseTuple(args, ":poll"))
		return NULL;
	if (keywords && PyDict_Size(keywords) > 0) {
		PyErr_SetString(PyExc_TypeError, "poll() takes no arguments");
		return NULL;
	}
	self = allocate(type, 0);
	if (!self)
		return NULL;
	poll_from(self)->registered = PyDict_New();
	if (!poll_from(self)->registered)
		Py_CLEAR(self);
	return self;
}

static int poll_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	Py_VISIT(poll_from(self)->registered);
	return 0;
}

static int poll_clear(PyObject *self)
{
	Py_CLEAR(poll_from(self)->registered);
	return 0;
}

static void poll_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	PyObject_GC_UnTrack(self);
	poll_clear(self);
	release(self);
	Py_DECREF(type);
}

/* Returns 0, or -1 with an exception set. */
static int put(PyObject *self, PyObject *key, PyObject *object, int events)
{
	PyObject *pair = Py_BuildValue("(Oi)", object, events & EVENTS_MAX);
	int rc = pair ? PyDict_SetItem(poll_from(self)->registered, key, pair) : -1;

	Py_XDECREF(pair);
	return rc;
}

/* The number of an object, as a new reference. */
static PyObject *key_of(PyObject *object)
{
	int fd = PyObject_AsFileDescriptor(object);

	return fd < 0 ? NULL : PyLong_FromLong(fd);
}

static PyObject *poll_register(PyObject *self, PyObject *args)
{
	int events = POLLIN | POLLPRI | POLLOUT, rc;
	PyObject *object, *key;

	if (!PyArg_ParseTuple(args, "O|i:register", &object, &events))
		return NULL;
	key = key_of(object);
	if (!key)
		return NULL;
	rc = put(self, key, object, events);
	Py_DECREF(key);
	if (rc < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *poll_modify(PyObject *self, PyObject *args)
{
	PyObject *object, *key, *pair;
	int events, rc = -1;

	if (!PyArg_ParseTuple(args, "Oi:modify", &object, &events))
		return NULL;
	key = key_of(object);
	if (!key)
		return NULL;
	pair = PyDict_GetItemWithError(poll_from(self)->registered, key);
	if (pair)
		rc = put(self, key, PyTuple_GetItem(pair, 0), events);
	else if (!PyErr_Occurred())
		call_raise(-ENOENT);
	Py_DECREF(key);
	if (rc < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *poll_unregister(PyObject *self, PyObject *object)
{
	PyObject *key = key_of(object);
	int rc = key ? PyDict_DelItem(poll_from(self)->registered, key) : -1;

	Py_XDECREF(key);
	if (rc < 0)
		return NULL;
	Py_RETURN_NONE;
}

struct polled {
	struct usocket_script_poll *polls;
	size_t n;
	PyObject *keys; /* list; the objects stay alive in the pairs */
	PyObject *pairs;
};

static ssize_t do_poll(struct call *c)
{
	struct polled *polled = c->argument;

	return usocket_script_poll(polled->polls, polled->n, &c->call);
}

/* Takes what is registered now: it may change while the call waits. */
static int prepare(struct polled *polled, PyObject *registered)
{
	size_t i;

	polled->keys = PyDict_Keys(registered);
	polled->pairs = polled->keys ? PyDict_Values(registered) : NULL;
	if (!polled->pairs)
		return -1;
	polled->n = (size_t)PyList_Size(polled->keys);
	polled->polls = PyMem_Calloc(polled->n + 1, sizeof(*polled->polls));
	if (!polled->polls) {
		PyErr_NoMemory();
		return -1;
	}
	for (i = 0; i < polled->n; i++) {
		PyObject *pair = PyList_GetItem(polled->pairs, (Py_ssize_t)i);
		struct usocket_script_poll *p = &polled->polls[i];

		p->socket = socket_object_script(PyTuple_GetItem(pair, 0));
		p->fd = (int)PyLong_AsLong(PyList_GetItem(polled->keys, (Py_ssize_t)i));
		p->events = (short)PyLong_AsLong(PyTuple_GetItem(pair, 1));
	}
	return 0;
}

static PyObject *ready_list(const struct polled *polled)
{
	PyObject *list = PyList_New(0);
	size_t i;

	for (i = 0; list && i < polled->n; i++) {
		PyObject *pair;

		if (!polled->polls[i].revents)
			continue;
		pair = Py_BuildValue("(ii)", polled->polls[i].fd,
			(int)(unsigned short)polled->polls[i].revents);
		if (!pair || PyList_Append(list, pair) < 0)
			Py_CLEAR(list);
		Py_XDECREF(pair);
	}
	return list;
}

/* Milliseconds; None and negative numbers wait. */
static int parse_milliseconds(PyObject *args, int64_t *timeout_ns)
{
	PyObject *object = Py_None;
	double ms;

	*timeout_ns = USOCKET_SCRIPT_WAIT;
	if (!PyArg_ParseTuple(args, "|O:poll", &object))
		return -1;
	if (object == Py_None)
		return 0;
	ms = PyFloat_AsDouble(object);
	if (ms == -1.0 && PyErr_Occurred())
		return -1;
	if (isnan(ms)) {
		PyErr_SetString(PyExc_ValueError, "timeout must be a number");
		return -1;
	}
	if (ms >= 0 && ms < TIMEOUT_MAX_MS)
		*timeout_ns = (int64_t)ceil(ms * NS_PER_MS);
	return 0;
}

static PyObject *poll_poll(PyObject *self, PyObject *args)
{
	struct polled polled = { .n = 0 };
	PyObject *list = NULL;
	int64_t timeout_ns;
	ssize_t result;
	struct call c;

	if (parse_milliseconds(args, &timeout_ns) < 0)
		return NULL;
	if (prepare(&polled, poll_from(self)->registered) == 0) {
		c = call_in(timeout_ns, &polled);
		result = call_run(&c, do_poll);
		list = result < 0 ? call_raise(result) : ready_list(&polled);
	}
	PyMem_Free(polled.polls);
	Py_XDECREF(polled.keys);
	Py_XDECREF(polled.pairs);
	return list;
}

static PyMethodDef methods[] = {
	{ "register", poll_register, METH_VARARGS, "register(fd[, eventmask])" },
	{ "modify", poll_modify, METH_VARARGS, "modify(fd, eventmask)" },
	{ "unregister", poll_unregister, METH_O, "unregister(fd)" },
	{ "poll", poll_poll, METH_VARARGS,
		"poll([timeout in milliseconds]) -> [(fd, events), ...]" },
	{ NULL, NULL, 0, NULL },
};

static const char doc[] =
	"poll()\n\n"
	"select.poll() for usockets and other descriptors, with all events that a\n"
	"kernel socket would have.";

static PyType_Slot slots[] = {
	{ Py_tp_doc, (void *)doc },
	{ Py_tp_new, poll_new },
	{ Py_tp_dealloc, poll_dealloc },
	{ Py_tp_traverse, poll_traverse },
	{ Py_tp_clear, poll_clear },
	{ Py_tp_methods, methods },
	{ 0, NULL },
};

static PyType_Spec spec = {
	.name = "usocket.poll",
	.basicsize = sizeof(struct poll_object),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.slots = slots,
};

PyTypeObject *poll_new_type(PyObject *module)
{
	return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
