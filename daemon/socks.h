/* SPDX-License-Identifier: MIT */
/*
 * A SOCKS version 5 server (RFC 1928) on loopback and UNIX sockets, for
 * programs that cannot use libusocket in any other way.
 */
#ifndef DAEMON_SOCKS_H
#define DAEMON_SOCKS_H

struct socks;
struct usocketd;

/*
 * Listens where the configuration says, perhaps nowhere. Returns 0, or -errno
 * with the reason logged.
 */
int socks_new(struct socks **out, struct usocketd *daemon);

/* Ends all clients that have no connection yet; those that do live on. */
void socks_free(struct socks *socks);

/* Reads the file of users again; a wrong one leaves what was read before. */
void socks_reconfigure(struct socks *socks);

#endif
