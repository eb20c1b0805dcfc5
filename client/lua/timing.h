/* SPDX-License-Identifier: MIT */
/* Time-outs in LuaSocket's two modes, and what happens when a signal came. */
#ifndef USOCKET_LUA_TIMING_H
#define USOCKET_LUA_TIMING_H

#include "client/lua/compat.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <usocket_script.h>

struct ulua_limits;

/* To be called when the module is loaded. */
void ulua_timing_register(lua_State *L);

/* CLOCK_MONOTONIC. */
double ulua_now_s(void);

/* A call of a script, which may wait more than once. */
struct ulua_timing {
	int64_t block_ns; /* of each wait; as usocket_script's time-outs */
	int64_t total_ns; /* deadline of the call, or as in a usocket_script_call */
};

void ulua_timing_begin(struct ulua_timing *timing, const struct ulua_limits *limits);

/* Makes the call for the next wait. @done: bytes that earlier ones have moved. */
void ulua_timing_next(const struct ulua_timing *timing, size_t done,
	struct usocket_script_call *call);

/* A single wait of so many seconds, negative: for ever. */
void ulua_timing_once(double seconds, struct usocket_script_call *call);

static inline bool ulua_timing_is_zero(const struct ulua_timing *timing)
{
	return timing->block_ns == 0 || timing->total_ns == 0;
}

/*
 * After -EINTR: lets run what a signal handler has set up for Lua, which may
 * raise an error. Then the call is to be made again.
 */
void ulua_run_hooks(lua_State *L);

/* The same for those who have to undo something: not 0, the error on top. */
int ulua_try_hooks(lua_State *L);

#endif
