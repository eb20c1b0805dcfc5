/* SPDX-License-Identifier: MIT */
/* What Lua 5.1 and LuaJIT lack of the calls the module uses. */
#ifndef USOCKET_LUA_COMPAT_H
#define USOCKET_LUA_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>

#if LUA_VERSION_NUM < 502

#define lua_rawlen lua_objlen

static inline void luaL_setfuncs(lua_State *L, const luaL_Reg *functions, int n_upvalues)
{
	int i;

	for (; functions->name; functions++) {
		for (i = 0; i < n_upvalues; i++)
			lua_pushvalue(L, -n_upvalues);
		lua_pushcclosure(L, functions->func, n_upvalues);
		lua_setfield(L, -2 - n_upvalues, functions->name);
	}
	lua_pop(L, n_upvalues);
}

#endif

/* Tables whose keys are addresses: nobody else can have the same. */

static inline void ulua_push_key(lua_State *L, int *table, const void *key)
{
	if (*table < 0 && *table > LUA_REGISTRYINDEX)
		(*table)--;
	lua_pushlightuserdata(L, (void *)(uintptr_t)key);
}

static inline void ulua_rawget_pointer(lua_State *L, int table, const void *key)
{
	ulua_push_key(L, &table, key);
	lua_rawget(L, table);
}

/* Stores what is on top. */
static inline void ulua_rawset_pointer(lua_State *L, int table, const void *key)
{
	ulua_push_key(L, &table, key);
	lua_insert(L, -2);
	lua_rawset(L, table);
}

#endif
