/* SPDX-License-Identifier: MIT */
/*
 * The socket behind a descriptor, as a call finds it: who it is, what the
 * connection table says of it, and its pending errors.
 */
#ifndef CLIENT_HOLDER_H
#define CLIENT_HOLDER_H

#include "client/session.h"
#include "proto/channel.h"
#include "proto/table.h"

#include <stdbool.h>
#include <stdint.h>

enum holder_view {
	/* The record is up to date. */
	HOLDER_SEEN,
	/* The daemon has ended this socket and freed its record. */
	HOLDER_GONE,
	/* The daemon has ended. */
	HOLDER_LOST,
	/* This process cannot see the table (another daemon's, no right, a
	 * path unknown here); the channel still works. */
	HOLDER_BLIND,
};

struct holder {
	int fd;
	uint64_t instance;
	socket_id id;
	enum holder_view view;
	int error;		    /* why it is blind, -errno */
	uint8_t type;		    /* enum table_type; also if not seen */
	struct table_socket record; /* if seen, else zero */
};

/*
 * Identifies @fd and reads its record. Returns 0; -EBADF; -ENOTSOCK if it is
 * no usocket. A socket whose record cannot be read is no error.
 */
int holder_look(struct holder *h, int fd);

/* Reads the record again. */
void holder_refresh(struct holder *h);

/* Both directions of the channel are shut: it may be over. */
bool holder_hung_up(const struct holder *h);

/* The number is this socket's no more: another thread has closed it. */
bool holder_is_closed(const struct holder *h);

/*
 * Whether the daemon has ended, which its last record does not tell if it was
 * killed; the view is HOLDER_LOST then.
 */
bool holder_is_lost(struct holder *h);

/*
 * The same for calls that must cost next to nothing: late by 20 ms at most,
 * and mostly without a system call.
 */
bool holder_was_lost(struct holder *h);

/*
 * The TCP state of a socket known by its numbers, for calls that must cost no
 * system call at all: 0 or more, or -ESTALE if it cannot be told that way and the
 * descriptor has to be looked at.
 */
int holder_known_state(uint64_t instance, socket_id id);

static inline bool holder_is_stream(const struct holder *h)
{
	return h->type == TABLE_TYPE_STREAM;
}

/* A connect is under way, as far as can be seen. */
bool holder_is_connecting(const struct holder *h);
/* TCP that has been established, whatever became of it since. */
bool holder_was_connected(const struct holder *h);

/*
 * A call for this socket with body @tag; the socket's id is filled in for
 * those requests that begin with one.
 */
struct session_call holder_call(const struct holder *h, pb_size_t tag);

/*
 * Makes the request. If the session lacks the right, proves possession of the
 * descriptor and tries again. Returns 0 or -errno: -ECONNABORTED if the daemon
 * or the socket in it has ended, otherwise what the daemon said or why it
 * could not be asked.
 */
int holder_request(const struct holder *h, struct session_call *call);

/* The same for an option that cannot be refused: no reply is waited for, where that can be. */
int holder_post_option(const struct holder *h, struct session_call *call);

/*
 * Takes the pending error, for all holders of the socket: the daemon's, else
 * the channel's own. Returns it as -errno, 0 if there is none. A socket whose
 * daemon has ended has one pending, -ECONNABORTED, once.
 */
int holder_take_error(struct holder *h);

/* Whether holder_take_error() would return one; nothing is taken. */
bool holder_has_error(const struct holder *h);

/*
 * The channel said that nothing more comes, or can be sent. Finds out why:
 * the pending error, taken, or 0 if the end is in order.
 */
int holder_take_end(struct holder *h);

/* Whether this socket is to wait for a link (its own option, or the process's). */
bool holder_waits_for_link(const struct holder *h);
int holder_set_wait_link(const struct holder *h, bool on);

#endif
