/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * LuaSocket's shape of a failure with one value more: nil, text, partial
 * result (nil where a call has none), number. LuaSocket's texts go first; what
 * only this library can fail of (no daemon, versions that do not fit, no right
 * to ask it) has the library's own text, which says what to do; the rest is
 * strerror(3)'s, as in LuaSocket.
 */
#include "client/lua/failure.h"

#include "client/lua/text.h"

#include <errno.h>
#include <string.h>
#include <usocket_script.h>

static int is_of_daemon(int error)
{
	return error == ENODEV || error == EPROTONOSUPPORT || error == EACCES;
}

static const char *text_of(int result, enum ulua_doing doing, char *buffer, size_t size)
{
	const char *text;

	if (result > 0)
		return ulua_resolver_text(result);
	if (doing == ULUA_OPENING && is_of_daemon(-result)) {
		usocket_script_error(result, 1, buffer, size);
		return buffer;
	}
	if (doing == ULUA_SENDING && result == -ENOTCONN)
		return "closed";
	if (doing == ULUA_DATAGRAM && result == -EBADF)
		return "refused";
	if ((doing == ULUA_SENDING || doing == ULUA_RECEIVING) && result == -EBADF)
		return "closed";
	text = ulua_errno_text(-result);
	return text ? text : strerror_r(-result, buffer, size);
}

void ulua_push_text(lua_State *L, int result, enum ulua_doing doing)
{
	char buffer[512];

	lua_pushstring(L, text_of(result, doing, buffer, sizeof(buffer)));
}

int ulua_fail(lua_State *L, int result, enum ulua_doing doing)
{
	lua_pushnil(L);
	ulua_push_text(L, result, doing);
	lua_pushnil(L);
	/* -errno becomes errno, a resolver error gets its sign. */
	lua_pushinteger(L, -result);
	return 4;
}

int ulua_fail_text(lua_State *L, const char *text, int number)
{
	lua_pushnil(L);
	lua_pushstring(L, text);
	lua_pushnil(L);
	lua_pushinteger(L, number);
	return 4;
}
