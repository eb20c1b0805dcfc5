/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Look-ups have no socket and so no time-out: the daemon bounds them. It does
 * not ask for the names of addresses: tohostname() of an address finds none,
 * and getnameinfo() answers with the address, as it does where no name is known.
 */
#include "client/lua/dns.h"

#include "client/lua/failure.h"
#include "client/lua/resolve.h"
#include "client/lua/text.h"
#include "client/lua/timing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#define SERVICE_BUFFER 1024

static int look_up(lua_State *L, const char *host, const char *service, int family, int flags,
	struct ulua_names *names)
{
	struct addrinfo hints = {
		.ai_family = family,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = flags,
	};
	struct usocket_script_call call;

	ulua_timing_once(-1, &call);
	return ulua_resolve(L, &call, host, service, &hints, names);
}

static int fail_host(lua_State *L, int rc)
{
	return rc > 0 ? ulua_fail_text(L, ulua_host_text(rc), -rc) : ulua_fail(L, rc, ULUA_OPENING);
}

/* Pushes the addresses of a list as a table of texts. */
static void push_addresses(lua_State *L, const struct addrinfo *list)
{
	struct usocket_script_address address;
	char host[USOCKET_SCRIPT_HOST_MAX];
	unsigned int i;

	lua_newtable(L);
	for (i = 0; usocket_script_entry(list, i, &address) != 0; i++) {
		usocket_script_address_text(&address, host);
		lua_pushstring(L, host);
		lua_rawseti(L, -2, (int)i + 1);
	}
}

/* Pushes what gethostbyname(3) would tell: name, alias, ip. */
static void push_host(lua_State *L, const char *asked, const struct addrinfo *list)
{
	lua_newtable(L);
	lua_pushstring(L, list->ai_canonname ? list->ai_canonname : asked);
	lua_setfield(L, -2, "name");
	lua_newtable(L);
	lua_setfield(L, -2, "alias");
	push_addresses(L, list);
	lua_setfield(L, -2, "ip");
}

static int dns_toip(lua_State *L)
{
	const char *host = luaL_checkstring(L, 1);
	struct ulua_names *names = ulua_names_new(L);
	int rc = look_up(L, host, NULL, AF_INET, AI_CANONNAME, names);

	if (rc)
		return fail_host(L, rc);
	push_host(L, host, names->list);
	lua_getfield(L, -1, "ip");
	lua_rawgeti(L, -1, 1);
	lua_replace(L, -2);
	lua_insert(L, -2);
	return 2;
}

static int dns_tohostname(lua_State *L)
{
	const char *host = luaL_checkstring(L, 1);
	struct ulua_names *names = ulua_names_new(L);
	int rc = -EAI_NONAME;

	if (!ulua_is_literal(host))
		rc = look_up(L, host, NULL, AF_INET, AI_CANONNAME, names);
	if (rc)
		return fail_host(L, rc);
	push_host(L, host, names->list);
	lua_getfield(L, -1, "name");
	lua_insert(L, -2);
	return 2;
}

static int dns_getaddrinfo(lua_State *L)
{
	const char *host = luaL_checkstring(L, 1);
	struct ulua_names *names = ulua_names_new(L);
	struct usocket_script_address address;
	char text[USOCKET_SCRIPT_HOST_MAX];
	unsigned int i;
	int family, rc;

	/* Only bind() has a wildcard. */
	rc = strcmp(host, "*") == 0 ? -EAI_NONAME : look_up(L, host, NULL, AF_UNSPEC, 0, names);
	if (rc)
		return ulua_fail(L, rc, ULUA_OPENING);
	lua_newtable(L);
	for (i = 0; (family = usocket_script_entry(names->list, i, &address)) != 0; i++) {
		usocket_script_address_text(&address, text);
		lua_newtable(L);
		lua_pushstring(L, family == AF_INET6 ? "inet6" : "inet");
		lua_setfield(L, -2, "family");
		lua_pushstring(L, text);
		lua_setfield(L, -2, "addr");
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

/* Replaces a port's digits on top by the name of its service, if it has one. */
static void name_service(lua_State *L)
{
	struct servent entry, *found = NULL;
	char buffer[SERVICE_BUFFER];

	getservbyport_r(htons((uint16_t)lua_tointeger(L, -1)), "tcp", &entry, buffer,
		sizeof(buffer), &found);
	if (!found)
		return;
	lua_pushstring(L, found->s_name);
	lua_replace(L, -2);
}

/* getnameinfo(host, service): a table of hosts, and the service's name. */
static int dns_getnameinfo(lua_State *L)
{
	const char *host = luaL_optstring(L, 1, NULL);
	const char *service = lua_isnoneornil(L, 2) ? NULL : ulua_check_service(L, 2);
	struct ulua_names *names;
	struct usocket_script_address address;
	char text[USOCKET_SCRIPT_HOST_MAX];
	int rc;

	if (!host && !service)
		luaL_error(L, "host and serv cannot be both nil");
	names = ulua_names_new(L);
	rc = look_up(L, host ? host : "*", service, AF_UNSPEC, 0, names);
	if (rc)
		return ulua_fail(L, rc, ULUA_OPENING);
	if (host)
		push_addresses(L, names->list);
	else
		lua_newtable(L);
	if (!service)
		return 1;
	usocket_script_entry(names->list, 0, &address);
	lua_pushfstring(L, "%d", usocket_script_address_text(&address, text));
	name_service(L);
	return 2;
}

static int dns_gethostname(lua_State *L)
{
	char name[257];

	name[sizeof(name) - 1] = '\0';
	if (gethostname(name, sizeof(name) - 1) < 0)
		return ulua_fail(L, -errno, ULUA_CALLING);
	lua_pushstring(L, name);
	return 1;
}

void ulua_dns_register(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "getaddrinfo", dns_getaddrinfo },
		{ "gethostname", dns_gethostname },
		{ "getnameinfo", dns_getnameinfo },
		{ "tohostname", dns_tohostname },
		{ "toip", dns_toip },
		{ NULL, NULL },
	};

	lua_newtable(L);
	luaL_setfuncs(L, functions, 0);
	lua_setfield(L, -2, "dns");
}
