/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * One thread sits in each kind of call that waits; then the script kills the
 * daemon. Every thread says "CALL RESULT ERRNO" as its call returns. Then, on
 * the script's lines: what the old sockets and a new one say while there is no
 * daemon ("while it is gone"), and that a new socket works when there is one
 * again ("after").
 *
 * "host" and "port" are an echo server's, "blackhole" an address that answers
 * nothing, "stall" a port of "host" where nobody reads.
 */
#include "load.h"

#include "usocket.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct call {
	const char *name;
	int fd;
	ssize_t (*run)(const struct call *call);
	struct endpoint peer;
	pthread_t thread;
};

static ssize_t run_recv(const struct call *call)
{
	return usocket_recv(call->fd, (char[16]){ 0 }, 16, 0);
}

static ssize_t run_accept(const struct call *call)
{
	return usocket_accept(call->fd, NULL, NULL);
}

static ssize_t run_connect(const struct call *call)
{
	return usocket_connect(call->fd, (const struct sockaddr *)&call->peer.address,
			       call->peer.len);
}

/* Sends until it fails: how much is queued by then does not matter. */
static ssize_t run_send(const struct call *call)
{
	static const uint8_t bytes[1 << 16];
	ssize_t n;

	do {
		n = usocket_send(call->fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
	} while (n > 0);
	return n;
}

static ssize_t run_poll(const struct call *call)
{
	struct pollfd p = { .fd = call->fd, .events = POLLIN };

	require(usocket_poll(&p, 1, -1) == 1, "poll");
	/* What the poller finds out next. */
	return run_recv(call);
}

static ssize_t run_lookup(const struct call *call)
{
	struct addrinfo *list = NULL;

	(void)call;
	return usocket_getaddrinfo("nobody.answers.invalid", NULL, NULL, &list);
}

static void *run_call(void *arg)
{
	struct call *call = arg;
	ssize_t result = call->run(call);

	say("%s %zd %d", call->name, result, errno);
	return NULL;
}

static int open_unconnected(const struct endpoint *like, int type)
{
	int fd = usocket_socket(like->address.ss_family, type, 0);

	require(fd >= 0, "socket");
	return fd;
}

/* What the old sockets say, without waiting; one line each. */
static void say_what_is_left(const struct call *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ssize_t r;

		if (calls[i].fd < 0)
			continue;
		r = usocket_send(calls[i].fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		say("late-send-%s %zd %d", calls[i].name, r, r < 0 ? errno : 0);
		require(usocket_getsocketsta(calls[i].fd) <= 0, "state of %s is %d",
			calls[i].name, usocket_getsocketsta(calls[i].fd));
	}
}

static void use_again(const struct endpoint *peer)
{
	int fd = open_connected(peer);

	exchange(fd, 5000, 1);
	require(usocket_close(fd) == 0, "close");
}

int load_bereaved(const struct args *args)
{
	struct args blackhole_args = *args, stall_args = *args;
	struct endpoint peer, any = { .len = sizeof(struct sockaddr_in) };
	struct endpoint blackhole, stall;
	char host[80] = "host=", port[32] = "port=7";
	int r;

	arg_endpoint(args, &peer);
	any.address.ss_family = AF_INET;
	strncat(host, arg_text(args, "blackhole", "192.0.2.1"), 64);
	blackhole_args = (struct args){ 2, (char *[]){ host, port } };
	arg_endpoint(&blackhole_args, &blackhole);
	strncpy(port + 5, arg_text(args, "stall", "0"), 16);
	strcpy(host + 5, arg_text(args, "host", ""));
	stall_args = blackhole_args;
	arg_endpoint(&stall_args, &stall);

	struct call calls[] = {
		{ .name = "recv", .run = run_recv, .fd = open_connected(&peer) },
		{ .name = "poll", .run = run_poll, .fd = open_connected(&peer) },
		{ .name = "send", .run = run_send, .fd = open_connected(&stall) },
		{ .name = "accept", .run = run_accept, .fd = open_listener(&any, 4) },
		{ .name = "recvfrom", .run = run_recv, .fd = open_bound(&any, SOCK_DGRAM) },
		{ .name = "connect", .run = run_connect, .peer = blackhole,
		  .fd = open_unconnected(&blackhole, SOCK_STREAM) },
		{ .name = "lookup", .run = run_lookup, .fd = -1 },
	};
	size_t n = sizeof(calls) / sizeof(calls[0]);

	for (size_t i = 0; i < n; i++)
		require(pthread_create(&calls[i].thread, NULL, run_call, &calls[i]) == 0,
			"pthread_create");
	say("ready");
	for (size_t i = 0; i < n; i++)
		pthread_join(calls[i].thread, NULL);
	say("woken");
	require(wait_for_line(), "no line came");
	say_what_is_left(calls, n);
	r = usocket_socket(AF_INET, SOCK_STREAM, 0);
	say("new-socket %d %d", r, r < 0 ? errno : 0);
	say("while-gone");
	require(wait_for_line(), "no line came");
	use_again(&peer);
	for (size_t i = 0; i < n; i++)
		require(calls[i].fd < 0 || usocket_close(calls[i].fd) == 0, "close");
	say("done");
	return 0;
}
