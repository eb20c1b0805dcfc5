/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * many: "count" connections to one echo server. It says "open" when
 * all are up, waits for a line, and then sends a different word on each and
 * expects it back before it closes any.
 *
 * echo: one poll loop that sends back whatever comes, until its input ends.
 * Each connection has one buffer, which is emptied before more is read, so a
 * client that does not read is not read from either.
 *
 * hold: "count" sockets (or look-ups, or a session) of a "kind" that do nothing
 * until its input ends.
 */
#include "load.h"

#include "usocket.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORD 8
/* Connects at a time: with many more a backlog is full, and SYNs come again for minutes. */
#define BATCH	    100
#define ECHO_BUFFER 65536

struct echo_client {
	uint8_t *bytes;
	size_t at, len; /* what is to be sent back */
};

struct echo {
	struct pollfd *fds; /* 0: standard input, 1: the listener */
	struct echo_client *clients;
	nfds_t n, max;
};

/* ---- many ------------------------------------------------------------------ */

static int start_connecting(const struct endpoint *peer)
{
	int fd = net->socket(peer->address.ss_family, SOCK_STREAM, 0);
	int r;

	require(fd >= 0, "socket");
	set_nonblocking(fd);
	r = net->connect(fd, (const struct sockaddr *)&peer->address, peer->len);
	require(r == 0 || errno == EINPROGRESS, "connect");
	return fd;
}

static void finish_connecting(struct pollfd *p)
{
	int error = 0;
	socklen_t len = sizeof(error);

	require(net->getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0, "SO_ERROR");
	errno = error;
	require(error == 0, "connect");
	p->events = 0;
}

/* Polls until every descriptor has had @event; @on_event takes it. */
static void each_once(struct pollfd *fds, nfds_t n, short event,
	void (*on_event)(struct pollfd *p))
{
	nfds_t left = n;

	for (nfds_t i = 0; i < n; i++)
		fds[i].events = event;
	while (left > 0) {
		require(net->poll(fds, n, -1) > 0, "poll");
		for (nfds_t i = 0; i < n; i++) {
			if (!fds[i].events || !fds[i].revents)
				continue;
			on_event(&fds[i]);
			fds[i].events = 0;
			left--;
		}
	}
}

static void send_word(struct pollfd *p)
{
	uint8_t word[WORD];

	pattern_fill(word, sizeof(word), 0, (uint64_t)p->fd);
	require(net->send(p->fd, word, sizeof(word), MSG_NOSIGNAL) == WORD, "send");
}

static void check_word(struct pollfd *p)
{
	uint8_t word[WORD];

	require(net->recv(p->fd, word, sizeof(word), 0) == WORD, "recv");
	require(pattern_check(word, WORD, 0, (uint64_t)p->fd) == WORD, "the echo differs");
}

int load_many(const struct args *args)
{
	nfds_t n = (nfds_t)arg_number(args, "count", 1);
	struct pollfd *fds = calloc(n, sizeof(*fds));
	struct endpoint peer;

	require(fds, "calloc");
	arg_endpoint(args, &peer);
	for (nfds_t i = 0; i < n; i += BATCH) {
		nfds_t batch = n - i < BATCH ? n - i : BATCH;

		for (nfds_t k = i; k < i + batch; k++)
			fds[k].fd = start_connecting(&peer);
		each_once(fds + i, batch, POLLOUT, finish_connecting);
	}
	say("open %lu", (unsigned long)n);
	require(wait_for_line(), "no line came");
	each_once(fds, n, POLLOUT, send_word);
	each_once(fds, n, POLLIN, check_word);
	for (nfds_t i = 0; i < n; i++)
		require(net->close(fds[i].fd) == 0, "close");
	say("done");
	free(fds);
	return 0;
}

/* ---- echo ------------------------------------------------------------------ */

static void echo_add(struct echo *echo, int fd)
{
	if (echo->n == echo->max) {
		echo->max = echo->max ? echo->max * 2 : 16;
		echo->fds = realloc(echo->fds, echo->max * sizeof(*echo->fds));
		echo->clients = realloc(echo->clients, echo->max * sizeof(*echo->clients));
		require(echo->fds && echo->clients, "realloc");
	}
	echo->fds[echo->n] = (struct pollfd){ .fd = fd, .events = POLLIN };
	echo->clients[echo->n] = (struct echo_client){ 0 };
	echo->n++;
}

static void echo_remove(struct echo *echo, nfds_t i)
{
	net->close(echo->fds[i].fd);
	free(echo->clients[i].bytes);
	echo->n--;
	echo->fds[i] = echo->fds[echo->n];
	echo->clients[i] = echo->clients[echo->n];
}

static void echo_accept(struct echo *echo)
{
	int fd = net->accept(echo->fds[1].fd, NULL, NULL);

	if (fd < 0)
		return;
	set_nonblocking(fd);
	echo_add(echo, fd);
}

/* False when the connection is over. */
static bool echo_receive(struct echo_client *client, int fd)
{
	ssize_t n;

	if (!client->bytes)
		client->bytes = malloc(ECHO_BUFFER);
	require(client->bytes, "malloc");
	n = net->recv(fd, client->bytes, ECHO_BUFFER, 0);
	if (n < 0)
		return errno == EAGAIN;
	client->at = 0;
	client->len = (size_t)n;
	return n > 0;
}

static bool echo_send(struct echo_client *client, int fd)
{
	ssize_t n = net->send(fd, client->bytes + client->at, client->len, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN;
	client->at += (size_t)n;
	client->len -= (size_t)n;
	return true;
}

static bool echo_serve(struct echo_client *client, struct pollfd *p)
{
	bool goes_on = true;

	if (client->len == 0)
		goes_on = echo_receive(client, p->fd);
	if (goes_on && client->len > 0)
		goes_on = echo_send(client, p->fd);
	p->events = client->len > 0 ? POLLOUT : POLLIN;
	return goes_on;
}

int load_echo(const struct args *args)
{
	struct echo echo = { 0 };
	struct endpoint local;
	int listener;

	arg_endpoint(args, &local);
	listener = open_listener(&local, (int)arg_number(args, "backlog", 255));
	set_nonblocking(listener);
	echo_add(&echo, STDIN_FILENO);
	echo_add(&echo, listener);
	say("listening %d", local_port(listener));
	while (!echo.fds[0].revents) {
		require(net->poll(echo.fds, echo.n, -1) > 0, "poll");
		for (nfds_t i = echo.n; i-- > 2;)
			if (echo.fds[i].revents && !echo_serve(&echo.clients[i], &echo.fds[i]))
				echo_remove(&echo, i);
		if (echo.fds[1].revents)
			echo_accept(&echo);
	}
	while (echo.n > 1)
		echo_remove(&echo, echo.n - 1);
	free(echo.fds);
	free(echo.clients);
	return 0;
}

/* ---- hold ------------------------------------------------------------------ */

static int open_new(const struct endpoint *endpoint)
{
	int fd = net->socket(endpoint->address.ss_family, SOCK_STREAM, 0);

	require(fd >= 0, "socket");
	return fd;
}

static int open_listening(const struct endpoint *endpoint)
{
	return open_listener(endpoint, 8);
}

static int open_udp(const struct endpoint *endpoint)
{
	return open_bound(endpoint, SOCK_DGRAM);
}

/* In a group, which the stack tells the link's routers of. */
static int open_member(const struct endpoint *endpoint)
{
	struct ip_mreq request = { .imr_multiaddr.s_addr = htonl(0xef070707) };
	int fd = open_udp(endpoint);

	require(net->setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request,
			sizeof(request)) == 0,
		"IP_ADD_MEMBERSHIP");
	return fd;
}

static int open_raw(const struct endpoint *endpoint)
{
	int fd = net->socket(endpoint->address.ss_family, SOCK_RAW, IPPROTO_ICMP);

	require(fd >= 0, "socket");
	return fd;
}

static int open_lookup(const struct endpoint *endpoint)
{
	struct usocket_lookup *lookup;
	int r = usocket_lookup_start("nobody.answers.invalid", NULL, NULL, &lookup);

	(void)endpoint;
	require(r == 0, "look-up: %s", usocket_gai_strerror(r));
	return -1;
}

static int open_session(const struct endpoint *endpoint)
{
	(void)endpoint;
	require(usocket_open_session() == 0, "session");
	return -1;
}

static const struct {
	const char *kind;
	int (*open)(const struct endpoint *endpoint);
} idle_kinds[] = {
	{ "tcp", open_new },
	{ "udp", open_udp },
	{ "member", open_member },
	{ "raw", open_raw },
	{ "listen", open_listening },
	{ "connecting", start_connecting },
	{ "connected", open_connected },
	{ "lookup", open_lookup },
	{ "session", open_session },
};

static int open_idle(const char *kind, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < sizeof(idle_kinds) / sizeof(idle_kinds[0]); i++)
		if (strcmp(kind, idle_kinds[i].kind) == 0)
			return idle_kinds[i].open(endpoint);
	die("%s is no kind of socket", kind);
}

int load_hold(const struct args *args)
{
	int n = (int)arg_number(args, "count", 1);
	const char *kind = arg_text(args, "kind", "tcp");
	struct endpoint endpoint;
	int fd = -1;

	arg_endpoint(args, &endpoint);
	for (int i = 0; i < n; i++)
		fd = open_idle(kind, &endpoint);
	say("ready %d", fd >= 0 ? local_port(fd) : 0);
	while (wait_for_line())
		continue;
	/* The kernel closes them all, as it does for a program that dies. */
	return 0;
}
