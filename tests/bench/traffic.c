// SPDX-License-Identifier: MIT
/*
 * The benchmark's traffic generator: one program for both ends of a path, with
 * the kernel's sockets or, after -u, with libusocket's. A client tells the
 * server by a header what a connection is for, so one server serves every
 * measure. Results are one line of JSON on standard output; a server says
 * "ready" there.
 *
 * usage: traffic [-u] [-d] [-n STREAMS] [-s SIZE] [-t MS] [-l LIMIT] [-c CONGESTION]
 *                WHAT ADDRESS PORT
 *
 *   serve     the server: epoll, kernel's sockets only
 *   answer    a server that accepts, answers one request and closes, in turn
 *   in, out   bulk from the server, to the server
 *   ping      requests and answers of SIZE bytes; with -d over UDP
 *   connects  connect, one exchange, close
 *   many      STREAMS connections, step by step
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "traffic.h"

const struct traffic_calls traffic_kernel = {
	.socket = socket,
	.close = close,
	.bind = bind,
	.listen = listen,
	.connect = connect,
	.accept = accept,
	.send = send,
	.recv = recv,
	.setsockopt = setsockopt,
};

struct command {
	const char *name;
	void (*run)(const struct traffic_options *options);
	enum traffic_op op;
};

static const struct command commands[] = {
	{ "serve", traffic_serve, TRAFFIC_OP_SOURCE },
	{ "answer", traffic_answer, TRAFFIC_OP_ONCE },
	{ "in", traffic_bulk, TRAFFIC_OP_SOURCE },
	{ "out", traffic_bulk, TRAFFIC_OP_SINK },
	{ "ping", traffic_ping, TRAFFIC_OP_ECHO },
	{ "connects", traffic_connects, TRAFFIC_OP_ONCE },
	{ "many", traffic_many, TRAFFIC_OP_ECHO },
};

void traffic_fail(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double traffic_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

double traffic_cpu(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void traffic_pin_congestion(int fd, const char *name)
{
	if (*name && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, strlen(name)))
		traffic_fail(name);
}

void traffic_send_all(const struct traffic_calls *calls, int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = calls->send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0)
			traffic_fail("send");
		at += n;
		len -= (size_t)n;
	}
}

void traffic_recv_all(const struct traffic_calls *calls, int fd, void *data, size_t len)
{
	char *at = data;

	while (len) {
		ssize_t n = calls->recv(fd, at, len, 0);

		if (n == 0)
			errno = ECONNRESET;
		if (n <= 0)
			traffic_fail("recv");
		at += n;
		len -= (size_t)n;
	}
}

int traffic_open(const struct traffic_options *options)
{
	const struct traffic_calls *calls = options->calls;
	const struct sockaddr *address = (const struct sockaddr *)&options->address;
	const int on = 1;
	int fd = calls->socket(address->sa_family, options->type, 0);

	if (fd < 0)
		traffic_fail("socket");
	if (calls == &traffic_kernel && options->type == SOCK_STREAM)
		traffic_pin_congestion(fd, options->header.congestion);
	if (calls->connect(fd, address, options->address_len))
		traffic_fail("connect");
	if (options->type == SOCK_DGRAM)
		return fd;
	if (calls->setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		traffic_fail("TCP_NODELAY");
	traffic_send_all(calls, fd, &options->header, sizeof(options->header));
	return fd;
}

static void set_address(struct traffic_options *options, const char *ip, const char *port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&options->address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&options->address;
	uint16_t number = htons((uint16_t)atoi(port));

	errno = EINVAL;
	if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = number;
		options->address_len = sizeof(*in);
	} else if (inet_pton(AF_INET6, ip, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = number;
		options->address_len = sizeof(*in6);
	} else {
		traffic_fail(ip);
	}
}

static void take_option(struct traffic_options *options, int option)
{
	struct traffic_header *header = &options->header;

	switch (option) {
	case 'u':
		options->calls = &traffic_usocket;
		break;
	case 'd':
		options->type = SOCK_DGRAM;
		break;
	case 'n':
		options->n_streams = atoi(optarg);
		break;
	case 's':
		header->size = (uint32_t)atoi(optarg);
		break;
	case 't':
		header->time_ms = (uint32_t)atoi(optarg);
		break;
	case 'l':
		header->limit = strtoull(optarg, NULL, 10);
		break;
	case 'c':
		snprintf(header->congestion, sizeof(header->congestion), "%s", optarg);
		break;
	default:
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct traffic_options options = {
		.calls = &traffic_kernel,
		.header = { .magic = TRAFFIC_MAGIC, .size = 1, .time_ms = 1000 },
		.type = SOCK_STREAM,
		.n_streams = 1,
	};
	int option;

	signal(SIGPIPE, SIG_IGN);
	while ((option = getopt(argc, argv, "udn:s:t:l:c:")) != -1)
		take_option(&options, option);
	if (argc - optind != 3 || options.n_streams < 1 || options.header.size < 1 ||
		options.header.size > TRAFFIC_BUFFER) {
		fprintf(stderr, "traffic: see its source for the arguments\n");
		return 2;
	}
	set_address(&options, argv[optind + 1], argv[optind + 2]);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[optind]))
			continue;
		options.header.op = commands[i].op;
		commands[i].run(&options);
		return 0;
	}
	fprintf(stderr, "traffic: %s: no such measure\n", argv[optind]);
	return 2;
}
