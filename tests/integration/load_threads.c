/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * Everything happens inside the stack: the program connects to its own
 * listeners on 127.0.0.1, so any link will do, and the same program runs under
 * TSan. Each case is a row of a table and says "ok NAME" when it is through.
 *
 * The close cases need a call that is blocked. There is no way to be sure of
 * that from outside; the closer waits until the thread sleeps, and any moment
 * is a right one: a call that comes too late finds a closed descriptor, which
 * is the same error.
 */
#include "load.h"

#include "usocket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_THREADS    8
#define ROUNDS	     40
#define CLOSE_ROUNDS 10
#define BIG	     (4u << 20)

/* ---- helpers --------------------------------------------------------------- */

static struct endpoint loopback(uint16_t port)
{
	struct endpoint e;

	endpoint_set(&e, "127.0.0.1", port);
	return e;
}

static int listen_here(int backlog)
{
	struct endpoint here = loopback(0);

	return open_listener(&here, backlog);
}

static int connect_to(int listener)
{
	struct endpoint peer = loopback(local_port(listener));

	return open_connected(&peer);
}

/* Both ends of a connection. */
static void make_pair(int pair[2])
{
	int listener = listen_here(1);

	pair[0] = connect_to(listener);
	pair[1] = usocket_accept(listener, NULL, NULL);
	require(pair[1] >= 0, "accept");
	usocket_close(listener);
}

static void start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	int r = pthread_create(thread, NULL, run, arg);

	errno = r;
	require(r == 0, "pthread_create");
}

static void run_all(void *(*run)(void *), void *arg)
{
	pthread_t threads[N_THREADS];

	for (int i = 0; i < N_THREADS; i++)
		start(&threads[i], run, arg);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* Sessions of other processes ("others"). */
static uint32_t other_sessions;
static uint32_t churn_rounds;

/* ---- first use -------------------------------------------------------------- */

static void *make_and_close(void *arg)
{
	pthread_barrier_t *barrier = arg;
	int fd;

	pthread_barrier_wait(barrier);
	fd = usocket_socket(AF_INET, SOCK_STREAM, 0);
	require(fd >= 0, "socket");
	require(usocket_close(fd) == 0, "close");
	return NULL;
}

/* The process has no session yet: all threads find the daemon at once. */
static void first_use(void)
{
	struct usocket_status status;
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, N_THREADS);
	run_all(make_and_close, &barrier);
	pthread_barrier_destroy(&barrier);
	require(usocket_status(&status, sizeof(status)) == 0, "status");
	require(status.sessions == 1 + other_sessions, "%u sessions, %u of others",
		status.sessions, other_sessions);
}

/* ---- two threads on one socket ---------------------------------------------- */

static void *echo_stream(void *arg)
{
	static uint8_t bytes[65536];
	int fd = *(int *)arg;
	ssize_t n;

	while ((n = usocket_recv(fd, bytes, sizeof(bytes), 0)) > 0)
		send_all(fd, bytes, (size_t)n);
	require(n == 0, "recv");
	require(usocket_shutdown(fd, SHUT_WR) == 0, "shutdown");
	return NULL;
}

static void *send_stream(void *arg)
{
	uint8_t bytes[10007];
	int fd = *(int *)arg;

	for (size_t at = 0; at < BIG;) {
		size_t n = BIG - at < sizeof(bytes) ? BIG - at : sizeof(bytes);

		pattern_fill(bytes, n, at, 1);
		send_all(fd, bytes, n);
		at += n;
	}
	require(usocket_shutdown(fd, SHUT_WR) == 0, "shutdown");
	return NULL;
}

static void one_socket(void)
{
	uint8_t bytes[9973];
	pthread_t echo, sender;
	size_t at = 0;
	int pair[2];
	ssize_t n;

	make_pair(pair);
	start(&echo, echo_stream, &pair[1]);
	start(&sender, send_stream, &pair[0]);
	while ((n = usocket_recv(pair[0], bytes, sizeof(bytes), 0)) > 0) {
		require(pattern_check(bytes, (size_t)n, at, 1) == (size_t)n, "bytes differ");
		at += (size_t)n;
	}
	require(n == 0 && at == BIG, "the stream ended after %zu", at);
	pthread_join(sender, NULL);
	pthread_join(echo, NULL);
	usocket_close(pair[0]);
	usocket_close(pair[1]);
}

/* ---- many threads on many sockets ------------------------------------------- */

static void *serve(void *arg)
{
	int listener = *(int *)arg;

	for (int i = 0; i < ROUNDS; i++) {
		uint8_t bytes[32768];
		int fd = usocket_accept(listener, NULL, NULL);
		ssize_t n;

		require(fd >= 0, "accept");
		while ((n = usocket_recv(fd, bytes, sizeof(bytes), 0)) > 0)
			send_all(fd, bytes, (size_t)n);
		require(n == 0, "recv");
		require(usocket_close(fd) == 0, "close");
	}
	return NULL;
}

static void *use(void *arg)
{
	int listener = *(int *)arg;

	for (size_t i = 0; i < ROUNDS; i++) {
		int fd = connect_to(listener);

		exchange(fd, 1 + i * 997, i);
		require(usocket_getsocketsta(fd) == 4, "state %d", usocket_getsocketsta(fd));
		require(usocket_close(fd) == 0, "close");
	}
	return NULL;
}

/* Each accepting thread serves as many as each other thread opens. */
static void many_sockets(void)
{
	pthread_t threads[2 * N_THREADS];
	int listener = listen_here(64);

	for (int i = 0; i < 2 * N_THREADS; i++)
		start(&threads[i], i % 2 ? serve : use, &listener);
	for (int i = 0; i < 2 * N_THREADS; i++)
		pthread_join(threads[i], NULL);
	usocket_close(listener);
}

/* ---- everything at once ------------------------------------------------------ */

static void look_around(void)
{
	struct usocket_socket_info info;
	struct addrinfo *list;
	uint32_t cursor = 0;
	int r;

	while ((r = usocket_next_socket(&cursor, &info, sizeof(info))) > 0)
		require(info.id != 0, "a record without id");
	require(r == 0, "next_socket");
	r = usocket_getaddrinfo("192.0.2.1", "80", NULL, &list);
	require(r == 0, "getaddrinfo: %s", usocket_gai_strerror(r));
	usocket_freeaddrinfo(list);
}

static void *churn(void *arg)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	struct endpoint any = loopback(0);
	int on = 1;

	(void)arg;
	for (uint32_t i = 0; i < churn_rounds; i++) {
		int fd = usocket_socket(AF_INET, types[i % 2], 0);

		require(fd >= 0, "socket");
		require(usocket_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0,
			"SO_REUSEADDR");
		require(usocket_bind(fd, (struct sockaddr *)&any.address, any.len) == 0, "bind");
		require(local_port(fd) != 0, "no port");
		if (i % 8 == 0)
			look_around();
		require(usocket_close(fd) == 0, "close");
	}
	return NULL;
}

static void churn_all(void)
{
	run_all(churn, NULL);
}

/* ---- close wakes -------------------------------------------------------------- */

struct blocked {
	int fd;
	pid_t tid; /* 0: not started yet */
	ssize_t result;
	int error;
	ssize_t (*call)(int fd);
	struct endpoint peer;
};

static ssize_t call_recv(int fd)
{
	return usocket_recv(fd, (char[16]){ 0 }, 16, 0);
}

static ssize_t call_accept(int fd)
{
	return usocket_accept(fd, NULL, NULL);
}

/* Far more than all buffers hold. */
static ssize_t call_send(int fd)
{
	static uint8_t bytes[64u << 20];

	return usocket_send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
}

static void *block(void *arg)
{
	struct blocked *b = arg;

	__atomic_store_n(&b->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (b->call)
		b->result = b->call(b->fd);
	else
		b->result = usocket_connect(b->fd, (struct sockaddr *)&b->peer.address,
			b->peer.len);
	b->error = errno;
	return NULL;
}

static bool sleeps(pid_t tid)
{
	char path[64], line[256], *end;
	bool asleep = false;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	stat = fopen(path, "re");
	if (!stat)
		return true; /* it has ended: there is nothing to wait for */
	if (fgets(line, sizeof(line), stat)) {
		end = strrchr(line, ')');
		asleep = end && end[2] == 'S';
	}
	fclose(stat);
	return asleep;
}

static void wait_until_blocked(struct blocked *b)
{
	int seen = 0;

	for (int i = 0; i < 2000 && seen < 5; i++) {
		pid_t tid = __atomic_load_n(&b->tid, __ATOMIC_ACQUIRE);

		seen = tid && sleeps(tid) ? seen + 1 : 0;
		usleep(1000);
	}
}

/* What came of the call when its descriptor was closed under it. */
static void close_under(struct blocked *b, const char *what)
{
	pthread_t thread;

	start(&thread, block, b);
	wait_until_blocked(b);
	require(usocket_close(b->fd) == 0, "close");
	pthread_join(thread, NULL);
	errno = b->error;
	/* A send that had queued some says how much, as Linux' does. */
	if (b->call == call_send && b->result > 0)
		return;
	require(b->result == -1 && b->error == EBADF, "%s gave %zd", what, b->result);
}

static void close_wakes_recv(void)
{
	for (int i = 0; i < CLOSE_ROUNDS; i++) {
		int pair[2];

		make_pair(pair);
		close_under(&(struct blocked){ .fd = pair[0], .call = call_recv }, "recv");
		usocket_close(pair[1]);
	}
}

static void close_wakes_accept(void)
{
	for (int i = 0; i < CLOSE_ROUNDS; i++)
		close_under(&(struct blocked){ .fd = listen_here(1), .call = call_accept },
			"accept");
}

static void close_wakes_recvfrom(void)
{
	struct endpoint any = loopback(0);

	for (int i = 0; i < CLOSE_ROUNDS; i++)
		close_under(&(struct blocked){ .fd = open_bound(&any, SOCK_DGRAM),
				    .call = call_recv },
			"recvfrom");
}

static void close_wakes_send(void)
{
	int pair[2];

	make_pair(pair);
	close_under(&(struct blocked){ .fd = pair[0], .call = call_send }, "send");
	usocket_close(pair[1]);
}

/* A listener whose backlog is full answers no SYN. */
static void close_wakes_connect(void)
{
	int listener = listen_here(1);
	int first = connect_to(listener);

	for (int i = 0; i < CLOSE_ROUNDS; i++) {
		struct blocked b = { .fd = usocket_socket(AF_INET, SOCK_STREAM, 0),
			.peer = loopback(local_port(listener)) };

		require(b.fd >= 0, "socket");
		close_under(&b, "connect");
	}
	usocket_close(first);
	usocket_close(listener);
}

/* ---- cases -------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "first_use", first_use },
	{ "one_socket", one_socket },
	{ "many_sockets", many_sockets },
	{ "churn", churn_all },
	{ "close_wakes_recv", close_wakes_recv },
	{ "close_wakes_accept", close_wakes_accept },
	{ "close_wakes_recvfrom", close_wakes_recvfrom },
	{ "close_wakes_send", close_wakes_send },
	{ "close_wakes_connect", close_wakes_connect },
};

int load_threads(const struct args *args)
{
	const char *only = arg_text(args, "only", NULL);

	other_sessions = (uint32_t)arg_number(args, "others", 0);
	churn_rounds = (uint32_t)arg_number(args, "rounds", 5 * ROUNDS);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (only && strcmp(only, cases[i].name) != 0)
			continue;
		cases[i].run();
		say("ok %s", cases[i].name);
	}
	return 0;
}
