/* SPDX-License-Identifier: MIT */
/*
 * This process's session with the daemon: requests and replies, and the
 * connection table it maps.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "proto/protocol.h"
#include "proto/table.h"
#include "proto/usocket.pb.h"

#include <stdbool.h>
#include <stdint.h>

/* Any daemon will do: for requests that concern no existing socket. */
#define SESSION_ANY_INSTANCE 0

/* What goes over and comes back in one round trip. */
struct session_call {
	uint64_t instance;   /* the daemon it is for, or SESSION_ANY_INSTANCE */
	usp_Request request; /* body filled in; the sequence is the session's */
	int fd_out;	     /* goes with the request, stays the caller's; -1: none */
	bool wants_fd;	     /* the reply, if it is good, carries a descriptor */
	usp_Reply reply;     /* out */
	int fd_in;	     /* out: came with the reply, the caller's; -1: none */
};

/* A call with request body @tag, all else zero. */
struct session_call session_call_make(uint64_t instance, pb_size_t tag);

/*
 * Sends the request and waits for its reply, 5 s at most, opening a session if
 * there is none. Returns 0 when reply->status holds the daemon's answer, or:
 * -ENODEV        no daemon
 * -ECONNABORTED  the daemon now there is not @instance
 * -ETIMEDOUT     no reply in time; the session is given up
 * -EPROTO        the reply made no sense; the session is given up
 * -EPROTONOSUPPORT, -EACCES, -EMFILE, ... why no session could be opened
 */
int session_call(struct session_call *call);

/*
 * The same, and turns the reply's status into -errno (0 for OK and STARTED).
 */
int session_request(struct session_call *call);

/*
 * Sends a SocketSetOption that cannot be refused, and does not wait: returns 0, and it
 * counts as done. Or -EPERM, if the right to the socket has not been shown to the daemon in
 * this session, as far as it is remembered; -EAGAIN, if the daemon knows no such requests or
 * too many are under way: then session_call() does.
 */
int session_post_option(struct session_call *call);

/* Opens a session if there is none. Returns 0 or -errno as session_call(). */
int session_open(void);

/* Whether the daemon @instance still runs, as far as this process can tell. */
bool session_is_alive(uint64_t instance);

/*
 * Records of the table of @instance, without a request once a session was
 * opened. Returns 0; -ENOENT if the record is free (or another socket's by
 * now, or the index out of range); -ECONNABORTED if @instance has ended or its
 * table cannot be had; or why no session could be opened.
 */
int session_find_socket(uint64_t instance, socket_id id, struct table_socket *out);
int session_read_socket(uint32_t index, struct table_socket *out);
int session_read_link(uint32_t index, struct table_link *out);

/* Link records there are to ask for, used or not; 0 without a daemon. */
uint32_t session_count_links(void);

/*
 * Opens a session and tells the numbers of its table: n_sockets, n_links,
 * high_water, instance, daemon_pid; the other members are not filled in.
 */
int session_table_header(struct table_header *out);

struct usocket_versions;
void session_versions(struct usocket_versions *versions);

#endif
