/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One table of names. A row says what kind of value the option has, whether TCP
 * or UDP objects know it, and whether it can be set, read, or both; so a name
 * that LuaSocket does not know is the same error here. Kinds are rows of a
 * second table: how to take such a value from Lua and how to give it back.
 *
 * LuaSocket's names come first; behind them what scripts of a usocket need
 * besides: Quectel's keep-alive, waiting for the link, the table's record.
 */
#include "client/lua/options.h"

#include "client/lua/failure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

enum who {
	TCP_SET = 1,
	TCP_GET = 2,
	UDP_SET = 4,
	UDP_GET = 8,
	TCP = TCP_SET | TCP_GET,
	UDP = UDP_SET | UDP_GET,
	ALL = TCP | UDP,
};

struct option;

/* set: returns 0 or -errno. get: pushes the value, or returns -errno. */
struct kind {
	int (*set)(lua_State *L, struct ulua_socket *s, const struct option *option);
	int (*get)(lua_State *L, struct ulua_socket *s, const struct option *option);
};

struct option {
	const char *name;
	int who; /* enum who */
	const struct kind *kind;
	int level, number;
};

static int set_raw(struct ulua_socket *s, const struct option *option, const void *value,
	socklen_t len)
{
	int fd = usocket_script_fileno(&s->script);

	return usocket_setsockopt(fd, option->level, option->number, value, len) < 0 ? -errno : 0;
}

static int get_raw(struct ulua_socket *s, const struct option *option, void *value, socklen_t len)
{
	int fd = usocket_script_fileno(&s->script);

	return usocket_getsockopt(fd, option->level, option->number, value, &len) < 0 ? -errno : 0;
}

/* ---- kinds: booleans and numbers --------------------------------------------- */

static int set_boolean(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	int value;

	luaL_checktype(L, 3, LUA_TBOOLEAN);
	value = lua_toboolean(L, 3);
	return set_raw(s, option, &value, sizeof(value));
}

static int get_boolean(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	int value = 0, rc = get_raw(s, option, &value, sizeof(value));

	lua_pushboolean(L, value);
	return rc;
}

static int set_number(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	lua_Number number = luaL_checknumber(L, 3);
	int value;

	if (!(number >= INT32_MIN && number <= INT32_MAX))
		return -EINVAL;
	value = (int)number;
	return set_raw(s, option, &value, sizeof(value));
}

static int get_number(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	int value = 0, rc = get_raw(s, option, &value, sizeof(value));

	lua_pushnumber(L, value);
	return rc;
}

static const struct kind boolean = { set_boolean, get_boolean };
static const struct kind number = { set_number, get_number };

/* ---- kinds: tables and texts -------------------------------------------------- */

/* Leaves the field of the table at 3 on top. */
static void check_field(lua_State *L, const char *name, int type, const char *complaint)
{
	lua_getfield(L, 3, name);
	if (lua_type(L, -1) != type)
		luaL_argerror(L, 3, complaint);
}

static int set_linger(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	struct linger value;
	lua_Number seconds;

	luaL_checktype(L, 3, LUA_TTABLE);
	check_field(L, "on", LUA_TBOOLEAN, "boolean 'on' field expected");
	value.l_onoff = lua_toboolean(L, -1);
	check_field(L, "timeout", LUA_TNUMBER, "number 'timeout' field expected");
	seconds = lua_tonumber(L, -1);
	if (!(seconds >= 0 && seconds <= INT32_MAX))
		return -EINVAL;
	value.l_linger = (int)seconds;
	return set_raw(s, option, &value, sizeof(value));
}

static int get_linger(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	struct linger value = { 0, 0 };
	int rc = get_raw(s, option, &value, sizeof(value));

	lua_newtable(L);
	lua_pushboolean(L, value.l_onoff);
	lua_setfield(L, -2, "on");
	lua_pushinteger(L, value.l_linger);
	lua_setfield(L, -2, "timeout");
	return rc;
}

static int set_member4(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	struct ip_mreq value;
	const char *interface;

	luaL_checktype(L, 3, LUA_TTABLE);
	check_field(L, "multiaddr", LUA_TSTRING, "string 'multiaddr' field expected");
	if (inet_pton(AF_INET, lua_tostring(L, -1), &value.imr_multiaddr) != 1)
		luaL_argerror(L, 3, "invalid 'multiaddr' ip address");
	check_field(L, "interface", LUA_TSTRING, "string 'interface' field expected");
	interface = lua_tostring(L, -1);
	value.imr_interface.s_addr = htonl(INADDR_ANY);
	if (strcmp(interface, "*") != 0 &&
		inet_pton(AF_INET, interface, &value.imr_interface) != 1)
		luaL_argerror(L, 3, "invalid 'interface' ip address");
	return set_raw(s, option, &value, sizeof(value));
}

static int set_member6(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	struct ipv6_mreq value = { .ipv6mr_interface = 0 };
	lua_Number interface;

	luaL_checktype(L, 3, LUA_TTABLE);
	check_field(L, "multiaddr", LUA_TSTRING, "string 'multiaddr' field expected");
	if (inet_pton(AF_INET6, lua_tostring(L, -1), &value.ipv6mr_multiaddr) != 1)
		luaL_argerror(L, 3, "invalid 'multiaddr' ip address");
	lua_getfield(L, 3, "interface");
	if (!lua_isnil(L, -1)) {
		interface = lua_tonumber(L, -1);
		if (!lua_isnumber(L, -1) || !(interface >= 0 && interface <= INT32_MAX))
			luaL_argerror(L, 3, "number 'interface' field expected");
		value.ipv6mr_interface = (unsigned int)interface;
	}
	return set_raw(s, option, &value, sizeof(value));
}

static int set_interface(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	const char *text = luaL_checkstring(L, 3);
	struct in_addr value = { .s_addr = htonl(INADDR_ANY) };

	if (strcmp(text, "*") != 0 && inet_pton(AF_INET, text, &value) != 1)
		luaL_argerror(L, 3, "ip expected");
	return set_raw(s, option, &value, sizeof(value));
}

static int get_interface(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	struct in_addr value = { .s_addr = htonl(INADDR_ANY) };
	char text[INET_ADDRSTRLEN];
	int rc = get_raw(s, option, &value, sizeof(value));

	inet_ntop(AF_INET, &value, text, sizeof(text));
	lua_pushstring(L, text);
	return rc;
}

static const struct kind linger = { set_linger, get_linger };
static const struct kind member4 = { set_member4, NULL };
static const struct kind member6 = { set_member6, NULL };
static const struct kind interface = { set_interface, get_interface };

/* ---- kinds: what is the object's or the table's -------------------------------- */

/* The pending error as text, nil for none; reading clears it. */
static int get_error(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	int value = 0, rc;
	socklen_t len = sizeof(value);

	rc = usocket_script_getsockopt(&s->script, option->level, option->number, &value, &len);
	if (rc == 0 && value != 0)
		ulua_push_text(L, -value, ULUA_CALLING);
	else
		lua_pushnil(L);
	return rc;
}

static int set_report_reset(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	(void)option;
	luaL_checktype(L, 3, LUA_TBOOLEAN);
	s->reports_reset = lua_toboolean(L, 3);
	return 0;
}

static int get_report_reset(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	(void)option;
	lua_pushboolean(L, s->reports_reset);
	return 0;
}

static void set_count(lua_State *L, const char *name, uint64_t value)
{
	lua_pushnumber(L, (lua_Number)value);
	lua_setfield(L, -2, name);
}

static int get_tcp_info(lua_State *L, struct ulua_socket *s, const struct option *option)
{
	struct usocket_socket_info info = { 0 };
	int rc = usocket_script_info(&s->script, 1, &info);

	(void)option;
	lua_newtable(L);
	lua_pushstring(L, usocket_state_name(info.state));
	lua_setfield(L, -2, "state");
	lua_pushnumber(L, info.rtt_us / 1e6);
	lua_setfield(L, -2, "rtt");
	set_count(L, "retransmits", info.retransmissions);
	set_count(L, "unacked", info.send_queue);
	set_count(L, "received", info.bytes_received);
	set_count(L, "sent", info.bytes_sent);
	set_count(L, "acked", info.bytes_acked);
	return rc;
}

static const struct kind error = { NULL, get_error };
static const struct kind report_reset = { set_report_reset, get_report_reset };
static const struct kind tcp_info = { NULL, get_tcp_info };

/* ---- names --------------------------------------------------------------------- */

static const struct option options[] = {
	{ "broadcast", UDP, &boolean, SOL_SOCKET, SO_BROADCAST },
	{ "dontroute", UDP, &boolean, SOL_SOCKET, SO_DONTROUTE },
	{ "error", TCP_GET | UDP_GET, &error, SOL_SOCKET, SO_ERROR },
	{ "ip-add-membership", UDP_SET, &member4, IPPROTO_IP, IP_ADD_MEMBERSHIP },
	{ "ip-drop-membership", UDP_SET, &member4, IPPROTO_IP, IP_DROP_MEMBERSHIP },
	{ "ip-multicast-if", UDP, &interface, IPPROTO_IP, IP_MULTICAST_IF },
	{ "ip-multicast-loop", UDP, &boolean, IPPROTO_IP, IP_MULTICAST_LOOP },
	{ "ip-multicast-ttl", UDP_SET, &number, IPPROTO_IP, IP_MULTICAST_TTL },
	{ "ipv6-add-membership", UDP_SET, &member6, IPPROTO_IPV6, IPV6_JOIN_GROUP },
	{ "ipv6-drop-membership", UDP_SET, &member6, IPPROTO_IPV6, IPV6_LEAVE_GROUP },
	{ "ipv6-multicast-hops", UDP, &number, IPPROTO_IPV6, IPV6_MULTICAST_HOPS },
	{ "ipv6-multicast-loop", UDP, &boolean, IPPROTO_IPV6, IPV6_MULTICAST_LOOP },
	{ "ipv6-unicast-hops", UDP, &number, IPPROTO_IPV6, IPV6_UNICAST_HOPS },
	{ "ipv6-v6only", TCP_SET | UDP, &boolean, IPPROTO_IPV6, IPV6_V6ONLY },
	{ "keepalive", TCP, &boolean, SOL_SOCKET, SO_KEEPALIVE },
	{ "linger", TCP, &linger, SOL_SOCKET, SO_LINGER },
	{ "recv-buffer-size", ALL, &number, SOL_SOCKET, SO_RCVBUF },
	{ "reuseaddr", ALL, &boolean, SOL_SOCKET, SO_REUSEADDR },
	{ "reuseport", ALL, &boolean, SOL_SOCKET, SO_REUSEPORT },
	{ "send-buffer-size", ALL, &number, SOL_SOCKET, SO_SNDBUF },
	{ "tcp-defer-accept", TCP_SET, &number, IPPROTO_TCP, TCP_DEFER_ACCEPT },
	{ "tcp-fastopen", TCP_SET, &number, IPPROTO_TCP, TCP_FASTOPEN },
	{ "tcp-fastopen-connect", TCP_SET, &number, IPPROTO_TCP, TCP_FASTOPEN_CONNECT },
	{ "tcp-keepcnt", TCP, &number, IPPROTO_TCP, TCP_KEEPCNT },
	{ "tcp-keepidle", TCP, &number, IPPROTO_TCP, TCP_KEEPIDLE },
	{ "tcp-keepintvl", TCP, &number, IPPROTO_TCP, TCP_KEEPINTVL },
	{ "tcp-nodelay", TCP, &boolean, IPPROTO_TCP, TCP_NODELAY },

	{ "ip-ttl", ALL, &number, IPPROTO_IP, IP_TTL },
	{ "keepalive-minutes", TCP, &number, SOL_USOCKET, USOCKET_SO_KEEPALIVE_MINUTES },
	{ "report-reset", TCP, &report_reset, 0, 0 },
	{ "tcp-info", TCP_GET, &tcp_info, IPPROTO_TCP, TCP_INFO },
	{ "wait-link", ALL, &boolean, SOL_USOCKET, USOCKET_SO_WAIT_LINK },
	{ NULL, 0, NULL, 0, 0 },
};

static const struct option *check_name(lua_State *L, int who)
{
	const char *name = luaL_checkstring(L, 2);
	const struct option *option;

	for (option = options; option->name; option++)
		if (strcmp(option->name, name) == 0 && (option->who & who))
			return option;
	luaL_argerror(L, 2, lua_pushfstring(L, "unsupported option `%s'", name));
	return NULL;
}

int ulua_setoption(lua_State *L, struct ulua_socket *s)
{
	const struct option *option = check_name(L, s->type == SOCK_STREAM ? TCP_SET : UDP_SET);
	int rc;

	rc = option->kind->set(L, s, option);
	if (rc < 0)
		return ulua_fail_text(L, "setsockopt failed", -rc);
	lua_pushnumber(L, 1);
	return 1;
}

int ulua_getoption(lua_State *L, struct ulua_socket *s)
{
	const struct option *option = check_name(L, s->type == SOCK_STREAM ? TCP_GET : UDP_GET);
	int rc = option->kind->get(L, s, option);

	if (rc < 0)
		return ulua_fail_text(L, "getsockopt failed", -rc);
	return 1;
}
