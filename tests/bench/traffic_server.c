// SPDX-License-Identifier: MIT
/*
 * The servers. serve() is the far end of every measure: one thread, epoll, the
 * kernel's sockets, TCP and UDP on one port. answer() is the near end where the
 * path's own accept is measured. A connection's state is its struct peer, which
 * the epoll event points to; it ends with the connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "traffic.h"

/* Writes of one connection until others have their turn. */
#define TURN 4

struct peer {
	int fd;
	int is_listener, is_datagram;
	size_t n_header; /* bytes of the header that are there */
	struct traffic_header header;
	uint64_t n_bytes;
	size_t n_request; /* bytes of the echo's request that are there */
	double end;
};

static char buffer[TRAFFIC_BUFFER];
static int epoll_fd;

static void watch(struct peer *peer, uint32_t events, int op)
{
	struct epoll_event event = { .events = events, .data.ptr = peer };

	if (epoll_ctl(epoll_fd, op, peer->fd, &event))
		traffic_fail("epoll_ctl");
}

static struct peer *new_peer(int fd)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		traffic_fail("memory");
	peer->fd = fd;
	watch(peer, EPOLLIN, EPOLL_CTL_ADD);
	return peer;
}

static void end_peer(struct peer *peer)
{
	close(peer->fd);
	free(peer);
}

static int open_server(const struct traffic_options *options, int type)
{
	const struct traffic_calls *calls = options->calls;
	const struct sockaddr *address = (const struct sockaddr *)&options->address;
	const int on = 1;
	int fd = calls->socket(address->sa_family, type, 0);

	if (fd < 0)
		traffic_fail("socket");
	if (calls->setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		traffic_fail("SO_REUSEADDR");
	if (calls->bind(fd, address, options->address_len))
		traffic_fail("bind");
	if (type == SOCK_STREAM && calls->listen(fd, 4096))
		traffic_fail("listen");
	return fd;
}

static void accept_all(struct peer *listener)
{
	const int on = 1;
	int fd;

	while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		new_peer(fd);
	}
}

static void echo_datagrams(struct peer *peer)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(peer->fd, buffer, sizeof(buffer), MSG_DONTWAIT,
			(struct sockaddr *)&from, &len)) >= 0) {
		sendto(peer->fd, buffer, (size_t)n, 0, (struct sockaddr *)&from, len);
		len = sizeof(from);
	}
}

/* Returns whether the header is there; 0 also if the peer is gone. */
static int take_header(struct peer *peer)
{
	ssize_t n = recv(peer->fd, (char *)&peer->header + peer->n_header,
		sizeof(peer->header) - peer->n_header, 0);

	if (n <= 0) {
		end_peer(peer);
		return 0;
	}
	peer->n_header += (size_t)n;
	if (peer->n_header < sizeof(peer->header))
		return 0;
	if (peer->header.magic != TRAFFIC_MAGIC || peer->header.size > TRAFFIC_BUFFER) {
		end_peer(peer);
		return 0;
	}
	traffic_pin_congestion(peer->fd, peer->header.congestion);
	peer->end = traffic_now() + peer->header.time_ms / 1000.0;
	if (peer->header.op == TRAFFIC_OP_SOURCE)
		watch(peer, EPOLLOUT, EPOLL_CTL_MOD);
	return 1;
}

static void feed(struct peer *peer)
{
	const uint64_t limit = peer->header.limit ? peer->header.limit : UINT64_MAX;

	for (int i = 0; i < TURN; i++) {
		uint64_t left = limit - peer->n_bytes;
		ssize_t n;

		if (!left || traffic_now() >= peer->end) {
			end_peer(peer);
			return;
		}
		if (left > sizeof(buffer))
			left = sizeof(buffer);
		n = send(peer->fd, buffer, (size_t)left, 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			end_peer(peer);
			return;
		}
		peer->n_bytes += (uint64_t)n;
	}
}

static void sink(struct peer *peer)
{
	for (int i = 0; i < TURN; i++) {
		ssize_t n = recv(peer->fd, buffer, sizeof(buffer), 0);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			end_peer(peer);
			return;
		}
		peer->n_bytes += (uint64_t)n;
		if (buffer[n - 1] == TRAFFIC_LAST)
			send(peer->fd, &peer->n_bytes, sizeof(peer->n_bytes), MSG_NOSIGNAL);
	}
}

/* An answer always fits the send buffer: the client waits for each. */
static void echo(struct peer *peer)
{
	ssize_t n = recv(peer->fd, buffer, peer->header.size - peer->n_request, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		end_peer(peer);
		return;
	}
	peer->n_request += (size_t)n;
	if (peer->n_request < peer->header.size)
		return;
	peer->n_request = 0;
	send(peer->fd, buffer, peer->header.size, MSG_NOSIGNAL);
	if (peer->header.op == TRAFFIC_OP_ONCE)
		end_peer(peer);
}

static void serve_peer(struct peer *peer)
{
	if (peer->is_listener) {
		accept_all(peer);
		return;
	}
	if (peer->is_datagram) {
		echo_datagrams(peer);
		return;
	}
	if (peer->n_header < sizeof(peer->header)) {
		if (!take_header(peer))
			return;
	}
	switch ((enum traffic_op)peer->header.op) {
	case TRAFFIC_OP_SOURCE:
		feed(peer);
		break;
	case TRAFFIC_OP_SINK:
		sink(peer);
		break;
	case TRAFFIC_OP_ECHO:
	case TRAFFIC_OP_ONCE:
		echo(peer);
		break;
	}
}

static void say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

void traffic_serve(const struct traffic_options *options)
{
	struct epoll_event events[64];
	int fd = open_server(options, SOCK_STREAM);

	epoll_fd = epoll_create1(0);
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		traffic_fail("fcntl");
	new_peer(fd)->is_listener = 1;
	new_peer(open_server(options, SOCK_DGRAM))->is_datagram = 1;
	say_ready();
	for (;;) {
		int n = epoll_wait(epoll_fd, events, 64, -1);

		for (int i = 0; i < n; i++)
			serve_peer(events[i].data.ptr);
	}
}

void traffic_answer(const struct traffic_options *options)
{
	const struct traffic_calls *calls = options->calls;
	struct traffic_header header;
	int listener = open_server(options, SOCK_STREAM);

	say_ready();
	for (;;) {
		int fd = calls->accept(listener, NULL, NULL);

		if (fd < 0)
			traffic_fail("accept");
		traffic_recv_all(calls, fd, &header, sizeof(header));
		if (header.size > TRAFFIC_BUFFER)
			traffic_fail("header");
		traffic_recv_all(calls, fd, buffer, header.size);
		traffic_send_all(calls, fd, buffer, header.size);
		calls->close(fd);
	}
}
