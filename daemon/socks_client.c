/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A client goes through the phases of enum phase. Until it has a connection it
 * is read message by message, each no further than to its end, so that what it
 * sends ahead stays in its socket. A connection takes the socket over and the
 * client is freed; a UDP association lasts as long as its client's connection.
 *
 * The client's user is charged one session, and its sockets, as any other
 * client's. The account is that of one session: limits a session hold as well.
 *
 * Answers are a few bytes into an empty socket. If they do not fit, the client
 * is not reading, and is dropped.
 */
#include "daemon/socks_private.h"

#include "daemon/limits.h"
#include "daemon/program_name.h"
#include "daemon/socks_peer.h"
#include "daemon/socks_udp.h"
#include "daemon/socks_users.h"
#include "netif/log.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a client may take to say what it wants. */
#define HANDSHAKE_S 30

/*
 * A client of TCP that has closed looks like one that has only ended its stream,
 * until the kernel forgets its socket and answers a probe with a reset.
 */
#define PROBE_IDLE_S	 60
#define PROBE_INTERVAL_S 10
#define PROBE_COUNT	 3

enum phase {
	PHASE_GREETING,
	PHASE_LOGIN,
	PHASE_REQUEST,
	PHASE_CONNECTING, /* the socket being connected watches the descriptor */
	PHASE_ASSOCIATED,
};

struct socks_client {
	struct socks *socks;
	const struct socks_listener *listener;
	int fd;
	enum phase phase;
	struct event *on_readable;
	struct event *on_late; /* the handshake takes too long */
	struct socks_peer peer;
	char program[TABLE_PROGRAM_MAX];
	struct account *account; /* referenced; one RESOURCE_SESSION charged */
	struct socks_connect *connect;
	struct socks_udp *udp;
	uint8_t message[SOCKS_MESSAGE_MAX];
	size_t n_message;
	LIST_ENTRY(socks_client) link;
};

void socks_client_free(struct socks_client *client)
{
	if (client->connect)
		socks_connect_cancel(client->connect);
	socks_udp_free(client->udp);
	event_free(client->on_readable);
	event_free(client->on_late);
	close(client->fd);
	account_release(client->account, RESOURCE_SESSION, 1);
	account_unref(client->account);
	LIST_REMOVE(client, link);
	client->socks->n_clients--;
	explicit_bzero(client->message, sizeof(client->message));
	free(client);
}

static void drop(struct socks_client *client, const char *why)
{
	log_info("socks client of uid %u (%s): %s", (unsigned)client->peer.uid, client->program,
		why);
	socks_client_free(client);
}

/* Whether the client is still there. */
static bool answer(struct socks_client *client, const uint8_t *bytes, size_t len)
{
	if (send(client->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len)
		return true;
	drop(client, "does not take its answer");
	return false;
}

static bool reply(struct socks_client *client, enum socks_reply code, const struct address *bound)
{
	static const struct address none;
	uint8_t bytes[SOCKS_HEADER_MAX];

	return answer(client, bytes, socks_write_reply(bytes, code, bound ? bound : &none));
}

static void refuse(struct socks_client *client, enum socks_reply code, const char *why)
{
	if (reply(client, code, NULL))
		drop(client, why);
}

static void expect(struct socks_client *client, enum phase phase)
{
	client->phase = phase;
	client->n_message = 0;
}

/* ---- greeting and login ------------------------------------------------------ */

/* Who is known to the kernel need not log in, but may. */
static enum socks_method choose_method(const struct socks_client *client,
	const struct socks_greeting *greeting)
{
	bool must_log_in = client->socks->users && client->listener->place->path[0] == '\0';

	if (greeting->offers_none && !must_log_in)
		return SOCKS_METHOD_NONE;
	if (greeting->offers_password && client->socks->users)
		return SOCKS_METHOD_PASSWORD;
	return SOCKS_METHOD_REFUSED;
}

static int take_greeting(struct socks_client *client)
{
	struct socks_greeting greeting;
	int r = socks_parse_greeting(&greeting, client->message, client->n_message);
	uint8_t bytes[2] = { 5 };

	if (r != 0)
		return r;
	bytes[1] = (uint8_t)choose_method(client, &greeting);
	if (!answer(client, bytes, sizeof(bytes)))
		return 0;
	if (bytes[1] == SOCKS_METHOD_REFUSED)
		drop(client, "offers no method of authentication that [socks] users asks for");
	else
		expect(client, bytes[1] == SOCKS_METHOD_NONE ? PHASE_REQUEST : PHASE_LOGIN);
	return 0;
}

static int take_login(struct socks_client *client)
{
	struct socks_login login;
	int r = socks_parse_login(&login, client->message, client->n_message);
	uint8_t bytes[2] = { 1 };

	if (r != 0)
		return r;
	if (!socks_users_know(client->socks->users, login.name, login.name_len, login.password,
		    login.password_len))
		bytes[1] = 1;
	else if (client->peer.pid == 0)
		program_name_set(client->program, login.name);
	explicit_bzero(&login, sizeof(login));
	if (!answer(client, bytes, sizeof(bytes)))
		return 0;
	if (bytes[1] != 0)
		drop(client, "wrong user or password");
	else
		expect(client, PHASE_REQUEST);
	return 0;
}

/* ---- requests ----------------------------------------------------------------- */

static struct socket_owner owner_of(const struct socks_client *client)
{
	return (struct socket_owner){
		.account = client->account,
		.pid = (uint32_t)client->peer.pid,
		.uid = client->peer.uid,
		.program = client->program,
	};
}

static void on_connected(int error, const struct address *local, void *arg)
{
	struct socks_client *client = arg;
	char why[128];

	client->connect = NULL;
	if (error == 0) {
		if (reply(client, SOCKS_REPLY_OK, local))
			socks_client_free(client);
		return;
	}
	snprintf(why, sizeof(why), "cannot be connected: %s", strerror(error));
	refuse(client, socks_reply_of(error), why);
}

static void start_connect(struct socks_client *client, const struct socks_target *target)
{
	const struct socks_connect_params params = {
		.lookups = &client->socks->lookups,
		.owner = owner_of(client),
		.target = target,
		.fd = client->fd,
		.done = on_connected,
		.arg = client,
	};
	int r = socks_connect_new(&client->connect, client->socks->daemon->sockets, &params);

	if (r < 0) {
		on_connected(-r, NULL, client);
		return;
	}
	event_del(client->on_readable);
	client->phase = PHASE_CONNECTING;
}

/* The client's datagrams come to where its connection came, or to 127.0.0.1. */
static struct address udp_place(const struct socks_client *client)
{
	struct address local = { .family = ADDRESS_IPV4, .ip = { 127, 0, 0, 1 } };

	if (client->listener->place->path[0] == '\0')
		local = client->listener->place->address;
	local.port = 0;
	return local;
}

static void start_association(struct socks_client *client, const struct socks_target *target)
{
	const struct socks_udp_params params = {
		.lookups = &client->socks->lookups,
		.owner = owner_of(client),
		.local = udp_place(client),
		.client = target->address,
	};
	struct address bound;
	int r = socks_udp_new(&client->udp, client->socks->daemon->sockets, &params, &bound);

	if (r < 0) {
		on_connected(-r, NULL, client);
		return;
	}
	if (reply(client, SOCKS_REPLY_OK, &bound))
		client->phase = PHASE_ASSOCIATED;
}

static int take_request(struct socks_client *client)
{
	struct socks_request request;
	int r = socks_parse_request(&request, client->message, client->n_message);

	if (r != 0)
		return r;
	event_del(client->on_late);
	if (request.command == SOCKS_UDP_ASSOCIATE)
		start_association(client, &request.target);
	else if (request.command != SOCKS_CONNECT)
		refuse(client, SOCKS_REPLY_COMMAND_UNKNOWN, "asks for neither CONNECT nor UDP");
	else if (request.target.address.family == ADDRESS_NONE && request.target.name[0] == '\0')
		refuse(client, SOCKS_REPLY_ADDRESS_UNKNOWN, "uses an unknown type of address");
	else
		start_connect(client, &request.target);
	return 0;
}

/* ---- reading -------------------------------------------------------------------- */

/* Returns 0 (the message was taken), what is missing of it, or -EPROTO. */
static int take_message(struct socks_client *client)
{
	switch (client->phase) {
	case PHASE_GREETING:
		return take_greeting(client);
	case PHASE_LOGIN:
		return take_login(client);
	default:
		return take_request(client);
	}
}

/* The client of an association has nothing to say, but its end tells all. */
static void watch_association(struct socks_client *client)
{
	uint8_t ignored[256];
	ssize_t n = recv(client->fd, ignored, sizeof(ignored), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		socks_client_free(client);
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
	struct socks_client *client = arg;
	int n_missing;
	ssize_t n;

	(void)events;
	if (client->phase == PHASE_ASSOCIATED) {
		watch_association(client);
		return;
	}
	/* Not 0: a message that was whole has been taken. */
	n_missing = take_message(client);
	n = recv(fd, client->message + client->n_message, (size_t)n_missing, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		socks_client_free(client);
		return;
	}
	client->n_message += (size_t)n;
	if (take_message(client) < 0)
		drop(client, "does not speak SOCKS version 5");
}

static void on_late(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	drop(arg, "has not said in time what it wants");
}

/* ---- life ----------------------------------------------------------------------- */

static int identify(struct socks_client *client)
{
	int r = socks_peer_of_stream(&client->peer, client->fd);

	if (r < 0)
		return r;
	if (client->peer.pid > 0)
		program_name_of_process(client->program, client->peer.pid);
	else
		program_name_set(client->program, "socks");
	client->account =
		account_new_session_of(client->socks->daemon->accounts, client->peer.uid);
	return client->account ? 0 : -ENOMEM;
}

static int admit(struct socks_client *client)
{
	if (client->socks->n_clients >= client->socks->daemon->config.sessions_max)
		return -ENFILE;
	return account_charge(client->account, RESOURCE_SESSION, 1);
}

static int watch(struct socks_client *client)
{
	static const struct timeval limit = { .tv_sec = HANDSHAKE_S };
	struct event_base *base = client->socks->daemon->base;

	client->on_readable =
		event_new(base, client->fd, EV_READ | EV_PERSIST, on_readable, client);
	client->on_late = evtimer_new(base, on_late, client);
	if (!client->on_readable || !client->on_late ||
		event_add(client->on_readable, NULL) < 0 || event_add(client->on_late, &limit) < 0)
		return -ENOMEM;
	return 0;
}

/* No effect, and an error, on a UNIX socket. */
static void set_probes(int fd)
{
	static const struct {
		int level, option, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_KEEPIDLE, PROBE_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, PROBE_INTERVAL_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, PROBE_COUNT },
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].option, &options[i].value,
			sizeof(options[i].value));
}

int socks_client_new(struct socks *socks, const struct socks_listener *listener, int fd)
{
	struct socks_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	client->socks = socks;
	client->listener = listener;
	client->fd = fd;
	r = identify(client);
	if (r == 0)
		r = watch(client);
	if (r == 0)
		r = admit(client);
	if (r < 0) {
		if (client->on_readable)
			event_free(client->on_readable);
		if (client->on_late)
			event_free(client->on_late);
		account_unref(client->account);
		free(client);
		return r;
	}
	set_probes(fd);
	LIST_INSERT_HEAD(&socks->clients, client, link);
	socks->n_clients++;
	return 0;
}
