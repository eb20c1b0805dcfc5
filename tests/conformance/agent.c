/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite's agent of C: makes the calls that it is told. agents.py
 * says in which words. Whose calls they are, usocket.h's or the kernel's, is
 * agent.h's api.
 *
 * Objects are descriptors, "o3" is number 3. Commands in a thread get a detached
 * thread each; only the answers' lines are serialized.
 */
#include "tests/conformance/agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MANY	 4096
#define GAI_BASE 100000

static FILE *output;
static pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;
static int is_open[DESCRIPTORS];

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* ---- values -------------------------------------------------------------- */

static struct json_object *wrap(const char *kind, struct json_object *inner)
{
	struct json_object *value = json_object_new_object();

	json_object_object_add(value, kind, inner);
	return value;
}

struct json_object *bytes_value(const unsigned char *data, size_t len)
{
	char text[2 * MANY + 1] = "";
	struct json_object *pair;
	uint64_t sum = 0;
	size_t i;

	if (len <= MANY) {
		for (i = 0; i < len; i++)
			snprintf(text + 2 * i, 3, "%02x", data[i]);
		return wrap("b", json_object_new_string(text));
	}
	for (i = 0; i < len; i++)
		sum += data[i];
	pair = json_object_new_array();
	json_object_array_add(pair, json_object_new_int64((int64_t)len));
	json_object_array_add(pair, json_object_new_int64((int64_t)sum));
	return wrap("big", pair);
}

static struct json_object *socket_value(int fd)
{
	char name[16];

	snprintf(name, sizeof(name), "o%d", fd);
	return wrap("o", json_object_new_string(name));
}

static struct json_object *address_value(const struct sockaddr_storage *address)
{
	const struct sockaddr_in6 *six = (const void *)address;
	const struct sockaddr_in *four = (const void *)address;
	struct json_object *pair = json_object_new_array();
	char host[INET6_ADDRSTRLEN] = "";
	int is_six = address->ss_family == AF_INET6;

	inet_ntop(address->ss_family, is_six ? (const void *)&six->sin6_addr : &four->sin_addr,
		host, sizeof(host));
	json_object_array_add(pair, json_object_new_string(host));
	json_object_array_add(pair,
		json_object_new_int(ntohs(is_six ? six->sin6_port : four->sin_port)));
	return wrap("t", pair);
}

static struct json_object *pair_value(struct json_object *first, struct json_object *second)
{
	struct json_object *pair = json_object_new_array();

	json_object_array_add(pair, first);
	json_object_array_add(pair, second);
	return wrap("t", pair);
}

static struct bytes parse_hex(const char *text, size_t times)
{
	size_t one = strlen(text) / 2, i;
	struct bytes bytes = { .len = one * times };

	bytes.data = malloc(bytes.len + 1);
	for (i = 0; bytes.data && times && i < one; i++) {
		char two[3] = { text[2 * i], text[2 * i + 1], 0 };

		bytes.data[i] = (unsigned char)strtoul(two, NULL, 16);
	}
	for (i = 1; bytes.data && i < times; i++)
		memcpy(bytes.data + i * one, bytes.data, one);
	return bytes;
}

static struct bytes make_bytes(struct call *call, size_t i)
{
	struct json_object *inner;
	struct bytes none = { 0 };

	if (i < call->n_args && json_object_object_get_ex(call->args[i], "b", &inner))
		return parse_hex(json_object_get_string(inner), 1);
	if (i < call->n_args && json_object_object_get_ex(call->args[i], "x", &inner))
		return parse_hex(json_object_get_string(json_object_array_get_idx(inner, 0)),
			(size_t)json_object_get_int64(json_object_array_get_idx(inner, 1)));
	call->mistake = "bytes are missing";
	return none;
}

/* Data of a call; to be freed by the caller. */
struct bytes call_bytes(struct call *call, size_t i)
{
	struct bytes bytes = make_bytes(call, i);

	call->start_us = now_us();
	return bytes;
}

int64_t call_int(struct call *call, size_t i, int64_t otherwise)
{
	return i < call->n_args ? json_object_get_int64(call->args[i]) : otherwise;
}

/* An address: ["host", port], as tuple or list. Returns its length or 0. */
static socklen_t take_address(struct call *call, size_t i, struct sockaddr_storage *address)
{
	struct sockaddr_in6 *six = (void *)address;
	struct sockaddr_in *four = (void *)address;
	struct json_object *pair = i < call->n_args ? call->args[i] : NULL, *inner;
	const char *host;
	in_port_t port;

	memset(address, 0, sizeof(*address));
	if (!pair)
		return sizeof(*four);
	if (json_object_object_get_ex(pair, "t", &inner))
		pair = inner;
	host = json_object_get_string(json_object_array_get_idx(pair, 0));
	port = htons((in_port_t)json_object_get_int(json_object_array_get_idx(pair, 1)));
	if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = port;
		return sizeof(*six);
	}
	four->sin_family = AF_INET;
	four->sin_port = port;
	if (*host && inet_pton(AF_INET, host, &four->sin_addr) != 1)
		call->mistake = "C's addresses are numbers";
	return sizeof(*four);
}

static void adopt(int fd)
{
	if (fd < 0 || fd >= DESCRIPTORS)
		return;
	is_open[fd] = 1;
}

/* ---- calls: -1 with errno, or 0 with call->value ------------------------- */

static int call_socket(struct call *call)
{
	int fd = api.socket((int)call_int(call, 0, AF_INET),
		(int)call_int(call, 1, SOCK_STREAM), (int)call_int(call, 2, 0));

	if (fd < 0)
		return -1;
	adopt(fd);
	call->value = socket_value(fd);
	return 0;
}

static int call_bind(struct call *call)
{
	struct sockaddr_storage address;
	socklen_t len = take_address(call, 0, &address);

	return call->mistake ? 0 : api.bind(call->fd, (void *)&address, len);
}

static int call_listen(struct call *call)
{
	return api.listen(call->fd, (int)call_int(call, 0, 8));
}

static int call_accept(struct call *call)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	int fd = api.accept(call->fd, (void *)&address, &len);

	if (fd < 0)
		return -1;
	adopt(fd);
	call->value = pair_value(socket_value(fd), address_value(&address));
	return 0;
}

static int call_connect(struct call *call)
{
	struct sockaddr_storage address;
	socklen_t len = take_address(call, 0, &address);

	if (call->mistake)
		return 0;
	return api.connect(call->fd, (void *)&address, len);
}

static int count(struct call *call, ssize_t n)
{
	if (n < 0)
		return -1;
	call->value = json_object_new_int64(n);
	return 0;
}

static int call_send(struct call *call)
{
	struct bytes bytes = call_bytes(call, 0);
	ssize_t n = 0;
	int error;

	if (bytes.data)
		n = api.send(call->fd, bytes.data, bytes.len, (int)call_int(call, 1, 0));
	error = errno;
	free(bytes.data);
	errno = error;
	return count(call, n);
}

static int call_sendall(struct call *call)
{
	struct bytes bytes = call_bytes(call, 0);
	int rc = 0, error;

	if (bytes.data)
		rc = api.sendall(call->fd, bytes.data, bytes.len);
	error = errno;
	free(bytes.data);
	errno = error;
	return rc;
}

static int call_sendto(struct call *call)
{
	size_t at = call->n_args > 2 ? 2 : 1;
	struct bytes bytes = call_bytes(call, 0);
	struct sockaddr_storage address;
	socklen_t len = take_address(call, at, &address);
	ssize_t n = 0;
	int error;

	if (bytes.data && !call->mistake)
		n = api.sendto(call->fd, bytes.data, bytes.len,
			at == 2 ? (int)call_int(call, 1, 0) : 0, (void *)&address, len);
	error = errno;
	free(bytes.data);
	errno = error;
	return count(call, n);
}

static int receive(struct call *call, int with_address)
{
	struct sockaddr_storage address = { .ss_family = AF_INET };
	socklen_t len = sizeof(address);
	size_t size = (size_t)call_int(call, 0, MANY);
	unsigned char *data = malloc(size + 1);
	int flags = (int)call_int(call, 1, 0), error;
	ssize_t n;

	if (!data)
		return -1;
	n = api.recvfrom(call->fd, data, size, flags, (void *)&address, &len);
	error = errno;
	if (n >= 0)
		call->value = bytes_value(data, (size_t)n);
	if (n >= 0 && with_address)
		call->value = pair_value(call->value, len > 0 ? address_value(&address) : NULL);
	free(data);
	errno = error;
	return n < 0 ? -1 : 0;
}

static int call_recv(struct call *call)
{
	return receive(call, 0);
}

static int call_recvfrom(struct call *call)
{
	return receive(call, 1);
}

static int call_close(struct call *call)
{
	if (call->fd >= 0 && call->fd < DESCRIPTORS)
		is_open[call->fd] = 0;
	return api.close(call->fd);
}

static int call_shutdown(struct call *call)
{
	return api.shutdown(call->fd, (int)call_int(call, 0, SHUT_RDWR));
}

static int name_of(struct call *call, int (*ask)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (ask(call->fd, (void *)&address, &len) < 0)
		return -1;
	call->value = address_value(&address);
	return 0;
}

static int call_getsockname(struct call *call)
{
	return name_of(call, api.getsockname);
}

static int call_getpeername(struct call *call)
{
	return name_of(call, api.getpeername);
}

static int call_setsockopt(struct call *call)
{
	int level = (int)call_int(call, 0, 0), option = (int)call_int(call, 1, 0);
	int number = (int)call_int(call, 2, 0), rc;
	struct bytes bytes = { 0 };

	if (call->n_args < 3 || json_object_is_type(call->args[2], json_type_int))
		return api.setsockopt(call->fd, level, option, &number, sizeof(number));
	bytes = call_bytes(call, 2);
	rc = api.setsockopt(call->fd, level, option, bytes.data, (socklen_t)bytes.len);
	free(bytes.data);
	return rc;
}

static int call_getsockopt(struct call *call)
{
	socklen_t len = sizeof(int);
	int number = 0;

	if (api.getsockopt(call->fd, (int)call_int(call, 0, 0), (int)call_int(call, 1, 0),
		    &number, &len) < 0)
		return -1;
	call->value = json_object_new_int(number);
	return 0;
}

static int call_getsocketsta(struct call *call)
{
	int state;

	if (api.get_state(call->fd, &state) < 0)
		return -1;
	call->value = json_object_new_int(state);
	return 0;
}

static int call_getsendacksize(struct call *call)
{
	int64_t n;

	if (api.get_acked(call->fd, &n) < 0)
		return -1;
	call->value = json_object_new_int64(n);
	return 0;
}

static int call_settimeout(struct call *call)
{
	double seconds = call->n_args && call->args[0] ? json_object_get_double(call->args[0]) : -1;
	int ms = seconds < 0 ? -1 : (int)(seconds * 1000);

	if (seconds >= 0 && ms < seconds * 1000)
		ms++;
	return fcntl(call->fd, F_GETFD) < 0 ? -1 : api.set_timeout(call->fd, ms);
}

static int call_setblocking(struct call *call)
{
	int ms = call_int(call, 0, 1) ? -1 : 0;

	return fcntl(call->fd, F_GETFD) < 0 ? -1 : api.set_timeout(call->fd, ms);
}

static int call_fileno(struct call *call)
{
	call->value = json_object_new_int(call->fd);
	return 0;
}

static struct json_object *entry_value(const struct addrinfo *entry, const char *host)
{
	struct json_object *five = json_object_new_array();
	struct sockaddr_storage address = { 0 };

	memcpy(&address, entry->ai_addr, entry->ai_addrlen);
	json_object_array_add(five, json_object_new_int(entry->ai_family));
	json_object_array_add(five, json_object_new_int(entry->ai_socktype));
	json_object_array_add(five, json_object_new_int(entry->ai_protocol));
	json_object_array_add(five, json_object_new_string(host));
	json_object_array_add(five, address_value(&address));
	return wrap("t", five);
}

/* Resolver errors are errno -(GAI_BASE + their number) for answer(). */
static int call_getaddrinfo(struct call *call)
{
	struct addrinfo hints = { .ai_socktype = (int)call_int(call, 3, SOCK_STREAM) };
	struct addrinfo *result = NULL, *entry;
	const char *host = json_object_get_string(call->args[0]);
	int rc;

	hints.ai_family = (int)call_int(call, 2, 0);
	hints.ai_protocol = (int)call_int(call, 4, 0);
	hints.ai_flags = (int)call_int(call, 5, 0);
	rc = api.getaddrinfo(host, json_object_get_string(call->args[1]), &hints, &result);
	if (rc != 0) {
		if (rc != EAI_SYSTEM)
			errno = GAI_BASE - rc;
		return -1;
	}
	call->value = json_object_new_array();
	for (entry = result; entry; entry = entry->ai_next)
		json_object_array_add(call->value, entry_value(entry, host));
	api.freeaddrinfo(result);
	return 0;
}

static const struct agent_call calls[] = {
	{ "accept", call_accept },
	{ "bind", call_bind },
	{ "close", call_close },
	{ "connect", call_connect },
	{ "fileno", call_fileno },
	{ "getaddrinfo", call_getaddrinfo },
	{ "getpeername", call_getpeername },
	{ "getsendacksize", call_getsendacksize },
	{ "getsocketsta", call_getsocketsta },
	{ "getsockname", call_getsockname },
	{ "getsockopt", call_getsockopt },
	{ "listen", call_listen },
	{ "recv", call_recv },
	{ "recvfrom", call_recvfrom },
	{ "send", call_send },
	{ "sendall", call_sendall },
	{ "sendto", call_sendto },
	{ "setblocking", call_setblocking },
	{ "setsockopt", call_setsockopt },
	{ "settimeout", call_settimeout },
	{ "shutdown", call_shutdown },
	{ "socket", call_socket },
	{ NULL, NULL },
};

static const struct agent_call *find_call(const struct agent_call *list, const char *name)
{
	while (list->name && strcmp(list->name, name) != 0)
		list++;
	return list->name ? list : NULL;
}

static int do_call(struct call *call)
{
	struct json_object *name = NULL;
	const struct agent_call *known;

	json_object_object_get_ex(call->command, "fn", &name);
	known = find_call(calls, json_object_get_string(name));
	if (!known)
		known = find_call(api.calls, json_object_get_string(name));
	if (known)
		return known->run(call);
	call->mistake = "no such call";
	return 0;
}

/* ---- other commands ------------------------------------------------------ */

static const struct agent_constant constants[] = {
	{ "AF_INET", AF_INET },
	{ "AF_INET6", AF_INET6 },
	{ "IPPROTO_IP", IPPROTO_IP },
	{ "IPPROTO_TCP", IPPROTO_TCP },
	{ "IPPROTO_UDP", IPPROTO_UDP },
	{ "IP_ADD_MEMBERSHIP", IP_ADD_MEMBERSHIP },
	{ "IP_DROP_MEMBERSHIP", IP_DROP_MEMBERSHIP },
	{ "MSG_DONTWAIT", MSG_DONTWAIT },
	{ "MSG_PEEK", MSG_PEEK },
	{ "MSG_WAITALL", MSG_WAITALL },
	{ "SHUT_RD", SHUT_RD },
	{ "SHUT_RDWR", SHUT_RDWR },
	{ "SHUT_WR", SHUT_WR },
	{ "SOCK_DGRAM", SOCK_DGRAM },
	{ "SOCK_RAW", SOCK_RAW },
	{ "SOCK_STREAM", SOCK_STREAM },
	{ "SOL_SOCKET", SOL_SOCKET },
	{ "SO_BROADCAST", SO_BROADCAST },
	{ "SO_ERROR", SO_ERROR },
	{ "SO_KEEPALIVE", SO_KEEPALIVE },
	{ "SO_REUSEADDR", SO_REUSEADDR },
	{ "TCP_KEEPCNT", TCP_KEEPCNT },
	{ "TCP_KEEPIDLE", TCP_KEEPIDLE },
	{ "TCP_KEEPINTVL", TCP_KEEPINTVL },
	{ "TCP_NODELAY", TCP_NODELAY },
	{ NULL, 0 },
};

static const struct agent_constant *find_constant(const struct agent_constant *list,
	const char *name)
{
	while (list->name && strcmp(list->name, name) != 0)
		list++;
	return list->name ? list : NULL;
}

static int do_get(struct call *call)
{
	struct json_object *name = NULL;
	const struct agent_constant *known;

	json_object_object_get_ex(call->command, "fn", &name);
	known = find_constant(constants, json_object_get_string(name));
	if (!known)
		known = find_constant(api.constants, json_object_get_string(name));
	if (known)
		call->value = json_object_new_int64(known->value);
	else
		call->mistake = "no such constant";
	return 0;
}

static int number_of(struct call *call, const char *key)
{
	struct json_object *number = NULL;

	json_object_object_get_ex(call->command, key, &number);
	return json_object_get_int(number);
}

static int poll_events(struct call *call)
{
	struct pollfd one = { .fd = call->fd, .events = (short)number_of(call, "events") };

	if (api.poll(&one, 1, number_of(call, "ms")) < 0)
		return -1;
	call->value = json_object_new_int(one.revents);
	return 0;
}

static int do_closed_poll(struct call *call)
{
	call_close(call);
	return poll_events(call);
}

static int do_drop(struct call *call)
{
	int fd;

	(void)call;
	for (fd = 0; fd < DESCRIPTORS; fd++)
		if (is_open[fd]) {
			is_open[fd] = 0;
			api.close(fd);
		}
	return 0;
}

/* Another user from now on. */
static int do_become(struct call *call)
{
	uid_t uid = (uid_t)number_of(call, "uid");

	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0)
		return -1;
	return setresuid(uid, uid, uid);
}

static struct json_object *answer(struct json_object *command,
	int (*act)(struct call *call));

static int pass_descriptor(int channel, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char byte = 'x';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	return sendmsg(channel, &message, 0) == 1 ? 0 : -1;
}

static int take_descriptor(int channel)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(channel, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/*
 * Makes the call in a child, whose answer is ours. @passing: the child has
 * closed the socket, and gets it again as a descriptor that was sent to it.
 */
static int in_child(struct call *call, int passing)
{
	int ends[2], pair[2], status;
	static char text[1 << 16];
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(ends) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return -1;
	fflush(output);
	pid = fork();
	if (pid == 0) {
		const char *line;

		if (passing) {
			api.close(call->fd);
			if (dup2(take_descriptor(pair[1]), call->fd) < 0)
				_exit(1);
		}
		line = json_object_to_json_string(answer(call->command, do_call));
		_exit(write(ends[1], line, strlen(line)) < 0);
	}
	close(ends[1]);
	if (passing)
		pass_descriptor(pair[0], call->fd);
	while ((n = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = 0;
	close(ends[0]);
	close(pair[0]);
	close(pair[1]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	call->value = wrap("child", json_tokener_parse(text));
	return 0;
}

static int do_fork(struct call *call)
{
	return in_child(call, 0);
}

static int do_pass(struct call *call)
{
	return in_child(call, 1);
}

static const struct {
	const char *name;
	int (*act)(struct call *call);
} words[] = {
	{ "become", do_become },
	{ "call", do_call },
	{ "closed_poll", do_closed_poll },
	{ "drop", do_drop },
	{ "fork", do_fork },
	{ "get", do_get },
	{ "pass", do_pass },
	{ "poll", poll_events },
};

/* ---- answers ------------------------------------------------------------- */

static struct json_object *error_value(int error, const char *mistake)
{
	struct json_object *value = json_object_new_object(), *kinds = json_object_new_array();
	int number = error >= GAI_BASE ? GAI_BASE - error : error;

	json_object_array_add(kinds, json_object_new_string(mistake ? "Mistake" : "OSError"));
	json_object_object_add(value, "is", kinds);
	json_object_object_add(value, "n", json_object_new_int(number));
	json_object_object_add(value, "text",
		json_object_new_string(mistake ? mistake
				: number < 0   ? api.gai_strerror(number)
					       : strerror(number)));
	return value;
}

static void read_target(struct call *call)
{
	struct json_object *on = NULL, *args = NULL;
	size_t i;

	call->fd = -1;
	if (json_object_object_get_ex(call->command, "on", &on) &&
		*json_object_get_string(on) == 'o')
		call->fd = atoi(json_object_get_string(on) + 1);
	if (!json_object_object_get_ex(call->command, "args", &args))
		return;
	call->n_args = json_object_array_length(args);
	for (i = 0; i < call->n_args && i < ARGS_MAX; i++)
		call->args[i] = json_object_array_get_idx(args, i);
}

static struct json_object *answer(struct json_object *command, int (*act)(struct call *call))
{
	struct call call = { .command = command };
	struct json_object *value, *child;
	int rc, error;

	read_target(&call);
	call.start_us = now_us();
	errno = 0;
	rc = act(&call);
	error = errno;
	if (call.value && json_object_object_get_ex(call.value, "child", &child)) {
		json_object_get(child);
		json_object_put(call.value);
		return child;
	}
	value = json_object_new_object();
	json_object_object_add(value, "us", json_object_new_int64(now_us() - call.start_us));
	if (rc < 0 || call.mistake)
		json_object_object_add(value, "error", error_value(error, call.mistake));
	else
		json_object_object_add(value, "ok", call.value);
	return value;
}

static void tell(struct json_object *value, struct json_object *command)
{
	struct json_object *id = NULL;

	json_object_object_get_ex(command, "id", &id);
	json_object_object_add(value, "id", json_object_get(id));
	pthread_mutex_lock(&output_lock);
	fprintf(output, "%s\n", json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
	fflush(output);
	pthread_mutex_unlock(&output_lock);
	json_object_put(value);
}

static void *carry_out(void *argument)
{
	struct json_object *command = argument, *word = NULL;
	size_t i;

	json_object_object_get_ex(command, "do", &word);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].name, json_object_get_string(word)) == 0) {
			tell(answer(command, words[i].act), command);
			json_object_put(command);
			return NULL;
		}
	fprintf(stderr, "no such command: %s\n", json_object_get_string(word));
	exit(1);
}

static void begin_thread(struct json_object *command)
{
	struct json_object *begun = json_object_new_object();
	pthread_t thread;

	json_object_object_add(begun, "begun", json_object_new_boolean(1));
	tell(begun, command);
	if (pthread_create(&thread, NULL, carry_out, command) != 0)
		exit(1);
	pthread_detach(thread);
}

int main(int argc, char **argv)
{
	struct json_object *command, *thread;
	char *line = NULL;
	size_t size = 0;

	api.begin();
	output = argc == 2 ? fdopen(atoi(argv[1]), "w") : NULL;
	if (!output) {
		fprintf(stderr, "usage: agent DESCRIPTOR\n");
		return 2;
	}
	while (getline(&line, &size, stdin) > 0) {
		command = json_tokener_parse(line);
		if (json_object_object_get_ex(command, "thread", &thread) &&
			json_object_get_boolean(thread))
			begin_thread(command);
		else
			carry_out(command);
	}
	free(line);
	fclose(output);
	return 0;
}
