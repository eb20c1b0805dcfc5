// SPDX-License-Identifier: MIT
/*
 * The traffic's calls by lwIP's own sockets API, in place of libusocket's: the
 * program `lwip-sockets` is `traffic` with these behind -u. It takes the TUN
 * device that BENCH_TUN names, with the address BENCH_ADDRESS and the gateway
 * BENCH_GATEWAY. IPv4 only.
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "lwip_stack.h"
#include "traffic.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *need(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		traffic_fail(name);
	return value;
}

static void start(void)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", need("BENCH_TUN"));
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		traffic_fail("tun");
	lwip_stack_start(fd, need("BENCH_ADDRESS"), need("BENCH_GATEWAY"));
}

static struct lwip_stack_address to_stack(const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;

	return (struct lwip_stack_address){ .ip = in->sin_addr.s_addr, .port = in->sin_port };
}

static int open_socket(int domain, int type, int protocol)
{
	(void)domain;
	(void)protocol;
	pthread_once(&once, start);
	return lwip_stack_socket(type == SOCK_STREAM);
}

static int bind_socket(int fd, const struct sockaddr *address, socklen_t len)
{
	(void)len;
	return lwip_stack_bind(fd, to_stack(address));
}

static int connect_socket(int fd, const struct sockaddr *address, socklen_t len)
{
	(void)len;
	return lwip_stack_connect(fd, to_stack(address));
}

static int accept_socket(int fd, struct sockaddr *address, socklen_t *len)
{
	(void)address;
	(void)len;
	return lwip_stack_accept(fd);
}

static ssize_t send_data(int fd, const void *data, size_t len, int flags)
{
	(void)flags;
	return lwip_stack_send(fd, data, len);
}

static ssize_t recv_data(int fd, void *data, size_t len, int flags)
{
	(void)flags;
	return lwip_stack_recv(fd, data, len);
}

static int set_option(int fd, int level, int option, const void *value, socklen_t len)
{
	(void)len;
	if (level == IPPROTO_TCP && option == TCP_NODELAY)
		return lwip_stack_set_nodelay(fd);
	if (level == SOL_SOCKET && option == SO_RCVTIMEO)
		return lwip_stack_set_timeout(fd, (int)((const struct timeval *)value)->tv_sec);
	return 0;
}

const struct traffic_calls traffic_usocket = {
	.socket = open_socket,
	.close = lwip_stack_close,
	.bind = bind_socket,
	.listen = lwip_stack_listen,
	.connect = connect_socket,
	.accept = accept_socket,
	.send = send_data,
	.recv = recv_data,
	.setsockopt = set_option,
};
