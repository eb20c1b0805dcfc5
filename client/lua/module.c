/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The module "usocket.core": what of LuaSocket's module needs C. usocket.lua
 * adds the rest. The file is called usocket.so and holds usocket.core, which
 * Lua finds as a submodule of that file.
 */
#include "client/lua/dns.h"
#include "client/lua/object.h"
#include "client/lua/resolve.h"
#include "client/lua/select.h"
#include "client/lua/tcp.h"
#include "client/lua/timing.h"
#include "client/lua/udp.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

static int core_gettime(lua_State *L)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
	return 1;
}

static int core_sleep(lua_State *L)
{
	lua_Number seconds = luaL_checknumber(L, 1);
	struct usocket_script_call call;
	int rc;

	luaL_argcheck(L, seconds == seconds, 1, "time is not a number");
	ulua_timing_once(seconds < 0 ? 0 : seconds, &call);
	while ((rc = usocket_script_poll(NULL, 0, &call)) == -EINTR)
		ulua_run_hooks(L);
	return 0;
}

/* skip(n, ...): what comes behind the first n. */
static int core_skip(lua_State *L)
{
	lua_Number n = luaL_checknumber(L, 1);
	int given = lua_gettop(L) - 1;

	if (!(n < given))
		return 0;
	return n < 0 ? given + 1 : given - (int)n;
}

/* How many objects select() takes: as many as there can be descriptors. */
static lua_Integer set_size(void)
{
	long n = sysconf(_SC_OPEN_MAX);

	return n > 0 ? (lua_Integer)n : 1024;
}

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, name);
}

__attribute__((visibility("default"))) int luaopen_usocket_core(lua_State *L);

int luaopen_usocket_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "gettime", core_gettime },
		{ "select", ulua_select },
		{ "skip", core_skip },
		{ "sleep", core_sleep },
		{ NULL, NULL },
	};

	lua_newtable(L);
	luaL_setfuncs(L, functions, 0);
	ulua_timing_register(L);
	ulua_names_register(L);
	ulua_tcp_register(L);
	ulua_udp_register(L);
	ulua_dns_register(L);
	lua_pushliteral(L, "usocket " PACKAGE_VERSION " (LuaSocket 3.0.0)");
	lua_setfield(L, -2, "_VERSION");
	set_integer(L, "_DATAGRAMSIZE", ULUA_DATAGRAM_SIZE);
	set_integer(L, "_SETSIZE", set_size());
	set_integer(L, "_SOCKETINVALID", -1);
	return 1;
}
