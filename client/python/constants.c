/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Families, types and protocols have the numbers that QuecPython, MicroPython
 * and Linux agree on; Quectel's two protocol numbers choose nothing.
 */
#include "client/python/constants.h"

#include "usocket.h"

#include <netinet/in.h>

static const struct {
	const char *name;
	long value;
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
	{ "AI_PASSIVE", AI_PASSIVE },
	{ "AI_CANONNAME", AI_CANONNAME },
	{ "AI_NUMERICHOST", AI_NUMERICHOST },
	{ "AI_NUMERICSERV", AI_NUMERICSERV },
};

int constants_add(PyObject *module)
{
	size_t i;

	for (i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
		if (PyModule_AddIntConstant(module, constants[i].name, constants[i].value) < 0)
			return -1;
	return 0;
}
