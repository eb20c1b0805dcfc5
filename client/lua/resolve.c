/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The daemon's resolver answers; its lists are the library's memory, so a
 * userdata holds each until it is freed, whatever error comes between. A
 * literal of the other family is told from an unknown name here, because
 * LuaSocket has a text for that.
 */
#include "client/lua/resolve.h"

#include "client/lua/timing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define ADDRESS_FAMILY_ERROR 9

/* The key of the metatable in the registry. */
static const char names_class;

void ulua_names_free(struct ulua_names *names)
{
	if (names->list)
		usocket_freeaddrinfo(names->list);
	names->list = NULL;
}

static int names_collect(lua_State *L)
{
	ulua_names_free(lua_touserdata(L, 1));
	return 0;
}

void ulua_names_register(lua_State *L)
{
	lua_newtable(L);
	lua_pushcfunction(L, names_collect);
	lua_setfield(L, -2, "__gc");
	ulua_rawset_pointer(L, LUA_REGISTRYINDEX, &names_class);
}

struct ulua_names *ulua_names_new(lua_State *L)
{
	struct ulua_names *names = lua_newuserdata(L, sizeof(*names));

	names->list = NULL;
	ulua_rawget_pointer(L, LUA_REGISTRYINDEX, &names_class);
	lua_setmetatable(L, -2);
	return names;
}

static int literal_family(const char *host)
{
	struct in6_addr ip;
	char bare[INET6_ADDRSTRLEN];
	size_t len = strcspn(host, "%");

	if (inet_pton(AF_INET, host, &ip) == 1)
		return AF_INET;
	if (len >= sizeof(bare))
		return AF_UNSPEC;
	memcpy(bare, host, len);
	bare[len] = '\0';
	return inet_pton(AF_INET6, bare, &ip) == 1 ? AF_INET6 : AF_UNSPEC;
}

bool ulua_is_literal(const char *host)
{
	return strcmp(host, "*") == 0 || literal_family(host) != AF_UNSPEC;
}

int ulua_resolve(lua_State *L, struct usocket_script_call *call, const char *host,
	const char *service, const struct addrinfo *hints, struct ulua_names *names)
{
	struct usocket_script_call patient = *call;
	int family = literal_family(host), rc;

	if (host[0] == '\0')
		return -EAI_NONAME;
	if (hints->ai_family != AF_UNSPEC && family != AF_UNSPEC && family != hints->ai_family)
		return ADDRESS_FAMILY_ERROR;
	if (patient.deadline_ns == 0)
		usocket_script_begin_timeout(&patient, USOCKET_SCRIPT_WAIT);
	while ((rc = usocket_script_getaddrinfo(&patient, strcmp(host, "*") == 0 ? NULL : host,
			service, hints, 1, &names->list)) == -EINTR)
		ulua_run_hooks(L);
	return rc;
}

const char *ulua_check_service(lua_State *L, int arg)
{
	lua_Number number;

	if (lua_type(L, arg) == LUA_TNUMBER) {
		number = lua_tonumber(L, arg);
		if (number >= 0 && number <= UINT16_MAX && number == (int)number) {
			lua_pushfstring(L, "%d", (int)number);
			lua_replace(L, arg);
		}
	}
	return luaL_checkstring(L, arg);
}
