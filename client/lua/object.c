/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An object is a userdata that embeds the library's socket; its metatable says
 * of which class it is, under keys that are addresses of this module, so no
 * other userdata can pass for one. The metatables live in the registry, under
 * the addresses of their classes.
 *
 * An object that was never opened and one that was closed are the same: bind
 * and connect open it, all other calls find descriptor -1. Garbage collection
 * and, in 5.4, the end of a to-be-closed variable close it. Nothing here is
 * allocated other than by Lua, so an error may pass through at any place.
 */
#include "client/lua/object.h"

#include "client/lua/failure.h"
#include "client/lua/timing.h"

#include <string.h>

const struct ulua_class ulua_tcp_any = { "tcp{any}", NULL };
const struct ulua_class ulua_tcp_master = { "tcp{master}", &ulua_tcp_any };
const struct ulua_class ulua_tcp_client = { "tcp{client}", &ulua_tcp_any };
const struct ulua_class ulua_tcp_server = { "tcp{server}", &ulua_tcp_any };
const struct ulua_class ulua_udp_any = { "udp{any}", NULL };
const struct ulua_class ulua_udp_connected = { "udp{connected}", &ulua_udp_any };
const struct ulua_class ulua_udp_unconnected = { "udp{unconnected}", &ulua_udp_any };

/* ---- classes --------------------------------------------------------------- */

/* Marks each of our metatables. */
static const char any_class;

static bool has_mark(lua_State *L, int arg, const void *mark)
{
	bool found;

	if (lua_type(L, arg) != LUA_TUSERDATA || !lua_getmetatable(L, arg))
		return false;
	ulua_rawget_pointer(L, -1, mark);
	found = lua_toboolean(L, -1);
	lua_pop(L, 2);
	return found;
}

struct ulua_socket *ulua_socket_check(lua_State *L, int arg, const struct ulua_class *class)
{
	if (!has_mark(L, arg, class))
		luaL_argerror(L, arg, lua_pushfstring(L, "%s expected", class->name));
	return lua_touserdata(L, arg);
}

struct ulua_socket *ulua_socket_test(lua_State *L, int arg)
{
	return has_mark(L, arg, &any_class) ? lua_touserdata(L, arg) : NULL;
}

void ulua_socket_set_class(lua_State *L, int arg, const struct ulua_class *class)
{
	lua_pushvalue(L, arg);
	ulua_rawget_pointer(L, LUA_REGISTRYINDEX, class);
	lua_setmetatable(L, -2);
	lua_pop(L, 1);
}

/* Of the group whose call this is, which its first upvalue tells. */
static struct ulua_socket *check_any(lua_State *L)
{
	return ulua_socket_check(L, 1, lua_touserdata(L, lua_upvalueindex(1)));
}

static void set_common_functions(lua_State *L, const luaL_Reg *functions,
	const struct ulua_class *class)
{
	lua_pushlightuserdata(L, (void *)(uintptr_t) class->group);
	luaL_setfuncs(L, functions, 1);
}

/* ---- life ------------------------------------------------------------------ */

struct ulua_socket *ulua_socket_new(lua_State *L, const struct ulua_class *class, int family)
{
	bool is_stream = class->group == &ulua_tcp_any;
	size_t size = sizeof(struct ulua_socket);
	struct ulua_socket *s;

	s = lua_newuserdata(L, is_stream ? size + sizeof(*s->buffer) : size);
	*s = (struct ulua_socket){
		.type = is_stream ? SOCK_STREAM : SOCK_DGRAM,
		.family = family,
		.limits = { -1, -1 },
		.birth_s = ulua_now_s(),
		.buffer = is_stream ? (struct ulua_buffer *)(s + 1) : NULL,
	};
	if (is_stream)
		s->buffer->first = s->buffer->end = 0;
	usocket_script_init(&s->script);
	ulua_socket_set_class(L, -1, class);
	return s;
}

int ulua_socket_open(struct ulua_socket *s, int family)
{
	int yes = 1, rc;

	if (family == AF_UNSPEC)
		family = s->family == AF_UNSPEC ? AF_INET : s->family;
	if (usocket_script_fileno(&s->script) >= 0 &&
		usocket_script_family(&s->script) == family)
		return 0;
	rc = usocket_script_open(&s->script, family, s->type, -1);
	if (rc < 0)
		return rc;
	s->is_connecting = false;
	/* As LuaSocket's: one object serves one family. */
	if (family == AF_INET6)
		usocket_setsockopt(usocket_script_fileno(&s->script), IPPROTO_IPV6, IPV6_V6ONLY,
			&yes, sizeof(yes));
	return 0;
}

/* ---- calls of all classes -------------------------------------------------- */

static void forget_connection(struct ulua_socket *s)
{
	s->is_connecting = false;
	if (s->buffer)
		s->buffer->first = s->buffer->end = 0;
}

static int socket_close(lua_State *L)
{
	struct ulua_socket *s = check_any(L);

	usocket_script_close(&s->script);
	forget_connection(s);
	lua_pushnumber(L, 1);
	return 1;
}

static int socket_getfd(lua_State *L)
{
	lua_pushnumber(L, usocket_script_fileno(&check_any(L)->script));
	return 1;
}

/*
 * The object lets go of its descriptor, which stays open: another owner has it.
 * What is no usocket is refused.
 */
static int socket_setfd(lua_State *L)
{
	struct ulua_socket *s = check_any(L);
	lua_Number number = luaL_checknumber(L, 2);
	int fd = number >= 0 && number <= INT32_MAX ? (int)number : -1;
	int old, rc;

	if (fd >= 0 && fd == usocket_script_fileno(&s->script))
		return 0;
	old = usocket_script_detach(&s->script);
	rc = fd >= 0 ? usocket_script_adopt(&s->script, fd) : 0;
	if (rc < 0) {
		if (old >= 0)
			usocket_script_adopt(&s->script, old);
		return ulua_fail(L, rc, ULUA_OPENING);
	}
	forget_connection(s);
	if (fd >= 0)
		s->family = usocket_script_family(&s->script);
	return 0;
}

static int socket_dirty(lua_State *L)
{
	lua_pushboolean(L, ulua_socket_is_dirty(check_any(L)));
	return 1;
}

static int socket_getfamily(lua_State *L)
{
	lua_pushstring(L, check_any(L)->family == AF_INET6 ? "inet6" : "inet4");
	return 1;
}

static const char *family_name(const struct usocket_script_address *address)
{
	return address->storage.ss_family == AF_INET6 ? "inet6" : "inet";
}

/* The port is text here and a number below, as in LuaSocket. */
static int socket_getsockname(lua_State *L)
{
	struct usocket_script_address address;
	char host[USOCKET_SCRIPT_HOST_MAX];
	int rc = usocket_script_getsockname(&check_any(L)->script, &address);

	if (rc < 0)
		return ulua_fail(L, rc, ULUA_CALLING);
	rc = usocket_script_address_text(&address, host);
	lua_pushstring(L, host);
	lua_pushfstring(L, "%d", rc);
	lua_pushstring(L, family_name(&address));
	return 3;
}

int ulua_socket_push_peer(lua_State *L, struct ulua_socket *s)
{
	struct usocket_script_address address;
	char host[USOCKET_SCRIPT_HOST_MAX];
	int rc = usocket_script_getpeername(&s->script, &address);

	if (rc < 0)
		return ulua_fail(L, rc, ULUA_CALLING);
	rc = usocket_script_address_text(&address, host);
	lua_pushstring(L, host);
	lua_pushinteger(L, rc);
	lua_pushstring(L, family_name(&address));
	return 3;
}

static int socket_getpeername(lua_State *L)
{
	return ulua_socket_push_peer(L, check_any(L));
}

static int socket_settimeout(lua_State *L)
{
	struct ulua_socket *s = check_any(L);
	lua_Number limit = luaL_optnumber(L, 2, -1);
	const char *mode = luaL_optstring(L, 3, "b");

	luaL_argcheck(L, limit == limit, 2, "time-out is not a number");
	if (*mode == 'b')
		s->limits.block = limit;
	else if (*mode == 'r' || *mode == 't')
		s->limits.total = limit;
	else
		luaL_argerror(L, 3, "invalid timeout mode");
	lua_pushnumber(L, 1);
	return 1;
}

static int socket_gettimeout(lua_State *L)
{
	const struct ulua_socket *s = check_any(L);

	lua_pushnumber(L, s->limits.block);
	lua_pushnumber(L, s->limits.total);
	return 2;
}

static const luaL_Reg common_methods[] = {
	{ "close", socket_close },
	{ "dirty", socket_dirty },
	{ "getfamily", socket_getfamily },
	{ "getfd", socket_getfd },
	{ "getpeername", socket_getpeername },
	{ "getsockname", socket_getsockname },
	{ "gettimeout", socket_gettimeout },
	{ "setfd", socket_setfd },
	{ "settimeout", socket_settimeout },
	{ NULL, NULL },
};

/* ---- registration ----------------------------------------------------------- */

static int socket_to_string(lua_State *L)
{
	const void *s = check_any(L);

	lua_getmetatable(L, 1);
	lua_getfield(L, -1, "__name");
	lua_pushfstring(L, "%s: %p", lua_tostring(L, -1), s);
	return 1;
}

static int socket_collect(lua_State *L)
{
	usocket_script_close(&check_any(L)->script);
	return 0;
}

static void mark_metatable(lua_State *L, const void *mark)
{
	lua_pushboolean(L, 1);
	ulua_rawset_pointer(L, -2, mark);
}

void ulua_class_register(lua_State *L, const struct ulua_class *class, const luaL_Reg *methods)
{
	static const luaL_Reg meta[] = {
		{ "__gc", socket_collect },
		{ "__close", socket_collect },
		{ "__tostring", socket_to_string },
		{ NULL, NULL },
	};

	lua_newtable(L);
	set_common_functions(L, meta, class);
	lua_pushstring(L, class->name);
	lua_setfield(L, -2, "__name");
	mark_metatable(L, &any_class);
	mark_metatable(L, class);
	mark_metatable(L, class->group);
	lua_newtable(L);
	set_common_functions(L, common_methods, class);
	luaL_setfuncs(L, methods, 0);
	lua_pushstring(L, class->name);
	lua_setfield(L, -2, "class");
	lua_setfield(L, -2, "__index");
	ulua_rawset_pointer(L, LUA_REGISTRYINDEX, class);
}
