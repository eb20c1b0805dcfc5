/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * A script starts load, reads the lines it says, and sends it lines when it
 * may go on: so no side ever sleeps to be in time. Each run has a deadline
 * ("timeout", in seconds) after which SIGALRM ends it, whatever it hangs in.
 */
#include "load.h"

#include "usocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TIMEOUT_S 60

static const struct transport transport_usocket = {
	.socket = usocket_socket,
	.close = usocket_close,
	.bind = usocket_bind,
	.listen = usocket_listen,
	.connect = usocket_connect,
	.accept = usocket_accept,
	.getsockname = usocket_getsockname,
	.shutdown = usocket_shutdown,
	.send = usocket_send,
	.recv = usocket_recv,
	.sendto = usocket_sendto,
	.recvfrom = usocket_recvfrom,
	.setsockopt = usocket_setsockopt,
	.getsockopt = usocket_getsockopt,
	.poll = usocket_poll,
};

static const struct transport transport_kernel = {
	.socket = socket,
	.close = close,
	.bind = bind,
	.listen = listen,
	.connect = connect,
	.accept = accept,
	.getsockname = getsockname,
	.shutdown = shutdown,
	.send = send,
	.recv = recv,
	.sendto = sendto,
	.recvfrom = recvfrom,
	.setsockopt = setsockopt,
	.getsockopt = getsockopt,
	.poll = poll,
};

const struct transport *net = &transport_usocket;

struct command {
	const char *name;
	int (*run)(const struct args *args);
	const char *help;
};

static const struct command commands[] = {
	{ "stream", load_stream, "one TCP connection, bytes checked both ways" },
	{ "many", load_many, "count connections at once to an echo server" },
	{ "echo", load_echo, "TCP echo server for any number of connections" },
	{ "hold", load_hold, "count sockets that do nothing" },
	{ "datagrams", load_datagrams, "datagrams of all sizes to a reflector" },
	{ "reflect", load_reflect, "UDP: sends back what comes" },
	{ "group", load_group, "receives or sends one multicast datagram" },
	{ "ping", load_ping, "one ICMP echo over a raw socket" },
	{ "fork", load_fork, "parent and child share a connection" },
	{ "exec", load_exec, "another image goes on with a connection" },
	{ "inherit", load_inherit, "(what exec starts)" },
	{ "hand-over", load_hand_over, "sends sockets to another process" },
	{ "take-over", load_take_over, "receives and uses them" },
	{ "dup", load_dup, "a connection ends with its last descriptor" },
	{ "threads", load_threads, "threads on one socket and on many; all inside the stack" },
	{ "alone", load_alone, "what interrupts the only thread of a process" },
	{ "bereaved", load_bereaved, "what its calls say when the daemon dies" },
};

/* ---- script side ----------------------------------------------------------- */

void die(const char *what, ...)
{
	int error = errno;
	va_list args;

	va_start(args, what);
	fprintf(stderr, "load: ");
	vfprintf(stderr, what, args);
	fprintf(stderr, " (errno %d, %s)\n", error, strerror(error));
	va_end(args);
	_exit(1);
}

void say(const char *format, ...)
{
	va_list args;

	/* Threads' lines stay apart. */
	flockfile(stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	funlockfile(stdout);
}

bool wait_for_line(void)
{
	char line[64];

	return fgets(line, sizeof(line), stdin) != NULL;
}

const char *arg_text(const struct args *args, const char *name, const char *fallback)
{
	size_t len = strlen(name);

	for (int i = 0; i < args->n; i++)
		if (strncmp(args->words[i], name, len) == 0 && args->words[i][len] == '=')
			return args->words[i] + len + 1;
	return fallback;
}

int64_t arg_number(const struct args *args, const char *name, int64_t fallback)
{
	const char *text = arg_text(args, name, NULL);
	int64_t value;
	char *end;

	if (!text)
		return fallback;
	value = strtoll(text, &end, 0);
	require(*text != '\0' && *end == '\0', "%s is no number", name);
	return value;
}

void endpoint_set(struct endpoint *out, const char *host, int64_t port)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)&out->address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->address;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, host, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)port);
		out->len = sizeof(*in4);
		return;
	}
	require(inet_pton(AF_INET6, host, &in6->sin6_addr) == 1, "%s is no address", host);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	out->len = sizeof(*in6);
}

void arg_endpoint(const struct args *args, struct endpoint *out)
{
	endpoint_set(out, arg_text(args, "host", "127.0.0.1"), arg_number(args, "port", 0));
}

/* ---- pattern --------------------------------------------------------------- */

/* splitmix64: every 8 bytes follow from their place alone. */
static uint64_t pattern_word(uint64_t index, uint64_t seed)
{
	uint64_t x = (index + seed * 0x100000001b3u + 1) * 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

void pattern_fill(uint8_t *bytes, size_t len, uint64_t offset, uint64_t seed)
{
	while (len > 0) {
		uint64_t word = pattern_word(offset / 8, seed);
		size_t at = offset % 8;
		size_t n = 8 - at < len ? 8 - at : len;

		memcpy(bytes, (uint8_t *)&word + at, n);
		bytes += n;
		offset += n;
		len -= n;
	}
}

size_t pattern_check(const uint8_t *bytes, size_t len, uint64_t offset, uint64_t seed)
{
	size_t done = 0;

	while (done < len) {
		uint64_t word = pattern_word((offset + done) / 8, seed);
		size_t at = (offset + done) % 8;
		size_t n = 8 - at < len - done ? 8 - at : len - done;

		if (memcmp(bytes + done, (uint8_t *)&word + at, n) != 0)
			break;
		done += n;
	}
	/* The word that differs: which of its bytes? */
	for (; done < len; done++) {
		uint8_t expected;

		pattern_fill(&expected, 1, offset + done, seed);
		if (bytes[done] != expected)
			break;
	}
	return done;
}

/* ---- sockets --------------------------------------------------------------- */

int open_connected(const struct endpoint *peer)
{
	int fd = net->socket(peer->address.ss_family, SOCK_STREAM, 0);

	require(fd >= 0, "socket");
	require(net->connect(fd, (const struct sockaddr *)&peer->address, peer->len) == 0,
		"connect");
	return fd;
}

int open_bound(const struct endpoint *local, int type)
{
	int fd = net->socket(local->address.ss_family, type, 0);
	int on = 1;

	require(fd >= 0, "socket");
	require(net->setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0,
		"SO_REUSEADDR");
	require(net->bind(fd, (const struct sockaddr *)&local->address, local->len) == 0,
		"bind");
	return fd;
}

int open_listener(const struct endpoint *local, int backlog)
{
	int fd = open_bound(local, SOCK_STREAM);

	require(net->listen(fd, backlog) == 0, "listen");
	return fd;
}

uint16_t local_port(int fd)
{
	struct endpoint e = { .len = sizeof(e.address) };

	require(net->getsockname(fd, (struct sockaddr *)&e.address, &e.len) == 0, "getsockname");
	if (e.address.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&e.address)->sin_port);
	return ntohs(((struct sockaddr_in6 *)&e.address)->sin6_port);
}

void set_nonblocking(int fd)
{
	require(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
}

void send_all(int fd, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		ssize_t n = net->send(fd, at, len, MSG_NOSIGNAL);

		require(n > 0, "send");
		at += n;
		len -= (size_t)n;
	}
}

void receive_all(int fd, void *bytes, size_t len)
{
	uint8_t *at = bytes;

	while (len > 0) {
		ssize_t n = net->recv(fd, at, len, 0);

		require(n > 0, n == 0 ? "the stream ended early" : "recv");
		at += n;
		len -= (size_t)n;
	}
}

void exchange(int fd, size_t len, uint64_t seed)
{
	uint8_t *bytes = malloc(len);

	require(bytes, "malloc");
	pattern_fill(bytes, len, 0, seed);
	send_all(fd, bytes, len);
	memset(bytes, 0, len);
	receive_all(fd, bytes, len);
	require(pattern_check(bytes, len, 0, seed) == len, "the echo differs");
	free(bytes);
}

/* ---- program --------------------------------------------------------------- */

static int usage(void)
{
	fprintf(stderr, "usage: load [-k] COMMAND [NAME=VALUE...]\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(stderr, "  %-12s %s\n", commands[i].name, commands[i].help);
	return 2;
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	struct args args;
	int at = 1;

	if (at < argc && strcmp(argv[at], "-k") == 0) {
		net = &transport_kernel;
		at++;
	}
	if (at == argc)
		return usage();
	args = (struct args){ argc - at - 1, argv + at + 1 };
	raise_descriptor_limit();
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[at], commands[i].name) != 0)
			continue;
		alarm((unsigned int)arg_number(&args, "timeout", TIMEOUT_S));
		return commands[i].run(&args);
	}
	return usage();
}
