// SPDX-License-Identifier: MIT
/*
 * The smallest request to the daemon, and what a round trip costs without one:
 * two processes and a POSIX message queue each way, or an AF_UNIX pair. Prints
 * one line of JSON.
 *
 * usage: control request|queue|unix|script|state|memory MILLISECONDS
 *
 * request is a socket option that the daemon keeps, set; script is getsocketsta()
 * as the bindings call it, state the same by a descriptor alone, memory a read of
 * shared memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "usocket.h"
#include "usocket_script.h"

/* About as long as the encoded request and its reply. */
#define MESSAGE		 24
#define SIZE_MAX_MESSAGE 1024
#define MOST		 2000000
#define BATCH		 1000

struct way {
	const char *name;
	void (*set_up)(void);
	void (*turn)(void);
	int batch; /* turns between two looks at the clock */
};

static int fd, other_fd;
static struct usocket_script script;
static pid_t child;
static char message[SIZE_MAX_MESSAGE];
static volatile int *memory;
static volatile int seen;
static float times[MOST];

static void fail(const char *what)
{
	fprintf(stderr, "control: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void set_up_request(void)
{
	fd = usocket_socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		fail("socket");
}

static void turn_request(void)
{
	const int ttl = 64;

	if (usocket_setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)))
		fail("setsockopt");
}

static void set_up_script(void)
{
	usocket_script_init(&script);
	if (usocket_script_open(&script, AF_INET, SOCK_STREAM, 0))
		fail("socket");
}

static void turn_script(void)
{
	seen = usocket_script_getsocketsta(&script);
}

static void turn_state(void)
{
	seen = usocket_getsocketsta(fd);
}

static void set_up_memory(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		fail("mmap");
	memory = page;
}

static void turn_memory(void)
{
	seen = *memory;
}

static mqd_t open_queue(char which)
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = SIZE_MAX_MESSAGE };
	char name[64];
	mqd_t queue;

	snprintf(name, sizeof(name), "/usocketd-bench-%d%c", (int)getpid(), which);
	queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	if (queue < 0)
		fail("mq_open");
	mq_unlink(name);
	return queue;
}

static pid_t fork_partner(void)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void set_up_queue(void)
{
	fd = open_queue('a');
	other_fd = open_queue('b');
	child = fork_partner();
	if (child)
		return;
	while (mq_receive(fd, message, sizeof(message), NULL) >= 0)
		mq_send(other_fd, message, MESSAGE, 0);
	_exit(1);
}

static void turn_queue(void)
{
	if (mq_send(fd, message, MESSAGE, 0) ||
		mq_receive(other_fd, message, sizeof(message), NULL) < 0)
		fail("queue");
}

static void set_up_unix(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
		fail("socketpair");
	fd = pair[0];
	child = fork_partner();
	if (child) {
		close(pair[1]);
		return;
	}
	close(pair[0]);
	while (recv(pair[1], message, sizeof(message), 0) > 0)
		send(pair[1], message, MESSAGE, MSG_NOSIGNAL);
	_exit(0);
}

static void turn_unix(void)
{
	if (send(fd, message, MESSAGE, 0) < 0 || recv(fd, message, sizeof(message), 0) < 0)
		fail("pair");
}

static const struct way ways[] = {
	{ "request", set_up_request, turn_request, 1 },
	{ "queue", set_up_queue, turn_queue, 1 },
	{ "unix", set_up_unix, turn_unix, 1 },
	{ "script", set_up_script, turn_script, BATCH },
	{ "state", set_up_request, turn_state, BATCH },
	{ "memory", set_up_memory, turn_memory, BATCH },
};

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void measure(const struct way *way, double seconds)
{
	double start, before, end;
	size_t n = 0;

	way->set_up();
	way->turn();
	start = before = now();
	end = start + seconds;
	while (n < MOST && before < end) {
		double after;

		for (int i = 0; i < way->batch; i++)
			way->turn();
		after = now();
		times[n++] = (float)((after - before) / way->batch);
		before = after;
	}
	qsort(times, n, sizeof(*times), compare);
	printf("{\"count\": %zu, \"seconds\": %.6f, \"p50\": %.10f, \"p99\": %.10f}\n",
		n * (size_t)way->batch, before - start, (double)times[n / 2],
		(double)times[n * 99 / 100]);
	if (child) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, argv[1]))
			continue;
		measure(&ways[i], atoi(argv[2]) / 1000.0);
		return 0;
	}
	fprintf(stderr, "usage: control request|queue|unix|script|state|memory MILLISECONDS\n");
	return 2;
}
