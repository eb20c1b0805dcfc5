/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Owns the listening sockets, the file of users as it was read last, the clients
 * and their look-ups. The configuration admits loopback addresses and paths
 * only. A path has the permissions of the rendezvous socket. A port has none, so
 * where those let in some users only, a port needs a file of users.
 */
#include "daemon/socks.h"

#include "daemon/socks_private.h"
#include "daemon/socks_users.h"
#include "daemon/usocketd.h"
#include "netif/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128

/* ---- accepting --------------------------------------------------------------- */

static const char *refusal_text(int r)
{
	switch (r) {
	case -EMFILE:
		return "its user has too many ([limits] sessions_per_user)";
	case -ENFILE:
		return "there are too many ([limits] sessions)";
	default:
		return strerror(-r);
	}
}

static void take_client(int fd, void *arg)
{
	const struct socks_listener *listener = arg;
	int r = socks_client_new(listener->socks, listener, fd);

	if (r == 0)
		return;
	/* Not when it is gone already. */
	if (r != -ENOENT)
		log_warning("a socks client is turned away: %s", refusal_text(r));
	close(fd);
}

/* ---- listening ---------------------------------------------------------------- */

static int listen_at_port(const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];
	struct sockaddr_storage storage;
	socklen_t len = sizeof(storage);
	int on = 1, error;
	int fd;

	address_to_sockaddr(address, (struct sockaddr *)&storage, &len);
	fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		bind(fd, (struct sockaddr *)&storage, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = -errno;
	log_error("[socks] listen: cannot listen on %s: %s", address_text(address, text),
		strerror(-error));
	if (fd >= 0)
		close(fd);
	return error;
}

static int open_listener(struct socks_listener *listener, const struct config *config)
{
	const struct config_socks_place *place = listener->place;
	const struct rendezvous_place path = {
		.path = place->path,
		.type = SOCK_STREAM,
		.mode = config->socket_mode,
		.group = config->socket_group,
	};

	if (place->path[0] == '\0')
		return listen_at_port(&place->address);
	return rendezvous_listen(&listener->rendezvous, &path);
}

static int start_listener(struct socks_listener *listener, struct usocketd *daemon)
{
	int r = open_listener(listener, &daemon->config);

	if (r < 0)
		return r;
	listener->fd = r;
	listener->acceptor = (struct acceptor){
		.fd = listener->fd,
		.whom = "socks clients",
		.take = take_client,
		.arg = listener,
	};
	return acceptor_start(&listener->acceptor, daemon->base);
}

static void stop_listener(struct socks_listener *listener)
{
	acceptor_stop(&listener->acceptor);
	if (listener->fd >= 0)
		close(listener->fd);
	rendezvous_close(&listener->rendezvous);
}

/* A port lets every local user in. */
static int check_rights(const struct config *config)
{
	if ((config->socket_mode & 06) == 06 || config->socks_users[0] != '\0')
		return 0;
	for (uint32_t i = 0; i < config->n_socks; i++) {
		if (config->socks[i].path[0] != '\0')
			continue;
		log_error("[socks] listen: every local user could connect to a port, which "
			  "[daemon] socket_mode does not want; name a file of users "
			  "([socks] users), or listen at a path");
		return -EACCES;
	}
	return 0;
}

/* ---- the whole ------------------------------------------------------------------ */

static int read_users(struct socks *socks)
{
	const char *path = socks->daemon->config.socks_users;
	struct socks_users *users = NULL;
	int r = path[0] == '\0' ? 0 : socks_users_read(&users, path);

	if (r < 0)
		return r;
	socks_users_free(socks->users);
	socks->users = users;
	return 0;
}

int socks_new(struct socks **out, struct usocketd *daemon)
{
	struct socks *socks = calloc(1, sizeof(*socks));
	int r;

	if (!socks)
		return -ENOMEM;
	socks->daemon = daemon;
	r = check_rights(&daemon->config);
	if (r == 0)
		r = read_users(socks);
	for (uint32_t i = 0; r == 0 && i < daemon->config.n_socks; i++) {
		struct socks_listener *listener = &socks->listeners[socks->n_listeners++];

		*listener = (struct socks_listener){
			.socks = socks,
			.place = &daemon->config.socks[i],
			.rendezvous.lock = -1,
			.fd = -1,
		};
		r = start_listener(listener, daemon);
	}
	if (r < 0) {
		socks_free(socks);
		return r;
	}
	*out = socks;
	return 0;
}

void socks_free(struct socks *socks)
{
	struct socks_client *client;

	if (!socks)
		return;
	for (size_t i = 0; i < socks->n_listeners; i++)
		stop_listener(&socks->listeners[i]);
	while ((client = LIST_FIRST(&socks->clients)) != NULL)
		socks_client_free(client);
	socks_lookups_fini(&socks->lookups);
	socks_users_free(socks->users);
	free(socks);
}

void socks_reconfigure(struct socks *socks)
{
	if (check_rights(&socks->daemon->config) < 0 || read_users(socks) < 0)
		log_error("[socks] users: the users that were read before stay");
}
