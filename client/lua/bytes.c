/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * LuaSocket's own way, luaL_Buffer, keeps pieces on the stack in Lua 5.1 and
 * does not let other calls use the stack meanwhile. Here one slot of the stack
 * holds the memory, a userdata, which is replaced by one of twice the size when
 * it is full; so whatever raises an error leaves the memory to the collector.
 */
#include "client/lua/bytes.h"

#include <string.h>

void ulua_bytes_init(lua_State *L, struct ulua_bytes *bytes)
{
	bytes->L = L;
	bytes->data = bytes->few;
	bytes->len = 0;
	bytes->size = sizeof(bytes->few);
	lua_pushnil(L);
	bytes->slot = lua_gettop(L);
}

char *ulua_bytes_room(struct ulua_bytes *bytes, size_t n)
{
	size_t size = bytes->size;
	char *data;

	if (size - bytes->len >= n)
		return bytes->data + bytes->len;
	if (n > SIZE_MAX / 4 || size > SIZE_MAX / 4)
		luaL_error(bytes->L, "not enough memory");
	size *= 2;
	if (size < bytes->len + n)
		size = bytes->len + n;
	data = lua_newuserdata(bytes->L, size);
	memcpy(data, bytes->data, bytes->len);
	lua_replace(bytes->L, bytes->slot);
	bytes->data = data;
	bytes->size = size;
	return data + bytes->len;
}

void ulua_bytes_add(struct ulua_bytes *bytes, const char *data, size_t n)
{
	memcpy(ulua_bytes_room(bytes, n), data, n);
	bytes->len += n;
}

void ulua_bytes_push(struct ulua_bytes *bytes)
{
	lua_pushlstring(bytes->L, bytes->data, bytes->len);
}
