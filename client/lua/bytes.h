/* SPDX-License-Identifier: MIT */
/* Bytes that grow, in memory that Lua owns. */
#ifndef USOCKET_LUA_BYTES_H
#define USOCKET_LUA_BYTES_H

#include "client/lua/compat.h"

#include <stddef.h>

/* What does not leave the C stack. */
#define ULUA_BYTES_FEW 2048

struct ulua_bytes {
	lua_State *L;
	char *data;
	size_t len, size;
	int slot; /* where on the Lua stack the memory is held */
	char few[ULUA_BYTES_FEW];
};

/* Takes one place on the stack, which must stay. */
void ulua_bytes_init(lua_State *L, struct ulua_bytes *bytes);

/* Makes room for @n bytes more and returns where they go; may raise an error. */
char *ulua_bytes_room(struct ulua_bytes *bytes, size_t n);

void ulua_bytes_add(struct ulua_bytes *bytes, const char *data, size_t n);

/* Pushes them as a string. */
void ulua_bytes_push(struct ulua_bytes *bytes);

#endif
