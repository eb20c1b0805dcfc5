/* SPDX-License-Identifier: MIT */
/*
 * What travels on a socket's channel besides a TCP connection's bare bytes.
 *
 * A datagram or raw socket's channel is SOCK_SEQPACKET: each message is one
 * struct channel_header and the payload. A listening socket's channel carries
 * one bare header for each accepted connection, the new channel's descriptor
 * beside it. The daemon's end of every channel is bound to an abstract name
 * that tells any holder which socket it is.
 */
#ifndef PROTO_CHANNEL_H
#define PROTO_CHANNEL_H

#include "proto/address.h"
#include "proto/protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

enum channel_kind {
	CHANNEL_DATA = 1,     /* a datagram, either way */
	CHANNEL_ERROR = 2,    /* to the client: an error is pending, take it */
	CHANNEL_ACCEPTED = 3, /* to the client: a connection and its channel */
};

/*
 * Same machine, same compiler's layout on both sides: fixed offsets, host
 * byte order; the hello's protocol version covers it.
 */
struct channel_header {
	uint8_t kind;		/* enum channel_kind */
	uint8_t reserved[3];	/* 0 */
	uint32_t length;	/* original payload bytes, if DATA to the client */
	struct address address; /* DATA: destination (family none: the
					 * connected peer) or source;
					 * ACCEPTED: the peer */
	uint64_t value;		/* ACCEPTED: socket_id */
};
_Static_assert(sizeof(struct channel_header) == 40, "channel header layout");

/* Largest UDP payload, RFC 768 over IPv4 without options, in bytes. */
#define CHANNEL_DATAGRAM_MAX 65507
/* Over IPv6: lwIP keeps the length of a whole packet in 16 bits. */
#define CHANNEL_DATAGRAM6_MAX 65487

/*
 * Writes the abstract name of a socket's channel into @un and returns the
 * length for bind(2). @instance is the daemon's, from the hello.
 */
socklen_t channel_name(struct sockaddr_un *un, uint64_t instance, socket_id id);

/*
 * Reads instance and id back out of a name that getpeername(2) gave.
 * Returns 0, or -ENOTSOCK if it is not a channel's name.
 */
int channel_parse_name(const struct sockaddr_un *un, socklen_t len,
	uint64_t *instance, socket_id *id);

/*
 * Asks the kernel which socket the descriptor @fd is a client's end of.
 * Returns 0; -EBADF for a closed descriptor; -ENOTSOCK for any other.
 */
int channel_identify(int fd, uint64_t *instance, socket_id *id);

#endif
