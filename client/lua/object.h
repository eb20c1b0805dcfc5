/* SPDX-License-Identifier: MIT */
/* A script's socket object: its classes, as LuaSocket has them, and its storage. */
#ifndef USOCKET_LUA_OBJECT_H
#define USOCKET_LUA_OBJECT_H

#include "client/lua/compat.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <usocket_script.h>

/*
 * An object's class changes with what is done to it: connect makes a client,
 * listen a server. A group is what several classes are.
 */
struct ulua_class {
	const char *name;
	const struct ulua_class *group;
};

extern const struct ulua_class ulua_tcp_any;
extern const struct ulua_class ulua_tcp_master;
extern const struct ulua_class ulua_tcp_client;
extern const struct ulua_class ulua_tcp_server;
extern const struct ulua_class ulua_udp_any;
extern const struct ulua_class ulua_udp_connected;
extern const struct ulua_class ulua_udp_unconnected;

/* What of a stream has been received and is not taken by the script yet. */
#define ULUA_BUFFER_SIZE 8192

struct ulua_buffer {
	size_t first, end; /* the bytes in between; first < end: dirty */
	char bytes[ULUA_BUFFER_SIZE];
};

/* Times in seconds, negative: no limit. */
struct ulua_limits {
	double block; /* of each wait */
	double total; /* of a whole call */
};

struct ulua_socket {
	struct usocket_script script;
	int type;	    /* SOCK_STREAM, SOCK_DGRAM */
	int family;	    /* AF_UNSPEC until bind or connect decides */
	bool is_connecting; /* a connect that was not waited for to its end */
	bool reports_reset; /* "reset" instead of "closed" after a RST */
	struct ulua_limits limits;
	uint64_t received, sent;    /* bytes of the script's calls */
	double birth_s;		    /* CLOCK_MONOTONIC, less what setstats said */
	struct ulua_buffer *buffer; /* behind this struct; streams only */
};

/*
 * Makes a class known. @methods: its calls, ended by NULLs, besides those that
 * all classes have (close, getfd, settimeout, ...).
 */
void ulua_class_register(lua_State *L, const struct ulua_class *class, const luaL_Reg *methods);

/*
 * Pushes a new object, closed. @family AF_UNSPEC: opened by bind or connect.
 */
struct ulua_socket *ulua_socket_new(lua_State *L, const struct ulua_class *class, int family);

/*
 * Opens it with the family unless it is open. @family AF_UNSPEC: the object's,
 * or IPv4. Returns 0 or -errno.
 */
int ulua_socket_open(struct ulua_socket *s, int family);

void ulua_socket_set_class(lua_State *L, int arg, const struct ulua_class *class);

/* The object at @arg, which must be of the class or group; else an error. */
struct ulua_socket *ulua_socket_check(lua_State *L, int arg, const struct ulua_class *class);

/* The object at @arg, of any of our classes, or NULL. */
struct ulua_socket *ulua_socket_test(lua_State *L, int arg);

/* Something can be received at once that poll(2) does not know of. */
static inline bool ulua_socket_is_dirty(const struct ulua_socket *s)
{
	return (s->buffer && s->buffer->first < s->buffer->end) ||
		usocket_script_pending(&s->script) > 0;
}

/* What getpeername() returns: pushes it and returns how many values it is. */
int ulua_socket_push_peer(lua_State *L, struct ulua_socket *s);

#endif
