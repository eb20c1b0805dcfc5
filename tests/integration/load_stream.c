/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * One connection; each side sends "send" patterned bytes and then FIN, and
 * expects exactly "receive" of the other's and then its FIN. The side that
 * connects sends the stream "seed", the one that listens ("listen=1") the
 * stream "seed" + 1.
 *
 * "mode" says how: blocking (all out, then all in), threads (both at once, a
 * thread each) or poll (both at once, non-blocking).
 *
 * "hold=1" says "connected" and reads only after a line from the script;
 * "after=1" sends only after the other side's FIN; "fin=0" sends no FIN and
 * closes when all is received, its end not waited for. "check=0" takes any
 * bytes. "clients=N" serves as many connections, each in a child of its own.
 */
#include "load.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct stream {
	int fd;
	uint64_t to_send, sent;
	uint64_t to_receive, received;
	uint64_t seed_out, seed_in;
	size_t chunk, read_chunk; /* bytes a call */
	bool check;		  /* bytes received must be the pattern */
	bool fin;		  /* half-close after the last byte */
	bool ended;		  /* FIN received */
	uint8_t *out, *in;
};

static void stream_setup(struct stream *s, const struct args *args)
{
	uint64_t seed = (uint64_t)arg_number(args, "seed", 1) * 2;
	bool listens = arg_number(args, "listen", 0) != 0;

	s->to_send = (uint64_t)arg_number(args, "send", 0);
	s->to_receive = (uint64_t)arg_number(args, "receive", 0);
	s->seed_out = seed + listens;
	s->seed_in = seed + !listens;
	s->chunk = (size_t)arg_number(args, "chunk", 65536);
	s->read_chunk = (size_t)arg_number(args, "read", 65536);
	s->check = arg_number(args, "check", 1) != 0;
	s->fin = arg_number(args, "fin", 1) != 0;
	s->out = malloc(s->chunk);
	s->in = malloc(s->read_chunk);
	require(s->out && s->in, "malloc");
}

/*
 * Accepts @n connections; each goes on in a child. Returns in the children;
 * the parent ends with their result.
 */
static void fork_servers(struct stream *s, int listener, int64_t n)
{
	int64_t n_failed = 0;
	int status;

	for (int64_t i = 0; i < n; i++) {
		pid_t pid;

		s->fd = net->accept(listener, NULL, NULL);
		require(s->fd >= 0, "accept");
		pid = fork();
		require(pid >= 0, "fork");
		if (pid == 0)
			return;
		net->close(s->fd);
	}
	while (wait(&status) > 0)
		n_failed += status != 0;
	require(n_failed == 0, "%lld children failed", (long long)n_failed);
	exit(0);
}

static void stream_open(struct stream *s, const struct args *args)
{
	struct endpoint endpoint;
	int listener;

	arg_endpoint(args, &endpoint);
	if (arg_number(args, "listen", 0) == 0) {
		s->fd = open_connected(&endpoint);
		return;
	}
	listener = open_listener(&endpoint, 64);
	say("listening %d", local_port(listener));
	if (arg_number(args, "clients", 0) > 0) {
		fork_servers(s, listener, arg_number(args, "clients", 0));
	} else {
		s->fd = net->accept(listener, NULL, NULL);
		require(s->fd >= 0, "accept");
	}
	net->close(listener);
}

/* Sends the next chunk; false if the socket takes nothing now. */
static bool send_some(struct stream *s)
{
	uint64_t left = s->to_send - s->sent;
	size_t len = left < s->chunk ? (size_t)left : s->chunk;
	ssize_t n;

	pattern_fill(s->out, len, s->sent, s->seed_out);
	n = net->send(s->fd, s->out, len, MSG_NOSIGNAL);
	if (n < 0 && errno == EAGAIN)
		return false;
	require(n > 0, "send after %llu bytes", (unsigned long long)s->sent);
	s->sent += (uint64_t)n;
	return true;
}

static void send_rest(struct stream *s)
{
	while (s->sent < s->to_send)
		send_some(s);
	if (s->fin)
		require(net->shutdown(s->fd, SHUT_WR) == 0, "shutdown");
}

static bool receive_some(struct stream *s)
{
	ssize_t n = net->recv(s->fd, s->in, s->read_chunk, 0);
	size_t good;

	if (n < 0 && errno == EAGAIN)
		return false;
	require(n >= 0, "recv after %llu bytes", (unsigned long long)s->received);
	if (n == 0) {
		s->ended = true;
		return true;
	}
	good = s->check ? pattern_check(s->in, (size_t)n, s->received, s->seed_in) : (size_t)n;
	require(good == (size_t)n, "byte %llu is wrong",
		(unsigned long long)(s->received + good));
	s->received += (uint64_t)n;
	return true;
}

static bool received_all(const struct stream *s)
{
	return s->ended || (!s->fin && s->received >= s->to_receive);
}

static void receive_rest(struct stream *s)
{
	while (!received_all(s))
		receive_some(s);
}

static void *receiver(void *arg)
{
	receive_rest(arg);
	return NULL;
}

static void run_threads(struct stream *s)
{
	pthread_t thread;

	require(pthread_create(&thread, NULL, receiver, s) == 0, "pthread_create");
	send_rest(s);
	pthread_join(thread, NULL);
}

static void run_blocking(struct stream *s)
{
	send_rest(s);
	receive_rest(s);
}

static void run_poll(struct stream *s)
{
	bool fin_sent = false;

	set_nonblocking(s->fd);
	while (!received_all(s) || !fin_sent) {
		struct pollfd p = { .fd = s->fd };

		if (!received_all(s))
			p.events |= POLLIN;
		if (s->sent < s->to_send)
			p.events |= POLLOUT;
		if (p.events)
			require(net->poll(&p, 1, -1) == 1, "poll");
		if (p.revents & (POLLIN | POLLHUP | POLLERR) && !received_all(s))
			receive_some(s);
		if (p.revents & POLLOUT)
			send_some(s);
		if (s->sent == s->to_send && !fin_sent) {
			if (s->fin)
				require(net->shutdown(s->fd, SHUT_WR) == 0, "shutdown");
			fin_sent = true;
		}
	}
}

static void run(struct stream *s, const char *mode)
{
	if (strcmp(mode, "threads") == 0)
		run_threads(s);
	else if (strcmp(mode, "poll") == 0)
		run_poll(s);
	else
		run_blocking(s);
}

int load_stream(const struct args *args)
{
	struct stream s = { .fd = -1 };

	stream_setup(&s, args);
	stream_open(&s, args);
	if (arg_number(args, "hold", 0)) {
		say("connected %d", local_port(s.fd));
		require(wait_for_line(), "no line came");
	}
	if (arg_number(args, "after", 0))
		receive_rest(&s);
	run(&s, arg_text(args, "mode", "blocking"));
	require(s.received == s.to_receive, "received %llu bytes",
		(unsigned long long)s.received);
	require(net->close(s.fd) == 0, "close");
	say("sent %llu received %llu", (unsigned long long)s.sent,
		(unsigned long long)s.received);
	free(s.out);
	free(s.in);
	return 0;
}
