/* SPDX-License-Identifier: MIT */
/*
 * The rendezvous socket: listens, accepts, and knows the sessions.
 */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include <stdint.h>
#include <sys/queue.h>

struct server;
struct session;
struct usocketd;

LIST_HEAD(session_list, session);

/* What the sessions of a server know of each other; written by session.c. */
struct session_registry {
	struct session_list all;
	uint32_t n_admitted; /* within the limits */
	uint32_t n_refused;  /* waiting for a hello to be told so */
	uint32_t latest;     /* number of the latest session */
};

/*
 * Serves the listening socket @listen_fd, which it takes over, or, if that is
 * -1, one it makes at the configured path. Says in the log why it cannot.
 * Returns 0 or -errno (@listen_fd is still the caller's then).
 */
int server_new(struct server **out, struct usocketd *daemon, int listen_fd);

/* Ends all sessions and removes the path that server_new() has made. */
void server_free(struct server *server);

struct usocketd *server_daemon(const struct server *server);
struct session_registry *server_sessions(struct server *server);

#endif
