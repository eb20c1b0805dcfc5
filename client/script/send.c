/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Blocking or with a time-out all of the data is queued, in as many rounds as
 * signals make of it, call->done counting; non-blocking what fits, but for
 * sendall, which queues all or nothing. Write returns the count if anything
 * was queued and leaves the error, if it was one, for the next call; sendall
 * reports it.
 */
#include "client/script/script.h"

#include <errno.h>

struct send_call {
	struct usocket_script_call *call;
	const char *data;
	size_t len;
	int flags;
	const struct usocket_script_address *address; /* sendto only */
};

static ssize_t do_send_all(int fd, void *argument, int timeout_ms)
{
	struct send_call *send = argument;
	size_t sent = 0;
	int rc;

	rc = usocket_sendall_timeout(fd, send->data + send->call->done,
		send->len - send->call->done, send->flags, timeout_ms, &sent);
	send->call->done += sent;
	return rc;
}

static ssize_t do_send_some(int fd, void *argument, int timeout_ms)
{
	struct send_call *send = argument;

	return usocket_send_timeout(fd, send->data, send->len, send->flags, timeout_ms);
}

static ssize_t do_sendto(int fd, void *argument, int timeout_ms)
{
	struct send_call *send = argument;

	return usocket_sendto_timeout(fd, send->data, send->len, send->flags,
		(const struct sockaddr *)&send->address->storage, send->address->len, timeout_ms);
}

/* Runs @fn, reporting first what an earlier call had to leave. */
static ssize_t run(struct usocket_script *s, struct send_call *send, script_fn fn)
{
	int error = script_take_error(s);

	if (error)
		return -error;
	if (send->flags & MSG_DONTWAIT) {
		send->flags &= ~MSG_DONTWAIT;
		send->call->deadline_ns = 0;
	}
	return script_wait(s, send->call, fn, send);
}

ssize_t usocket_script_write(struct usocket_script *s, struct usocket_script_call *call,
	const void *data, size_t len)
{
	struct send_call send = { .call = call, .data = data, .len = len };
	ssize_t result;

	if (call->deadline_ns == 0)
		return run(s, &send, do_send_some);
	result = run(s, &send, do_send_all);
	if (result >= 0)
		return (ssize_t)len;
	if (result == -EINTR || call->done == 0)
		return result;
	script_defer(s, call, (int)-result);
	return (ssize_t)call->done;
}

ssize_t usocket_script_send(struct usocket_script *s, struct usocket_script_call *call,
	const void *data, size_t len, int flags)
{
	struct send_call send = { .call = call, .data = data, .len = len, .flags = flags };
	ssize_t result = run(s, &send, do_send_some);

	if (result > 0)
		call->done = (size_t)result;
	return result;
}

int usocket_script_sendall(struct usocket_script *s, struct usocket_script_call *call,
	const void *data, size_t len, int flags)
{
	struct send_call send = { .call = call, .data = data, .len = len, .flags = flags };

	return (int)run(s, &send, do_send_all);
}

ssize_t usocket_script_sendto(struct usocket_script *s, struct usocket_script_call *call,
	const void *data, size_t len, int flags,
	const struct usocket_script_address *address)
{
	struct send_call send = {
		.call = call,
		.data = data,
		.len = len,
		.flags = flags,
		.address = address,
	};

	return run(s, &send, do_sendto);
}
