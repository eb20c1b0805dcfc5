/* SPDX-License-Identifier: MIT */
/* lwIP's own sockets API on a TUN device, behind types that both headers know. */
#ifndef USOCKETD_TESTS_BENCH_LWIP_STACK_H
#define USOCKETD_TESTS_BENCH_LWIP_STACK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* An address: IPv4 and port, both in network order. */
struct lwip_stack_address {
	uint32_t ip;
	uint16_t port;
};

/* Starts the stack's threads; @tun is the device's descriptor. */
void lwip_stack_start(int tun, const char *ip, const char *gateway);

int lwip_stack_socket(int is_stream);
int lwip_stack_close(int fd);
int lwip_stack_bind(int fd, struct lwip_stack_address address);
int lwip_stack_listen(int fd, int backlog);
int lwip_stack_connect(int fd, struct lwip_stack_address address);
int lwip_stack_accept(int fd);
ssize_t lwip_stack_send(int fd, const void *data, size_t len);
ssize_t lwip_stack_recv(int fd, void *data, size_t len);
/* Only what the traffic needs. */
int lwip_stack_set_nodelay(int fd);
int lwip_stack_set_timeout(int fd, int seconds);

#endif
