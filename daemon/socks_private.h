/* SPDX-License-Identifier: MIT */
/*
 * What the server (socks.c) and its clients (socks_client.c) share.
 */
#ifndef DAEMON_SOCKS_PRIVATE_H
#define DAEMON_SOCKS_PRIVATE_H

#include "daemon/acceptor.h"
#include "daemon/rendezvous.h"
#include "daemon/socks_connect.h"

#include <sys/queue.h>

struct socks;
struct socks_client;
struct socks_users;

struct socks_listener {
	struct socks *socks;
	const struct config_socks_place *place;
	struct rendezvous rendezvous; /* of a path */
	int fd;
	struct acceptor acceptor;
};

struct socks {
	struct usocketd *daemon;
	struct socks_users *users; /* NULL: none are asked for */
	struct socks_listener listeners[CONFIG_SOCKS_MAX];
	size_t n_listeners;
	LIST_HEAD(, socks_client) clients;
	size_t n_clients;
	struct socks_lookup_list lookups;
};

/*
 * Takes over the accepted descriptor @fd; the client frees itself when it is
 * done. Returns 0 or -errno (@fd is still the caller's then).
 */
int socks_client_new(struct socks *socks, const struct socks_listener *listener, int fd);
void socks_client_free(struct socks_client *client);

#endif
