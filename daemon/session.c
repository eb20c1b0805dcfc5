/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A session owns the accepted rendezvous descriptor, the daemon's ends of the
 * queue pair and the list of sockets that its client may control. It never
 * waits: messages are taken as they come, each is answered before the next is
 * looked at, and an answer that the client has left no room for ends the
 * session. How many messages are taken in one loop turn is bounded, so that a
 * busy client does not hold up the others.
 *
 * A message is answered on the way it came, except that an answer with a
 * descriptor always goes by the rendezvous socket. One that is sent without waiting for
 * a reply may lie in its queue when its client has already told somebody else. So who
 * asks what a socket's options are has those of others taken first, and a session that
 * hangs up its own. A message that wants a reply is not to be taken then: it is held,
 * and has its turn as ever.
 *
 * The end of a session does not end its sockets: those live and die with
 * their channels.
 *
 * session_enter() is the only writer of the state. A session that ends inside
 * its own callbacks goes to the reaper; its events and descriptors go at once.
 */
#include "daemon/session.h"

#include "daemon/limits.h"
#include "daemon/program_name.h"
#include "daemon/queue.h"
#include "daemon/reap.h"
#include "daemon/request.h"
#include "daemon/server.h"
#include "daemon/table_writer.h"
#include "daemon/usocketd.h"
#include "netif/hash.h"
#include "netif/log.h"
#include "proto/codec.h"
#include "proto/fdpass.h"
#include "proto/status.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Messages taken from one source in one loop turn. */
#define MESSAGE_BUDGET 8
/* Clients over a limit that are told so at the same time; others are just
 * turned away. */
#define REFUSED_MAX 16

enum session_state {
	/* Only inside session_new(). */
	SESSION_NEW,
	/* Entered by session_new(). A hello is allowed. Left by a hello, by
	 * hanging up, or late. */
	SESSION_HELLO,
	/* Entered by a good hello. Requests are allowed. Left by hanging up or
	 * by a breach. */
	SESSION_OPEN,
	/* Entered by a hello that was refused. The answer is on its way; what
	 * comes is thrown away. Left by hanging up, or late. */
	SESSION_CLOSING,
	/* Entered from all others. Nothing is left but memory. */
	SESSION_DEAD,
	SESSION_STATE_COUNT,
};

struct state_row {
	const char *name;
	unsigned int allowed_from; /* bits of states */
	unsigned int timeout_ms;   /* 0: may last */
	const char *lateness;	   /* what to say when the time is up */
};

#define FROM(state) (1u << (state))

static const struct state_row states[] = {
	[SESSION_NEW] = { "new", 0, 0, NULL },
	[SESSION_HELLO] = { "hello", FROM(SESSION_NEW), 2000, "sent no hello" },
	[SESSION_OPEN] = { "open", FROM(SESSION_HELLO), 0, NULL },
	[SESSION_CLOSING] = { "closing", FROM(SESSION_HELLO), 1000, NULL },
	[SESSION_DEAD] = {
		"dead",
		FROM(SESSION_NEW) | FROM(SESSION_HELLO) | FROM(SESSION_OPEN) |
			FROM(SESSION_CLOSING),
		0,
		NULL,
	},
};
_Static_assert(sizeof(states) / sizeof(states[0]) == SESSION_STATE_COUNT, "states");

enum route {
	ROUTE_RENDEZVOUS,
	ROUTE_QUEUE,
};

/* The right to control one socket; keyed by record, so the records bound it. */
struct grant {
	uint32_t index;
	uint32_t generation;
	UT_hash_handle hh;
};

/* Owned by its server's list, from DEAD on by the reaper. */
struct session {
	struct server *server;
	struct usocketd *daemon;
	enum session_state state;
	uint32_t number;
	int fd; /* rendezvous; -1 when dead */
	struct ucred peer;
	char program[TABLE_PROGRAM_MAX];
	struct account *account;   /* referenced */
	int refusal;		   /* 0: admitted; -errno for its hello */
	struct queue_pair *queues; /* NULL: all goes by rendezvous */
	struct event *on_rendezvous;
	struct event *on_queue;
	struct event *on_late;
	struct grant *grants;
	LIST_ENTRY(session) link;
	struct reap_item reap;
	/* What was taken from the queue before its turn. */
	bool has_held;
	size_t held_len;
	uint8_t held[PROTOCOL_MESSAGE_MAX];
};

/* ---- end ------------------------------------------------------------------ */

static void free_event(struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
}

static void free_grants(struct session *session)
{
	struct grant *grant, *next;

	HASH_ITER(hh, session->grants, grant, next) {
		HASH_DEL(session->grants, grant);
		free(grant);
	}
}

/* Takes the session off the server's books. */
static void leave(struct session *session)
{
	struct session_registry *registry = server_sessions(session->server);

	LIST_REMOVE(session, link);
	if (session->refusal < 0) {
		registry->n_refused--;
		return;
	}
	registry->n_admitted--;
	account_release(session->account, RESOURCE_SESSION, 1);
	if (session->state == SESSION_OPEN && !session->queues)
		session->daemon->n_sessions_without_queue--;
}

/* Gives back everything but the session's own memory. */
static void release(struct session *session)
{
	free_event(&session->on_rendezvous);
	free_event(&session->on_queue);
	free_event(&session->on_late);
	queue_pair_free(session->queues);
	session->queues = NULL;
	if (session->fd >= 0)
		close(session->fd);
	session->fd = -1;
	free_grants(session);
	account_unref(session->account);
	session->account = NULL;
}

static void reap_session(struct reap_item *item)
{
	free((char *)item - offsetof(struct session, reap));
}

/* ---- state ---------------------------------------------------------------- */

static void session_enter(struct session *session, enum session_state state, const char *reason)
{
	const struct state_row *row = &states[state];
	const struct timeval timeout = {
		.tv_sec = row->timeout_ms / 1000,
		.tv_usec = row->timeout_ms % 1000 * 1000,
	};

	assert(row->allowed_from & FROM(session->state));
	log_debug("session %u: %s -> %s (%s)", session->number, states[session->state].name,
		row->name, reason);
	if (state == SESSION_DEAD)
		leave(session);
	session->state = state;
	event_del(session->on_late);
	if (row->timeout_ms > 0)
		event_add(session->on_late, &timeout);
	if (state == SESSION_DEAD) {
		release(session);
		reaper_put(session->daemon->reaper, &session->reap, reap_session);
	}
}

/* A breach by the client: it is shown the door. */
static void drop(struct session *session, const char *breach)
{
	log_warning("client %d (%s) %s: dropped", (int)session->peer.pid, session->program,
		breach);
	session->daemon->n_clients_dropped++;
	session_enter(session, SESSION_DEAD, breach);
}

static void on_late(evutil_socket_t fd, short events, void *arg)
{
	struct session *session = arg;
	const char *lateness = states[session->state].lateness;

	(void)fd;
	(void)events;
	if (lateness)
		drop(session, lateness);
	else
		session_enter(session, SESSION_DEAD, "time is up");
}

/* ---- replies -------------------------------------------------------------- */

static int send_bytes(struct session *session, enum route route, const uint8_t *buf, size_t len,
	const int *fds, size_t n_fds)
{
	ssize_t n;

	if (route == ROUTE_QUEUE && session->queues && n_fds == 0)
		return queue_pair_send(session->queues, buf, len);
	n = fdpass_send(session->fd, buf, len, fds, n_fds, MSG_DONTWAIT);
	return n < 0 ? (int)n : 0;
}

/* Sends @reply; a client that does not take it is dropped. Returns 0 or -errno. */
static int send_reply(struct session *session, enum route route, const usp_Reply *reply,
	const int *fds, size_t n_fds)
{
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	int len, r;

	len = codec_encode_reply(reply, buf, sizeof(buf));
	assert(len >= 0); /* static_assert below: every reply fits */
	r = send_bytes(session, route, buf, (size_t)len, fds, n_fds);
	if (r == -EAGAIN)
		drop(session, "does not read its replies");
	else if (r < 0)
		session_enter(session, SESSION_DEAD, strerror(-r));
	return r;
}
_Static_assert(usp_Reply_size <= PROTOCOL_MESSAGE_MAX, "a reply fits a message");
_Static_assert(usp_Request_size <= PROTOCOL_MESSAGE_MAX, "a request fits a message");

/* ---- hello ---------------------------------------------------------------- */

static void on_queue(evutil_socket_t fd, short events, void *arg);

static int start_queues(struct session *session, struct queue_client_ends *ends)
{
	int r = queue_pair_new(&session->queues, ends);

	if (r < 0)
		return r;
	session->on_queue = event_new(session->daemon->base, queue_pair_fd(session->queues),
		EV_READ | EV_PERSIST, on_queue, session);
	if (session->on_queue && event_add(session->on_queue, NULL) == 0)
		return 0;
	free_event(&session->on_queue);
	queue_pair_free(session->queues);
	session->queues = NULL;
	close(ends->requests);
	close(ends->replies);
	return -ENOMEM;
}

/* Makes the queue pair if both sides want one. */
static bool offer_queues(struct session *session, uint32_t wanted, struct queue_client_ends *ends)
{
	int r;

	if (!(wanted & CAPABILITY_QUEUES) || !session->daemon->config.queues)
		return false;
	r = start_queues(session, ends);
	/* Said once, and again only after it was better for a while. */
	if (r < 0 && !session->daemon->lacks_queues)
		log_warning("no message queues for client %d (%s), which goes without: %s; %s",
			(int)session->peer.pid, session->program, strerror(-r),
			queue_advice(r));
	session->daemon->lacks_queues = r < 0;
	return r == 0;
}

/* Queues are offered apart: they may be lacking. */
#define OFFERED                                                                           \
	(CAPABILITY_RAW | CAPABILITY_WATCH | CAPABILITY_CONNECT_NAME | CAPABILITY_LINKS | \
		CAPABILITY_NO_REPLY)

/* The version to speak, 0 if there is none. */
static uint32_t pick_version(const usp_Hello *hello)
{
	uint32_t version = hello->version_max;

	if (version > PROTOCOL_VERSION_MAX)
		version = PROTOCOL_VERSION_MAX;
	if (version < hello->version_min || version < PROTOCOL_VERSION_MIN)
		return 0;
	return version;
}

static void fill_hello(const struct session *session, usp_Reply *reply, uint32_t capabilities)
{
	usp_HelloReply *hello = &reply->body.hello;

	reply->which_body = usp_Reply_hello_tag;
	hello->version_min = PROTOCOL_VERSION_MIN;
	hello->version_max = PROTOCOL_VERSION_MAX;
	hello->capabilities = capabilities;
	hello->instance = session->daemon->instance;
	hello->session = session->number;
	snprintf(hello->daemon_version, sizeof(hello->daemon_version), "%s", PACKAGE_VERSION);
}

static void refuse(struct session *session, usp_Reply *reply, usp_Status status)
{
	reply->status = status;
	if (send_reply(session, ROUTE_RENDEZVOUS, reply, NULL, 0) < 0)
		return;
	shutdown(session->fd, SHUT_WR);
	session_enter(session, SESSION_CLOSING, "refused");
}

static void accept_hello(struct session *session, const usp_Hello *hello, usp_Reply *reply)
{
	struct queue_client_ends ends;
	int fds[HELLO_FD_COUNT];
	size_t n_fds = 1;
	int r;

	fds[HELLO_FD_TABLE] = table_writer_fd(session->daemon->table);
	if (offer_queues(session, hello->capabilities, &ends)) {
		fds[HELLO_FD_REQUESTS] = ends.requests;
		fds[HELLO_FD_REPLIES] = ends.replies;
		reply->body.hello.capabilities |= CAPABILITY_QUEUES;
		n_fds = HELLO_FD_COUNT;
	}
	r = send_reply(session, ROUTE_RENDEZVOUS, reply, fds, n_fds);
	if (n_fds > 1) {
		close(ends.requests);
		close(ends.replies);
	}
	if (r < 0)
		return;
	session_enter(session, SESSION_OPEN, n_fds > 1 ? "hello" : "hello, no queues");
	if (n_fds == 1)
		session->daemon->n_sessions_without_queue++;
}

static void handle_hello(struct session *session, const usp_Request *message)
{
	const usp_Hello *hello = &message->body.hello;
	usp_Reply reply = usp_Reply_init_zero;
	uint32_t version = pick_version(hello);

	if (hello->program[0] != '\0')
		program_name_set(session->program, hello->program);
	reply.sequence = message->sequence;
	fill_hello(session, &reply, hello->capabilities & OFFERED);
	if (session->refusal < 0) {
		refuse(session, &reply, status_from_errno(session->refusal));
	} else if (version == 0) {
		refuse(session, &reply, usp_STATUS_VERSION);
	} else {
		reply.body.hello.version = version;
		accept_hello(session, hello, &reply);
	}
}

/* ---- requests ------------------------------------------------------------- */

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

static bool wants_reply(const usp_Request *message)
{
	return message->which_body != usp_Request_socket_set_option_tag ||
		!message->body.socket_set_option.no_reply;
}

static void handle_request(struct session *session, const usp_Request *message, enum route route,
	int fd_in)
{
	usp_Reply reply = usp_Reply_init_zero;
	struct request request = {
		.daemon = session->daemon,
		.session = session,
		.message = message,
		.reply = &reply,
		.fd_in = fd_in,
		.fd_out = -1,
	};

	request_dispatch(&request);
	if (wants_reply(message))
		send_reply(session, route, &reply, &request.fd_out, request.fd_out >= 0);
	close_if_open(request.fd_out);
}

/* Takes one message and the descriptor that came with it (or -1). */
static void take_message(struct session *session, enum route route, const uint8_t *buf,
	size_t len, int fd_in)
{
	usp_Request message = usp_Request_init_zero;

	if (session->state == SESSION_CLOSING) {
		close_if_open(fd_in);
		return;
	}
	if (codec_decode_request(&message, buf, len) < 0) {
		close_if_open(fd_in);
		session->daemon->n_malformed++;
		drop(session, "sent bytes that are no request");
		return;
	}
	session->daemon->n_requests++;
	if (session->state == SESSION_OPEN) {
		handle_request(session, &message, route, fd_in);
		return;
	}
	close_if_open(fd_in);
	if (message.which_body == usp_Request_hello_tag)
		handle_hello(session, &message);
	else
		drop(session, "did not begin with a hello");
}

/* ---- what is taken before its turn ------------------------------------------ */

/* A message that is no request is dealt with at once. */
static bool may_be_taken(const uint8_t *bytes, size_t len)
{
	usp_Request message = usp_Request_init_zero;

	return codec_decode_request(&message, bytes, len) < 0 || !wants_reply(&message);
}

/* Puts a message off until the session's turn. */
static void hold(struct session *session, const uint8_t *bytes, size_t len)
{
	memcpy(session->held, bytes, len);
	session->held_len = len;
	session->has_held = true;
	event_active(session->on_queue, EV_READ, 0);
}

/* Takes what the client has sent without waiting, up to what wants a reply. */
static void take_unanswered(struct session *session)
{
	uint8_t bytes[PROTOCOL_MESSAGE_MAX];

	for (int i = 0; i < PROTOCOL_QUEUE_DEPTH && session->queues && !session->has_held; i++) {
		ssize_t n = queue_pair_receive(session->queues, bytes);

		if (n < 0)
			return;
		if (may_be_taken(bytes, (size_t)n))
			take_message(session, ROUTE_QUEUE, bytes, (size_t)n, -1);
		else
			hold(session, bytes, (size_t)n);
	}
}

void session_let_others_go_first(const struct session *session, socket_id id)
{
	struct session *other, *next;

	for (other = LIST_FIRST(&server_sessions(session->server)->all); other; other = next) {
		/* A breach may end it, and no other. */
		next = LIST_NEXT(other, link);
		if (other != session && session_may_control(other, id))
			take_unanswered(other);
	}
}

/* ---- messages as they come -------------------------------------------------- */

static void on_hang_up(struct session *session, const char *reason)
{
	take_unanswered(session);
	if (session->state != SESSION_DEAD)
		session_enter(session, SESSION_DEAD, reason);
}

/* Returns false when there is no more to take. */
static bool receive_rendezvous(struct session *session)
{
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	size_t n_fds = 1;
	int fd_in = -1;
	ssize_t n = fdpass_recv(session->fd, buf, sizeof(buf), &fd_in, &n_fds, MSG_DONTWAIT);

	if (n > 0) {
		take_message(session, ROUTE_RENDEZVOUS, buf, (size_t)n, n_fds > 0 ? fd_in : -1);
		return session->state != SESSION_DEAD;
	}
	if (n == 0) {
		if (n_fds > 0)
			close(fd_in);
		on_hang_up(session, "hung up");
	} else if (n == -EMSGSIZE || n == -EPROTO) {
		drop(session, "sent a message that is too long");
	} else if (n != -EAGAIN && n != -EINTR) {
		on_hang_up(session, strerror((int)-n));
	}
	return false;
}

static void on_rendezvous(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	for (int i = 0; i < MESSAGE_BUDGET && receive_rendezvous(arg); i++)
		continue;
}

/* The next message of the queue: its length, or -errno. */
static ssize_t receive_queue(struct session *session, uint8_t *bytes)
{
	if (!session->has_held)
		return queue_pair_receive(session->queues, bytes);
	session->has_held = false;
	memcpy(bytes, session->held, session->held_len);
	return (ssize_t)session->held_len;
}

/* One at a time: a client waits for its answer before it asks for something else. */
static void on_queue(evutil_socket_t fd, short events, void *arg)
{
	struct session *session = arg;
	uint8_t buf[PROTOCOL_MESSAGE_MAX];
	ssize_t n = receive_queue(session, buf);

	(void)fd;
	(void)events;
	if (n >= 0)
		take_message(session, ROUTE_QUEUE, buf, (size_t)n, -1);
	else if (n != -EAGAIN && n != -EINTR)
		session_enter(session, SESSION_DEAD, strerror((int)-n));
}

/* ---- life cycle ----------------------------------------------------------- */

/* Decides whether the client may have a session; the hello will tell it. */
static int admit(struct session *session)
{
	struct session_registry *registry = server_sessions(session->server);
	int r;

	if (registry->n_admitted >= session->daemon->config.sessions_max)
		r = -ENFILE;
	else
		r = account_charge(session->account, RESOURCE_SESSION, 1);
	if (r < 0 && registry->n_refused >= REFUSED_MAX)
		return r;
	session->refusal = r;
	if (r < 0)
		registry->n_refused++;
	else
		registry->n_admitted++;
	session->number = ++registry->latest;
	LIST_INSERT_HEAD(&registry->all, session, link);
	return 0;
}

static int identify(struct session *session)
{
	socklen_t len = sizeof(session->peer);

	if (getsockopt(session->fd, SOL_SOCKET, SO_PEERCRED, &session->peer, &len) < 0)
		return -errno;
	program_name_of_process(session->program, session->peer.pid);
	session->account = account_new_session_of(session->daemon->accounts, session->peer.uid);
	return session->account ? 0 : -ENOMEM;
}

static int make_events(struct session *session)
{
	struct event_base *base = session->daemon->base;

	session->on_late = evtimer_new(base, on_late, session);
	session->on_rendezvous =
		event_new(base, session->fd, EV_READ | EV_PERSIST, on_rendezvous, session);
	if (!session->on_late || !session->on_rendezvous)
		return -ENOMEM;
	return event_add(session->on_rendezvous, NULL) < 0 ? -ENOMEM : 0;
}

int session_new(struct server *server, int fd)
{
	struct session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return -ENOMEM;
	session->server = server;
	session->daemon = server_daemon(server);
	session->fd = fd;
	r = identify(session);
	if (r == 0)
		r = make_events(session);
	if (r == 0)
		r = admit(session);
	if (r < 0) {
		session->fd = -1; /* stays the caller's */
		release(session);
		free(session);
		return r;
	}
	session_enter(session, SESSION_HELLO, "connected");
	return 0;
}

void session_free(struct session *session)
{
	if (session)
		session_enter(session, SESSION_DEAD, "ended");
}

/* ---- rights and observers -------------------------------------------------- */

int session_grant(struct session *session, socket_id id)
{
	uint32_t index = socket_id_index(id);
	struct grant *grant;

	HASH_FIND(hh, session->grants, &index, sizeof(index), grant);
	if (!grant) {
		grant = calloc(1, sizeof(*grant));
		if (!grant)
			return -ENOMEM;
		grant->index = index;
		HASH_ADD(hh, session->grants, index, sizeof(index), grant);
	}
	grant->generation = socket_id_generation(id);
	return 0;
}

bool session_may_control(const struct session *session, socket_id id)
{
	uint32_t index = socket_id_index(id);
	const struct grant *grant;

	HASH_FIND(hh, session->grants, &index, sizeof(index), grant);
	return grant && grant->generation == socket_id_generation(id);
}

pid_t session_pid(const struct session *session)
{
	return session->peer.pid;
}

uid_t session_uid(const struct session *session)
{
	return session->peer.uid;
}

bool session_in_group(const struct session *session, gid_t gid)
{
	gid_t *groups;
	socklen_t size = 0;
	bool found = false;

	if (session->peer.gid == gid)
		return true;
	/* The first call only tells how much room is needed. */
	if (getsockopt(session->fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 ||
		errno != ERANGE)
		return false;
	groups = malloc(size);
	if (!groups)
		return false;
	if (getsockopt(session->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
		for (size_t i = 0; i < size / sizeof(*groups); i++)
			found |= groups[i] == gid;
	}
	free(groups);
	return found;
}

const char *session_program(const struct session *session)
{
	return session->program;
}

struct account *session_account(const struct session *session)
{
	return session->account;
}

struct server *session_server(const struct session *session)
{
	return session->server;
}
