/* SPDX-License-Identifier: MIT */
/* From a script's host and port to addresses. */
#ifndef USOCKET_LUA_RESOLVE_H
#define USOCKET_LUA_RESOLVE_H

#include "client/lua/compat.h"

#include <stdbool.h>
#include <usocket_script.h>

/* The result of a look-up, in a userdata, so that an error leaves nothing. */
struct ulua_names {
	struct addrinfo *list;
};

/* Makes their metatable known. */
void ulua_names_register(lua_State *L);

/* Pushes an empty one. */
struct ulua_names *ulua_names_new(lua_State *L);

/* Frees the list, sooner than the collector would. */
void ulua_names_free(struct ulua_names *names);

/*
 * Looks up. @host "*": the wildcard; @service may be NULL. @hints: family, type
 * and flags. A call that does not wait still waits for names, as LuaSocket's
 * do; the daemon bounds that.
 * Returns 0, -errno, or a resolver error without its sign.
 */
int ulua_resolve(lua_State *L, struct usocket_script_call *call, const char *host,
	const char *service, const struct addrinfo *hints, struct ulua_names *names);

/* A port at @arg: text, or a number, also one with ".0". */
const char *ulua_check_service(lua_State *L, int arg);

/* True for numeric addresses and "*": nobody has to be asked. */
bool ulua_is_literal(const char *host);

#endif
