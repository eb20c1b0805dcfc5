/* SPDX-License-Identifier: MIT */
/*
 * Which socket has which local port. lwIP's own checks are not enough: it
 * lets a socket bind twice and knows nothing of users.
 */
#ifndef DAEMON_PORTS_H
#define DAEMON_PORTS_H

#include "daemon/socket_private.h"

/*
 * Registers @s at @local in @table; port 0 picks a free random one
 * (RFC 6056 3.3.1) that was not in use lately. s->bound is what it got.
 * Returns 0, -EADDRINUSE, -ENOBUFS.
 */
int ports_bind(struct port_table *table, struct usock *s, const struct address *local);

/*
 * Registers @s at the local address of a connection that a listener on the
 * same port accepted; cannot conflict. Returns 0 or -ENOBUFS.
 */
int ports_adopt(struct port_table *table, struct usock *s, const struct address *local);

/* Undoes either; harmless if @s is not registered. */
void ports_release(struct usock *s);

/* Whether starting to listen on s->bound collides: 0 or -EADDRINUSE. */
int ports_check_listen(const struct usock *s);

/* The sockets on a port, linked by port_link; NULL if there are none. */
struct usock *ports_first(struct port_table *table, uint16_t port);

/* Frees the (empty) table. */
void ports_fini(struct port_table *table);

#endif
