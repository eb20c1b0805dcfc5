/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The server owns the listening socket and the list of sessions; a session
 * enters the list when it is made and leaves it when it is freed.
 *
 * When the process is out of descriptors, accept() fails and the waiting
 * connection would wake the loop for ever, so the server stops listening for
 * a moment instead. Whoever waits in the backlog is served later.
 */
#include "daemon/server.h"

#include "daemon/rendezvous.h"
#include "daemon/session.h"
#include "daemon/usocketd.h"
#include "netif/log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections taken in one loop turn. */
#define ACCEPT_BUDGET	16
#define ACCEPT_PAUSE_MS 200

struct server {
	struct usocketd *daemon;
	struct rendezvous rendezvous;
	int listen_fd;
	struct event *on_acceptable;
	struct event *on_pause_over;
	struct session_registry sessions;
};

static void pause_accepting(struct server *server, int error)
{
	const struct timeval pause = { .tv_usec = ACCEPT_PAUSE_MS * 1000 };

	log_warning("cannot accept clients: %s; raise RLIMIT_NOFILE (LimitNOFILE=)",
		strerror(error));
	event_del(server->on_acceptable);
	event_add(server->on_pause_over, &pause);
}

static void on_pause_over(evutil_socket_t fd, short events, void *arg)
{
	struct server *server = arg;

	(void)fd;
	(void)events;
	event_add(server->on_acceptable, NULL);
}

static void take_client(struct server *server, int fd)
{
	int r = session_new(server, fd);

	if (r < 0) {
		log_warning("a client is turned away: %s", strerror(-r));
		close(fd);
	}
}

static void on_acceptable(evutil_socket_t fd, short events, void *arg)
{
	struct server *server = arg;

	(void)events;
	for (int i = 0; i < ACCEPT_BUDGET; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client >= 0) {
			take_client(server, client);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(server, errno);
		else if (errno == EINTR || errno == ECONNABORTED)
			continue;
		return;
	}
}

static int start_accepting(struct server *server)
{
	struct event_base *base = server->daemon->base;
	int flags = fcntl(server->listen_fd, F_GETFL);

	if (flags < 0 || fcntl(server->listen_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	server->on_acceptable =
		event_new(base, server->listen_fd, EV_READ | EV_PERSIST, on_acceptable, server);
	server->on_pause_over = evtimer_new(base, on_pause_over, server);
	if (!server->on_acceptable || !server->on_pause_over ||
		event_add(server->on_acceptable, NULL) < 0)
		return -ENOMEM;
	return 0;
}

/* Frees all but the listening socket. */
static void free_parts(struct server *server)
{
	if (server->on_acceptable)
		event_free(server->on_acceptable);
	if (server->on_pause_over)
		event_free(server->on_pause_over);
	rendezvous_close(&server->rendezvous);
	free(server);
}

int server_new(struct server **out, struct usocketd *daemon, int listen_fd)
{
	const struct rendezvous_place place = {
		.path = daemon->config.socket,
		.type = SOCK_SEQPACKET,
		.mode = daemon->config.socket_mode,
		.group = daemon->config.socket_group,
	};
	struct server *server = calloc(1, sizeof(*server));
	int r = 0;

	if (!server)
		return -ENOMEM;
	server->daemon = daemon;
	server->rendezvous.lock = -1;
	server->listen_fd = listen_fd;
	LIST_INIT(&server->sessions.all);
	if (listen_fd < 0)
		r = server->listen_fd = rendezvous_listen(&server->rendezvous, &place);
	if (r >= 0)
		r = start_accepting(server);
	if (r < 0) {
		if (listen_fd < 0 && server->listen_fd >= 0)
			close(server->listen_fd);
		free_parts(server);
		return r;
	}
	*out = server;
	return 0;
}

void server_free(struct server *server)
{
	struct session *session;

	if (!server)
		return;
	while ((session = LIST_FIRST(&server->sessions.all)))
		session_free(session);
	close(server->listen_fd);
	free_parts(server);
}

struct usocketd *server_daemon(const struct server *server)
{
	return server->daemon;
}

struct session_registry *server_sessions(struct server *server)
{
	return &server->sessions;
}
