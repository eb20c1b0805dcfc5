/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * A socket is whoever's holds its descriptor: these commands move descriptors
 * about in every way there is, and each new holder proves that it has the
 * whole socket: bytes (an echo), control (options, which take a request of
 * its own session), and what shared memory says of it.
 *
 * All need an echo server at "host" and "port".
 */
#include "load.h"

#include "usocket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ECHO_BYTES 20000
/* Requests that parent and child make at the same time. */
#define ROUNDS 1000

static void check_control(int fd)
{
	int minutes = 3, idle = 0, value = 0;
	socklen_t len = sizeof(idle);

	require(usocket_setsockopt(fd, SOL_USOCKET, USOCKET_SO_KEEPALIVE_MINUTES, &minutes,
			sizeof(minutes)) == 0,
		"keep-alive minutes");
	require(usocket_getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &len) == 0 &&
			idle == minutes * 60,
		"TCP_KEEPIDLE is %d", idle);
	len = sizeof(value);
	require(usocket_getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len) == 0 && value == 0,
		"SO_ERROR is %d", value);
}

static void check_stream(int fd, uint64_t seed)
{
	struct endpoint peer = { .len = sizeof(peer.address) };

	exchange(fd, ECHO_BYTES, seed);
	check_control(fd);
	require(usocket_getsocketsta(fd) == 4, "state is %d", usocket_getsocketsta(fd));
	require(usocket_getpeername(fd, (struct sockaddr *)&peer.address, &peer.len) == 0,
		"getpeername");
	require(usocket_id(fd) != 0, "no id");
}

static uint32_t count_sessions(void)
{
	struct usocket_status status;

	require(usocket_status(&status, sizeof(status)) == 0, "status");
	return status.sessions;
}

/* Requests whose answers differ: a stolen or mixed-up one shows. */
static void request_much(int fd, int first)
{
	for (int i = 0; i < ROUNDS; i++) {
		int idle = first + i, got = 0;
		socklen_t len = sizeof(got);
		int own = usocket_socket(AF_INET, SOCK_DGRAM, 0);

		require(own >= 0, "socket");
		require(usocket_setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle,
				sizeof(idle)) == 0,
			"TCP_KEEPIDLE");
		require(usocket_getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &got, &len) == 0,
			"TCP_KEEPIDLE");
		require(got == idle, "asked for %d, got %d", idle, got);
		require(usocket_close(own) == 0, "close");
	}
}

/* ---- fork ------------------------------------------------------------------ */

static void be_child(int fd, int other, int go, uint32_t sessions)
{
	char byte;

	check_stream(fd, 11);
	require(count_sessions() == sessions + 1, "%u sessions, one of the parent's %u",
		count_sessions(), sessions);
	require(write(go, "r", 1) == 1, "write");
	request_much(other, 1000);
	require(write(go, "d", 1) == 1, "write");
	/* Until the parent has closed its descriptors. */
	require(read(go, &byte, 1) == 1, "read");
	exchange(fd, ECHO_BYTES, 12);
	_exit(0);
}

int load_fork(const struct args *args)
{
	struct endpoint peer;
	int fd, mine, childs, status, go[2];
	uint32_t sessions;
	char byte;
	pid_t pid;

	arg_endpoint(args, &peer);
	fd = open_connected(&peer);
	mine = open_connected(&peer);
	childs = open_connected(&peer);
	check_stream(fd, 1);
	sessions = count_sessions();
	require(socketpair(AF_UNIX, SOCK_STREAM, 0, go) == 0, "socketpair");
	pid = fork();
	require(pid >= 0, "fork");
	if (pid == 0)
		be_child(fd, childs, go[1], sessions);
	require(read(go[0], &byte, 1) == 1 && byte == 'r', "the child ended early");
	request_much(mine, 2000);
	require(read(go[0], &byte, 1) == 1 && byte == 'd', "the child ended early");
	/* The parent's close takes nothing from the child. */
	check_stream(fd, 13);
	require(usocket_close(fd) == 0, "close");
	require(write(go[0], "g", 1) == 1, "write");
	require(waitpid(pid, &status, 0) == pid && status == 0, "the child's status is %d",
		status);
	check_stream(mine, 14);
	say("done");
	return 0;
}

/* ---- exec ------------------------------------------------------------------ */

int load_exec(const struct args *args)
{
	struct endpoint peer;
	char fd_arg[32], udp_arg[32];
	int fd, udp;

	arg_endpoint(args, &peer);
	fd = open_connected(&peer);
	udp = usocket_socket(AF_INET, SOCK_DGRAM, 0);
	require(udp >= 0, "socket");
	exchange(fd, ECHO_BYTES, 21);
	snprintf(fd_arg, sizeof(fd_arg), "fd=%d", fd);
	snprintf(udp_arg, sizeof(udp_arg), "udp=%d", udp);
	execl("/proc/self/exe", "load", "inherit", fd_arg, udp_arg, (char *)NULL);
	die("exec");
}

/* Counts this process's descriptors, the one that counts left out. */
static int count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += dup2(fd, fd) == fd;
	return n;
}

int load_inherit(const struct args *args)
{
	int fd = (int)arg_number(args, "fd", -1), udp = (int)arg_number(args, "udp", -1);
	struct endpoint any;

	endpoint_set(&any, "0.0.0.0", 0);
	/* Standard three and the two sockets: session and queues stayed behind. */
	require(count_descriptors() == 5, "%d descriptors", count_descriptors());
	check_stream(fd, 22);
	require(usocket_bind(udp, (struct sockaddr *)&any.address, any.len) == 0, "bind");
	require(local_port(udp) != 0, "no port");
	require(usocket_shutdown(fd, SHUT_WR) == 0, "shutdown");
	require(usocket_recv(fd, &any, 1, 0) == 0, "recv");
	require(usocket_close(fd) == 0 && usocket_close(udp) == 0, "close");
	say("done");
	return 0;
}

/* ---- SCM_RIGHTS ------------------------------------------------------------ */

static int pass_channel(const char *path, bool listens)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), peer;

	require(fd >= 0 && strlen(path) < sizeof(un.sun_path), "%s", path);
	strcpy(un.sun_path, path);
	if (!listens) {
		require(connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0, "%s", path);
		return fd;
	}
	require(bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0 && listen(fd, 1) == 0, "%s",
		path);
	say("ready");
	peer = accept(fd, NULL, NULL);
	require(peer >= 0, "accept");
	close(fd);
	unlink(path);
	return peer;
}

union rights {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(2 * sizeof(int))];
};

static void prepare_rights(struct msghdr *message, struct iovec *iov, union rights *rights)
{
	memset(message, 0, sizeof(*message));
	message->msg_iov = iov;
	message->msg_iovlen = 1;
	message->msg_control = rights->bytes;
	message->msg_controllen = sizeof(rights->bytes);
}

int load_hand_over(const struct args *args)
{
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct endpoint peer, local;
	union rights rights = { 0 };
	struct msghdr message;
	struct cmsghdr *c;
	int fds[2], way;

	arg_endpoint(args, &peer);
	fds[0] = open_connected(&peer);
	endpoint_set(&local, "0.0.0.0", 0);
	fds[1] = open_listener(&local, 4);
	exchange(fds[0], ECHO_BYTES, 31);
	way = pass_channel(arg_text(args, "path", ""), false);
	prepare_rights(&message, &iov, &rights);
	c = CMSG_FIRSTHDR(&message);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	require(sendmsg(way, &message, 0) == 1, "sendmsg");
	say("handed over %d", local_port(fds[1]));
	return 0;
}

static void receive_rights(int way, int fds[2])
{
	char byte;
	struct iovec iov = { &byte, 1 };
	union rights rights = { 0 };
	struct msghdr message;
	struct cmsghdr *c;

	prepare_rights(&message, &iov, &rights);
	require(recvmsg(way, &message, 0) == 1, "recvmsg");
	c = CMSG_FIRSTHDR(&message);
	require(c && c->cmsg_len == CMSG_LEN(2 * sizeof(int)), "no descriptors came");
	memcpy(fds, CMSG_DATA(c), 2 * sizeof(int));
	/* Until the giver is gone. */
	require(recv(way, &byte, 1, 0) == 0, "the giver still speaks");
}

int load_take_over(const struct args *args)
{
	struct endpoint self;
	int fds[2], a, b;

	receive_rights(pass_channel(arg_text(args, "path", ""), true), fds);
	say("taken");
	/* The script has seen the giver's end. */
	require(wait_for_line(), "no line came");
	check_stream(fds[0], 32);
	endpoint_set(&self, "127.0.0.1", local_port(fds[1]));
	a = open_connected(&self);
	b = usocket_accept(fds[1], NULL, NULL);
	require(b >= 0, "accept");
	send_all(a, "through", 7);
	receive_all(b, (char[7]){ 0 }, 7);
	require(usocket_listen(fds[1], 9) == 0, "listen");
	require(usocket_shutdown(fds[0], SHUT_WR) == 0, "shutdown");
	require(usocket_recv(fds[0], &self, 1, 0) == 0, "recv");
	say("done");
	return 0;
}

/* ---- dup ------------------------------------------------------------------- */

int load_dup(const struct args *args)
{
	struct endpoint peer;
	int fd, copy, second;

	arg_endpoint(args, &peer);
	fd = open_connected(&peer);
	copy = dup(fd);
	require(copy >= 0, "dup");
	require(usocket_id(copy) == usocket_id(fd), "two ids");
	require(usocket_close(fd) == 0, "close");
	require(usocket_send(fd, "x", 1, 0) < 0 && errno == EBADF, "send after close");
	check_stream(copy, 41);
	second = open_connected(&peer);
	/* dup2 onto a live socket ends that one, and nothing else. */
	require(dup2(copy, second) == second, "dup2");
	require(usocket_id(second) == usocket_id(copy), "two ids");
	require(close(copy) == 0, "close");
	check_stream(second, 42);
	require(usocket_close(second) == 0, "close");
	say("done");
	return 0;
}
