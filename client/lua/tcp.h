/* SPDX-License-Identifier: MIT */
/* TCP objects. */
#ifndef USOCKET_LUA_TCP_H
#define USOCKET_LUA_TCP_H

#include "client/lua/compat.h"

/* Makes their classes known; adds tcp, tcp4, tcp6 and connect to the table on top. */
void ulua_tcp_register(lua_State *L);

#endif
