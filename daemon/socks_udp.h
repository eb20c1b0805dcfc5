/* SPDX-License-Identifier: MIT */
/*
 * A UDP association of a SOCKS client (RFC 1928 section 7): datagrams between
 * a port of the machine's loopback, where the client sends them with a header
 * in front, and a UDP socket of the stack.
 */
#ifndef DAEMON_SOCKS_UDP_H
#define DAEMON_SOCKS_UDP_H

#include "daemon/socket_private.h"
#include "daemon/socks_lookup.h"

struct socks_udp;

struct socks_udp_params {
	struct socks_lookup_list *lookups;
	struct socket_owner owner;
	struct address local;  /* of the machine's, where to listen; port 0 */
	struct address client; /* who may send; port 0: whichever is the owner's */
};

/* Returns 0 with *@bound set to where the client is to send, or -errno. */
int socks_udp_new(struct socks_udp **out, struct socket_registry *registry,
	const struct socks_udp_params *params, struct address *bound);
void socks_udp_free(struct socks_udp *udp);

#endif
