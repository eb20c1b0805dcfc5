/* SPDX-License-Identifier: MIT */
/* How a call tells a script that it failed: nil, text, partial result, number. */
#ifndef USOCKET_LUA_FAILURE_H
#define USOCKET_LUA_FAILURE_H

#include "client/lua/compat.h"

/* What of a failed call the text depends on. */
enum ulua_doing {
	ULUA_CALLING,	/* one on a socket that is open */
	ULUA_OPENING,	/* one that may have to find the daemon */
	ULUA_SENDING,	/* never connected is "closed", as on Linux */
	ULUA_RECEIVING, /* a closed socket is "closed" */
	ULUA_DATAGRAM,	/* a closed socket is "refused" */
};

/*
 * Pushes nil, the text, nil, and the number: errno, or the resolver error with
 * its sign. @result is -errno or a resolver error without its sign, as the
 * calls of usocket_script.h return it. Returns 4.
 */
int ulua_fail(lua_State *L, int result, enum ulua_doing doing);

/* The same with a text of the caller's. */
int ulua_fail_text(lua_State *L, const char *text, int number);

/* Pushes the text alone. */
void ulua_push_text(lua_State *L, int result, enum ulua_doing doing);

#endif
