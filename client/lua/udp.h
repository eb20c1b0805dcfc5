/* SPDX-License-Identifier: MIT */
/* UDP objects. */
#ifndef USOCKET_LUA_UDP_H
#define USOCKET_LUA_UDP_H

#include "client/lua/compat.h"

/* The most that receive() without a size takes of a datagram. */
#define ULUA_DATAGRAM_SIZE 8192

/* Makes their classes known; adds udp, udp4 and udp6 to the table on top. */
void ulua_udp_register(lua_State *L);

#endif
