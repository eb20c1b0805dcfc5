/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The sets hold objects of this module, or any others that have getfd() and, if
 * they read ahead, dirty(). All go into one poll(2), which has no limit on the
 * numbers of descriptors; what is dirty is readable already, so nobody waits
 * then. Descriptors below 0 (closed objects) are passed over, as LuaSocket
 * does; a bad one counts as ready, so that the script's next call on it tells.
 *
 * The memory is a userdata: asking a foreign object may raise an error. It may
 * also change the sets, so a table of its own keeps the objects.
 */
#include "client/lua/select.h"

#include "client/lua/failure.h"
#include "client/lua/object.h"
#include "client/lua/timing.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* Places on the stack: the arguments, and the table of what is polled. */
enum place {
	READERS = 1,
	WRITERS = 2,
	SECONDS = 3,
	OBJECTS = 4,
};

struct entry {
	int set; /* READERS or WRITERS */
	bool is_dirty;
};

struct selection {
	struct usocket_script_poll *polls;
	struct entry *entries;
	size_t n, n_dirty;
};

/* Calls a method of the object on top; its result takes the object's place. */
static bool call_method(lua_State *L, const char *name)
{
	lua_getfield(L, -1, name);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 2);
		lua_pushnil(L);
		return false;
	}
	lua_insert(L, -2);
	lua_call(L, 1, 1);
	return true;
}

/* Of an object of another module. */
static int foreign_fd(lua_State *L)
{
	lua_Number fd = -1;

	lua_pushvalue(L, -1);
	if (call_method(L, "getfd") && lua_isnumber(L, -1))
		fd = lua_tonumber(L, -1);
	lua_pop(L, 1);
	return fd >= 0 && fd <= INT32_MAX ? (int)fd : -1;
}

static bool foreign_is_dirty(lua_State *L)
{
	bool is_dirty;

	lua_pushvalue(L, -1);
	is_dirty = call_method(L, "dirty") && lua_toboolean(L, -1);
	lua_pop(L, 1);
	return is_dirty;
}

/* Adds the object on top, and takes it off. */
static void add_object(lua_State *L, struct selection *selection, int set)
{
	struct usocket_script_poll *polled = &selection->polls[selection->n];
	struct entry *entry = &selection->entries[selection->n];
	struct ulua_socket *s = ulua_socket_test(L, -1);

	*polled = (struct usocket_script_poll){ .events = set == READERS ? POLLIN : POLLOUT };
	*entry = (struct entry){ .set = set };
	if (s) {
		polled->socket = &s->script;
		polled->fd = usocket_script_fileno(&s->script);
		entry->is_dirty = set == READERS && ulua_socket_is_dirty(s);
	} else {
		polled->fd = foreign_fd(L);
		entry->is_dirty = set == READERS && polled->fd >= 0 && foreign_is_dirty(L);
	}
	if (polled->fd < 0) {
		lua_pop(L, 1);
		return;
	}
	selection->n_dirty += entry->is_dirty;
	selection->n++;
	lua_rawseti(L, OBJECTS, (int)selection->n);
}

static size_t set_size(lua_State *L, int set)
{
	if (lua_isnil(L, set))
		return 0;
	luaL_checktype(L, set, LUA_TTABLE);
	return lua_rawlen(L, set);
}

/* At most @size objects: a method may have changed the set meanwhile. */
static void add_set(lua_State *L, struct selection *selection, int set, size_t size)
{
	size_t i;

	for (i = 1; i <= size; i++) {
		lua_rawgeti(L, set, (int)i);
		if (lua_isnil(L, -1)) {
			lua_pop(L, 1);
			return;
		}
		add_object(L, selection, set);
	}
}

/* Returns how many are ready, or -errno. */
static int wait_for(lua_State *L, struct selection *selection, double seconds)
{
	struct usocket_script_call call;
	int rc;

	ulua_timing_once(selection->n_dirty ? 0 : seconds, &call);
	while ((rc = usocket_script_poll(selection->polls, selection->n, &call)) == -EINTR)
		ulua_run_hooks(L);
	return rc == -EAGAIN || rc == -ETIMEDOUT ? 0 : rc;
}

static bool is_ready(const struct selection *selection, size_t i)
{
	short ready = selection->entries[i].set == READERS ? POLLIN | POLLHUP : POLLOUT;

	return selection->entries[i].is_dirty ||
		(selection->polls[i].revents & (ready | POLLERR | POLLNVAL));
}

/* Pushes a set's ready objects: by number, and each with its number. */
static size_t push_ready(lua_State *L, const struct selection *selection, int set)
{
	size_t i, n = 0;

	lua_newtable(L);
	for (i = 0; i < selection->n; i++) {
		if (selection->entries[i].set != set || !is_ready(selection, i))
			continue;
		n++;
		lua_rawgeti(L, OBJECTS, (int)i + 1);
		lua_pushvalue(L, -1);
		lua_pushnumber(L, (lua_Number)n);
		lua_rawset(L, -4);
		lua_rawseti(L, -2, (int)n);
	}
	return n;
}

int ulua_select(lua_State *L)
{
	struct selection selection = { .n = 0 };
	size_t n_readers, n_writers, n;
	double seconds;
	int rc;

	lua_settop(L, 3);
	seconds = luaL_optnumber(L, SECONDS, -1);
	luaL_argcheck(L, seconds == seconds, SECONDS, "time-out is not a number");
	n_readers = set_size(L, READERS);
	n_writers = set_size(L, WRITERS);
	n = n_readers + n_writers + 1;
	lua_newtable(L);
	selection.polls = lua_newuserdata(L, n * sizeof(*selection.polls));
	selection.entries = lua_newuserdata(L, n * sizeof(*selection.entries));
	add_set(L, &selection, READERS, n_readers);
	add_set(L, &selection, WRITERS, n_writers);
	rc = wait_for(L, &selection, seconds);
	if (rc < 0) {
		ulua_push_text(L, rc, ULUA_CALLING);
		return luaL_error(L, "select failed: %s", lua_tostring(L, -1));
	}
	n = push_ready(L, &selection, READERS);
	n += push_ready(L, &selection, WRITERS);
	if (n > 0)
		return 2;
	lua_pushliteral(L, "timeout");
	return 3;
}
