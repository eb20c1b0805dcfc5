/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The numbers of Linux, lwIP and QuecPython for options collide (2 is
 * SO_REUSEADDR here and TCP_KEEPALIVE there) and scripts ignore the level. So
 * option names have numbers of their own, which no system uses, and a const
 * table says what each stands for. Families, types and protocols have the
 * numbers that all of them agree on; Quectel's two protocols choose nothing.
 */
#include "client/script/script.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

static const struct constant {
	const char *name;
	int value;
} constants[] = {
	{ "AF_INET", AF_INET },
	{ "AF_INET6", AF_INET6 },
	{ "SOCK_STREAM", SOCK_STREAM },
	{ "SOCK_DGRAM", SOCK_DGRAM },
	{ "SOCK_RAW", SOCK_RAW },
	{ "IPPROTO_IP", IPPROTO_IP },
	{ "IPPROTO_ICMP", IPPROTO_ICMP },
	{ "IPPROTO_TCP", IPPROTO_TCP },
	{ "IPPROTO_UDP", IPPROTO_UDP },
	{ "IPPROTO_IPV6", IPPROTO_IPV6 },
	{ "IPPROTO_ICMPV6", IPPROTO_ICMPV6 },
	{ "IPPROTO_TCP_SER", USOCKET_IPPROTO_TCP_SER },
	{ "TCP_CUSTOMIZE_PORT", USOCKET_TCP_CUSTOMIZE_PORT },
	{ "SOL_SOCKET", SOL_SOCKET },
	{ "SHUT_RD", SHUT_RD },
	{ "SHUT_WR", SHUT_WR },
	{ "SHUT_RDWR", SHUT_RDWR },
	{ "MSG_PEEK", MSG_PEEK },
	{ "MSG_DONTWAIT", MSG_DONTWAIT },
	{ "MSG_WAITALL", MSG_WAITALL },
	{ "AI_PASSIVE", AI_PASSIVE },
	{ "AI_CANONNAME", AI_CANONNAME },
	{ "AI_NUMERICHOST", AI_NUMERICHOST },
	{ "AI_NUMERICSERV", AI_NUMERICSERV },
};

#define N_CONSTANTS (sizeof(constants) / sizeof(constants[0]))

/* First of the options' numbers; they follow the table's order. */
#define OPTION_FIRST 0x7500

static const struct option {
	const char *name;
	int level; /* the library's */
	int option;
} options[] = {
	{ "SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR },
	{ "TCP_KEEPALIVE", SOL_USOCKET, USOCKET_SO_KEEPALIVE_MINUTES },
	{ "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE },
	{ "SO_BROADCAST", SOL_SOCKET, SO_BROADCAST },
	{ "SO_LINGER", SOL_SOCKET, SO_LINGER },
	{ "SO_RCVBUF", SOL_SOCKET, SO_RCVBUF },
	{ "SO_SNDBUF", SOL_SOCKET, SO_SNDBUF },
	{ "SO_ERROR", SOL_SOCKET, SO_ERROR },
	{ "SO_TYPE", SOL_SOCKET, SO_TYPE },
	{ "SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN },
	{ "SO_WAIT_LINK", SOL_USOCKET, USOCKET_SO_WAIT_LINK },
	{ "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY },
	{ "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE },
	{ "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL },
	{ "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT },
	{ "TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG },
	{ "TCP_INFO", IPPROTO_TCP, TCP_INFO },
	{ "IP_TTL", IPPROTO_IP, IP_TTL },
	{ "IP_TOS", IPPROTO_IP, IP_TOS },
	{ "IP_MULTICAST_TTL", IPPROTO_IP, IP_MULTICAST_TTL },
	{ "IP_MULTICAST_LOOP", IPPROTO_IP, IP_MULTICAST_LOOP },
	{ "IP_ADD_MEMBERSHIP", IPPROTO_IP, IP_ADD_MEMBERSHIP },
	{ "IP_DROP_MEMBERSHIP", IPPROTO_IP, IP_DROP_MEMBERSHIP },
	{ "IPV6_V6ONLY", IPPROTO_IPV6, IPV6_V6ONLY },
	{ "IPV6_UNICAST_HOPS", IPPROTO_IPV6, IPV6_UNICAST_HOPS },
	{ "IPV6_MULTICAST_HOPS", IPPROTO_IPV6, IPV6_MULTICAST_HOPS },
	{ "IPV6_MULTICAST_LOOP", IPPROTO_IPV6, IPV6_MULTICAST_LOOP },
	{ "IPV6_JOIN_GROUP", IPPROTO_IPV6, IPV6_JOIN_GROUP },
	{ "IPV6_LEAVE_GROUP", IPPROTO_IPV6, IPV6_LEAVE_GROUP },
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

const char *usocket_script_constant_name(unsigned int i)
{
	if (i < N_CONSTANTS)
		return constants[i].name;
	i -= N_CONSTANTS;
	return i < N_OPTIONS ? options[i].name : NULL;
}

int usocket_script_constant_value(unsigned int i)
{
	if (i < N_CONSTANTS)
		return constants[i].value;
	return OPTION_FIRST + (int)(i - N_CONSTANTS);
}

int usocket_script_is_option(int option)
{
	return option >= OPTION_FIRST && option < OPTION_FIRST + (int)N_OPTIONS;
}

int script_option_translate(int *level, int *option)
{
	int i = *option - OPTION_FIRST;

	if (!usocket_script_is_option(*option))
		return -ENOENT;
	*level = options[i].level;
	*option = options[i].option;
	return 0;
}
