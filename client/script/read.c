/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A read ends when it has all it was asked for, or at the end of the stream,
 * or when it has to stop: the deadline, would-block, an error. Nothing that was
 * received is lost then: read and readinto return the part they have, and the
 * error, if it is one, is left for the next call; readline's part is in the
 * socket all the time, pushed back, so that its next call goes on there.
 * Without any part the stop is the result.
 *
 * readline peeks, so that of a stream it takes no byte beyond the line: a
 * poll(2) for the descriptor then still tells of what is left. A datagram
 * cannot be taken in part: its rest is pushed back. A read of a datagram socket
 * is one datagram.
 */
#include "client/script/script.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What readline looks at in one go; bytes. */
#define LINE_CHUNK 4096

/* Outcomes of filling a buffer, beside -errno. */
enum fill {
	FILL_FULL, /* as much as asked for */
	FILL_END,  /* end of the stream, or of the datagram */
};

/* Fills @buffer up to @len, *@n counting. Returns enum fill or -errno. */
static ssize_t fill(struct usocket_script *s, struct usocket_script_call *call, char *buffer,
	size_t len, size_t *n)
{
	bool is_stream = script_is_stream(s);

	while (*n < len) {
		ssize_t got = script_receive(s, call, buffer + *n, len - *n, 0, NULL);

		if (got < 0)
			return got;
		*n += (size_t)got;
		call->done += (size_t)got;
		if (got == 0 || !is_stream)
			return FILL_END;
	}
	return FILL_FULL;
}

/* What a read that stopped with @outcome and has call->done bytes returns. */
static ssize_t read_end(struct usocket_script *s, const struct usocket_script_call *call,
	ssize_t outcome)
{
	if (outcome >= 0)
		return (ssize_t)call->done;
	if (outcome == -EINTR || call->done == 0)
		return outcome;
	script_defer(s, call, (int)-outcome);
	return (ssize_t)call->done;
}

ssize_t usocket_script_readinto(struct usocket_script *s, struct usocket_script_call *call,
	void *buffer, size_t len)
{
	size_t n = call->done;

	if (script_fd(s) < 0)
		return -EBADF;
	return read_end(s, call, fill(s, call, buffer, len, &n));
}

ssize_t usocket_script_read(struct usocket_script *s, struct usocket_script_call *call,
	size_t limit, struct usocket_script_bytes *bytes)
{
	size_t room = SCRIPT_RECEIVE_SIZE;
	ssize_t outcome = FILL_FULL;

	if (script_fd(s) < 0)
		return -EBADF;
	while (outcome == FILL_FULL && bytes->len < limit) {
		size_t left = limit - bytes->len;

		if (bytes->len > room)
			room = bytes->len;
		if (room > left)
			room = left;
		if (script_bytes_reserve(bytes, room) < 0)
			outcome = -ENOMEM;
		else
			outcome = fill(s, call, bytes->data, bytes->len + room, &bytes->len);
	}
	return read_end(s, call, outcome);
}

/* Length of the line at the front of @data, or all of it without a newline. */
static size_t line_part(const char *data, size_t len)
{
	const char *newline = memchr(data, '\n', len);

	return newline ? (size_t)(newline - data) + 1 : len;
}

static int push_back(struct usocket_script *s, const char *data, size_t len)
{
	int rc;

	script_lock();
	rc = script_of(s)->fd < 0 ? -EBADF : buffer_append(&script_of(s)->pushback, data, len);
	script_unlock();
	return rc;
}

/*
 * Moves the next bytes of the socket behind those pushed back: of a stream at
 * most @limit, and no more than the line. Returns how many, 0 at the end, or
 * -errno.
 */
static ssize_t take_line_part(struct usocket_script *s, struct usocket_script_call *call,
	size_t limit)
{
	bool is_stream = script_is_stream(s);
	char stream_chunk[LINE_CHUNK], *datagram = NULL, *chunk = stream_chunk;
	ssize_t got;
	int rc = 0;

	if (!is_stream) {
		datagram = malloc(SCRIPT_RECEIVE_SIZE);
		if (!datagram)
			return -ENOMEM;
		chunk = datagram;
	}
	got = script_receive_fresh(s, call, chunk, is_stream ? LINE_CHUNK : SCRIPT_RECEIVE_SIZE,
		is_stream ? MSG_PEEK : 0);
	if (got > 0 && is_stream) {
		size_t part = line_part(chunk, (size_t)got);

		got = script_receive_fresh(s, call, chunk, part < limit ? part : limit, 0);
	}
	if (got > 0)
		rc = push_back(s, chunk, (size_t)got);
	free(datagram);
	return rc < 0 ? rc : got;
}

/* Moves @len pushed back bytes to @bytes. Returns how many, or -ENOMEM. */
static ssize_t take_pushed_back(struct usocket_script *s, size_t len,
	struct usocket_script_bytes *bytes)
{
	bytes->len = 0;
	if (len == 0)
		return 0;
	if (script_bytes_reserve(bytes, len) < 0)
		return -ENOMEM;
	script_lock();
	bytes->len = buffer_take(&script_of(s)->pushback, bytes->data, len);
	script_unlock();
	return (ssize_t)bytes->len;
}

/* Ends a line, pushed back so far, that will not be completed. */
static ssize_t readline_end(struct usocket_script *s, struct usocket_script_call *call,
	ssize_t outcome, struct usocket_script_bytes *bytes)
{
	size_t pending = usocket_script_pending(s);

	if (outcome == -EINTR || outcome == -EBADF || (outcome < 0 && pending == 0))
		return outcome;
	if (outcome == -ETIMEDOUT && usocket_script_timed_out(call))
		return outcome;
	if (outcome < 0)
		script_defer(s, call, (int)-outcome);
	return take_pushed_back(s, pending, bytes);
}

static size_t pending_line(struct usocket_script *s, size_t limit)
{
	size_t len;

	script_lock();
	len = buffer_line(&script_of(s)->pushback, limit);
	script_unlock();
	return len;
}

ssize_t usocket_script_readline(struct usocket_script *s, struct usocket_script_call *call,
	size_t limit, struct usocket_script_bytes *bytes)
{
	ssize_t outcome;

	bytes->len = 0;
	if (script_fd(s) < 0)
		return -EBADF;
	if (limit == 0)
		return 0;
	do {
		size_t len = pending_line(s, limit), pending = usocket_script_pending(s);

		if (len > 0)
			return take_pushed_back(s, len, bytes);
		outcome = take_line_part(s, call, pending < limit ? limit - pending : 1);
	} while (outcome > 0);
	return readline_end(s, call, outcome, bytes);
}
