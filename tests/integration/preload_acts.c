/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A plain program that does with its sockets what programs do besides calling
 * them: vfork(), passing them on, closing all it does not know, signal handlers
 * that return, call or jump, threads that are cancelled. preload_acts.py starts it
 * under usocket-run, once for each row of the table at the end. An act says
 * nothing if all is well; otherwise the line that was not, and the errno.
 *
 * All traffic stays inside the stack. HERE is its address, SILENT one that nobody
 * answers for. preload_waits.c has the acts on calls that wait.
 */
#include "tests/integration/preload_acts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_OTHER 3
#define MANY	    1000
#define MEET_NS	    20000000
#define N_THREADS   4
#define N_ROUNDS    60
#define N_CHILDREN  6
#define PASSED_MAX  3
#define GUARD_MS    30000

void must(int good, const char *what, const char *file, int line)
{
	if (good)
		return;
	printf("%s:%d: %s: %s\n", file, line, what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

/* ---- sockets ------------------------------------------------------------- */

struct sockaddr_in address_of(const char *ip, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, ip, &address.sin_addr);
	return address;
}

struct sockaddr_in name_of(int fd)
{
	struct sockaddr_in name;
	socklen_t len = sizeof(name);

	MUST(getsockname(fd, (struct sockaddr *)&name, &len) == 0);
	return name;
}

int bound(int type, const char *ip)
{
	struct sockaddr_in here = address_of(ip, 0);
	int fd = socket(AF_INET, type, 0);

	MUST(fd >= 0);
	MUST(bind(fd, (struct sockaddr *)&here, sizeof(here)) == 0);
	return fd;
}

int listening(const char *ip)
{
	int fd = bound(SOCK_STREAM, ip);

	MUST(listen(fd, 8) == 0);
	return fd;
}

int connect_to(int fd, struct sockaddr_in to)
{
	return connect(fd, (struct sockaddr *)&to, sizeof(to));
}

void make_pair(int pair[2])
{
	int listener = listening(HERE);

	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	MUST(pair[0] >= 0);
	MUST(connect_to(pair[0], name_of(listener)) == 0);
	pair[1] = accept(listener, NULL, NULL);
	MUST(pair[1] >= 0);
	close(listener);
}

void talk(int from, int to)
{
	char text[6] = "";

	MUST(send(from, "hello", 5, MSG_NOSIGNAL) == 5);
	MUST(recv(to, text, 5, MSG_WAITALL) == 5);
	MUST(strcmp(text, "hello") == 0);
}

void use_new_ones(void)
{
	int pair[2], one = bound(SOCK_DGRAM, HERE), other = bound(SOCK_DGRAM, HERE);
	struct sockaddr_in name = name_of(other);
	char byte = 0;

	make_pair(pair);
	talk(pair[0], pair[1]);
	talk(pair[1], pair[0]);
	MUST(sendto(one, "x", 1, 0, (struct sockaddr *)&name, sizeof(name)) == 1);
	MUST(recv(other, &byte, 1, 0) == 1 && byte == 'x');
	close(one);
	close(other);
	close(pair[0]);
	close(pair[1]);
}

/* Not part of a function that calls vfork(). */
__attribute__((noinline)) int count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 4096; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* ---- children ------------------------------------------------------------ */

static char *own_path, has_nothing[] = "has_nothing", serve[] = "serve";

static void must_end_well(pid_t pid)
{
	int status = -1;

	MUST(pid > 0);
	MUST(waitpid(pid, &status, 0) == pid);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Says whether nothing but the standard descriptors has come along. */
static void act_has_nothing(void)
{
	for (int fd = FIRST_OTHER; fd < 4096; fd++)
		MUST(fcntl(fd, F_GETFD) < 0);
	use_new_ones();
}

/* inetd's way: the connection is what is read and written. */
static void act_serve(void)
{
	char text[6] = "";

	MUST(read(STDIN_FILENO, text, 5) == 5);
	MUST(write(STDIN_FILENO, text, 5) == 5);
	use_new_ones();
}

/* Everything a careful child does, in the memory of its parent. */
static void act_vfork(void)
{
	char *argv[] = { own_path, has_nothing, NULL };
	int pair[2], epoll = epoll_create1(EPOLL_CLOEXEC), before;
	pid_t pid;

	make_pair(pair);
	before = count_descriptors();
	for (int way = 0; way < 3; way++) {
		pid = vfork();
		if (pid == 0) {
			if (way == 0)
				for (int fd = FIRST_OTHER; fd < MANY; fd++)
					close(fd);
			if (way == 1)
				closefrom(FIRST_OTHER);
			if (way == 2) {
				dup2(STDERR_FILENO, pair[0]);
				dup2(STDERR_FILENO, pair[1]);
				close_range(FIRST_OTHER, ~0U, CLOSE_RANGE_CLOEXEC);
			}
			execv(own_path, argv);
			_exit(1);
		}
		must_end_well(pid);
		talk(pair[0], pair[1]);
		talk(pair[1], pair[0]);
	}
	close(epoll);
	use_new_ones();
	/* The library keeps one for each call that ever waited at the same time. */
	MUST(count_descriptors() <= before);
}

/*
 * What was registered before it was known whose the socket is, is registered again
 * when it becomes the kernel's, whatever a child of vfork() has closed.
 */
static void act_vfork_epoll(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), listener = listening("127.0.0.1");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET, .data.fd = fd };
	char *argv[] = { own_path, has_nothing, NULL };
	pid_t pid;

	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
	pid = vfork();
	if (pid == 0) {
		for (int i = FIRST_OTHER; i < MANY; i++)
			close(i);
		execv(own_path, argv);
		_exit(1);
	}
	must_end_well(pid);
	MUST(connect_to(fd, name_of(listener)) == 0 || errno == EINPROGRESS);
	MUST(epoll_wait(epoll, &event, 1, GUARD_MS) == 1);
	MUST(event.data.fd == fd && event.events == EPOLLOUT);
}

static void act_spawn(void)
{
	char *argv[] = { own_path, serve, NULL }, text[6] = "";
	posix_spawn_file_actions_t actions;
	int pair[2];
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		make_pair(pair);
		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_adddup2(&actions, pair[1], STDIN_FILENO);
		posix_spawn_file_actions_adddup2(&actions, pair[1], STDERR_FILENO);
		posix_spawn_file_actions_addclosefrom_np(&actions, FIRST_OTHER);
		MUST(posix_spawn(&pid, own_path, &actions, NULL, argv, NULL) == 0);
		posix_spawn_file_actions_destroy(&actions);
		close(pair[1]);
		MUST(send(pair[0], "inetd", 5, 0) == 5);
		MUST(recv(pair[0], text, 5, MSG_WAITALL) == 5);
		must_end_well(pid);
		MUST(recv(pair[0], text, 1, 0) == 0);
		close(pair[0]);
	}
	use_new_ones();
}

/* ---- to another program -------------------------------------------------- */

static struct sockaddr_un place(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
	return un;
}

union rights {
	struct cmsghdr head;
	char room[CMSG_SPACE(PASSED_MAX * sizeof(int))];
};

static void send_descriptors(int to, const int *fds)
{
	union rights rights = { .head = { .cmsg_len = CMSG_LEN(PASSED_MAX * sizeof(int)),
					.cmsg_level = SOL_SOCKET,
					.cmsg_type = SCM_RIGHTS } };
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights) };

	memcpy(CMSG_DATA(&rights.head), fds, PASSED_MAX * sizeof(int));
	MUST(sendmsg(to, &message, 0) == 1);
}

static void receive_descriptors(int from, int *fds)
{
	union rights rights;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights) };

	MUST(recvmsg(from, &message, MSG_CMSG_CLOEXEC) == 1);
	MUST(CMSG_FIRSTHDR(&message) && rights.head.cmsg_type == SCM_RIGHTS);
	memcpy(fds, CMSG_DATA(&rights.head), PASSED_MAX * sizeof(int));
}

/* Gives away a connection, a listener and a datagram socket, and uses their peers. */
static void act_give(const char *path)
{
	int meeting = socket(AF_UNIX, SOCK_STREAM, 0), other, pair[2], fds[PASSED_MAX], peer;
	struct sockaddr_un un = place(path);
	struct sockaddr_in listener, datagrams;

	MUST(bind(meeting, (struct sockaddr *)&un, sizeof(un)) == 0 && listen(meeting, 1) == 0);
	other = accept(meeting, NULL, NULL);
	MUST(other >= 0);
	make_pair(pair);
	fds[0] = pair[1];
	fds[1] = listening(HERE);
	fds[2] = bound(SOCK_DGRAM, HERE);
	listener = name_of(fds[1]);
	datagrams = name_of(fds[2]);
	send_descriptors(other, fds);
	for (int i = 0; i < PASSED_MAX; i++)
		close(fds[i]);
	talk(pair[0], pair[0]);
	peer = socket(AF_INET, SOCK_STREAM, 0);
	MUST(connect_to(peer, listener) == 0);
	talk(peer, peer);
	peer = socket(AF_INET, SOCK_DGRAM, 0);
	MUST(connect_to(peer, datagrams) == 0);
	talk(peer, peer);
	/* The other has closed all of them, so they are gone. */
	MUST(recv(other, &peer, 1, 0) == 1);
	MUST(recv(pair[0], &peer, 1, 0) == 0);
	MUST(connect_to(socket(AF_INET, SOCK_STREAM, 0), listener) < 0 && errno == ECONNREFUSED);
}

static void echo(int fd)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	char text[5];

	MUST(recv(fd, text, 5, MSG_WAITALL) == 5);
	MUST(getpeername(fd, (struct sockaddr *)&peer, &len) == 0);
	MUST(peer.sin_addr.s_addr == address_of(HERE, 0).sin_addr.s_addr);
	MUST(send(fd, text, 5, 0) == 5);
}

static void act_take(const char *path)
{
	int meeting = socket(AF_UNIX, SOCK_STREAM, 0), fds[PASSED_MAX], fd, type;
	struct sockaddr_un un = place(path);
	struct timespec pause = { 0, MEET_NS };
	struct sockaddr_in peer;
	socklen_t len = sizeof(type);
	char text[5];

	while (connect(meeting, (struct sockaddr *)&un, sizeof(un)) < 0)
		nanosleep(&pause, NULL);
	receive_descriptors(meeting, fds);
	MUST(fcntl(fds[0], F_GETFD) == FD_CLOEXEC);
	echo(fds[0]);
	MUST(getsockopt(fds[1], SOL_SOCKET, SO_ACCEPTCONN, &type, &len) == 0 && type == 1);
	fd = accept(fds[1], NULL, NULL);
	MUST(fd >= 0);
	echo(fd);
	len = sizeof(peer);
	MUST(recvfrom(fds[2], text, 5, 0, (struct sockaddr *)&peer, &len) == 5);
	MUST(sendto(fds[2], text, 5, 0, (struct sockaddr *)&peer, len) == 5);
	use_new_ones();
	close(fd);
	for (int i = 0; i < PASSED_MAX; i++)
		close(fds[i]);
	MUST(send(meeting, "x", 1, 0) == 1);
}

/* ---- closing everything -------------------------------------------------- */

static void close_all(int way)
{
	if (way == 0)
		for (int fd = sysconf(_SC_OPEN_MAX) < MANY ? (int)sysconf(_SC_OPEN_MAX) : MANY;
			fd >= FIRST_OTHER; fd--)
			close(fd);
	else if (way == 1)
		closefrom(FIRST_OTHER);
	else
		close_range(FIRST_OTHER, ~0U, 0);
}

/* A daemon's beginning; then files get the numbers that were the library's. */
static void act_close_all(void)
{
	static struct stat before[MANY];
	struct stat after;
	int fd;

	for (int way = 0; way < 3; way++) {
		use_new_ones();
		close_all(way);
		do
			fd = open(way == 1 ? "/dev/null" : "/dev/zero", O_RDONLY);
		while (fd >= 0 && fd < MANY - 1);
		for (fd = FIRST_OTHER; fd < MANY; fd++)
			MUST(fstat(fd, &before[fd]) == 0);
		/* These need room below the largest number. */
		for (fd = FIRST_OTHER; fd < 64; fd++)
			close(fd);
		use_new_ones();
		for (fd = 64; fd < MANY; fd++)
			MUST(fstat(fd, &after) == 0 && after.st_rdev == before[fd].st_rdev &&
				after.st_ino == before[fd].st_ino);
	}
}

/* ---- threads -------------------------------------------------------------- */

static void *connect_and_talk(void *unused)
{
	(void)unused;
	for (int i = 0; i < N_ROUNDS; i++)
		use_new_ones();
	return NULL;
}

/* Children are made while other threads are inside the library. */
static void act_threads(void)
{
	char *argv[] = { own_path, has_nothing, NULL };
	pthread_t threads[N_THREADS];
	int before;
	pid_t pid;

	use_new_ones();
	before = count_descriptors();
	for (int i = 0; i < N_THREADS; i++)
		MUST(pthread_create(&threads[i], NULL, connect_and_talk, NULL) == 0);
	for (int i = 0; i < N_CHILDREN; i++) {
		pid = fork();
		if (pid == 0) {
			use_new_ones();
			closefrom(FIRST_OTHER);
			use_new_ones();
			_exit(0);
		}
		must_end_well(pid);
		pid = vfork();
		if (pid == 0) {
			closefrom(FIRST_OTHER);
			execv(own_path, argv);
			_exit(1);
		}
		must_end_well(pid);
	}
	for (int i = 0; i < N_THREADS; i++)
		MUST(pthread_join(threads[i], NULL) == 0);
	/* The library keeps one for each call that ever waited at the same time. */
	MUST(count_descriptors() <= before + N_THREADS);
}

/* ---- the table ------------------------------------------------------------ */

static const struct {
	const char *name;
	void (*run)(void);
	void (*run_at)(const char *path);
} acts[] = {
	{ .name = "call_in_handler", .run = act_call_in_handler },
	{ .name = "cancel", .run = act_cancel },
	{ .name = "close_all", .run = act_close_all },
	{ .name = "give", .run_at = act_give },
	{ .name = has_nothing, .run = act_has_nothing },
	{ .name = "interrupt", .run = act_interrupt },
	{ .name = "jump", .run = act_jump },
	{ .name = "restart", .run = act_restart },
	{ .name = serve, .run = act_serve },
	{ .name = "spawn", .run = act_spawn },
	{ .name = "take", .run_at = act_take },
	{ .name = "threads", .run = act_threads },
	{ .name = "vfork", .run = act_vfork },
	{ .name = "vfork_epoll", .run = act_vfork_epoll },
};

int main(int argc, char **argv)
{
	own_path = argv[0];
	for (size_t i = 0; argc >= 2 && i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strcmp(acts[i].name, argv[1]) != 0)
			continue;
		if (acts[i].run)
			acts[i].run();
		else
			acts[i].run_at(argv[2]);
		return 0;
	}
	return 2;
}
