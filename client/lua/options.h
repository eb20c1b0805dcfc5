/* SPDX-License-Identifier: MIT */
/* setoption and getoption. */
#ifndef USOCKET_LUA_OPTIONS_H
#define USOCKET_LUA_OPTIONS_H

#include "client/lua/object.h"

int ulua_setoption(lua_State *L, struct ulua_socket *s);
int ulua_getoption(lua_State *L, struct ulua_socket *s);

#endif
