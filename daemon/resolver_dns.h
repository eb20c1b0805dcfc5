/* SPDX-License-Identifier: MIT */
/*
 * Questions to one set of name servers: c-ares, over resolver_io's sockets.
 */
#ifndef DAEMON_RESOLVER_DNS_H
#define DAEMON_RESOLVER_DNS_H

#include "daemon/resolver.h"

#include <stddef.h>
#include <stdint.h>

struct dns_client;
struct usocketd;

/*
 * @answer: the addresses of one family, or an error; to be kept for @ttl_s
 * seconds, 0: not at all. Called once, from the loop, but from within c-ares:
 * it must not call anything here.
 */
typedef void (*dns_answer_fn)(const struct resolver_answer *answer, uint32_t ttl_s, void *arg);

/* Port 0 of a server means 53. Returns 0 or -errno. */
int dns_client_new(struct dns_client **out, const struct usocketd *daemon,
	const struct address *servers, size_t n_servers);

/* Forgets all questions without calling back. */
void dns_client_free(struct dns_client *client);

/*
 * Asks for the A or AAAA records of the (normalized) @name. Returns 0, or
 * -errno if no server can be asked: there is no callback then.
 */
int dns_client_ask(struct dns_client *client, const char *name, enum address_family family,
	dns_answer_fn answered, void *arg);

#endif
