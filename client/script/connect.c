/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Each call fills in a small struct, and a script_fn makes the library's call
 * from it. A connect remembers in call->begun that it has begun: after a signal
 * the attempt is still under way and is waited for, not begun again.
 */
#include "client/script/script.h"

#include <errno.h>
#include <string.h>

static const struct sockaddr *generic(const struct usocket_script_address *address)
{
	return (const struct sockaddr *)&address->storage;
}

static ssize_t do_bind(int fd, void *argument, int timeout_ms)
{
	const struct usocket_script_address *address = argument;

	(void)timeout_ms;
	return usocket_bind(fd, generic(address), address->len);
}

int usocket_script_bind(struct usocket_script *s, const struct usocket_script_address *address)
{
	struct usocket_script_address copy = *address;

	return (int)script_request(s, do_bind, &copy);
}

static ssize_t do_listen(int fd, void *argument, int timeout_ms)
{
	const int *backlog = argument;

	(void)timeout_ms;
	return usocket_listen(fd, *backlog);
}

int usocket_script_listen(struct usocket_script *s, int backlog)
{
	return (int)script_request(s, do_listen, &backlog);
}

static ssize_t do_accept(int fd, void *argument, int timeout_ms)
{
	struct usocket_script_address *address = argument;

	address->len = sizeof(address->storage);
	return usocket_accept_timeout(fd, (struct sockaddr *)&address->storage, &address->len,
		SOCK_CLOEXEC, timeout_ms);
}

int usocket_script_accept(struct usocket_script *s, struct usocket_script_call *call,
	struct usocket_script *accepted,
	struct usocket_script_address *address)
{
	struct usocket_script_address peer;
	struct script *script = script_of(accepted);
	ssize_t fd = script_wait(s, call, do_accept, &peer);

	if (fd < 0)
		return (int)fd;
	script_lock();
	*script = (struct script){
		.fd = (int)fd,
		.family = script_of(s)->family,
		.type = script_of(s)->type,
		.protocol = script_of(s)->protocol,
		.timeout_ns = USOCKET_SCRIPT_WAIT,
	};
	script_unlock();
	if (address)
		*address = peer;
	return 0;
}

struct connect_call {
	struct usocket_script_call *call;
	const struct usocket_script_address *address;
};

static ssize_t do_connect(int fd, void *argument, int timeout_ms)
{
	struct connect_call *connect = argument;

	/* Its time may be over before it has begun; 0 would mean another mode. */
	if (timeout_ms == 0 && connect->call->deadline_ns > 0)
		timeout_ms = 1;
	if (connect->call->begun)
		return usocket_connect_wait(fd, timeout_ms);
	connect->call->begun = 1;
	return usocket_connect_timeout(fd, generic(connect->address), connect->address->len,
		timeout_ms);
}

int usocket_script_connect(struct usocket_script *s, struct usocket_script_call *call,
	const struct usocket_script_address *address)
{
	struct connect_call connect = { .call = call, .address = address };

	return (int)script_wait(s, call, do_connect, &connect);
}

static ssize_t do_connect_name(int fd, void *argument, int timeout_ms)
{
	const struct usocket_script_endpoint *endpoint = argument;

	(void)timeout_ms;
	return usocket_connect_name(fd, endpoint->host, (uint16_t)endpoint->port);
}

/*
 * Without waiting: the daemon resolves too. Returns -EOPNOTSUPP if it is too
 * old for that, or the socket is a raw one.
 */
static int connect_name(struct usocket_script *s, const struct usocket_script_endpoint *endpoint)
{
	struct usocket_script_endpoint copy = *endpoint;

	return (int)script_request(s, do_connect_name, &copy);
}

int usocket_script_connect_to(struct usocket_script *s, struct usocket_script_call *call,
	const struct usocket_script_endpoint *endpoint)
{
	struct usocket_script_address address = { .len = 0 };
	int rc;

	if (call->deadline_ns == 0 && script_is_name(s, endpoint)) {
		rc = connect_name(s, endpoint);
		if (rc != -EOPNOTSUPP)
			return rc;
	}
	if (!call->begun) {
		rc = usocket_script_address(s, call, endpoint, &address);
		if (rc != 0)
			return rc;
	}
	return usocket_script_connect(s, call, &address);
}

int usocket_script_disconnect(struct usocket_script *s)
{
	struct usocket_script_address none = { .len = sizeof(struct sockaddr) };
	struct usocket_script_call call;

	none.storage.ss_family = AF_UNSPEC;
	usocket_script_begin_timeout(&call, 0);
	return usocket_script_connect(s, &call, &none);
}

static ssize_t do_shutdown(int fd, void *argument, int timeout_ms)
{
	const int *how = argument;

	(void)timeout_ms;
	return usocket_shutdown(fd, *how);
}

int usocket_script_shutdown(struct usocket_script *s, int how)
{
	return (int)script_request(s, do_shutdown, &how);
}

static ssize_t do_getsockname(int fd, void *argument, int timeout_ms)
{
	struct usocket_script_address *address = argument;

	(void)timeout_ms;
	address->len = sizeof(address->storage);
	return usocket_getsockname(fd, (struct sockaddr *)&address->storage, &address->len);
}

int usocket_script_getsockname(struct usocket_script *s, struct usocket_script_address *address)
{
	return (int)script_request(s, do_getsockname, address);
}

static ssize_t do_getpeername(int fd, void *argument, int timeout_ms)
{
	struct usocket_script_address *address = argument;

	(void)timeout_ms;
	address->len = sizeof(address->storage);
	return usocket_getpeername(fd, (struct sockaddr *)&address->storage, &address->len);
}

int usocket_script_getpeername(struct usocket_script *s, struct usocket_script_address *address)
{
	return (int)script_request(s, do_getpeername, address);
}
