/* SPDX-License-Identifier: MIT */
/* Data of TCP objects. */
#ifndef USOCKET_LUA_STREAM_H
#define USOCKET_LUA_STREAM_H

#include "client/lua/compat.h"

int ulua_stream_send(lua_State *L);
int ulua_stream_receive(lua_State *L);
int ulua_stream_recv(lua_State *L);

/* The flags of recv() and the like from @arg on: "peek", "dontwait", "waitall". */
int ulua_receive_flags(lua_State *L, int arg);

#endif
