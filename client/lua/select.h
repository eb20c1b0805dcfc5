/* SPDX-License-Identifier: MIT */
/* select(readers, writers[, seconds]). */
#ifndef USOCKET_LUA_SELECT_H
#define USOCKET_LUA_SELECT_H

#include "client/lua/compat.h"

int ulua_select(lua_State *L);

#endif
