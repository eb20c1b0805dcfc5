/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An option that the stack has is libusocket's. Of the others some change nothing
 * that a program can tell (a hint about when segments go out), some already are as
 * a value asks for (no control messages, no path MTU discovery over IPv4), and
 * SO_PRIORITY is kept by the channel: to those this answers as Linux would, and
 * doc/preload.md lists them. A value that would have to change something is
 * ENOPROTOOPT, so that no program believes what is not so.
 *
 * Nothing is kept here: a socket may be set up by one program and used by another.
 */
#include "client/preload/options.h"

#include "client/preload/linux_errno.h"
#include "client/usocket.h"

#include <errno.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The one that lwIP has, RFC 6582. */
#define CONGESTION "reno"
/* TCP_CA_NAME_MAX of linux/net/tcp.h: what getsockopt() gives of it. */
#define CONGESTION_ROOM 16

enum rule {
	HINT,	    /* any number; reads as @shown */
	ONLY,	    /* the numbers in @allowed, a bit each; reads as @shown */
	CHANNEL,    /* kept by the channel, under the same number */
	DEVICE,	    /* an interface's name: none */
	ALGORITHM,  /* a congestion control's name */
	SHARED_PORT /* see set_shared_port() */
};

#define BIT(number) (1u << (number))
#define OFF	    BIT(0)
#define EITHER	    (BIT(0) | BIT(1))
/* Those without DF, and that nobody need ask for the path's MTU. */
#define NO_DISCOVERY                                                                  \
	(BIT(IP_PMTUDISC_DONT) | BIT(IP_PMTUDISC_WANT) | BIT(IP_PMTUDISC_INTERFACE) | \
		BIT(IP_PMTUDISC_OMIT))

enum {
	OF_ALL,
	OF_TCP,
};

static const struct row {
	int level, option;
	enum rule rule;
	int of;
	uint32_t allowed;
	int shown;
} rows[] = {
	{ SOL_SOCKET, SO_PRIORITY, CHANNEL, OF_ALL, 0, 0 },
	{ SOL_SOCKET, SO_REUSEPORT, SHARED_PORT, OF_ALL, 0, 0 },
	{ SOL_SOCKET, SO_BINDTODEVICE, DEVICE, OF_ALL, 0, 0 },
	{ SOL_SOCKET, SO_MARK, ONLY, OF_ALL, OFF, 0 },
	{ SOL_SOCKET, SO_DONTROUTE, ONLY, OF_ALL, OFF, 0 },
	{ SOL_SOCKET, SO_TIMESTAMP, ONLY, OF_ALL, OFF, 0 },
	{ SOL_SOCKET, SO_TIMESTAMPNS, ONLY, OF_ALL, OFF, 0 },
	{ SOL_SOCKET, SO_TIMESTAMPING, ONLY, OF_ALL, OFF, 0 },
	{ SOL_SOCKET, SO_RXQ_OVFL, ONLY, OF_ALL, OFF, 0 },
	{ IPPROTO_TCP, TCP_CONGESTION, ALGORITHM, OF_TCP, 0, 0 },
	{ IPPROTO_TCP, TCP_CORK, HINT, OF_TCP, 0, 0 },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, HINT, OF_TCP, 0, 0 },
	{ IPPROTO_TCP, TCP_FASTOPEN, HINT, OF_TCP, 0, 0 },
	{ IPPROTO_TCP, TCP_FASTOPEN_CONNECT, ONLY, OF_TCP, EITHER, 0 },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, ONLY, OF_TCP, OFF, 0 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, ONLY, OF_ALL, NO_DISCOVERY, IP_PMTUDISC_DONT },
	{ IPPROTO_IP, IP_RECVERR, ONLY, OF_ALL, OFF, 0 },
	{ IPPROTO_IP, IP_PKTINFO, ONLY, OF_ALL, OFF, 0 },
	{ IPPROTO_IP, IP_RECVTTL, ONLY, OF_ALL, OFF, 0 },
	{ IPPROTO_IP, IP_RECVTOS, ONLY, OF_ALL, OFF, 0 },
	{ IPPROTO_IP, IP_MULTICAST_ALL, ONLY, OF_ALL, BIT(1), 1 },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, ONLY, OF_ALL, NO_DISCOVERY, IPV6_PMTUDISC_WANT },
	{ IPPROTO_IPV6, IPV6_RECVERR, ONLY, OF_ALL, OFF, 0 },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, ONLY, OF_ALL, OFF, 0 },
	{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT, ONLY, OF_ALL, OFF, 0 },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS, ONLY, OF_ALL, OFF, 0 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_ALL, ONLY, OF_ALL, BIT(1), 1 },
};

/* Linux has no IPv6 options on an IPv4 socket. */
static bool is_ipv6(int fd)
{
	int domain;
	socklen_t len = sizeof(domain);

	return usocket_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
		domain == AF_INET6;
}

static const struct row *find_row(int fd, enum kind kind, int level, int option)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];

		if (row->level != level || row->option != option)
			continue;
		if (row->of == OF_TCP && kind == KIND_DATAGRAM)
			return NULL;
		return level == IPPROTO_IPV6 && !is_ipv6(fd) ? NULL : row;
	}
	return NULL;
}

/* Up to the first zero, as Linux reads names; NULL: there is none. */
static const char *load_name(char *name, size_t size, const void *value, socklen_t len)
{
	size_t n = len < size - 1 ? len : size - 1;

	if (n == 0)
		return NULL;
	memcpy(name, value, n);
	name[n] = '\0';
	return name;
}

static int set_algorithm(const void *value, socklen_t len)
{
	char name[CONGESTION_ROOM];

	if (!load_name(name, sizeof(name), value, len))
		return linux_fail(EINVAL);
	return strcmp(name, CONGESTION) == 0 ? 0 : linux_fail(ENOENT);
}

/* A socket is not bound to a device: that is all that can be asked for. */
static int set_device(const void *value, socklen_t len)
{
	return len == 0 || *(const char *)value == '\0' ? 0 : linux_fail(ENOPROTOOPT);
}

static int load_number(const struct row *row, const void *value, socklen_t len, int *number)
{
	if (len >= sizeof(*number)) {
		memcpy(number, value, sizeof(*number));
		return 0;
	}
	/* ip(7): also one byte. */
	if (row->level != IPPROTO_IP || len == 0)
		return linux_fail(EINVAL);
	*number = *(const unsigned char *)value;
	return 0;
}

/*
 * SHARED_PORT: programs set it on sockets that share no port and end if that fails
 * (BIND's). Those that do share one are told by bind: EADDRINUSE.
 */
static int set_number(const struct row *row, const void *value, socklen_t len)
{
	int number = 0;

	if (load_number(row, value, len, &number) < 0)
		return -1;
	if (row->rule != ONLY)
		return 0;
	return number >= 0 && number < 32 && row->allowed & BIT(number) ? 0
									: linux_fail(ENOPROTOOPT);
}

int options_set(int fd, enum kind kind, int level, int option, const void *value, socklen_t len)
{
	const struct row *row = find_row(fd, kind, level, option);

	if (!row)
		return usocket_setsockopt(fd, level, option, value, len);
	if (!value && len > 0)
		return linux_fail(EFAULT);
	switch (row->rule) {
	case HINT:
	case ONLY:
	case SHARED_PORT:
		return set_number(row, value, len);
	case CHANNEL:
		return setsockopt(fd, level, option, value, len);
	case DEVICE:
		return set_device(value, len);
	case ALGORITHM:
		return set_algorithm(value, len);
	}
	return linux_fail(ENOPROTOOPT);
}

static int store(void *to, socklen_t *len, const void *value, size_t size)
{
	if ((int)*len < 0)
		return linux_fail(EINVAL);
	if (*len > size)
		*len = (socklen_t)size;
	memcpy(to, value, *len);
	return 0;
}

int options_get(int fd, enum kind kind, int level, int option, void *value, socklen_t *len)
{
	static const char algorithm[CONGESTION_ROOM] = CONGESTION;
	const struct row *row = find_row(fd, kind, level, option);

	if (!row)
		return usocket_getsockopt(fd, level, option, value, len);
	if (!value || !len)
		return linux_fail(EFAULT);
	switch (row->rule) {
	case HINT:
	case ONLY:
	case SHARED_PORT:
		return store(value, len, &row->shown, sizeof(row->shown));
	case CHANNEL:
		return getsockopt(fd, level, option, value, len);
	case DEVICE:
		return store(value, len, "", 0);
	case ALGORITHM:
		return store(value, len, algorithm, sizeof(algorithm));
	}
	return linux_fail(ENOPROTOOPT);
}
