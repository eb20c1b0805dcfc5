/* SPDX-License-Identifier: MIT */
/*
 * Sockets of this process' own stack in the form c-ares wants them: numbers
 * and a handful of functions.
 */
#ifndef DAEMON_RESOLVER_IO_H
#define DAEMON_RESOLVER_IO_H

#include "proto/address.h"

#include <ares.h>
#include <stddef.h>
#include <stdint.h>

struct resolver_io;
struct usocketd;

struct resolver_io_params {
	const struct usocketd *daemon;
	/* The name servers, for the scope of link-local ones; must outlive it. */
	const struct address *servers;
	size_t n_servers;
	/* A socket that c-ares waits for is ready; -1: not in that direction. */
	void (*ready)(ares_socket_t read_fd, ares_socket_t write_fd, void *arg);
	/* A datagram is about to be handed to c-ares. */
	void (*reply)(const uint8_t *data, size_t len, void *arg);
	void *arg;
};

/* Returns 0 or -errno. */
int resolver_io_new(struct resolver_io **out, const struct resolver_io_params *params);

/* Aborts what c-ares has not closed. */
void resolver_io_free(struct resolver_io *io);

/* For ares_set_socket_functions(), with the resolver_io as its data. */
const struct ares_socket_functions *resolver_io_functions(void);

/* What c-ares waits for, from its socket state callback. */
void resolver_io_set_interest(struct resolver_io *io, ares_socket_t fd, int readable,
	int writable);

#endif
