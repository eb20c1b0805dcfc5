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

static void call_all(struct call *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		require(pthread_create(&calls[i].thread, NULL, run_call, &calls[i]) == 0,
			"pthread_create");
	say("ready");
	for (size_t i = 0; i < n; i++)
		pthread_join(calls[i].thread, NULL);
	say("woken");
}

static void say_new_socket(void)
{
	int r = usocket_socket(AF_INET, SOCK_STREAM, 0);

	say("new-socket %d %d", r, r < 0 ? errno : 0);
}

int load_bereaved(const struct args *args)
{
	struct endpoint peer, stall, blackhole, any;
	struct call calls[] = {
		{ .name = "recv", .run = run_recv },
		{ .name = "poll", .run = run_poll },
		{ .name = "send", .run = run_send },
		{ .name = "accept", .run = run_accept },
		{ .name = "recvfrom", .run = run_recv },
		{ .name = "connect", .run = run_connect },
		{ .name = "lookup", .run = run_lookup },
	};
	size_t n = sizeof(calls) / sizeof(calls[0]);

	arg_endpoint(args, &peer);
	endpoint_set(&stall, arg_text(args, "host", ""), arg_number(args, "stall", 0));
	endpoint_set(&blackhole, arg_text(args, "blackhole", "192.0.2.1"), 7);
	endpoint_set(&any, "0.0.0.0", 0);
	calls[0].fd = open_connected(&peer);
	calls[1].fd = open_connected(&peer);
	calls[2].fd = open_connected(&stall);
	calls[3].fd = open_listener(&any, 4);
	calls[4].fd = open_bound(&any, SOCK_DGRAM);
	calls[5].fd = open_unconnected(&blackhole, SOCK_STREAM);
	calls[5].peer = blackhole;
	calls[6].fd = -1;
	call_all(calls, n);
	require(wait_for_line(), "no line came");
	say_what_is_left(calls, n);
	say_new_socket();
	say("while-gone");
	require(wait_for_line(), "no line came");
	use_again(&peer);
	for (size_t i = 0; i < n; i++)
		require(calls[i].fd < 0 || usocket_close(calls[i].fd) == 0, "close");
	say("done");
	return 0;
}
