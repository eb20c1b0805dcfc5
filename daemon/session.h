/* SPDX-License-Identifier: MIT */
/*
 * A session: one connection of a client process to the rendezvous socket,
 * with its queue pair, its credentials and the sockets it may control.
 */
#ifndef DAEMON_SESSION_H
#define DAEMON_SESSION_H

#include "proto/protocol.h"
#include "proto/table.h"

#include <stdbool.h>
#include <sys/types.h>

struct account;
struct server;
struct session;

/*
 * Takes over the accepted descriptor @fd. The session frees itself when the
 * client is gone, breaks the protocol or does not read. Returns 0 or -errno
 * (@fd is still the caller's then).
 */
int session_new(struct server *server, int fd);

/* Ends it at once; its sockets live on with their holders. */
void session_free(struct session *session);

/* Gives the right to control a socket, which its holder has proved. */
int session_grant(struct session *session, socket_id id);
bool session_may_control(const struct session *session, socket_id id);

/*
 * Takes what other sessions that may control @id have sent without waiting for a reply:
 * what it does is done before @session's request, which may have been made by somebody who
 * was told.
 */
void session_let_others_go_first(const struct session *session, socket_id id);

pid_t session_pid(const struct session *session);
uid_t session_uid(const struct session *session);
/* Whether the peer's primary or supplementary groups include @gid. */
bool session_in_group(const struct session *session, gid_t gid);
/* What the table shows as its program; never empty. */
const char *session_program(const struct session *session);
struct account *session_account(const struct session *session);
struct server *session_server(const struct session *session);

#endif
