/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The server owns the listening socket and the list of sessions; a session
 * enters the list when it is made and leaves it when it is freed.
 */
#include "daemon/server.h"

#include "daemon/acceptor.h"
#include "daemon/rendezvous.h"
#include "daemon/session.h"
#include "daemon/usocketd.h"
#include "netif/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct server {
	struct usocketd *daemon;
	struct rendezvous rendezvous;
	int listen_fd;
	struct acceptor acceptor;
	struct session_registry sessions;
};

static void take_client(int fd, void *arg)
{
	int r = session_new(arg, fd);

	if (r < 0) {
		log_warning("a client is turned away: %s", strerror(-r));
		close(fd);
	}
}

static int start_accepting(struct server *server)
{
	int flags = fcntl(server->listen_fd, F_GETFL);

	if (flags < 0 || fcntl(server->listen_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	server->acceptor = (struct acceptor){
		.fd = server->listen_fd,
		.whom = "clients",
		.take = take_client,
		.arg = server,
	};
	return acceptor_start(&server->acceptor, server->daemon->base);
}

/* Frees all but the listening socket. */
static void free_parts(struct server *server)
{
	acceptor_stop(&server->acceptor);
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
