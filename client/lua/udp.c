/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An object of udp() has no socket until a call knows a family. Which class it
 * is tells which calls it takes: connected ones send and receive with one peer,
 * the others name it. Names are looked up in sendto as well, within its
 * time-out.
 */
#include "client/lua/udp.h"

#include "client/lua/bytes.h"
#include "client/lua/failure.h"
#include "client/lua/object.h"
#include "client/lua/options.h"
#include "client/lua/resolve.h"
#include "client/lua/stream.h"
#include "client/lua/timing.h"

#include <errno.h>
#include <string.h>

/* Larger ones do not exist. */
#define DATAGRAM_MAX 65535

static int timed(const struct ulua_timing *timing, int rc)
{
	if (rc == -EAGAIN || rc == -ETIMEDOUT)
		return ulua_timing_is_zero(timing) ? -EAGAIN : -ETIMEDOUT;
	return rc;
}

/* ---- addresses --------------------------------------------------------------- */

/* Finds the first address of a name and opens the object for it. */
static int resolve_one(lua_State *L, struct ulua_socket *s, struct usocket_script_call *call,
	const char *host, const char *service, struct usocket_script_address *address)
{
	struct addrinfo hints = { .ai_family = s->family, .ai_socktype = SOCK_DGRAM };
	struct ulua_names *names = ulua_names_new(L);
	int rc = ulua_resolve(L, call, host, service, &hints, names);

	if (rc)
		return rc;
	usocket_script_entry(names->list, 0, address);
	ulua_names_free(names);
	rc = ulua_socket_open(s, address->storage.ss_family);
	if (rc == 0)
		s->family = address->storage.ss_family;
	return rc;
}

static int udp_setsockname(lua_State *L)
{
	struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_udp_unconnected);
	const char *host = luaL_checkstring(L, 2);
	const char *service = ulua_check_service(L, 3);
	struct usocket_script_address address;
	struct usocket_script_call call;
	int rc;

	ulua_timing_once(-1, &call);
	rc = resolve_one(L, s, &call, host, service, &address);
	if (rc)
		return ulua_fail(L, rc, ULUA_OPENING);
	rc = usocket_script_bind(&s->script, &address);
	if (rc < 0)
		return ulua_fail(L, rc, ULUA_CALLING);
	lua_pushnumber(L, 1);
	return 1;
}

static int dissolve(lua_State *L, struct ulua_socket *s)
{
	int rc = 0;

	if (usocket_script_fileno(&s->script) >= 0)
		rc = usocket_script_disconnect(&s->script);
	if (rc < 0)
		return ulua_fail(L, rc, ULUA_CALLING);
	ulua_socket_set_class(L, 1, &ulua_udp_unconnected);
	lua_pushnumber(L, 1);
	return 1;
}

static int udp_setpeername(lua_State *L)
{
	struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_udp_any);
	const char *host = luaL_checkstring(L, 2);
	struct usocket_script_address address;
	struct usocket_script_call call;
	struct ulua_timing timing;
	const char *service;
	int rc;

	if (strcmp(host, "*") == 0)
		return dissolve(L, s);
	service = ulua_check_service(L, 3);
	ulua_timing_begin(&timing, &s->limits);
	ulua_timing_next(&timing, 0, &call);
	rc = resolve_one(L, s, &call, host, service, &address);
	if (rc)
		return ulua_fail(L, timed(&timing, rc), ULUA_OPENING);
	rc = usocket_script_connect(&s->script, &call, &address);
	if (rc < 0)
		return ulua_fail(L, timed(&timing, rc), ULUA_CALLING);
	ulua_socket_set_class(L, 1, &ulua_udp_connected);
	lua_pushnumber(L, 1);
	return 1;
}

static int udp_getpeername(lua_State *L)
{
	return ulua_socket_push_peer(L, ulua_socket_check(L, 1, &ulua_udp_connected));
}

/* ---- data -------------------------------------------------------------------- */

static int finish_send(lua_State *L, const struct ulua_timing *timing, ssize_t n)
{
	if (n < 0)
		return ulua_fail(L, timed(timing, (int)n), ULUA_DATAGRAM);
	lua_pushnumber(L, (lua_Number)n);
	return 1;
}

static int udp_send(lua_State *L)
{
	struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_udp_connected);
	size_t len;
	const char *data = luaL_checklstring(L, 2, &len);
	struct usocket_script_call call;
	struct ulua_timing timing;
	ssize_t n;

	ulua_timing_begin(&timing, &s->limits);
	ulua_timing_next(&timing, 0, &call);
	while ((n = usocket_script_send(&s->script, &call, data, len, 0)) == -EINTR)
		ulua_run_hooks(L);
	return finish_send(L, &timing, n);
}

static int udp_sendto(lua_State *L)
{
	struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_udp_unconnected);
	size_t len;
	const char *data = luaL_checklstring(L, 2, &len);
	const char *host = luaL_checkstring(L, 3);
	const char *service = ulua_check_service(L, 4);
	struct usocket_script_address address;
	struct usocket_script_call call;
	struct ulua_timing timing;
	bool was_closed = s->family != AF_UNSPEC && usocket_script_fileno(&s->script) < 0;
	ssize_t n;
	int rc;

	if (was_closed)
		return ulua_fail(L, -EBADF, ULUA_DATAGRAM);
	ulua_timing_begin(&timing, &s->limits);
	ulua_timing_next(&timing, 0, &call);
	rc = resolve_one(L, s, &call, host, service, &address);
	if (rc)
		return ulua_fail(L, timed(&timing, rc), ULUA_OPENING);
	while ((n = usocket_script_sendto(&s->script, &call, data, len, 0, &address)) == -EINTR)
		ulua_run_hooks(L);
	return finish_send(L, &timing, n);
}

/* Pushes the datagram, or returns -errno. */
static int receive_datagram(lua_State *L, struct ulua_socket *s,
	struct usocket_script_address *address)
{
	lua_Number size = luaL_optnumber(L, 2, ULUA_DATAGRAM_SIZE);
	int flags = ulua_receive_flags(L, 3);
	struct usocket_script_call call;
	struct ulua_timing timing;
	struct ulua_bytes bytes;
	size_t room;
	char *data;
	ssize_t n;

	luaL_argcheck(L, size >= 0 && size < 1e15, 2, "invalid size");
	room = size < DATAGRAM_MAX ? (size_t)size : DATAGRAM_MAX;
	ulua_timing_begin(&timing, &s->limits);
	if (flags & MSG_DONTWAIT)
		timing.block_ns = 0;
	ulua_timing_next(&timing, 0, &call);
	ulua_bytes_init(L, &bytes);
	data = ulua_bytes_room(&bytes, room);
	while ((n = usocket_script_recv(&s->script, &call, data, room, flags & ~MSG_WAITALL,
			address)) == -EINTR)
		ulua_run_hooks(L);
	if (n < 0)
		return timed(&timing, (int)n);
	bytes.len = (size_t)n;
	ulua_bytes_push(&bytes);
	return 0;
}

static int udp_receive(lua_State *L)
{
	int rc = receive_datagram(L, ulua_socket_check(L, 1, &ulua_udp_any), NULL);

	return rc < 0 ? ulua_fail(L, rc, ULUA_DATAGRAM) : 1;
}

static int udp_receivefrom(lua_State *L)
{
	struct usocket_script_address address = { .len = 0 };
	char host[USOCKET_SCRIPT_HOST_MAX];
	int rc = receive_datagram(L, ulua_socket_check(L, 1, &ulua_udp_unconnected), &address);

	if (rc < 0)
		return ulua_fail(L, rc, ULUA_DATAGRAM);
	rc = usocket_script_address_text(&address, host);
	lua_pushstring(L, host);
	lua_pushinteger(L, rc);
	return 3;
}

/* ---- options ------------------------------------------------------------------ */

static int udp_setoption(lua_State *L)
{
	return ulua_setoption(L, ulua_socket_check(L, 1, &ulua_udp_any));
}

static int udp_getoption(lua_State *L)
{
	return ulua_getoption(L, ulua_socket_check(L, 1, &ulua_udp_any));
}

static const luaL_Reg methods[] = {
	{ "getoption", udp_getoption },
	{ "getpeername", udp_getpeername },
	{ "receive", udp_receive },
	{ "receivefrom", udp_receivefrom },
	{ "recv", udp_receive },
	{ "send", udp_send },
	{ "sendto", udp_sendto },
	{ "setoption", udp_setoption },
	{ "setpeername", udp_setpeername },
	{ "setsockname", udp_setsockname },
	{ NULL, NULL },
};

/* ---- makers ------------------------------------------------------------------- */

static int make_udp(lua_State *L)
{
	ulua_socket_new(L, &ulua_udp_unconnected, AF_UNSPEC);
	return 1;
}

static int make_open(lua_State *L, int family)
{
	int rc = ulua_socket_open(ulua_socket_new(L, &ulua_udp_unconnected, family), family);

	return rc < 0 ? ulua_fail(L, rc, ULUA_OPENING) : 1;
}

static int make_udp4(lua_State *L)
{
	return make_open(L, AF_INET);
}

static int make_udp6(lua_State *L)
{
	return make_open(L, AF_INET6);
}

void ulua_udp_register(lua_State *L)
{
	static const luaL_Reg makers[] = {
		{ "udp", make_udp },
		{ "udp4", make_udp4 },
		{ "udp6", make_udp6 },
		{ NULL, NULL },
	};

	ulua_class_register(L, &ulua_udp_connected, methods);
	ulua_class_register(L, &ulua_udp_unconnected, methods);
	luaL_setfuncs(L, makers, 0);
}
