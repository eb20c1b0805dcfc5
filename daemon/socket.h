/* SPDX-License-Identifier: MIT */
/*
 * Sockets of all types: identity, channel, holder's rights, table record.
 * What differs by type is behind struct socket_ops (socket_private.h).
 */
#ifndef DAEMON_SOCKET_H
#define DAEMON_SOCKET_H

#include "proto/protocol.h"

#include <stdbool.h>
#include <stdint.h>

struct socket_registry;
struct usock;
struct usocketd;

/* Returns 0 or -errno. */
int socket_registry_new(struct socket_registry **out, struct usocketd *daemon);

/* Aborts every socket that is left; called before resolver and stack end. */
void socket_registry_free(struct socket_registry *registry);

uint32_t socket_registry_count(const struct socket_registry *registry);

/* SYNs that listeners refused since the start. */
uint64_t socket_registry_syn_dropped(const struct socket_registry *registry);

/* The socket, or NULL if @id is not (any longer) in use. */
struct usock *socket_find(struct socket_registry *registry, socket_id id);

/*
 * A link came up, went down or changed its address: starts connects that
 * wait for a link and refreshes what the table shows.
 */
void socket_registry_link_changed(struct socket_registry *registry);

#endif
