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
 * readline takes no byte beyond the line out of a stream: a poll(2) for the
 * descriptor then still tells of what is left. It waits by peeking, and moves
 * bytes to those pushed back under the lock, where it has seen how many of them
 * belong to the line, so that the lines of several threads stay whole. What it
 * saw may be gone by then; then it waits again. A datagram cannot be taken in
 * part: its rest is pushed back. A read of a datagram socket is one datagram.
 */
#include "client/script/script.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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

/*
 * Moves the next bytes of the stream behind those pushed back, no more than the
 * line and its limit want. Under the lock. Returns 0, also if there are none, or
 * -ENOMEM.
 */
static int move_line_part(struct script *script, size_t limit)
{
	char *end = buffer_reserve(&script->pushback, LINE_CHUNK);
	ssize_t got;
	size_t part;

	if (!end)
		return -ENOMEM;
	got = recv(script->fd, end, LINE_CHUNK, MSG_PEEK | MSG_DONTWAIT);
	if (got <= 0)
		return 0;
	part = line_part(end, (size_t)got);
	if (part > limit - script->pushback.n)
		part = limit - script->pushback.n;
	got = recv(script->fd, end, part, MSG_DONTWAIT);
	if (got > 0)
		buffer_commit(&script->pushback, (size_t)got);
	return 0;
}

/* Returns 1; or 0 at the end, or -errno, and nothing more comes. */
static ssize_t extend_by_stream(struct usocket_script *s, struct usocket_script_call *call,
	size_t limit)
{
	struct script *script = script_of(s);
	char byte;
	ssize_t r = script_receive_fresh(s, call, &byte, 1, MSG_PEEK);

	if (r <= 0)
		return r;
	script_lock();
	if (script->fd < 0)
		r = -EBADF;
	else if (buffer_line(&script->pushback, limit) == 0)
		r = move_line_part(script, limit);
	script_unlock();
	return r < 0 ? r : 1;
}

/* The same of a datagram socket: a whole datagram. */
static ssize_t extend_by_datagram(struct usocket_script *s, struct usocket_script_call *call)
{
	char *datagram = malloc(SCRIPT_RECEIVE_SIZE);
	ssize_t got;
	int rc = 0;

	if (!datagram)
		return -ENOMEM;
	got = script_receive_fresh(s, call, datagram, SCRIPT_RECEIVE_SIZE, 0);
	if (got > 0) {
		script_lock();
		rc = script_of(s)->fd < 0 ? -EBADF
					  : buffer_append(&script_of(s)->pushback, datagram,
						    (size_t)got);
		script_unlock();
	}
	free(datagram);
	return rc < 0 ? rc : got;
}

/*
 * Moves a line, or if it is the last one what there is, from the bytes pushed
 * back to @bytes. Returns how many, 0 if there is no line, or -ENOMEM.
 */
static ssize_t take_line(struct usocket_script *s, size_t limit, bool is_last,
	struct usocket_script_bytes *bytes)
{
	struct buffer *pushback = &script_of(s)->pushback;
	ssize_t result = 0;
	size_t len;

	script_lock();
	len = buffer_line(pushback, limit);
	if (len == 0 && is_last)
		len = pushback->n;
	if (len > 0 && script_bytes_reserve(bytes, len) < 0) {
		result = -ENOMEM;
	} else if (len > 0) {
		bytes->len = buffer_take(pushback, bytes->data, len);
		result = (ssize_t)bytes->len;
	}
	script_unlock();
	return result;
}

/* Ends a line, pushed back so far, that will not be completed. */
static ssize_t readline_end(struct usocket_script *s, struct usocket_script_call *call,
	size_t limit, ssize_t outcome, struct usocket_script_bytes *bytes)
{
	ssize_t result;

	if (outcome == -EINTR || outcome == -EBADF)
		return outcome;
	if (outcome == -ETIMEDOUT && usocket_script_timed_out(call))
		return outcome;
	result = take_line(s, limit, true, bytes);
	if (result == 0)
		return outcome;
	if (outcome < 0)
		script_defer(s, call, (int)-outcome);
	return result;
}

ssize_t usocket_script_readline(struct usocket_script *s, struct usocket_script_call *call,
	size_t limit, struct usocket_script_bytes *bytes)
{
	ssize_t outcome = 1;
	bool is_extended = false;

	bytes->len = 0;
	if (script_fd(s) < 0)
		return -EBADF;
	if (limit == 0)
		return 0;
	while (outcome > 0) {
		outcome = take_line(s, limit, false, bytes);
		if (outcome != 0)
			return outcome;
		/* A fast peer without newlines must not keep it here. */
		if (is_extended && usocket_script_timed_out(call))
			return -ETIMEDOUT;
		outcome = script_is_stream(s) ? extend_by_stream(s, call, limit)
					      : extend_by_datagram(s, call);
		is_extended = true;
	}
	return readline_end(s, call, limit, outcome, bytes);
}
