/* SPDX-License-Identifier: MIT */
/*
 * A PPP server that was not made here: slirp-fullbolt of Debian's package slirp.
 */
#ifndef TESTS_MODEM_SIM_PEER_H
#define TESTS_MODEM_SIM_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct peer;

struct peer_params {
	bool pap, chap; /* who calls must prove who it is */
	const char *user, *password;
};

struct peer_handlers {
	void (*output)(const void *bytes, size_t len, void *arg);
	/* No more output is taken now; peer_resume() will be called. */
	bool (*is_busy)(void *arg);
	/* Its end, once, from the loop. */
	void (*ended)(void *arg);
	void *arg;
};

/* NULL with a message on stderr if it cannot be started. */
struct peer *peer_new(struct event_base *base, const struct peer_params *params,
	const struct peer_handlers *handlers);
void peer_free(struct peer *peer);

void peer_input(struct peer *peer, const void *bytes, size_t len);
void peer_resume(struct peer *peer);

#endif
