/* SPDX-License-Identifier: MIT */
/*
 * The calls of usocket.h. They have no time-out of the socket but a deadline each:
 * here is kept what a case has set, and passed on.
 */
#include "tests/conformance/agent.h"

#include <usocket.h>

#define KEEPALIVE_NO 0x75730001

static int timeouts[DESCRIPTORS];

static void begin(void)
{
}

static int timeout_of(int fd)
{
	return fd >= 0 && fd < DESCRIPTORS ? timeouts[fd] : -1;
}

/* The calls with a deadline know nothing of MSG_DONTWAIT. */
static int timeout_with(int fd, int flags)
{
	return flags & MSG_DONTWAIT ? 0 : timeout_of(fd);
}

static int set_timeout(int fd, int ms)
{
	if (fd >= 0 && fd < DESCRIPTORS)
		timeouts[fd] = ms;
	return 0;
}

static int with_timeout(int fd)
{
	set_timeout(fd, -1);
	return fd;
}

static int make_socket(int domain, int type, int protocol)
{
	return with_timeout(usocket_socket(domain, type, protocol));
}

static int accept_one(int fd, struct sockaddr *address, socklen_t *len)
{
	return with_timeout(
		usocket_accept_timeout(fd, address, len, SOCK_CLOEXEC, timeout_of(fd)));
}

static int connect_it(int fd, const struct sockaddr *address, socklen_t len)
{
	return usocket_connect_timeout(fd, address, len, timeout_of(fd));
}

static ssize_t send_some(int fd, const void *data, size_t len, int flags)
{
	return usocket_send_timeout(fd, data, len, flags, timeout_of(fd));
}

static int send_all(int fd, const void *data, size_t len)
{
	return usocket_sendall_timeout(fd, data, len, 0, timeout_of(fd), NULL);
}

static ssize_t send_to(int fd, const void *data, size_t len, int flags,
	const struct sockaddr *address, socklen_t address_len)
{
	return usocket_sendto_timeout(fd, data, len, flags, address, address_len, timeout_of(fd));
}

static ssize_t receive_from(int fd, void *data, size_t size, int flags, struct sockaddr *address,
	socklen_t *len)
{
	return usocket_recvfrom_timeout(fd, data, size, flags, address, len,
		timeout_with(fd, flags));
}

/* Quectel's option has a level of its own in C. */
static void place_option(int *level, int *option)
{
	if (*option != KEEPALIVE_NO)
		return;
	*level = SOL_USOCKET;
	*option = USOCKET_SO_KEEPALIVE_MINUTES;
}

static int set_option(int fd, int level, int option, const void *value, socklen_t len)
{
	place_option(&level, &option);
	return usocket_setsockopt(fd, level, option, value, len);
}

static int get_option(int fd, int level, int option, void *value, socklen_t *len)
{
	place_option(&level, &option);
	return usocket_getsockopt(fd, level, option, value, len);
}

static int get_state(int fd, int *state)
{
	*state = usocket_getsocketsta(fd);
	return 0;
}

static int get_acked(int fd, int64_t *acked)
{
	*acked = usocket_getsendacksize(fd);
	return 0;
}

static const struct agent_call no_calls[] = { { NULL, NULL } };

static const struct agent_constant constants[] = {
	{ "IPPROTO_TCP_SER", USOCKET_IPPROTO_TCP_SER },
	{ "TCP_CUSTOMIZE_PORT", USOCKET_TCP_CUSTOMIZE_PORT },
	{ "TCP_KEEPALIVE", KEEPALIVE_NO },
	{ NULL, 0 },
};

const struct agent_api api = {
	.begin = begin,
	.socket = make_socket,
	.bind = usocket_bind,
	.listen = usocket_listen,
	.accept = accept_one,
	.connect = connect_it,
	.send = send_some,
	.sendall = send_all,
	.sendto = send_to,
	.recvfrom = receive_from,
	.close = usocket_close,
	.shutdown = usocket_shutdown,
	.getsockname = usocket_getsockname,
	.getpeername = usocket_getpeername,
	.setsockopt = set_option,
	.getsockopt = get_option,
	.poll = usocket_poll,
	.get_state = get_state,
	.get_acked = get_acked,
	.set_timeout = set_timeout,
	.getaddrinfo = usocket_getaddrinfo,
	.freeaddrinfo = usocket_freeaddrinfo,
	.gai_strerror = usocket_gai_strerror,
	.calls = no_calls,
	.constants = constants,
};
