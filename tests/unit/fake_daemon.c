/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One thread polls the listener, the sessions and their queues, and answers.
 * The test's own thread changes sockets and records under the lock. Channels
 * are real, so what the kernel does with them is what it does in earnest.
 */
#include "tests/unit/fake_daemon.h"

#include "client/usocket.h"
#include "daemon/queue.h"
#include "daemon/table_writer.h"
#include "proto/codec.h"
#include "proto/fdpass.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_LINKS 4
#define SURPLUS 10

static atomic_uint n_instances;

static struct fake_socket *socket_by_id(struct fake_daemon *f, socket_id id)
{
	for (int i = 0; i < FAKE_SOCKETS; i++)
		if (f->sockets[i].id == id && id)
			return &f->sockets[i];
	return NULL;
}

static void publish(struct fake_daemon *f, struct fake_socket *s)
{
	table_writer_publish_socket(f->table, s->id, &s->record);
}

static int socket_open(struct fake_daemon *f, const struct table_socket *record,
	struct fake_socket **out)
{
	int type = record->type == TABLE_TYPE_STREAM ? SOCK_STREAM : SOCK_SEQPACKET;
	struct sockaddr_un un;
	struct fake_socket *s;
	int pair[2];

	for (s = f->sockets; s->id; s++)
		ck_assert_ptr_ne(s, &f->sockets[FAKE_SOCKETS - 1]);
	memset(s, 0, sizeof(*s));
	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
	s->id = table_writer_take(f->table);
	ck_assert(s->id != 0);
	ck_assert_int_eq(bind(pair[0], (struct sockaddr *)&un,
				 channel_name(&un, f->instance, s->id)),
		0);
	s->channel = pair[0];
	s->record = *record;
	s->record.pid = (uint32_t)getpid();
	strcpy(s->record.program, "test");
	s->record.local.family = record->family;
	publish(f, s);
	*out = s;
	return pair[1];
}

static bool granted(const struct fake_session *session, socket_id id)
{
	for (unsigned int i = 0; i < session->n_granted; i++)
		if (session->granted[i] == id)
			return true;
	return false;
}

static void grant(struct fake_session *session, socket_id id)
{
	if (session->n_granted < FAKE_SOCKETS)
		session->granted[session->n_granted++] = id;
}

static usp_Status socket_new(struct fake_daemon *f, struct fake_session *session,
	const usp_SocketNew *body, usp_Reply *reply, int *fd)
{
	struct table_socket record = {
		.type = (uint8_t)body->type,
		.family = (uint8_t)body->family,
		.protocol = body->type == usp_SocketType_SOCKET_TYPE_STREAM ? 6 : 17,
	};
	struct fake_socket *s;

	*fd = socket_open(f, &record, &s);
	grant(session, s->id);
	reply->which_body = usp_Reply_socket_tag;
	reply->body.socket.socket = s->id;
	return usp_Status_STATUS_OK;
}

static usp_Status socket_attach(struct fake_daemon *f, struct fake_session *session,
	usp_Reply *reply, int fd_in)
{
	uint64_t instance;
	socket_id id;

	if (fd_in < 0 || channel_identify(fd_in, &instance, &id) < 0 || !socket_by_id(f, id))
		return usp_Status_STATUS_BAD_SOCKET;
	grant(session, id);
	reply->which_body = usp_Reply_socket_tag;
	reply->body.socket.socket = id;
	atomic_fetch_add(&f->n_attached, 1);
	return usp_Status_STATUS_OK;
}

static usp_Status socket_bind(struct fake_daemon *f, struct fake_socket *s,
	const usp_SocketBind *body)
{
	if (s->record.flags & TABLE_SOCKET_BOUND)
		return usp_Status_STATUS_INVALID;
	address_from_proto(&s->record.local, &body->address);
	s->record.local.family = s->record.family;
	if (s->record.local.port == 0)
		s->record.local.port = 50000;
	else
		s->record.flags |= TABLE_SOCKET_BOUND;
	publish(f, s);
	return usp_Status_STATUS_OK;
}

static usp_Status socket_connect(struct fake_daemon *f, struct fake_socket *s,
	const usp_SocketConnect *body)
{
	address_from_proto(&s->record.remote, &body->address);
	if (s->record.type != TABLE_TYPE_STREAM) {
		publish(f, s);
		return usp_Status_STATUS_OK;
	}
	s->record.flags |= TABLE_SOCKET_CONNECTING;
	s->record.state = TABLE_STATE_SYN_SENT;
	publish(f, s);
	return usp_Status_STATUS_STARTED;
}

static usp_Status socket_connect_name(struct fake_daemon *f, struct fake_socket *s)
{
	if (s->record.flags & TABLE_SOCKET_CONNECTING)
		return usp_Status_STATUS_ALREADY;
	memset(&s->record.remote, 0, sizeof(s->record.remote));
	s->record.flags |= TABLE_SOCKET_CONNECTING;
	if (s->record.type == TABLE_TYPE_STREAM)
		s->record.state = TABLE_STATE_SYN_SENT;
	publish(f, s);
	return usp_Status_STATUS_STARTED;
}

static void drain(struct fake_socket *s)
{
	char bytes[256];

	while (recv(s->channel, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static usp_Status socket_disconnect(struct fake_daemon *f, struct fake_socket *s)
{
	memset(&s->record.remote, 0, sizeof(s->record.remote));
	s->record.flags &= (uint16_t)~TABLE_SOCKET_CONNECTING;
	s->record.state = TABLE_STATE_CLOSED;
	publish(f, s);
	if (s->record.type == TABLE_TYPE_STREAM)
		drain(s);
	return usp_Status_STATUS_OK;
}

static usp_Status socket_get_option(struct fake_daemon *f, struct fake_socket *s,
	const usp_SocketGetOption *body, usp_Reply *reply)
{
	reply->which_body = usp_Reply_option_tag;
	reply->body.option.value = s->options[body->option];
	if (body->option == usp_Option_OPTION_ERROR) {
		reply->body.option.value = s->record.error;
		s->record.error = 0;
		publish(f, s);
	}
	return usp_Status_STATUS_OK;
}

static usp_Status socket_request(struct fake_daemon *f, struct fake_session *session,
	const usp_Request *request, usp_Reply *reply)
{
	/* All of these begin with the socket's id. */
	struct fake_socket *s = socket_by_id(f, request->body.socket_disconnect.socket);

	if (!s || !granted(session, s->id))
		return usp_Status_STATUS_BAD_SOCKET;
	switch (request->which_body) {
	case usp_Request_socket_bind_tag:
		return socket_bind(f, s, &request->body.socket_bind);
	case usp_Request_socket_connect_tag:
		return socket_connect(f, s, &request->body.socket_connect);
	case usp_Request_socket_connect_name_tag:
		return socket_connect_name(f, s);
	case usp_Request_socket_disconnect_tag:
		return socket_disconnect(f, s);
	case usp_Request_socket_listen_tag:
		s->record.state = TABLE_STATE_LISTEN;
		s->record.send_queue = request->body.socket_listen.backlog;
		publish(f, s);
		return usp_Status_STATUS_OK;
	case usp_Request_socket_set_option_tag:
		s->options[request->body.socket_set_option.option] =
			request->body.socket_set_option.value;
		return usp_Status_STATUS_OK;
	default:
		return socket_get_option(f, s, &request->body.socket_get_option, reply);
	}
}

static usp_Status open_lookup(struct fake_daemon *f, int *fd)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	f->lookups[f->n_lookups++ % FAKE_SOCKETS] = pair[0];
	*fd = pair[1];
	return usp_Status_STATUS_STARTED;
}

static usp_Status handle(struct fake_daemon *f, struct fake_session *session,
	const usp_Request *request, usp_Reply *reply, int fd_in, int *fd_out)
{
	switch (request->which_body) {
	case usp_Request_socket_new_tag:
		return socket_new(f, session, &request->body.socket_new, reply, fd_out);
	case usp_Request_socket_attach_tag:
		return socket_attach(f, session, reply, fd_in);
	case usp_Request_resolve_tag:
	case usp_Request_watch_tag:
		return open_lookup(f, fd_out);
	case usp_Request_get_status_tag:
		reply->which_body = usp_Reply_daemon_tag;
		strcpy(reply->body.daemon.version, "fake");
		reply->body.daemon.sessions = 1;
		reply->body.daemon.name_server_count = 1;
		reply->body.daemon.name_server[0] = (usp_NameServer){
			.has_address = true,
			.address = { usp_FAMILY_IPV4, { 4, { 10, 0, 0, 3 } }, 5353, 0 },
			.link = 1,
		};
		return usp_Status_STATUS_OK;
	default:
		return socket_request(f, session, request, reply);
	}
}

static void session_end(struct fake_session *session)
{
	queue_pair_free(session->queues);
	if (session->fd >= 0)
		close(session->fd);
	memset(session, 0, sizeof(*session));
	session->fd = -1;
}

static void send_reply(const struct fake_session *session, const usp_Reply *reply,
	const int *fds, size_t n_fds)
{
	uint8_t bytes[PROTOCOL_MESSAGE_MAX];
	int len = codec_encode_reply(reply, bytes, sizeof(bytes));

	ck_assert_int_ge(len, 0);
	if (session->queues && session->greeted && n_fds == 0)
		queue_pair_send(session->queues, bytes, (size_t)len);
	else
		fdpass_send(session->fd, bytes, (size_t)len, fds, n_fds, MSG_DONTWAIT);
}

static void send_garbage(const struct fake_session *session, size_t len)
{
	uint8_t bytes[2 * PROTOCOL_MESSAGE_MAX];

	memset(bytes, 0xff, sizeof(bytes));
	fdpass_send(session->fd, bytes, len, NULL, 0, MSG_DONTWAIT);
}

/* Fills @fds with the table and the client's queue ends; returns how many. */
static size_t hello_fds(struct fake_daemon *f, struct fake_session *session, int *fds)
{
	struct queue_client_ends ends;

	fds[HELLO_FD_TABLE] = f->hello == FAKE_HELLO_WRONG_TABLE
		? memfd_create("none", MFD_CLOEXEC)
		: dup(table_writer_fd(f->table));
	if (!f->queues)
		return 1;
	ck_assert_int_eq(queue_pair_new(&session->queues, &ends), 0);
	fds[HELLO_FD_REQUESTS] = ends.requests;
	fds[HELLO_FD_REPLIES] = ends.replies;
	return HELLO_FD_COUNT;
}

static void answer_good_hello(struct fake_daemon *f, struct fake_session *session,
	usp_Reply *reply)
{
	usp_HelloReply *body = &reply->body.hello;
	int fds[HELLO_FD_COUNT];
	size_t n = hello_fds(f, session, fds);

	body->version = 1;
	body->version_min = 1;
	body->version_max = 1;
	body->capabilities = CAPABILITY_WATCH | CAPABILITY_CONNECT_NAME |
		(f->queues ? CAPABILITY_QUEUES : 0) |
		(f->takes_posts ? CAPABILITY_NO_REPLY : 0);
	body->instance = f->instance + (f->hello == FAKE_HELLO_OTHER_INSTANCE);
	strcpy(body->daemon_version, "fake");
	send_reply(session, reply, fds, f->hello == FAKE_HELLO_NO_TABLE ? 0 : n);
	session->greeted = true;
	while (n > 0)
		close(fds[--n]);
}

static void answer_hello(struct fake_daemon *f, struct fake_session *session,
	const usp_Request *request)
{
	usp_Reply reply = usp_Reply_init_zero;

	atomic_fetch_add(&f->n_hellos, 1);
	reply.sequence = request->sequence;
	reply.which_body = usp_Reply_hello_tag;
	switch ((int)f->hello) {
	case FAKE_HELLO_SILENT:
		return;
	case FAKE_HELLO_HANG_UP:
		session_end(session);
		return;
	case FAKE_HELLO_GARBAGE:
		send_garbage(session, 20);
		return;
	case FAKE_HELLO_FULL:
		reply.which_body = 0;
		reply.status = usp_Status_STATUS_TOO_MANY_SYSTEM;
		send_reply(session, &reply, NULL, 0);
		return;
	case FAKE_HELLO_VERSION:
		reply.status = usp_Status_STATUS_VERSION;
		reply.body.hello.version_min = 7;
		reply.body.hello.version_max = 9;
		strcpy(reply.body.hello.daemon_version, "future");
		send_reply(session, &reply, NULL, 0);
		return;
	default:
		answer_good_hello(f, session, &reply);
	}
}

static void misbehave(struct fake_session *session, enum fake_answer answer,
	usp_Reply *reply, int fd)
{
	int fds[SURPLUS + 1];
	size_t n = 0;

	switch (answer) {
	case FAKE_ANSWER_GARBAGE:
		send_garbage(session, 20);
		break;
	case FAKE_ANSWER_LONG:
		send_garbage(session, 2 * PROTOCOL_MESSAGE_MAX);
		break;
	case FAKE_ANSWER_OTHER_SEQUENCE:
		reply->sequence++;
		send_reply(session, reply, &fd, fd >= 0 ? 1 : 0);
		break;
	case FAKE_ANSWER_HANG_UP:
		session_end(session);
		break;
	case FAKE_ANSWER_NO_FD:
		send_reply(session, reply, NULL, 0);
		break;
	case FAKE_ANSWER_WRONG_FD:
		fds[0] = session->fd;
		send_reply(session, reply, fds, 1);
		break;
	case FAKE_ANSWER_SURPLUS_FDS:
		if (fd >= 0)
			fds[n++] = fd;
		for (int i = 0; i < SURPLUS; i++)
			fds[n++] = session->fd;
		send_reply(session, reply, fds, n);
		break;
	case FAKE_ANSWER_TWICE:
		send_reply(session, reply, &fd, fd >= 0 ? 1 : 0);
		send_reply(session, reply, NULL, 0);
		break;
	default:
		break;
	}
}

static bool is_posted(const usp_Request *request)
{
	return request->which_body == usp_Request_socket_set_option_tag &&
		request->body.socket_set_option.no_reply;
}

static void answer_request(struct fake_daemon *f, struct fake_session *session,
	const usp_Request *request, int fd_in)
{
	enum fake_answer answer = FAKE_ANSWER_NORMAL;
	usp_Reply reply = usp_Reply_init_zero;
	int fd = -1;

	atomic_fetch_add(&f->n_requests, 1);
	f->last = *request;
	if (f->hook)
		answer = f->hook(f, request, &reply, &fd);
	reply.sequence = request->sequence;
	if (answer != FAKE_ANSWER_FILLED && answer != FAKE_ANSWER_SILENT)
		reply.status = handle(f, session, request, &reply, fd_in, &fd);
	if (is_posted(request))
		atomic_fetch_add(&f->n_posted, 1);
	else if (answer == FAKE_ANSWER_NORMAL || answer == FAKE_ANSWER_FILLED)
		send_reply(session, &reply, &fd, fd >= 0 ? 1 : 0);
	else
		misbehave(session, answer, &reply, fd);
	if (fd >= 0)
		close(fd);
}

static void serve(struct fake_daemon *f, struct fake_session *session, bool on_queue)
{
	uint8_t bytes[PROTOCOL_MESSAGE_MAX];
	usp_Request request = usp_Request_init_zero;
	size_t n_fds = 1;
	int fd = -1;
	ssize_t n;

	if (on_queue) {
		n_fds = 0;
		n = queue_pair_receive(session->queues, bytes);
	} else {
		n = fdpass_recv(session->fd, bytes, sizeof(bytes), &fd, &n_fds, MSG_DONTWAIT);
	}
	if (n == -EAGAIN)
		return;
	if (n <= 0 || codec_decode_request(&request, bytes, (size_t)n) < 0)
		session_end(session);
	else if (request.which_body == usp_Request_hello_tag)
		answer_hello(f, session, &request);
	else
		answer_request(f, session, &request, n_fds ? fd : -1);
	if (n_fds)
		close(fd);
}

static void accept_session(struct fake_daemon *f)
{
	int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (int i = 0; i < FAKE_SESSIONS && fd >= 0; i++)
		if (f->sessions[i].fd < 0) {
			f->sessions[i].fd = fd;
			return;
		}
	ck_assert_int_lt(fd, 0);
}

static void *run(void *arg)
{
	struct fake_daemon *f = arg;
	struct pollfd p[2 + 2 * FAKE_SESSIONS];

	for (;;) {
		p[0] = (struct pollfd){ .fd = f->stop[0], .events = POLLIN };
		p[1] = (struct pollfd){ .fd = f->listener, .events = POLLIN };
		for (int i = 0; i < FAKE_SESSIONS; i++) {
			struct fake_session *s = &f->sessions[i];
			int queue = s->queues ? queue_pair_fd(s->queues) : -1;

			p[2 + 2 * i] = (struct pollfd){ .fd = s->fd, .events = POLLIN };
			p[3 + 2 * i] = (struct pollfd){ .fd = queue, .events = POLLIN };
		}
		poll(p, sizeof(p) / sizeof(p[0]), -1);
		if (p[0].revents)
			return NULL;
		pthread_mutex_lock(&f->lock);
		if (p[1].revents)
			accept_session(f);
		for (int i = 0; i < FAKE_SESSIONS; i++) {
			if (p[3 + 2 * i].revents && f->sessions[i].queues)
				serve(f, &f->sessions[i], true);
			if (p[2 + 2 * i].revents && f->sessions[i].fd >= 0)
				serve(f, &f->sessions[i], false);
		}
		pthread_mutex_unlock(&f->lock);
	}
}

static void listen_at(struct fake_daemon *f)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	strcpy(un.sun_path, f->path);
	unlink(f->path);
	f->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(f->listener, 0);
	ck_assert_int_eq(bind(f->listener, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(f->listener, 64), 0);
}

/* Signals are the test's own thread's: a handler may call the library. */
static void start_thread(struct fake_daemon *f)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ck_assert_int_eq(pthread_create(&f->thread, NULL, run, f), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static struct fake_daemon *start_at(const char *path, bool queues)
{
	struct fake_daemon *f = calloc(1, sizeof(*f));

	ck_assert_ptr_nonnull(f);
	strcpy(f->path, path);
	f->queues = queues;
	f->instance = (uint64_t)getpid() << 32 | (atomic_fetch_add(&n_instances, 1) + 1);
	for (int i = 0; i < FAKE_SESSIONS; i++)
		f->sessions[i].fd = -1;
	ck_assert_int_eq(table_writer_new(&f->table, FAKE_SOCKETS, N_LINKS, f->instance), 0);
	ck_assert_int_eq(pipe2(f->stop, O_CLOEXEC), 0);
	pthread_mutex_init(&f->lock, NULL);
	listen_at(f);
	start_thread(f);
	return f;
}

struct fake_daemon *fake_start(bool queues)
{
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	snprintf(path, sizeof(path), "/tmp/usocket-test-%d.sock", (int)getpid());
	ck_assert_int_eq(usocket_set_socket_path(path), 0);
	return start_at(path, queues);
}

struct fake_daemon *fake_restart(struct fake_daemon *old)
{
	return start_at(old->path, old->queues);
}

static void let_go(struct fake_daemon *f)
{
	if (f->dead_already)
		return;
	f->dead_already = true;
	ck_assert_int_eq(write(f->stop[1], "", 1), 1);
	pthread_join(f->thread, NULL);
	close(f->listener);
	unlink(f->path);
	for (int i = 0; i < FAKE_SOCKETS; i++)
		if (f->sockets[i].id && f->sockets[i].channel >= 0)
			close(f->sockets[i].channel);
	for (int i = 0; i < FAKE_SESSIONS; i++)
		session_end(&f->sessions[i]);
	fake_close_lookups(f);
}

void fake_stop(struct fake_daemon *f)
{
	let_go(f);
	table_writer_free(f->table);
	f->table = NULL;
}

void fake_kill(struct fake_daemon *f)
{
	let_go(f);
}

void fake_free(struct fake_daemon *f)
{
	let_go(f);
	if (f->table)
		table_writer_free(f->table);
	close(f->stop[0]);
	close(f->stop[1]);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

void fake_set_hook(struct fake_daemon *f, fake_hook_fn hook, void *arg)
{
	pthread_mutex_lock(&f->lock);
	f->hook = hook;
	f->hook_arg = arg;
	pthread_mutex_unlock(&f->lock);
}

usp_Request fake_last(struct fake_daemon *f)
{
	usp_Request last;

	pthread_mutex_lock(&f->lock);
	last = f->last;
	pthread_mutex_unlock(&f->lock);
	return last;
}

static struct fake_socket *find_locked(struct fake_daemon *f, int fd)
{
	uint64_t instance;
	socket_id id;
	struct fake_socket *s;

	ck_assert_int_eq(channel_identify(fd, &instance, &id), 0);
	s = socket_by_id(f, id);
	ck_assert_ptr_nonnull(s);
	return s;
}

struct fake_socket *fake_socket(struct fake_daemon *f, int fd)
{
	struct fake_socket *s;

	pthread_mutex_lock(&f->lock);
	s = find_locked(f, fd);
	pthread_mutex_unlock(&f->lock);
	return s;
}

void fake_set_state(struct fake_daemon *f, int fd, enum table_state state, uint16_t flags,
	int error)
{
	struct fake_socket *s;

	pthread_mutex_lock(&f->lock);
	s = find_locked(f, fd);
	s->record.state = (uint8_t)state;
	s->record.flags |= flags;
	s->record.error = (uint16_t)error;
	publish(f, s);
	pthread_mutex_unlock(&f->lock);
}

void fake_publish(struct fake_daemon *f, int fd)
{
	pthread_mutex_lock(&f->lock);
	publish(f, find_locked(f, fd));
	pthread_mutex_unlock(&f->lock);
}

void fake_complete_connect(struct fake_daemon *f, int fd, int error)
{
	struct fake_socket *s;

	pthread_mutex_lock(&f->lock);
	s = find_locked(f, fd);
	s->record.flags &= (uint16_t)~TABLE_SOCKET_CONNECTING;
	s->record.error = (uint16_t)error;
	if (s->record.type == TABLE_TYPE_STREAM) {
		s->record.state = error ? TABLE_STATE_CLOSED : TABLE_STATE_ESTABLISHED;
		s->record.flags |= error ? 0 : TABLE_SOCKET_WAS_CONNECTED;
	} else if (!error) {
		s->record.remote = (struct address){ ADDRESS_IPV4, 0, 80, 0, { 127, 0, 0, 1 } };
	}
	publish(f, s);
	drain(s);
	pthread_mutex_unlock(&f->lock);
}

int fake_connected(struct fake_daemon *f)
{
	int fd = usocket_socket(AF_INET, SOCK_STREAM, 0);
	struct fake_socket *s;

	ck_assert_int_ge(fd, 0);
	s = fake_socket(f, fd);
	pthread_mutex_lock(&f->lock);
	s->record.remote = (struct address){
		.family = ADDRESS_IPV4,
		.port = 80,
		.ip = { 192, 0, 2, 1 },
	};
	pthread_mutex_unlock(&f->lock);
	fake_set_state(f, fd, TABLE_STATE_ESTABLISHED, TABLE_SOCKET_WAS_CONNECTED, 0);
	return fd;
}

int fake_channel(struct fake_daemon *f, int fd)
{
	return fake_socket(f, fd)->channel;
}

void fake_end_socket(struct fake_daemon *f, int fd)
{
	struct fake_socket *s;

	pthread_mutex_lock(&f->lock);
	s = find_locked(f, fd);
	table_writer_release(f->table, s->id);
	close(s->channel);
	memset(s, 0, sizeof(*s));
	pthread_mutex_unlock(&f->lock);
}

socket_id fake_offer(struct fake_daemon *f, int fd, enum table_state state, int error)
{
	struct table_socket record = {
		.type = TABLE_TYPE_STREAM,
		.family = ADDRESS_IPV4,
		.protocol = 6,
		.state = (uint8_t)state,
		.error = (uint16_t)error,
		.flags = TABLE_SOCKET_WAS_CONNECTED,
		.remote = { .family = ADDRESS_IPV4, .port = 4711, .ip = { 192, 0, 2, 9 } },
	};
	struct channel_header header = { .kind = CHANNEL_ACCEPTED, .address = record.remote };
	struct fake_socket *s;
	ssize_t sent;
	int end;

	pthread_mutex_lock(&f->lock);
	end = socket_open(f, &record, &s);
	header.value = s->id;
	sent = fdpass_send(find_locked(f, fd)->channel, &header, sizeof(header), &end, 1, 0);
	ck_assert_int_eq(sent, sizeof(header));
	close(end);
	pthread_mutex_unlock(&f->lock);
	return header.value;
}

void fake_set_link(struct fake_daemon *f, uint32_t index, enum table_link_state state,
	const char *ip4, const char *ip6)
{
	struct table_link link = { .used = 1, .state = (uint8_t)state, .mtu = 1400 };

	snprintf(link.name, sizeof(link.name), "link%u", index);
	strcpy(link.driver, "fake");
	link.dials_on_demand = f->links_dial;
	if (*ip4) {
		ck_assert_int_eq(address_parse_ip(&link.address4, ip4), 0);
		link.address4.port = 24;
	}
	if (*ip6) {
		ck_assert_int_eq(address_parse_ip(&link.addresses6[0], ip6), 0);
		link.addresses6[0].port = 64;
		link.n_addresses6 = 1;
	}
	pthread_mutex_lock(&f->lock);
	table_writer_publish_link(f->table, index, &link);
	pthread_mutex_unlock(&f->lock);
}

void fake_send_lookup(struct fake_daemon *f, const void *bytes, size_t len)
{
	int fd = -1;

	/* The request may still be on its way. */
	for (int i = 0; i < 1000 && fd < 0; i++) {
		pthread_mutex_lock(&f->lock);
		if (f->n_lookups > 0)
			fd = f->lookups[(f->n_lookups - 1) % FAKE_SOCKETS];
		pthread_mutex_unlock(&f->lock);
		if (fd < 0)
			usleep(1000);
	}
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

void fake_close_lookups(struct fake_daemon *f)
{
	pthread_mutex_lock(&f->lock);
	while (f->n_lookups > 0)
		close(f->lookups[--f->n_lookups]);
	pthread_mutex_unlock(&f->lock);
}
