/* SPDX-License-Identifier: MIT */
/*
 * Constants that both sides of the client protocol share: versions, sizes,
 * capability bits, the rendezvous path and the identity of a socket.
 */
#ifndef PROTO_PROTOCOL_H
#define PROTO_PROTOCOL_H

#include <stdint.h>

/* Versions this source speaks; hello picks the highest in common. */
#define PROTOCOL_VERSION_MIN 1
#define PROTOCOL_VERSION_MAX 1

/* Geometry of a session's message queues, and the bound of every message. */
#define PROTOCOL_MESSAGE_MAX 512 /* bytes */
#define PROTOCOL_QUEUE_DEPTH 8	 /* messages */

/* Largest nanopb message on a resolver or watch channel, in bytes. */
#define PROTOCOL_EVENT_MAX 1024

/*
 * Order of the descriptors that travel with a successful HelloReply. The two
 * queue ends are there only if CAPABILITY_QUEUES is among the capabilities.
 */
enum hello_fd {
	HELLO_FD_TABLE,	   /* memfd of the connection table, read-only */
	HELLO_FD_REQUESTS, /* queue the client writes */
	HELLO_FD_REPLIES,  /* queue the client reads */
	HELLO_FD_COUNT,
};

enum capability {
	CAPABILITY_QUEUES = 1 << 0,	  /* messages travel on a queue pair */
	CAPABILITY_RAW = 1 << 1,	  /* SOCK_RAW is built in */
	CAPABILITY_WATCH = 1 << 2,	  /* link events */
	CAPABILITY_CONNECT_NAME = 1 << 3, /* connects to names */
	CAPABILITY_LINKS = 1 << 4,	  /* LinkControl and those after it */
	CAPABILITY_NO_REPLY = 1 << 5,	  /* SocketSetOption.no_reply */
};

/*
 * Environment and path of the rendezvous socket. Without the variable an
 * ordinary user's client tries $XDG_RUNTIME_DIR/usocketd/usocketd.sock first,
 * then the system's.
 */
#define PROTOCOL_SOCKET_ENV  "USOCKETD_SOCKET"
#define PROTOCOL_SOCKET_DIR  "usocketd"
#define PROTOCOL_SOCKET_NAME "usocketd.sock"
#define PROTOCOL_SOCKET_PATH "/run/usocketd/usocketd.sock"

/*
 * A socket's identity: index of its table record, and a generation (never 0)
 * that changes each time the record is used again. 0 is no socket.
 */
typedef uint64_t socket_id;

static inline socket_id socket_id_make(uint32_t index, uint32_t generation)
{
	return (uint64_t)generation << 32 | index;
}

static inline uint32_t socket_id_index(socket_id id)
{
	return (uint32_t)id;
}

static inline uint32_t socket_id_generation(socket_id id)
{
	return (uint32_t)(id >> 32);
}

#endif
