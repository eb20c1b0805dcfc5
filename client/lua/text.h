/* SPDX-License-Identifier: MIT */
/* The texts of errors that LuaSocket has of its own. */
#ifndef USOCKET_LUA_TEXT_H
#define USOCKET_LUA_TEXT_H

/* Of an errno; NULL: LuaSocket says what strerror(3) says. */
const char *ulua_errno_text(int error);

/* Of a resolver error, without its sign. */
const char *ulua_resolver_text(int error);

/* The same for the calls after gethostbyname(3): toip, tohostname. */
const char *ulua_host_text(int error);

#endif
