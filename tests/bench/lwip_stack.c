// SPDX-License-Identifier: MIT
/*
 * The stack's side of lwip_stack.h: sees lwIP's headers only, whose names of
 * sockets are the system's. One thread reads the device and hands packets to
 * lwIP's; what lwIP sends is written at once.
 */
#include "lwip_stack.h"

#include "lwip/inet.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/sockets.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MTU 1500

static struct netif device;
static int tun_fd;
static sys_sem_t started;

static err_t send_packet(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
	char packet[MTU];
	u16_t len = pbuf_copy_partial(p, packet, sizeof(packet), 0);

	(void)netif;
	(void)to;
	return write(tun_fd, packet, len) == len ? ERR_OK : ERR_IF;
}

static err_t set_up(struct netif *netif)
{
	netif->output = send_packet;
	netif->mtu = MTU;
	netif->name[0] = 't';
	netif->name[1] = 'n';
	return ERR_OK;
}

static void read_packets(void *argument)
{
	char packet[MTU];

	(void)argument;
	for (;;) {
		ssize_t n = read(tun_fd, packet, sizeof(packet));
		struct pbuf *p;

		if (n <= 0)
			abort();
		p = pbuf_alloc(PBUF_RAW, (u16_t)n, PBUF_RAM);
		if (!p)
			continue;
		pbuf_take(p, packet, (u16_t)n);
		if (device.input(p, &device) != ERR_OK)
			pbuf_free(p);
	}
}

static void on_started(void *argument)
{
	(void)argument;
	sys_sem_signal(&started);
}

void lwip_stack_start(int tun, const char *ip, const char *gateway)
{
	ip4_addr_t address, mask, way;

	tun_fd = tun;
	ip4addr_aton(ip, &address);
	ip4addr_aton(gateway, &way);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	sys_sem_new(&started, 0);
	tcpip_init(on_started, NULL);
	sys_sem_wait(&started);
	LOCK_TCPIP_CORE();
	netif_add(&device, &address, &mask, &way, NULL, set_up, tcpip_input);
	netif_set_default(&device);
	netif_set_link_up(&device);
	netif_set_up(&device);
	UNLOCK_TCPIP_CORE();
	sys_thread_new("device", read_packets, NULL, 0, 0);
}

static struct sockaddr_in to_lwip(struct lwip_stack_address address)
{
	struct sockaddr_in in;

	memset(&in, 0, sizeof(in));
	in.sin_len = sizeof(in);
	in.sin_family = AF_INET;
	in.sin_port = address.port;
	in.sin_addr.s_addr = address.ip;
	return in;
}

int lwip_stack_socket(int is_stream)
{
	return lwip_socket(AF_INET, is_stream ? SOCK_STREAM : SOCK_DGRAM, 0);
}

int lwip_stack_close(int fd)
{
	return lwip_close(fd);
}

int lwip_stack_bind(int fd, struct lwip_stack_address address)
{
	struct sockaddr_in in = to_lwip(address);

	return lwip_bind(fd, (struct sockaddr *)&in, sizeof(in));
}

int lwip_stack_listen(int fd, int backlog)
{
	return lwip_listen(fd, backlog);
}

int lwip_stack_connect(int fd, struct lwip_stack_address address)
{
	struct sockaddr_in in = to_lwip(address);

	return lwip_connect(fd, (struct sockaddr *)&in, sizeof(in));
}

int lwip_stack_accept(int fd)
{
	return lwip_accept(fd, NULL, NULL);
}

ssize_t lwip_stack_send(int fd, const void *data, size_t len)
{
	return lwip_send(fd, data, len, 0);
}

ssize_t lwip_stack_recv(int fd, void *data, size_t len)
{
	return lwip_recv(fd, data, len, 0);
}

int lwip_stack_set_nodelay(int fd)
{
	const int on = 1;

	return lwip_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int lwip_stack_set_timeout(int fd, int seconds)
{
	const struct timeval timeout = { .tv_sec = seconds };

	return lwip_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}
