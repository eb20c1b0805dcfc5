/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Two limits hold at once: one for each wait ("b") and one for the whole call
 * ("t"). Each wait is a call of the library with a deadline of its own, the
 * nearer of the two.
 *
 * The signal handler of the stand-alone interpreter can do no more than set a
 * debug hook, which raises "interrupted!" when Lua code runs next. A call that
 * waits runs none, so after a signal a function is called that does nothing:
 * the hook comes first. But for LuaJIT the hook is set in the main thread only,
 * where it is of no use while a coroutine waits: it is copied there.
 */
#include "client/lua/timing.h"

#include "client/lua/object.h"

#include <time.h>

double ulua_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Below 0 and beyond what the library counts is no limit. */
static int64_t limit_ns(double seconds)
{
	int64_t ns;

	return usocket_script_timeout(seconds, &ns) < 0 ? USOCKET_SCRIPT_WAIT : ns;
}

void ulua_timing_begin(struct ulua_timing *timing, const struct ulua_limits *limits)
{
	struct usocket_script_call whole;

	timing->block_ns = limit_ns(limits->block);
	usocket_script_begin_timeout(&whole, limit_ns(limits->total));
	timing->total_ns = whole.deadline_ns;
}

void ulua_timing_next(const struct ulua_timing *timing, size_t done,
	struct usocket_script_call *call)
{
	usocket_script_begin_timeout(call, timing->block_ns);
	call->done = done;
	if (timing->total_ns >= 0 &&
		(call->deadline_ns < 0 || call->deadline_ns > timing->total_ns))
		call->deadline_ns = timing->total_ns;
}

void ulua_timing_once(double seconds, struct usocket_script_call *call)
{
	usocket_script_begin_timeout(call, limit_ns(seconds));
}

static int do_nothing(lua_State *L)
{
	(void)L;
	return 0;
}

/* The key of the main thread in the registry. */
static const char main_thread;

void ulua_timing_register(lua_State *L)
{
#ifdef LUA_RIDX_MAINTHREAD
	lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
	ulua_rawset_pointer(L, LUA_REGISTRYINDEX, &main_thread);
#else
	/* Which one it is can only be told while it runs. */
	if (lua_pushthread(L))
		ulua_rawset_pointer(L, LUA_REGISTRYINDEX, &main_thread);
	else
		lua_pop(L, 1);
#endif
}

static void fetch_hook_of_main(lua_State *L)
{
	lua_State *main;

	if (lua_gethook(L))
		return;
	ulua_rawget_pointer(L, LUA_REGISTRYINDEX, &main_thread);
	main = lua_tothread(L, -1);
	lua_pop(L, 1);
	/* A hook for each instruction is the handler's; a debugger has others. */
	if (main && (lua_gethookmask(main) & LUA_MASKCOUNT) && lua_gethookcount(main) == 1)
		lua_sethook(L, lua_gethook(main), lua_gethookmask(main), 1);
}

int ulua_try_hooks(lua_State *L)
{
	luaL_checkstack(L, LUA_MINSTACK, "after a signal");
	fetch_hook_of_main(L);
	lua_pushcfunction(L, do_nothing);
	return lua_pcall(L, 0, 0, 0);
}

void ulua_run_hooks(lua_State *L)
{
	if (ulua_try_hooks(L) != 0)
		lua_error(L);
}
