/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own calls: this agent knows nothing of usocket, and is run under
 * usocket-run. A socket's time is O_NONBLOCK, or SO_RCVTIMEO and SO_SNDTIMEO, so
 * that what is over its time gives what Linux gives: EAGAIN, of a connect
 * EINPROGRESS. SIGPIPE is counted, not ignored.
 */
#include "tests/conformance/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

static atomic_int n_sigpipes;

/* ---- calls that are not the kernel's as they stand ----------------------- */

static void on_sigpipe(int number)
{
	(void)number;
	atomic_fetch_add(&n_sigpipes, 1);
}

static void begin(void)
{
	struct sigaction action = { .sa_handler = on_sigpipe };

	sigaction(SIGPIPE, &action, NULL);
}

static int accept_one(int fd, struct sockaddr *address, socklen_t *len)
{
	return accept4(fd, address, len, SOCK_CLOEXEC);
}

static int connect_it(int fd, const struct sockaddr *address, socklen_t len)
{
	return connect(fd, address, len);
}

static int send_all(int fd, const void *data, size_t len)
{
	const unsigned char *at = data;
	size_t done = 0;

	do {
		ssize_t n = send(fd, at + done, len - done, 0);

		if (n < 0)
			return -1;
		done += (size_t)n;
	} while (done < len);
	return 0;
}

static ssize_t send_to(int fd, const void *data, size_t len, int flags,
	const struct sockaddr *address, socklen_t address_len)
{
	return sendto(fd, data, len, flags, address, address_len);
}

static ssize_t receive_from(int fd, void *data, size_t size, int flags, struct sockaddr *address,
	socklen_t *len)
{
	return recvfrom(fd, data, size, flags, address, len);
}

static int bind_it(int fd, const struct sockaddr *address, socklen_t len)
{
	return bind(fd, address, len);
}

static int get_name(int fd, struct sockaddr *address, socklen_t *len)
{
	return getsockname(fd, address, len);
}

static int get_peer(int fd, struct sockaddr *address, socklen_t *len)
{
	return getpeername(fd, address, len);
}

static int set_timeout(int fd, int ms)
{
	struct timeval time = { 0 };
	int flags = fcntl(fd, F_GETFL);

	if (ms > 0)
		time = (struct timeval){ ms / 1000, ms % 1000 * 1000 };
	flags = ms == 0 ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	if (fcntl(fd, F_SETFL, flags) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) < 0)
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

/* ---- TCP_INFO ------------------------------------------------------------ */

/* getsocketsta()'s numbers by Linux' (include/net/tcp_states.h). */
static const int states[] = {
	[1] = 4,  /* ESTABLISHED */
	[2] = 2,  /* SYN_SENT */
	[3] = 3,  /* SYN_RECV */
	[4] = 5,  /* FIN_WAIT1 */
	[5] = 6,  /* FIN_WAIT2 */
	[6] = 10, /* TIME_WAIT */
	[7] = 0,  /* CLOSE */
	[8] = 7,  /* CLOSE_WAIT */
	[9] = 9,  /* LAST_ACK */
	[10] = 1, /* LISTEN */
	[11] = 8, /* CLOSING */
};

static int get_info(int fd, struct tcp_info *info)
{
	socklen_t len = sizeof(*info);

	*info = (struct tcp_info){ 0 };
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len);
}

static int get_state(int fd, int *state)
{
	struct tcp_info info;

	if (get_info(fd, &info) < 0)
		return -1;
	*state = states[info.tcpi_state];
	return 0;
}

static int get_acked(int fd, int64_t *acked)
{
	struct tcp_info info;

	if (get_info(fd, &info) < 0)
		return -1;
	*acked = (int64_t)info.tcpi_bytes_acked;
	return 0;
}

static int call_tcp_info(struct call *call)
{
	struct json_object *members = json_object_new_object();
	struct tcp_info info;

	if (get_info(call->fd, &info) < 0) {
		json_object_put(members);
		return -1;
	}
	json_object_object_add(members, "state", json_object_new_int(info.tcpi_state));
	json_object_object_add(members, "bytes_sent",
		json_object_new_int64((int64_t)info.tcpi_bytes_sent));
	json_object_object_add(members, "bytes_acked",
		json_object_new_int64((int64_t)info.tcpi_bytes_acked));
	call->value = json_object_new_object();
	json_object_object_add(call->value, "d", members);
	return 0;
}

/* ---- calls that only the kernel's API has -------------------------------- */

/* How many there were since this was asked last. */
static int call_sigpipes(struct call *call)
{
	call->value = json_object_new_int(atomic_exchange(&n_sigpipes, 0));
	return 0;
}

static int call_read(struct call *call)
{
	unsigned char data[1 << 12];
	size_t size = (size_t)call_int(call, 0, sizeof(data));
	ssize_t n = read(call->fd, data, size < sizeof(data) ? size : sizeof(data));

	if (n < 0)
		return -1;
	call->value = bytes_value(data, (size_t)n);
	return 0;
}

static int call_write(struct call *call)
{
	struct bytes bytes = call_bytes(call, 0);
	ssize_t n = write(call->fd, bytes.data, bytes.len);
	int error = errno;

	free(bytes.data);
	errno = error;
	if (n < 0)
		return -1;
	call->value = json_object_new_int64(n);
	return 0;
}

static const struct agent_call calls[] = {
	{ "sigpipes", call_sigpipes },
	{ "sysread", call_read },
	{ "syswrite", call_write },
	{ "tcp_info", call_tcp_info },
	{ NULL, NULL },
};

static const struct agent_constant constants[] = {
	{ "MSG_NOSIGNAL", MSG_NOSIGNAL },
	{ NULL, 0 },
};

const struct agent_api api = {
	.begin = begin,
	.socket = socket,
	.bind = bind_it,
	.listen = listen,
	.accept = accept_one,
	.connect = connect_it,
	.send = send,
	.sendall = send_all,
	.sendto = send_to,
	.recvfrom = receive_from,
	.close = close,
	.shutdown = shutdown,
	.getsockname = get_name,
	.getpeername = get_peer,
	.setsockopt = setsockopt,
	.getsockopt = getsockopt,
	.poll = poll,
	.get_state = get_state,
	.get_acked = get_acked,
	.set_timeout = set_timeout,
	.getaddrinfo = getaddrinfo,
	.freeaddrinfo = freeaddrinfo,
	.gai_strerror = gai_strerror,
	.calls = calls,
	.constants = constants,
};
