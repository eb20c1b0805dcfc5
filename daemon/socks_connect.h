/* SPDX-License-Identifier: MIT */
/*
 * A connection that is made for a SOCKS client: its look-up, its attempts, and
 * the handing over of the client's socket to the one that was connected.
 */
#ifndef DAEMON_SOCKS_CONNECT_H
#define DAEMON_SOCKS_CONNECT_H

#include "daemon/socket_private.h"
#include "daemon/socks_lookup.h"
#include "daemon/socks_message.h"

struct socks_connect;

/*
 * Called once from the loop, and never before the connect was started. @error
 * is 0 or an errno; @local is our end's address. If it is 0 the connection
 * begins to send to the client's socket as soon as this returns, so what the
 * client is to be told must be written now.
 */
typedef void (*socks_connected_fn)(int error, const struct address *local, void *arg);

struct socks_connect_params {
	struct socks_lookup_list *lookups;
	struct socket_owner owner;
	const struct socks_target *target;
	int fd; /* the client's; duplicated for the connection */
	socks_connected_fn done;
	void *arg;
};

/* Returns 0, or -errno if it has failed already. */
int socks_connect_new(struct socks_connect **out, struct socket_registry *registry,
	const struct socks_connect_params *params);

/* Gives up; done() is not called any more. Not to be called after it was. */
void socks_connect_cancel(struct socks_connect *connect);

#endif
