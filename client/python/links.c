/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Each link's record becomes a dict; what the link does not know of itself is
 * None there, never a number that means something else.
 */
#include "client/python/links.h"

#include "client/python/call.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static PyObject *new_none(void)
{
	Py_INCREF(Py_None);
	return Py_None;
}

/* Text of a record: at most @size bytes, UTF-8 if all is well. */
static PyObject *text_or_none(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	if (len == 0)
		return new_none();
	return PyUnicode_DecodeUTF8(text, (Py_ssize_t)len, "replace");
}

static PyObject *signal_or_none(int16_t value)
{
	return value == USOCKET_SIGNAL_UNKNOWN ? new_none() : PyLong_FromLong(value);
}

static PyObject *address_or_none(const struct usocket_address *address)
{
	char text[INET6_ADDRSTRLEN];

	if (address->family == AF_UNSPEC ||
		!inet_ntop(address->family, address->ip, text, sizeof(text)))
		return new_none();
	return PyUnicode_FromString(text);
}

static PyObject *address_list(const struct usocket_address *addresses, size_t n)
{
	PyObject *list = PyList_New(0);
	size_t i;

	for (i = 0; list && i < n; i++) {
		PyObject *text = address_or_none(&addresses[i]);

		if (!text || PyList_Append(list, text) < 0)
			Py_CLEAR(list);
		Py_XDECREF(text);
	}
	return list;
}

/* Returns 0, or -1 with an exception. */
static int add_fact(PyObject *dict, const struct usocket_script_fact *fact)
{
	PyObject *value;
	int rc;

	if (!fact->is_known)
		value = new_none();
	else if (fact->is_text)
		value = text_or_none(fact->text, sizeof(fact->text));
	else
		value = PyLong_FromLongLong(fact->number);
	if (!value)
		return -1;
	rc = PyDict_SetItemString(dict, fact->key, value);
	Py_DECREF(value);
	return rc;
}

static PyObject *add_facts(PyObject *dict, const struct usocket_link_info *link)
{
	struct usocket_script_fact fact;
	int i;

	for (i = 0; dict && usocket_script_link_fact(link, sizeof(*link), i, &fact); i++)
		if (add_fact(dict, &fact) < 0)
			Py_CLEAR(dict);
	return dict;
}

static PyObject *make_link(const struct usocket_link_info *link)
{
	return Py_BuildValue("{sI sN sN si ss sN sN sI sN sN sN sN sN sN sN sN sN sN}",
		"index", (unsigned int)link->index,
		"name", text_or_none(link->name, sizeof(link->name)),
		"driver", text_or_none(link->driver, sizeof(link->driver)),
		"state", (int)link->state,
		"state_name", usocket_link_state_name(link->state),
		"cause", text_or_none(link->cause, sizeof(link->cause)),
		"default", PyBool_FromLong(link->is_default),
		"mtu", (unsigned int)link->mtu,
		"address", address_or_none(&link->address4),
		"gateway", address_or_none(&link->gateway4),
		"addresses6", address_list(link->addresses6, link->n_addresses6),
		"dns", address_list(link->dns, link->n_dns),
		"operator", text_or_none(link->operator_name, sizeof(link->operator_name)),
		"radio", text_or_none(link->radio, sizeof(link->radio)),
		"rssi_dbm", signal_or_none(link->rssi_dbm),
		"rsrp_dbm", signal_or_none(link->rsrp_dbm),
		"rsrq_db", signal_or_none(link->rsrq_db),
		"sinr_db", signal_or_none(link->sinr_db));
}

struct next_link {
	uint32_t cursor;
	struct usocket_link_info info;
};

static ssize_t do_next(struct call *c)
{
	struct next_link *next = c->argument;
	int rc = usocket_next_link(&next->cursor, &next->info, sizeof(next->info));

	return rc < 0 ? -errno : rc;
}

PyObject *links_list(PyObject *module, PyObject *unused)
{
	PyObject *list = PyList_New(0);
	struct next_link next = { .cursor = 0 };
	struct call c = call_in(USOCKET_SCRIPT_WAIT, &next);
	ssize_t result = 0;

	(void)module;
	(void)unused;
	while (list) {
		PyObject *dict;

		result = call_run(&c, do_next);
		if (result <= 0)
			break;
		dict = add_facts(make_link(&next.info), &next.info);
		if (!dict || PyList_Append(list, dict) < 0)
			Py_CLEAR(list);
		Py_XDECREF(dict);
	}
	if (list && result < 0) {
		Py_DECREF(list);
		return call_raise_session(result);
	}
	return list;
}

static ssize_t do_wait(struct call *c)
{
	return usocket_wait_link(usocket_script_left_ms(&c->call)) < 0 ? -errno : 0;
}

PyObject *links_wait(PyObject *module, PyObject *timeout)
{
	int64_t timeout_ns;
	ssize_t result;
	struct call c;

	(void)module;
	if (call_parse_timeout(timeout, &timeout_ns) < 0)
		return NULL;
	c = call_in(timeout_ns, NULL);
	result = call_run(&c, do_wait);
	if (result == 0)
		Py_RETURN_TRUE;
	if (result == -ETIMEDOUT || result == -EAGAIN)
		Py_RETURN_FALSE;
	return call_raise_session(result);
}

struct change {
	const char *link, *key, *value; /* key: NULL, value is the action */
	int redial;
	struct usocket_refusal why;
};

static ssize_t do_change(struct call *c)
{
	struct change *change = c->argument;

	if (!change->key)
		return usocket_script_link_control(change->link, change->value, &change->why);
	return usocket_script_link_set(change->link, change->key, change->value, change->redial,
		&change->why);
}

static PyObject *make_change(struct change *change)
{
	struct call c = call_in(USOCKET_SCRIPT_WAIT, change);
	ssize_t result = call_run(&c, do_change);
	PyObject *error;

	if (result == 0)
		Py_RETURN_NONE;
	if (result == CALL_RAISED)
		return NULL;
	error = Py_BuildValue("(is)", (int)-result, change->why.text);
	if (error)
		PyErr_SetObject(PyExc_OSError, error);
	Py_XDECREF(error);
	return NULL;
}

PyObject *links_control(PyObject *module, PyObject *args)
{
	struct change change = { 0 };

	(void)module;
	if (!PyArg_ParseTuple(args, "ss", &change.link, &change.value))
		return NULL;
	return make_change(&change);
}

PyObject *links_set(PyObject *module, PyObject *args)
{
	struct change change = { 0 };

	(void)module;
	if (!PyArg_ParseTuple(args, "sssp", &change.link, &change.key, &change.value,
		    &change.redial))
		return NULL;
	return make_change(&change);
}

static ssize_t do_watch(struct call *c)
{
	int fd = usocket_watch_links();

	(void)c;
	return fd < 0 ? -errno : fd;
}

PyObject *links_watch(PyObject *module, PyObject *unused)
{
	struct call c = call_in(USOCKET_SCRIPT_WAIT, NULL);
	ssize_t fd = call_run(&c, do_watch);

	(void)module;
	(void)unused;
	return fd < 0 ? call_raise_session(fd) : PyLong_FromSsize_t(fd);
}

PyObject *links_watch_next(PyObject *module, PyObject *descriptor)
{
	struct usocket_link_event event;
	int fd, rc;

	(void)module;
	if (!PyArg_Parse(descriptor, "i", &fd))
		return NULL;
	rc = usocket_watch_next(fd, &event, sizeof(event));
	if (rc < 0)
		return call_raise_session(-errno);
	if (rc == 0)
		Py_RETURN_NONE;
	return Py_BuildValue("(Is)", (unsigned int)event.index,
		usocket_link_state_name(event.state));
}

PyObject *links_watch_close(PyObject *module, PyObject *descriptor)
{
	int fd;

	(void)module;
	if (!PyArg_Parse(descriptor, "i", &fd))
		return NULL;
	if (close(fd) < 0)
		return call_raise(-errno);
	Py_RETURN_NONE;
}
