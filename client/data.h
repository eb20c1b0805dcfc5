/* SPDX-License-Identifier: MIT */
/*
 * One send or receive, as the public calls hand it to the socket types.
 */
#ifndef CLIENT_DATA_H
#define CLIENT_DATA_H

#include "client/deadline.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct holder;

/* When a stream send is done. */
enum send_goal {
	/* As soon as some bytes were queued. */
	SEND_SOME,
	/* When all were; with the count if an error comes in between. */
	SEND_ALL_OR_COUNT,
	/* When all were; with the error otherwise. */
	SEND_ALL,
	/* At once: all or, as far as can be told before, nothing. */
	SEND_ALL_NOW,
};

struct send_params {
	const struct iovec *iov;
	size_t n_iov;
	const struct sockaddr *to; /* NULL: none */
	socklen_t to_len;
	int flags;
	enum send_goal goal;
	struct deadline deadline;
	size_t sent; /* out: bytes queued, also on failure */
};

struct recv_params {
	const struct iovec *iov;
	size_t n_iov;
	struct sockaddr *from; /* NULL: not wanted */
	socklen_t *from_len;   /* in: room; out: full length */
	int flags;
	struct deadline deadline;
	int out_flags; /* out: MSG_TRUNC */
};

/* stream.c: TCP. Return bytes or -errno. */
ssize_t stream_send(struct holder *h, struct send_params *params);
ssize_t stream_recv(struct holder *h, struct recv_params *params);

/* datagram.c: UDP and raw. */
ssize_t datagram_send(struct holder *h, struct send_params *params);
ssize_t datagram_recv(struct holder *h, struct recv_params *params);

#endif
