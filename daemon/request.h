/* SPDX-License-Identifier: MIT */
/*
 * From a decoded request to its reply: one const table keyed by the oneof tag.
 */
#ifndef DAEMON_REQUEST_H
#define DAEMON_REQUEST_H

#include "proto/usocket.pb.h"

struct session;
struct usocketd;

/*
 * One request under way. The handler fills reply->body and which_body; status
 * and sequence are the dispatcher's.
 */
struct request {
	struct usocketd *daemon;
	struct session *session;
	const usp_Request *message;
	usp_Reply *reply;
	int fd_in;  /* came with the request, else -1; closed by the
			 * dispatcher unless the handler takes it and sets -1 */
	int fd_out; /* goes with the reply, else -1; the dispatcher closes
			 * the daemon's copy */
};

/* Outcomes of a handler besides 0 (done) and -errno (refused). */
enum request_outcome {
	REQUEST_STARTED = 1, /* completes on a channel */
};

typedef int (*request_fn)(struct request *request);

/* Puts the sentence that goes with a refusal into the reply; returns @error. */
int request_refuse(struct request *request, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Runs the handler of @request. Always fills reply->sequence and ->status.
 * Hello is not in the table: the session answers it itself.
 */
void request_dispatch(struct request *request);

/* Handlers of the socket layer (socket_requests.c). */
int request_socket_new(struct request *request);
int request_socket_attach(struct request *request);
int request_socket_bind(struct request *request);
int request_socket_connect(struct request *request);
int request_socket_connect_name(struct request *request);
int request_socket_disconnect(struct request *request);
int request_socket_listen(struct request *request);
int request_socket_set_option(struct request *request);
int request_socket_get_option(struct request *request);

/* Handlers of link_requests.c. */
int request_link_control(struct request *request);
int request_link_set(struct request *request);
int request_link_log(struct request *request);
int request_link_at(struct request *request);

/* Handlers elsewhere: resolver_requests.c, watch.c, request.c. */
int request_resolve(struct request *request);
int request_watch(struct request *request);
int request_get_status(struct request *request);

#endif
