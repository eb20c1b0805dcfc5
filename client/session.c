/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A process has one session: a connection to the rendezvous socket and, if the
 * daemon grants one, a pair of message queues. It is opened by the first call
 * that needs it, and again by the next call after it was lost.
 *
 * One mutex covers one round trip: the daemon answers every request at once,
 * so nobody holds the session for longer than that, and never while waiting
 * for the network. While it is held, signals are blocked and cancellation is
 * off. A request travels on the queue, or on the rendezvous socket if it
 * carries a descriptor or there is no queue; a reply comes on either. A queue
 * does not hang up when the daemon dies, so both are waited for together, save
 * for the first moments where the reply can only come on the queue: that is one
 * system call less for nearly all of them. (A queue waits by the time of day: if
 * that is set back in these moments, and the daemon dies in them, too, the call
 * waits for as long.) Either way the thread asks for a while before it sleeps
 * (spin.h). One request is under way at a time, so a reply with any
 * other number than the request's is a fault: the session is given up then, as it
 * is when the reply does not come in time, and no late reply can be taken for
 * another request's.
 *
 * What cannot be refused is sent without waiting for a reply (session_post_option()), for
 * sockets that the daemon is known to let this session control. The next reply says that
 * the daemon has taken all of these; until then there may be POSTED_MAX, so that the queue
 * has room for a request that is waited for.
 *
 * The descriptors live in a program that may close or replace them, so each
 * round trip first looks whether those it uses are what they were. After fork()
 * the child closes its copies and opens a session of its own when it needs one; a
 * child made past pthread_atfork() is found out by its pid.
 */
#include "client/session.h"

#include "client/deadline.h"
#include "client/guard.h"
#include "client/mapping.h"
#include "client/own_fd.h"
#include "client/queue.h"
#include "client/settings.h"
#include "client/spin.h"
#include "client/usocket.h"
#include "proto/codec.h"
#include "proto/fdpass.h"
#include "proto/status.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* How long the daemon may take to answer, opening the session included. */
#define ANSWER_MS 5000
/* How long a reply is waited for on the queue alone; the daemon takes microseconds. */
#define QUEUE_ALONE_MS 20
/* One for a session that has died unnoticed, two for new ones. */
#define TRIES 3
/* Requests without reply that may lie in the queue. */
#define POSTED_MAX (PROTOCOL_QUEUE_DEPTH / 2)
/* Sockets whose right is remembered. */
#define GRANTED_MAX 64
/* How often a connect is tried again while the daemon's backlog is full. */
#define BACKLOG_RETRY_MS 10

/* Outcomes of one attempt besides 0 and -errno. */
enum session_outcome {
	SESSION_LOST = 1, /* hung up in the middle; a new one may do */
};

static struct session {
	pthread_mutex_t lock;	  /* of all below */
	pid_t pid;		  /* whose it is */
	struct own_fd rendezvous; /* fd -1: no session */
	struct own_fd requests;
	struct own_fd replies;
	bool has_queues;
	bool takes_posts;		  /* CAPABILITY_NO_REPLY */
	unsigned int n_posted;		  /* since a reply came by queue */
	socket_id granted[GRANTED_MAX];	  /* by index; there may be others */
	uint64_t instance;		  /* of the daemon */
	uint32_t sequence;		  /* of the latest request */
	struct spin spin;		  /* for its reply */
	struct usocket_versions versions; /* of the daemon met last */
} session = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.rendezvous = OWN_FD_NONE,
	.requests = OWN_FD_NONE,
	.replies = OWN_FD_NONE,
	.versions = {
		.library_min = PROTOCOL_VERSION_MIN,
		.library_max = PROTOCOL_VERSION_MAX,
	},
};

static void session_drop(struct session *s)
{
	own_fd_close(&s->rendezvous);
	own_fd_close(&s->requests);
	own_fd_close(&s->replies);
	s->has_queues = false;
	s->takes_posts = false;
	s->n_posted = 0;
	memset(s->granted, 0, sizeof(s->granted));
	s->versions.in_use = 0;
}

/* How a request and its reply travel. */
enum route {
	ROUTE_RENDEZVOUS,
	ROUTE_QUEUE,	   /* both on the queues */
	ROUTE_QUEUE_THERE, /* the reply, if it is good, on the rendezvous socket */
};

static enum route route_of(const struct session *s, const struct session_call *call)
{
	if (!s->has_queues || call->fd_out >= 0)
		return ROUTE_RENDEZVOUS;
	return call->wants_fd ? ROUTE_QUEUE_THERE : ROUTE_QUEUE;
}

static bool rendezvous_usable(const struct session *s)
{
	struct pollfd p = { .fd = s->rendezvous.fd };

	return own_fd_intact(&s->rendezvous) && poll(&p, 1, 0) == 0;
}

static bool queues_usable(const struct session *s)
{
	return own_fd_intact(&s->requests) && own_fd_intact(&s->replies);
}

/* Whether what the route needs is there; a hang-up shows while a reply is awaited. */
static bool session_usable(const struct session *s, enum route route)
{
	if (s->rendezvous.fd < 0 || s->pid != getpid())
		return false;
	return (route == ROUTE_QUEUE || rendezvous_usable(s)) &&
		(route == ROUTE_RENDEZVOUS || queues_usable(s));
}

static int connect_path(const char *path, int64_t until_ns, int *out)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	strcpy(un.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	while ((r = connect(fd, (struct sockaddr *)&un, sizeof(un))) < 0 &&
		errno == EAGAIN && time_now_ns() < until_ns)
		poll(NULL, 0, BACKLOG_RETRY_MS);
	if (r < 0) {
		r = -errno;
		close(fd);
		return r == -EAGAIN ? -ETIMEDOUT : r;
	}
	*out = fd;
	return 0;
}

static int connect_daemon(int64_t until_ns, int *out)
{
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
	int len, r = -ENODEV;

	for (unsigned int i = 0; (len = settings_socket_path(i, path, sizeof(path))) >= 0; i++) {
		r = (size_t)len < sizeof(path) ? connect_path(path, until_ns, out)
					       : -ENAMETOOLONG;
		if (r != -ENOENT && r != -ECONNREFUSED && r != -ENOTDIR)
			return r;
	}
	return -ENODEV;
}

/* As poll(2) without waiting, but asks for a while. */
static int poll_spinning(struct spin *spin, struct pollfd *p, nfds_t n_fds)
{
	int n;

	if (!spin_begin(spin))
		return 0;
	do {
		n = poll(p, n_fds, 0);
	} while (n == 0 && spin_goes_on(spin));
	spin_end(spin, n > 0);
	return n;
}

/* Waits for what the reply may come on; 0, SESSION_LOST or -ETIMEDOUT. */
static int wait_message(struct session *s, int64_t until_ns, bool *on_queue)
{
	struct pollfd p[2] = {
		{ .fd = s->rendezvous.fd, .events = POLLIN },
		{ .fd = s->has_queues ? s->replies.fd : -1, .events = POLLIN },
	};
	int n = poll_spinning(&s->spin, p, 2);

	while (n <= 0) {
		n = poll(p, 2, time_left_ms(until_ns));
		if (n == 0)
			return -ETIMEDOUT;
	}
	/* What came before the hang-up still counts. */
	*on_queue = p[1].revents & POLLIN;
	return *on_queue || p[0].revents & POLLIN ? 0 : SESSION_LOST;
}

static int send_request(const struct session *s, const struct session_call *call,
	enum route route)
{
	uint8_t bytes[PROTOCOL_MESSAGE_MAX];
	int len = codec_encode_request(&call->request, bytes, sizeof(bytes));
	ssize_t r;

	if (len < 0)
		return len;
	if (route != ROUTE_RENDEZVOUS)
		r = queue_send(s->requests.fd, bytes, (size_t)len);
	else
		r = fdpass_send(s->rendezvous.fd, bytes, (size_t)len, &call->fd_out,
			call->fd_out >= 0 ? 1 : 0, MSG_DONTWAIT);
	return r < 0 ? SESSION_LOST : 0;
}

/* Of a reply on the queue; -EAGAIN after @wait_ms, else as queue_receive(). */
static ssize_t receive_on_queue(const struct session *s, uint8_t *bytes, size_t *n_fds, int wait_ms)
{
	ssize_t n = queue_receive(s->replies.fd, bytes, PROTOCOL_MESSAGE_MAX, wait_ms);

	/* Signals are blocked; if a system wakes it all the same, it is waited on. */
	if (n == -EINTR)
		n = -EAGAIN;
	if (n != -EAGAIN)
		*n_fds = 0;
	return n;
}

/* As receive_on_queue() without waiting, but asks for a while. */
static ssize_t receive_spinning(struct session *s, uint8_t *bytes, size_t *n_fds)
{
	ssize_t n;

	if (!spin_begin(&s->spin))
		return -EAGAIN;
	do {
		n = receive_on_queue(s, bytes, n_fds, 0);
	} while (n == -EAGAIN && spin_goes_on(&s->spin));
	spin_end(&s->spin, n != -EAGAIN);
	return n;
}

/* Waits for a reply, reads it and its descriptors; closes those that come with a fault. */
static int receive_reply(struct session *s, enum route route, int64_t until_ns,
	usp_Reply *reply, int *fds, size_t *n_fds)
{
	uint8_t bytes[PROTOCOL_MESSAGE_MAX];
	ssize_t n = -EAGAIN;

	if (route == ROUTE_QUEUE) {
		n = receive_spinning(s, bytes, n_fds);
		if (n == -EAGAIN)
			n = receive_on_queue(s, bytes, n_fds, QUEUE_ALONE_MS);
		/* Only now does the route need it. */
		if (n == -EAGAIN && !own_fd_intact(&s->rendezvous))
			return SESSION_LOST;
	}
	if (n == -EAGAIN) {
		bool on_queue;
		int r = wait_message(s, until_ns, &on_queue);

		if (r != 0)
			return r;
		n = on_queue ? receive_on_queue(s, bytes, n_fds, 0)
			     : fdpass_recv(s->rendezvous.fd, bytes, sizeof(bytes), fds, n_fds,
				       MSG_DONTWAIT);
	}
	if (n == -EPROTO)
		return -EMFILE;
	if (n <= 0)
		return n == -EMSGSIZE ? -EPROTO : SESSION_LOST;
	if (codec_decode_reply(reply, bytes, (size_t)n) < 0 || reply->sequence != s->sequence) {
		while (*n_fds > 0)
			close(fds[--*n_fds]);
		return -EPROTO;
	}
	return 0;
}

static int round_trip(struct session *s, struct session_call *call, int64_t until_ns,
	int *fds, size_t *n_fds)
{
	enum route route = route_of(s, call);
	int r;

	call->request.sequence = ++s->sequence;
	r = send_request(s, call, route);
	if (r == 0)
		r = receive_reply(s, route, until_ns, &call->reply, fds, n_fds);
	if (r == 0 && route != ROUTE_RENDEZVOUS)
		s->n_posted = 0;
	if (r != 0)
		*n_fds = 0;
	return r;
}

static void note_versions(struct session *s, const usp_HelloReply *hello)
{
	s->versions.daemon_min = hello->version_min;
	s->versions.daemon_max = hello->version_max;
	snprintf(s->versions.daemon, sizeof(s->versions.daemon), "%s", hello->daemon_version);
}

/* Takes over what came with a good hello. */
static int adopt_hello(struct session *s, const usp_HelloReply *hello, int *fds, size_t n_fds)
{
	bool has_queues = hello->capabilities & CAPABILITY_QUEUES;
	int r;

	if (hello->version < PROTOCOL_VERSION_MIN || hello->version > PROTOCOL_VERSION_MAX ||
		hello->instance == 0 || n_fds != (has_queues ? (size_t)HELLO_FD_COUNT : 1))
		return -EPROTO;
	r = mapping_replace(fds[HELLO_FD_TABLE], hello->instance);
	if (r < 0 || !has_queues)
		return r;
	r = own_fd_adopt(&s->requests, fds[HELLO_FD_REQUESTS]);
	fds[HELLO_FD_REQUESTS] = -1;
	if (r < 0)
		return r;
	r = own_fd_adopt(&s->replies, fds[HELLO_FD_REPLIES]);
	fds[HELLO_FD_REPLIES] = -1;
	return r;
}

static int session_hello(struct session *s, int64_t until_ns)
{
	struct session_call call = session_call_make(SESSION_ANY_INSTANCE, usp_Request_hello_tag);
	usp_Hello *hello = &call.request.body.hello;
	int fds[HELLO_FD_COUNT];
	size_t n_fds = HELLO_FD_COUNT;
	int r;

	hello->version_min = PROTOCOL_VERSION_MIN;
	hello->version_max = PROTOCOL_VERSION_MAX;
	hello->capabilities = CAPABILITY_QUEUES | CAPABILITY_RAW | CAPABILITY_WATCH |
		CAPABILITY_CONNECT_NAME | CAPABILITY_LINKS | CAPABILITY_NO_REPLY;
	snprintf(hello->program, sizeof(hello->program), "%s", program_invocation_short_name);
	r = round_trip(s, &call, until_ns, fds, &n_fds);
	if (r != 0)
		return r == SESSION_LOST ? -ENODEV : r;
	if (call.reply.which_body == usp_Reply_hello_tag)
		note_versions(s, &call.reply.body.hello);
	if (call.reply.status == usp_Status_STATUS_VERSION)
		r = -EPROTONOSUPPORT;
	else if (call.reply.status != usp_Status_STATUS_OK)
		r = -status_to_errno(call.reply.status);
	else if (call.reply.which_body != usp_Reply_hello_tag)
		r = -EPROTO;
	else
		r = adopt_hello(s, &call.reply.body.hello, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (r < 0)
		return r;
	s->instance = call.reply.body.hello.instance;
	s->has_queues = s->requests.fd >= 0;
	s->takes_posts = call.reply.body.hello.capabilities & CAPABILITY_NO_REPLY;
	s->versions.in_use = call.reply.body.hello.version;
	return 0;
}

/* Makes sure of a session; called with the lock held. */
static int session_ensure(struct session *s, enum route route, int64_t until_ns)
{
	int fd = -1;
	int r;

	if (session_usable(s, route))
		return 0;
	session_drop(s);
	r = connect_daemon(until_ns, &fd);
	if (r < 0)
		return r;
	r = own_fd_adopt(&s->rendezvous, fd);
	if (r < 0)
		return r;
	s->pid = getpid();
	s->sequence = 0;
	r = session_hello(s, until_ns);
	if (r < 0)
		session_drop(s);
	return r;
}

static void session_lock(struct guard *guard)
{
	guard_enter(guard);
	pthread_mutex_lock(&session.lock);
}

static void session_unlock(const struct guard *guard)
{
	pthread_mutex_unlock(&session.lock);
	guard_leave(guard);
}

static int session_ensure_instance(struct session *s, enum route route, uint64_t instance,
	int64_t until_ns)
{
	int r = session_ensure(s, route, until_ns);

	if (instance == SESSION_ANY_INSTANCE)
		return r;
	if (r == -ENODEV)
		return -ECONNABORTED;
	if (r == 0 && s->instance != instance)
		return -ECONNABORTED;
	return r;
}

static int call_locked(struct session *s, struct session_call *call)
{
	int64_t until_ns = time_after_ms(ANSWER_MS);
	size_t n_fds = 1;
	int r = SESSION_LOST;

	for (int tries = 0; tries < TRIES && r == SESSION_LOST; tries++) {
		r = session_ensure_instance(s, route_of(s, call), call->instance, until_ns);
		if (r < 0)
			return r;
		n_fds = 1;
		r = round_trip(s, call, until_ns, &call->fd_in, &n_fds);
		if (r != 0)
			session_drop(s);
	}
	if (n_fds == 0)
		call->fd_in = -1;
	if (r == SESSION_LOST)
		return call->instance == SESSION_ANY_INSTANCE ? -ENODEV : -ECONNABORTED;
	return r;
}

/* A descriptor that must come, came; one that nobody wants is closed. */
static int check_descriptor(struct session_call *call)
{
	bool good = call->reply.status == usp_Status_STATUS_OK ||
		call->reply.status == usp_Status_STATUS_STARTED;

	if (good && call->wants_fd)
		return call->fd_in >= 0 ? 0 : -EPROTO;
	if (call->fd_in >= 0)
		close(call->fd_in);
	call->fd_in = -1;
	return 0;
}

static socket_id *granted_place(struct session *s, socket_id id)
{
	return &s->granted[socket_id_index(id) % GRANTED_MAX];
}

/* Remembers what the daemon has let the session control from now on. */
static void note_grant(struct session *s, const struct session_call *call)
{
	socket_id id = call->reply.body.socket.socket;

	if (call->reply.which_body == usp_Reply_socket_tag)
		*granted_place(s, id) = id;
}

/* Whether one more descriptor can be had, before the daemon sends it. */
static int check_room(void)
{
	int fd = dup(session.rendezvous.fd);

	if (fd < 0)
		return errno == EMFILE ? -EMFILE : 0;
	close(fd);
	return 0;
}

struct session_call session_call_make(uint64_t instance, pb_size_t tag)
{
	struct session_call call = {
		.instance = instance,
		.request = usp_Request_init_zero,
		.reply = usp_Reply_init_zero,
		.fd_out = -1,
		.fd_in = -1,
	};

	call.request.which_body = tag;
	return call;
}

int session_call(struct session_call *call)
{
	struct guard guard;
	int r = 0;

	session_lock(&guard);
	if (call->wants_fd)
		r = check_room();
	if (r == 0)
		r = call_locked(&session, call);
	if (r == 0)
		r = check_descriptor(call);
	if (r == 0)
		note_grant(&session, call);
	session_unlock(&guard);
	return r;
}

static int check_post(struct session *s, uint64_t instance, socket_id id)
{
	if (!s->takes_posts || s->n_posted >= POSTED_MAX || s->instance != instance ||
		!session_usable(s, ROUTE_QUEUE))
		return -EAGAIN;
	return *granted_place(s, id) == id ? 0 : -EPERM;
}

static int post(struct session *s, struct session_call *call)
{
	usp_SocketSetOption *body = &call->request.body.socket_set_option;

	call->request.sequence = ++s->sequence;
	body->no_reply = true;
	if (send_request(s, call, ROUTE_QUEUE) == 0) {
		s->n_posted++;
		return 0;
	}
	body->no_reply = false;
	return -EAGAIN;
}

int session_post_option(struct session_call *call)
{
	struct guard guard;
	int r;

	session_lock(&guard);
	r = check_post(&session, call->instance, call->request.body.socket_set_option.socket);
	if (r == 0)
		r = post(&session, call);
	session_unlock(&guard);
	return r;
}

int session_request(struct session_call *call)
{
	int r = session_call(call);

	return r < 0 ? r : -status_to_errno(call->reply.status);
}

int session_open(void)
{
	struct guard guard;
	int r;

	session_lock(&guard);
	r = session_ensure(&session, ROUTE_RENDEZVOUS, time_after_ms(ANSWER_MS));
	session_unlock(&guard);
	return r;
}

static int session_open_instance(uint64_t instance)
{
	struct guard guard;
	int r;

	session_lock(&guard);
	r = session_ensure_instance(&session, ROUTE_RENDEZVOUS, instance,
		time_after_ms(ANSWER_MS));
	session_unlock(&guard);
	return r;
}

bool session_is_alive(uint64_t instance)
{
	return session_open_instance(instance) != -ECONNABORTED;
}

/* What a reader of the table is told when even a new session had none. */
static int table_error(int r)
{
	return r == -ESTALE || r == -EAGAIN ? -ECONNABORTED : r;
}

int session_find_socket(uint64_t instance, socket_id id, struct table_socket *out)
{
	int r = mapping_find_socket(instance, id, out);

	if (r == -ESTALE) {
		r = session_open_instance(instance);
		if (r == 0)
			r = mapping_find_socket(instance, id, out);
	}
	return table_error(r);
}

int session_read_socket(uint32_t index, struct table_socket *out)
{
	int r = mapping_read_socket(SESSION_ANY_INSTANCE, index, out);

	if (r == -ESTALE) {
		r = session_open();
		if (r == 0)
			r = mapping_read_socket(SESSION_ANY_INSTANCE, index, out);
	}
	return table_error(r);
}

int session_read_link(uint32_t index, struct table_link *out)
{
	int r = mapping_read_link(SESSION_ANY_INSTANCE, index, out);

	if (r == -ESTALE) {
		r = session_open();
		if (r == 0)
			r = mapping_read_link(SESSION_ANY_INSTANCE, index, out);
	}
	return table_error(r);
}

int session_table_header(struct table_header *out)
{
	int r = session_open();

	return r == 0 ? table_error(mapping_header(SESSION_ANY_INSTANCE, out)) : r;
}

uint32_t session_count_links(void)
{
	struct table_header header;

	if (mapping_header(SESSION_ANY_INSTANCE, &header) < 0 && session_table_header(&header) < 0)
		return 0;
	return header.n_links;
}

void session_versions(struct usocket_versions *versions)
{
	struct guard guard;

	session_lock(&guard);
	*versions = session.versions;
	session_unlock(&guard);
}

/* Of the thread that forks, which holds the lock. */
static struct guard fork_guard;

static void on_fork_prepare(void)
{
	struct guard guard;

	session_lock(&guard);
	fork_guard = guard;
}

static void on_fork_parent(void)
{
	struct guard guard = fork_guard;

	session_unlock(&guard);
}

static void on_fork_child(void)
{
	session_drop(&session);
	on_fork_parent();
}

__attribute__((constructor)) static void session_load(void)
{
	pthread_atfork(on_fork_prepare, on_fork_parent, on_fork_child);
}
