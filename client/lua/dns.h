/* SPDX-License-Identifier: MIT */
/* The table "dns". */
#ifndef USOCKET_LUA_DNS_H
#define USOCKET_LUA_DNS_H

#include "client/lua/compat.h"

/* Adds it to the table on top. */
void ulua_dns_register(lua_State *L);

#endif
