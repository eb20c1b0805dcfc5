/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Like LuaSocket's, an object reads ahead: lines are cut from its buffer, and
 * dirty() tells of what is in there. Nothing is read ahead while a script asks
 * for more than the buffer holds: that goes where the result is made.
 *
 * What a call has received when it fails is its third value and gone from the
 * socket. The end of a stream is "closed" with number 0, a reset "closed" (or
 * "reset") with 104.
 *
 * Each wait may run hooks, which may raise an error (Ctrl-C). What the call has
 * received by then is put back, so that the script can go on if it catches it.
 */
#include "client/lua/stream.h"

#include "client/lua/bytes.h"
#include "client/lua/failure.h"
#include "client/lua/object.h"
#include "client/lua/timing.h"

#include <errno.h>
#include <string.h>

/* The first receive of a large result; the next ones double. */
#define CHUNK 65536

/* One receive of a script. */
struct reading {
	lua_State *L;
	struct ulua_socket *s;
	struct ulua_timing timing;
	struct ulua_bytes bytes;
	size_t prefix_len; /* of bytes: not received */
};

/* No errno: the peer has ended the stream. */
#define END_OF_STREAM 1

/* ---- failures ---------------------------------------------------------------- */

/* What a wait that failed is to scripts: 110 with a time-out, 11 without. */
static int timing_result(const struct ulua_timing *timing, int result)
{
	if (result == -EAGAIN || result == -ETIMEDOUT)
		return ulua_timing_is_zero(timing) ? -EAGAIN : -ETIMEDOUT;
	return result;
}

/* Pushes nil, the text, what is on top, and the number. */
static int fail_with_partial(lua_State *L, const struct ulua_socket *s, int result,
	enum ulua_doing doing)
{
	int partial = lua_gettop(L);

	lua_pushnil(L);
	if (result == END_OF_STREAM)
		lua_pushliteral(L, "closed");
	else if (result == -ECONNRESET && s->reports_reset)
		lua_pushliteral(L, "reset");
	else
		ulua_push_text(L, result, doing);
	lua_pushvalue(L, partial);
	lua_pushinteger(L, result == END_OF_STREAM ? 0 : -result);
	return 4;
}

/* ---- sending ------------------------------------------------------------------ */

/* Sends @len bytes. *@sent is how many were, also on failure: -errno. */
static int send_all(lua_State *L, struct ulua_socket *s, const char *data, size_t len,
	size_t *sent)
{
	struct usocket_script_call call;
	struct ulua_timing timing;
	ssize_t n;

	*sent = 0;
	ulua_timing_begin(&timing, &s->limits);
	do {
		ulua_timing_next(&timing, *sent, &call);
		/* Also the first time: a signal may have come while there was work. */
		do {
			ulua_run_hooks(L);
			n = usocket_script_send(&s->script, &call, data + *sent, len - *sent, 0);
		} while (n == -EINTR);
		if (n < 0)
			return timing_result(&timing, (int)n);
		*sent += (size_t)n;
		s->sent += (size_t)n;
	} while (*sent < len);
	return 0;
}

/* One of send()'s two positions: negative ones count from the end. */
static lua_Number position(lua_State *L, int arg, lua_Number otherwise, size_t len)
{
	lua_Number number = luaL_optnumber(L, arg, otherwise);

	luaL_argcheck(L, number > -1e15 && number < 1e15, arg, "position out of range");
	number = (lua_Number)(int64_t)number;
	return number < 0 ? number + (lua_Number)len + 1 : number;
}

int ulua_stream_send(lua_State *L)
{
	struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_tcp_client);
	size_t len, sent = 0;
	const char *data = luaL_checklstring(L, 2, &len);
	lua_Number first = position(L, 3, 1, len);
	lua_Number last = position(L, 4, -1, len);
	int rc = 0;

	if (first < 1)
		first = 1;
	if (last > (lua_Number)len)
		last = (lua_Number)len;
	if (first <= last)
		rc = send_all(L, s, data + (size_t)first - 1, (size_t)(last - first) + 1, &sent);
	lua_pushnumber(L, first - 1 + (lua_Number)sent);
	if (rc < 0)
		return fail_with_partial(L, s, rc, ULUA_SENDING);
	lua_pushnil(L);
	lua_pushnil(L);
	return 3;
}

/* ---- receiving ---------------------------------------------------------------- */

static void reading_begin(lua_State *L, struct reading *r)
{
	r->L = L;
	r->prefix_len = 0;
	r->s = ulua_socket_check(L, 1, &ulua_tcp_client);
	ulua_timing_begin(&r->timing, &r->s->limits);
}

/* Before each wait. The buffer is empty then, or nothing has been taken from it. */
static void run_hooks(struct reading *r)
{
	size_t n = r->bytes.len - r->prefix_len;

	if (ulua_try_hooks(r->L) == 0)
		return;
	if (n > 0 && usocket_script_unread(&r->s->script, r->bytes.data + r->prefix_len, n) == 0)
		r->s->received -= n;
	lua_error(r->L);
}

/* One wait. Returns the count, or -errno. *@is_end: it is 0 and the stream ended. */
static ssize_t receive_some(struct reading *r, char *data, size_t size, bool *is_end)
{
	struct usocket_script_call call;
	ssize_t n;

	*is_end = false;
	ulua_timing_next(&r->timing, r->bytes.len, &call);
	do {
		run_hooks(r);
		n = usocket_script_recv(&r->s->script, &call, data, size, 0, NULL);
	} while (n == -EINTR);
	if (n < 0)
		return timing_result(&r->timing, (int)n);
	*is_end = n == 0;
	return n;
}

static size_t buffered(const struct ulua_socket *s)
{
	return s->buffer->end - s->buffer->first;
}

/* Has something in the buffer. Returns 0, END_OF_STREAM or -errno. */
static int fill_buffer(struct reading *r)
{
	struct ulua_buffer *buffer = r->s->buffer;
	bool is_end;
	ssize_t n;

	if (buffered(r->s) > 0)
		return 0;
	n = receive_some(r, buffer->bytes, sizeof(buffer->bytes), &is_end);
	if (n < 0)
		return (int)n;
	buffer->first = 0;
	buffer->end = (size_t)n;
	return is_end ? END_OF_STREAM : 0;
}

static void take_from_buffer(struct ulua_socket *s, size_t n)
{
	s->buffer->first += n;
	s->received += n;
}

/* Past the buffer. Returns 0, END_OF_STREAM or -errno. */
static int receive_chunk(struct reading *r, size_t wanted)
{
	size_t size = wanted;
	bool is_end;
	ssize_t n;

	if (size > CHUNK && size > r->bytes.len)
		size = r->bytes.len > CHUNK ? r->bytes.len : CHUNK;
	n = receive_some(r, ulua_bytes_room(&r->bytes, size), size, &is_end);
	if (n < 0)
		return (int)n;
	r->bytes.len += (size_t)n;
	r->s->received += (size_t)n;
	return is_end ? END_OF_STREAM : 0;
}

/* Receives exactly @n bytes. Returns 0, END_OF_STREAM or -errno. */
static int receive_number(struct reading *r, size_t n)
{
	struct ulua_socket *s = r->s;
	size_t part;
	int rc;

	for (;;) {
		if (buffered(s) == 0 && n >= ULUA_BUFFER_SIZE) {
			part = r->bytes.len;
			rc = receive_chunk(r, n);
			part = r->bytes.len - part;
		} else {
			rc = fill_buffer(r);
			part = rc ? 0 : buffered(s) < n ? buffered(s)
							: n;
			ulua_bytes_add(&r->bytes, s->buffer->bytes + s->buffer->first, part);
			take_from_buffer(s, part);
		}
		n -= part;
		if (rc || n == 0)
			return rc;
	}
}

/* Receives to the end of the stream: 0 if there was anything before it. */
static int receive_all(struct reading *r)
{
	size_t before = r->bytes.len;
	int rc = 0;

	if (buffered(r->s) > 0)
		rc = receive_number(r, buffered(r->s));
	while (rc == 0)
		rc = receive_chunk(r, SIZE_MAX / 8);
	return rc == END_OF_STREAM && r->bytes.len > before ? 0 : rc;
}

/* Adds a piece of a line without its carriage returns. */
static void add_line_part(struct ulua_bytes *bytes, const char *data, size_t n)
{
	const char *end = data + n, *cr;

	while ((cr = memchr(data, '\r', (size_t)(end - data))) != NULL) {
		ulua_bytes_add(bytes, data, (size_t)(cr - data));
		data = cr + 1;
	}
	ulua_bytes_add(bytes, data, (size_t)(end - data));
}

/* Receives up to a line feed, which is taken and not part of the result. */
static int receive_line(struct reading *r)
{
	struct ulua_socket *s = r->s;
	const char *begin, *lf;
	size_t n;
	int rc;

	for (;;) {
		rc = fill_buffer(r);
		if (rc)
			return rc;
		begin = s->buffer->bytes + s->buffer->first;
		lf = memchr(begin, '\n', buffered(s));
		n = lf ? (size_t)(lf - begin) : buffered(s);
		add_line_part(&r->bytes, begin, n);
		take_from_buffer(s, lf ? n + 1 : n);
		if (lf)
			return 0;
	}
}

/* What a call is to receive: 'l', 'a', or 'n', a number of bytes. */
static char check_pattern(lua_State *L, lua_Number *number)
{
	const char *pattern;

	if (lua_isnumber(L, 2)) {
		*number = lua_tonumber(L, 2);
		luaL_argcheck(L, *number >= 0 && *number < 1e15, 2, "invalid receive pattern");
		return 'n';
	}
	pattern = luaL_optstring(L, 2, "*l");
	if (pattern[0] != '*' || (pattern[1] != 'l' && pattern[1] != 'a'))
		luaL_argerror(L, 2, "invalid receive pattern");
	return pattern[1];
}

int ulua_stream_receive(lua_State *L)
{
	struct reading r;
	size_t prefix_len;
	const char *prefix = luaL_optlstring(L, 3, "", &prefix_len);
	lua_Number number = 0;
	char pattern;
	int rc = 0;

	lua_settop(L, 3);
	reading_begin(L, &r);
	pattern = check_pattern(L, &number);
	ulua_bytes_init(L, &r.bytes);
	ulua_bytes_add(&r.bytes, prefix, prefix_len);
	r.prefix_len = prefix_len;
	if (pattern == 'l')
		rc = receive_line(&r);
	else if (pattern == 'a')
		rc = receive_all(&r);
	else if (number == 0 || number > (lua_Number)prefix_len)
		rc = receive_number(&r, number == 0 ? 0 : (size_t)number - prefix_len);
	ulua_bytes_push(&r.bytes);
	if (rc)
		return fail_with_partial(L, r.s, rc, ULUA_RECEIVING);
	lua_pushnil(L);
	lua_pushnil(L);
	return 3;
}

/* ---- recv -------------------------------------------------------------------- */

int ulua_receive_flags(lua_State *L, int arg)
{
	static const char *const names[] = { "peek", "dontwait", "waitall", NULL };
	static const int flags[] = { MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL };
	int result = 0;

	for (; arg <= lua_gettop(L); arg++)
		result |= flags[luaL_checkoption(L, arg, NULL, names)];
	return result;
}

/* Adds to what is in the buffer; with @n there is at most that much then. */
static int extend_buffer(struct reading *r, size_t n)
{
	struct ulua_buffer *buffer = r->s->buffer;
	bool is_end = false;
	ssize_t got = 0;

	while (buffered(r->s) < n && !is_end) {
		memmove(buffer->bytes, buffer->bytes + buffer->first, buffered(r->s));
		buffer->end -= buffer->first;
		buffer->first = 0;
		got = receive_some(r, buffer->bytes + buffer->end, n - buffer->end, &is_end);
		if (got < 0)
			return (int)got;
		buffer->end += (size_t)got;
	}
	return is_end ? END_OF_STREAM : 0;
}

/* Peeking leaves what it has seen in the buffer, so it sees no more than that. */
static int recv_peek(struct reading *r, size_t n, int flags)
{
	int rc;

	if (n > ULUA_BUFFER_SIZE)
		n = ULUA_BUFFER_SIZE;
	rc = flags & MSG_WAITALL ? extend_buffer(r, n) : fill_buffer(r);
	if (buffered(r->s) < n)
		n = buffered(r->s);
	ulua_bytes_add(&r->bytes, r->s->buffer->bytes + r->s->buffer->first, n);
	return n > 0 ? 0 : rc;
}

static int recv_data(struct reading *r, size_t n, int flags)
{
	int rc;

	if (flags & MSG_WAITALL) {
		rc = receive_number(r, n);
		return r->bytes.len > 0 && rc == END_OF_STREAM ? 0 : rc;
	}
	if (buffered(r->s) > 0)
		return receive_number(r, buffered(r->s) < n ? buffered(r->s) : n);
	return receive_chunk(r, n);
}

/*
 * recv(n, flag...): what is there, as recv(2). The end of the stream is an
 * error here too: an empty string would be taken for data.
 */
int ulua_stream_recv(lua_State *L)
{
	struct reading r;
	lua_Number number = luaL_checknumber(L, 2);
	int flags, rc = 0;

	reading_begin(L, &r);
	luaL_argcheck(L, number >= 0 && number < 1e15, 2, "invalid size");
	flags = ulua_receive_flags(L, 3);
	if (flags & MSG_DONTWAIT)
		r.timing.block_ns = 0;
	ulua_bytes_init(L, &r.bytes);
	if (usocket_script_fileno(&r.s->script) < 0)
		rc = -EBADF;
	else if (number >= 1 && (flags & MSG_PEEK))
		rc = recv_peek(&r, (size_t)number, flags);
	else if (number >= 1)
		rc = recv_data(&r, (size_t)number, flags);
	ulua_bytes_push(&r.bytes);
	if (rc)
		return fail_with_partial(L, r.s, rc, ULUA_RECEIVING);
	lua_pushnil(L);
	lua_pushnil(L);
	return 3;
}
