/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * All bytes come through script_receive(), so that no call passes by what an
 * earlier one pushed back or the error it could not report yet.
 *
 * recv and recv_bytes wait for as many bytes as were asked for only with
 * MSG_WAITALL, which makes a read of them. recv_bytes never allocates for bytes
 * that do not come: it starts with a modest buffer, which grows while bytes
 * that have arrived fill it.
 */
#include "client/script/script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct receive_call {
	void *buffer;
	size_t len;
	int flags;
	struct usocket_script_address *address; /* NULL: not wanted */
};

void usocket_script_bytes_free(struct usocket_script_bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct usocket_script_bytes){ .data = NULL };
}

int script_bytes_reserve(struct usocket_script_bytes *bytes, size_t len)
{
	size_t size = bytes->size ? bytes->size : len;
	char *data;

	if (bytes->size - bytes->len >= len)
		return 0;
	if (len > SIZE_MAX / 4 || bytes->len > SIZE_MAX / 4)
		return -ENOMEM;
	while (size < bytes->len + len)
		size *= 2;
	data = realloc(bytes->data, size);
	if (!data)
		return -ENOMEM;
	bytes->data = data;
	bytes->size = size;
	return 0;
}

static ssize_t do_receive(int fd, void *argument, int timeout_ms)
{
	struct receive_call *receive = argument;
	struct usocket_script_address *address = receive->address;

	if (!address)
		return usocket_recv_timeout(fd, receive->buffer, receive->len, receive->flags,
			timeout_ms);
	address->len = sizeof(address->storage);
	return usocket_recvfrom_timeout(fd, receive->buffer, receive->len, receive->flags,
		(struct sockaddr *)&address->storage, &address->len, timeout_ms);
}

static ssize_t from_socket(struct usocket_script *s, const struct usocket_script_call *call,
	struct receive_call *receive)
{
	struct usocket_script_call now = *call;
	int error = script_take_error(s);

	if (error)
		return -error;
	if (receive->flags & MSG_DONTWAIT) {
		receive->flags &= ~MSG_DONTWAIT;
		now.deadline_ns = 0;
	}
	return script_wait(s, &now, do_receive, receive);
}

/* Returns how many bytes were pushed back and are in @buffer now. */
static size_t from_pushback(struct usocket_script *s, void *buffer, size_t len, int flags)
{
	struct buffer *pushback = &script_of(s)->pushback;
	size_t n;

	script_lock();
	if (flags & MSG_PEEK) {
		n = len < pushback->n ? len : pushback->n;
		if (n > 0)
			memcpy(buffer, pushback->bytes + pushback->start, n);
	} else {
		n = buffer_take(pushback, buffer, len);
	}
	script_unlock();
	return n;
}

/* The peer of bytes that were received before; it may be unknown by now. */
static void find_peer(struct usocket_script *s, struct usocket_script_address *address)
{
	if (usocket_script_getpeername(s, address) < 0)
		address->len = 0;
}

ssize_t script_receive(struct usocket_script *s, const struct usocket_script_call *call,
	void *buffer, size_t len, int flags,
	struct usocket_script_address *address)
{
	struct receive_call receive = {
		.buffer = buffer,
		.len = len,
		.flags = flags,
		.address = address,
	};
	size_t n;

	if (script_fd(s) < 0)
		return -EBADF;
	n = from_pushback(s, buffer, len, flags);
	if (n == 0)
		return from_socket(s, call, &receive);
	if (address)
		find_peer(s, address);
	return (ssize_t)n;
}

ssize_t script_receive_fresh(struct usocket_script *s, const struct usocket_script_call *call,
	void *buffer, size_t len, int flags)
{
	struct receive_call receive = { .buffer = buffer, .len = len, .flags = flags };

	return from_socket(s, call, &receive);
}

/* Nothing asked for is nothing waited for, on an open socket. */
static ssize_t receive_nothing(struct usocket_script *s, struct usocket_script_address *address)
{
	if (script_fd(s) < 0)
		return -EBADF;
	if (address)
		find_peer(s, address);
	return 0;
}

/* The receive is a read, of which a signal costs nothing. */
static bool waits_for_all(const struct usocket_script *s, int flags)
{
	return script_is_stream(s) &&
		(flags & (MSG_WAITALL | MSG_PEEK | MSG_DONTWAIT)) == MSG_WAITALL;
}

ssize_t usocket_script_recv(struct usocket_script *s, struct usocket_script_call *call,
	void *buffer, size_t len, int flags,
	struct usocket_script_address *address)
{
	ssize_t result;

	if (len == 0 && script_is_stream(s))
		return receive_nothing(s, address);
	if (waits_for_all(s, flags)) {
		if (address)
			find_peer(s, address);
		return usocket_script_readinto(s, call, buffer, len);
	}
	result = script_receive(s, call, buffer, len, flags, address);
	if (result > 0)
		call->done = (size_t)result;
	return result;
}

/*
 * Adds to @bytes, which were filled, what more has arrived, up to @len bytes in
 * all.
 */
static void receive_more(struct usocket_script *s, size_t len, struct usocket_script_bytes *bytes)
{
	struct usocket_script_call now;
	ssize_t got;
	size_t room;

	usocket_script_begin_timeout(&now, 0);
	do {
		room = bytes->len < len - bytes->len ? bytes->len : len - bytes->len;
		if (script_bytes_reserve(bytes, room) < 0)
			return;
		got = script_receive(s, &now, bytes->data + bytes->len, room, 0, NULL);
		if (got > 0)
			bytes->len += (size_t)got;
	} while (got == (ssize_t)room && bytes->len < len);
	if (got < 0 && got != -EINTR)
		script_defer(s, &now, (int)-got);
}

ssize_t usocket_script_recv_bytes(struct usocket_script *s, struct usocket_script_call *call,
	size_t len, int flags, struct usocket_script_bytes *bytes,
	struct usocket_script_address *address)
{
	size_t first = len < SCRIPT_RECEIVE_SIZE ? len : SCRIPT_RECEIVE_SIZE;
	ssize_t got;

	if (len == 0 && script_is_stream(s))
		return receive_nothing(s, address);
	if (waits_for_all(s, flags)) {
		if (address)
			find_peer(s, address);
		return usocket_script_read(s, call, len, bytes);
	}
	bytes->len = 0;
	if (script_bytes_reserve(bytes, first ? first : 1) < 0)
		return -ENOMEM;
	got = script_receive(s, call, bytes->data, first, flags, address);
	if (got < 0)
		return got;
	bytes->len = (size_t)got;
	if (got > 0 && bytes->len == first && first < len && script_is_stream(s) &&
		!(flags & MSG_PEEK))
		receive_more(s, len, bytes);
	call->done = bytes->len;
	return (ssize_t)bytes->len;
}

int usocket_script_unread(struct usocket_script *s, const void *data, size_t len)
{
	struct buffer front = { .bytes = NULL };
	struct buffer *pushback = &script_of(s)->pushback;
	int rc;

	if (len == 0)
		return 0;
	script_lock();
	rc = script_of(s)->fd < 0 ? -EBADF : buffer_append(&front, data, len);
	if (rc == 0)
		rc = buffer_move(&front, pushback);
	if (rc == 0)
		*pushback = front;
	else
		buffer_fini(&front);
	script_unlock();
	return rc;
}

size_t usocket_script_pending(const struct usocket_script *s)
{
	size_t n;

	script_lock();
	n = script_of(s)->pushback.n;
	script_unlock();
	return n;
}
