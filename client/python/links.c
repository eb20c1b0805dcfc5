/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Each link's record becomes a dict; what the link does not know of itself is
 * None there, never a number that means something else.
 */
#include "client/python/links.h"

#include "client/python/errors.h"
#include "client/python/sockaddr.h"

#include "usocket.h"

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

PyObject *links_list(PyObject *module, PyObject *unused)
{
	PyObject *list = PyList_New(0);
	struct usocket_link_info link;
	uint32_t cursor = 0;
	int rc = 0, error = 0;

	(void)module;
	(void)unused;
	while (list) {
		PyObject *dict;

		Py_BEGIN_ALLOW_THREADS
		rc = usocket_next_link(&cursor, &link, sizeof(link));
		error = errno;
		Py_END_ALLOW_THREADS
		if (rc <= 0)
			break;
		dict = make_link(&link);
		if (!dict || PyList_Append(list, dict) < 0)
			Py_CLEAR(list);
		Py_XDECREF(dict);
	}
	if (list && rc < 0) {
		Py_DECREF(list);
		return errors_raise_session(error);
	}
	return list;
}

PyObject *links_wait(PyObject *module, PyObject *timeout)
{
	struct deadline deadline;
	int64_t timeout_ns;
	int rc, error;

	(void)module;
	if (deadline_parse_timeout(timeout, &timeout_ns) < 0)
		return NULL;
	deadline = deadline_start(timeout_ns);
	do {
		int timeout_ms = deadline_left_ms(&deadline);

		Py_BEGIN_ALLOW_THREADS
		rc = usocket_wait_link(timeout_ms);
		error = errno;
		Py_END_ALLOW_THREADS
		if (rc < 0 && error == EINTR && PyErr_CheckSignals() < 0)
			return NULL;
	} while (rc < 0 && error == EINTR);
	if (rc == 0)
		Py_RETURN_TRUE;
	if (error == ETIMEDOUT || error == EAGAIN)
		Py_RETURN_FALSE;
	return errors_raise_session(error);
}

PyObject *links_watch(PyObject *module, PyObject *unused)
{
	int fd, error;

	(void)module;
	(void)unused;
	Py_BEGIN_ALLOW_THREADS
	fd = usocket_watch_links();
	error = errno;
	Py_END_ALLOW_THREADS
	return fd < 0 ? errors_raise_session(error) : PyLong_FromLong(fd);
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
		return errors_raise_session(errno);
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
		return errors_raise(errno);
	Py_RETURN_NONE;
}
