/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An object of tcp() has no socket until bind or connect knows a family; those
 * of tcp4() and tcp6() have one at once. Connect tries every address of a name,
 * within one time-out. One that was not waited for to its end goes on: the next
 * connect of that object says how it ended, as a second connect(2) does.
 */
#include "client/lua/tcp.h"

#include "client/lua/failure.h"
#include "client/lua/object.h"
#include "client/lua/options.h"
#include "client/lua/resolve.h"
#include "client/lua/stream.h"
#include "client/lua/timing.h"

#include <errno.h>
#include <stdlib.h>

/* What LuaSocket's listen() without a number means. */
#define BACKLOG 32

/* ---- bind, listen, accept -------------------------------------------------- */

/* Returns 0, or pushes the failure and returns how many values that are. */
static int bind_to(lua_State *L, struct ulua_socket *s, const char *host, const char *service)
{
	struct addrinfo hints = {
		.ai_family = s->family,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE,
	};
	struct usocket_script_call call;
	struct usocket_script_address address;
	struct ulua_names *names = ulua_names_new(L);
	unsigned int i;
	int family, rc;

	ulua_timing_once(-1, &call);
	rc = ulua_resolve(L, &call, host, service, &hints, names);
	if (rc)
		return ulua_fail(L, rc, ULUA_OPENING);
	for (i = 0; (family = usocket_script_entry(names->list, i, &address)) != 0; i++) {
		rc = ulua_socket_open(s, family);
		if (rc < 0)
			return ulua_fail(L, rc, ULUA_OPENING);
		rc = usocket_script_bind(&s->script, &address);
		if (rc == 0)
			break;
	}
	ulua_names_free(names);
	if (rc < 0)
		return ulua_fail(L, rc, ULUA_CALLING);
	s->family = usocket_script_family(&s->script);
	return 0;
}

static int tcp_bind(lua_State *L)
{
	struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_tcp_master);
	const char *host = luaL_checkstring(L, 2);
	const char *service = ulua_check_service(L, 3);
	int n = bind_to(L, s, host, service);

	if (n)
		return n;
	lua_pushnumber(L, 1);
	return 1;
}

static int tcp_listen(lua_State *L)
{
	struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_tcp_master);
	lua_Number backlog = luaL_optnumber(L, 2, BACKLOG);
	int rc;

	/* The daemon clamps to what it has; this to what an int holds. */
	if (!(backlog >= 0))
		backlog = 0;
	rc = usocket_script_listen(&s->script, backlog < INT16_MAX ? (int)backlog : INT16_MAX);
	if (rc < 0)
		return ulua_fail(L, rc, ULUA_CALLING);
	ulua_socket_set_class(L, 1, &ulua_tcp_server);
	lua_pushnumber(L, 1);
	return 1;
}

static int tcp_accept(lua_State *L)
{
	struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_tcp_server);
	struct ulua_socket *accepted = ulua_socket_new(L, &ulua_tcp_client, s->family);
	struct usocket_script_call call;
	struct ulua_timing timing;
	int rc;

	ulua_timing_begin(&timing, &s->limits);
	ulua_timing_next(&timing, 0, &call);
	while ((rc = usocket_script_accept(&s->script, &call, &accepted->script, NULL)) == -EINTR)
		ulua_run_hooks(L);
	if (rc < 0)
		return ulua_fail(L, rc, ULUA_RECEIVING);
	return 1;
}

/* ---- connect --------------------------------------------------------------- */

/* Returns 0, -errno, or a resolver error. */
static int connect_each(lua_State *L, struct ulua_socket *s, struct usocket_script_call *call,
	const struct ulua_names *names)
{
	struct usocket_script_address address;
	unsigned int i;
	int family, rc = -EAI_NONAME;

	for (i = 0; (family = usocket_script_entry(names->list, i, &address)) != 0; i++) {
		rc = ulua_socket_open(s, family);
		if (rc < 0)
			return rc;
		call->begun = 0;
		while ((rc = usocket_script_connect(&s->script, call, &address)) == -EINTR)
			ulua_run_hooks(L);
		if (rc == 0 || rc == -EINPROGRESS || rc == -ETIMEDOUT || rc == -EISCONN ||
			rc == -EALREADY)
			break;
	}
	return rc;
}

/* The family a name is looked up in when nobody may wait for the answer. */
static int family_in_use(void)
{
	struct usocket_link_info link;
	uint32_t cursor = 0;
	int family = AF_INET;

	while (usocket_next_link(&cursor, &link, sizeof(link)) == 1) {
		if (link.state < USOCKET_LINK_UP)
			continue;
		if (link.address4.family == AF_INET)
			return AF_INET;
		family = AF_INET6;
	}
	return family;
}

/* Without waiting: the name is looked up while the connect is under way. */
static int connect_to_name(lua_State *L, struct ulua_socket *s, struct usocket_script_call *call,
	const char *host, const char *service)
{
	struct usocket_script_endpoint endpoint = { .host = host };
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	struct usocket_script_address port;
	struct ulua_names *names = ulua_names_new(L);
	char text[USOCKET_SCRIPT_HOST_MAX];
	int rc;

	/* A port alone is answered at once: it may be a service's name. */
	rc = ulua_resolve(L, call, "*", service, &hints, names);
	if (rc)
		return rc;
	usocket_script_entry(names->list, 0, &port);
	ulua_names_free(names);
	endpoint.port = (uint32_t)usocket_script_address_text(&port, text);
	rc = ulua_socket_open(s, s->family == AF_UNSPEC ? family_in_use() : s->family);
	if (rc < 0)
		return rc;
	while ((rc = usocket_script_connect_to(&s->script, call, &endpoint)) == -EINTR)
		ulua_run_hooks(L);
	return rc;
}

static int connect_anew(lua_State *L, struct ulua_socket *s, const struct ulua_timing *timing,
	const char *host, const char *service)
{
	struct addrinfo hints = { .ai_family = s->family, .ai_socktype = SOCK_STREAM };
	struct usocket_script_call call;
	struct ulua_names *names;
	int rc;

	ulua_timing_next(timing, 0, &call);
	if (ulua_timing_is_zero(timing) && host[0] != '\0' && !ulua_is_literal(host))
		return connect_to_name(L, s, &call, host, service);
	names = ulua_names_new(L);
	rc = ulua_resolve(L, &call, host, service, &hints, names);
	if (rc == 0)
		rc = connect_each(L, s, &call, names);
	ulua_names_free(names);
	return rc;
}

/* How a connect that is under way stands, at once: -ENOTCONN if there is none. */
static int connect_state(lua_State *L, struct ulua_socket *s)
{
	struct usocket_script_call call;
	struct usocket_script_address none = { .len = 0 };
	int rc;

	ulua_timing_once(0, &call);
	call.begun = 1;
	while ((rc = usocket_script_connect(&s->script, &call, &none)) == -EINTR)
		ulua_run_hooks(L);
	return rc == -EINPROGRESS ? -EALREADY : rc;
}

/* Returns 0, or pushes the failure and returns how many values that are. */
static int connect_to(lua_State *L, struct ulua_socket *s, const char *host, const char *service)
{
	struct ulua_timing timing;
	int rc = -ENOTCONN;
	bool was_open = usocket_script_fileno(&s->script) >= 0;

	ulua_timing_begin(&timing, &s->limits);
	if (s->is_connecting)
		rc = connect_state(L, s);
	if (rc == -ENOTCONN)
		rc = connect_anew(L, s, &timing, host, service);
	s->is_connecting = rc == -EINPROGRESS || rc == -EALREADY;
	if (usocket_script_fileno(&s->script) >= 0 && (rc == 0 || s->is_connecting))
		s->family = usocket_script_family(&s->script);
	if (rc == 0)
		return 0;
	return ulua_fail(L, rc, was_open ? ULUA_CALLING : ULUA_OPENING);
}

static int tcp_connect(lua_State *L)
{
	struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_tcp_any);
	const char *host = luaL_checkstring(L, 2);
	const char *service = ulua_check_service(L, 3);
	int n;

	/* Before the call, which may end with an error; a listener stays one. */
	if (usocket_script_getsocketsta(&s->script) != 1)
		ulua_socket_set_class(L, 1, &ulua_tcp_client);
	n = connect_to(L, s, host, service);
	if (n)
		return n;
	lua_pushnumber(L, 1);
	return 1;
}

/* ---- the rest --------------------------------------------------------------- */

static int tcp_shutdown(lua_State *L)
{
	static const char *const names[] = { "receive", "send", "both", NULL };
	struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_tcp_client);

	int rc = usocket_script_shutdown(&s->script, luaL_checkoption(L, 2, "both", names));

	if (rc < 0)
		return ulua_fail(L, rc, ULUA_CALLING);
	lua_pushnumber(L, 1);
	return 1;
}

static int tcp_getstats(lua_State *L)
{
	const struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_tcp_client);

	lua_pushnumber(L, (lua_Number)s->received);
	lua_pushnumber(L, (lua_Number)s->sent);
	lua_pushnumber(L, ulua_now_s() - s->birth_s);
	return 3;
}

static uint64_t check_count(lua_State *L, int arg, uint64_t otherwise)
{
	lua_Number number = luaL_optnumber(L, arg, (lua_Number)otherwise);

	luaL_argcheck(L, number >= 0 && number < 9e15, arg, "count out of range");
	return (uint64_t)number;
}

static int tcp_setstats(lua_State *L)
{
	struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_tcp_client);

	s->received = check_count(L, 2, s->received);
	s->sent = check_count(L, 3, s->sent);
	if (!lua_isnoneornil(L, 4))
		s->birth_s = ulua_now_s() - luaL_checknumber(L, 4);
	lua_pushnumber(L, 1);
	return 1;
}

/* QuecPython's two: they read shared memory and never fail. */
static int tcp_getsocketsta(lua_State *L)
{
	struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_tcp_any);

	lua_pushinteger(L, usocket_script_getsocketsta(&s->script));
	return 1;
}

static int tcp_getsendacksize(lua_State *L)
{
	struct ulua_socket *s = ulua_socket_check(L, 1, &ulua_tcp_any);

	lua_pushinteger(L, (lua_Integer)usocket_script_getsendacksize(&s->script));
	return 1;
}

static int tcp_setoption(lua_State *L)
{
	return ulua_setoption(L, ulua_socket_check(L, 1, &ulua_tcp_any));
}

static int tcp_getoption(lua_State *L)
{
	return ulua_getoption(L, ulua_socket_check(L, 1, &ulua_tcp_any));
}

static const luaL_Reg methods[] = {
	{ "accept", tcp_accept },
	{ "bind", tcp_bind },
	{ "connect", tcp_connect },
	{ "getoption", tcp_getoption },
	{ "getsendacksize", tcp_getsendacksize },
	{ "getsocketsta", tcp_getsocketsta },
	{ "getstats", tcp_getstats },
	{ "listen", tcp_listen },
	{ "receive", ulua_stream_receive },
	{ "recv", ulua_stream_recv },
	{ "send", ulua_stream_send },
	{ "setoption", tcp_setoption },
	{ "setpeername", tcp_connect },
	{ "setsockname", tcp_bind },
	{ "setstats", tcp_setstats },
	{ "shutdown", tcp_shutdown },
	{ NULL, NULL },
};

/* ---- makers ------------------------------------------------------------------ */

static int make_open(lua_State *L, int family)
{
	int rc = ulua_socket_open(ulua_socket_new(L, &ulua_tcp_master, family), family);

	return rc < 0 ? ulua_fail(L, rc, ULUA_OPENING) : 1;
}

static int make_tcp(lua_State *L)
{
	ulua_socket_new(L, &ulua_tcp_master, AF_UNSPEC);
	return 1;
}

static int make_tcp4(lua_State *L)
{
	return make_open(L, AF_INET);
}

static int make_tcp6(lua_State *L)
{
	return make_open(L, AF_INET6);
}

/* connect(host, port[, local host[, local port[, family]]]) */
static int make_connected(lua_State *L)
{
	static const char *const names[] = { "unspec", "inet", "inet6", NULL };
	static const int families[] = { AF_UNSPEC, AF_INET, AF_INET6 };
	const char *host = luaL_checkstring(L, 1);
	const char *service = ulua_check_service(L, 2);
	const char *local_host = luaL_optstring(L, 3, NULL);
	const char *local_service = lua_isnoneornil(L, 4) ? NULL : ulua_check_service(L, 4);
	int family = families[luaL_checkoption(L, 5, "unspec", names)];
	struct ulua_socket *s = ulua_socket_new(L, &ulua_tcp_client, family);
	int self = lua_gettop(L), n = 0;

	if (local_host)
		n = bind_to(L, s, local_host, local_service);
	if (n == 0)
		n = connect_to(L, s, host, service);
	if (n) {
		usocket_script_close(&s->script);
		return n;
	}
	lua_settop(L, self);
	return 1;
}

void ulua_tcp_register(lua_State *L)
{
	static const luaL_Reg makers[] = {
		{ "connect", make_connected },
		{ "tcp", make_tcp },
		{ "tcp4", make_tcp4 },
		{ "tcp6", make_tcp6 },
		{ NULL, NULL },
	};

	ulua_class_register(L, &ulua_tcp_master, methods);
	ulua_class_register(L, &ulua_tcp_client, methods);
	ulua_class_register(L, &ulua_tcp_server, methods);
	luaL_setfuncs(L, makers, 0);
}
