/* SPDX-License-Identifier: MIT */
/*
 * Look-ups of names for SOCKS clients, charged to their accounts.
 */
#ifndef DAEMON_SOCKS_LOOKUP_H
#define DAEMON_SOCKS_LOOKUP_H

#include "daemon/resolver.h"

#include <sys/queue.h>

struct account;
struct socks_lookup;

LIST_HEAD(socks_lookup_list, socks_lookup);

/*
 * Looks @name up, for addresses of both families, and calls @done once, from
 * the loop, never before this returns. It stands in @list until then. Returns 0,
 * -EMFILE (too many look-ups) or -errno.
 */
int socks_lookup_new(struct socks_lookup **out, struct socks_lookup_list *list,
	struct resolver *resolver, struct account *account, const char *name,
	resolver_done_fn done, void *arg);

/*
 * done() is not called any more. The look-up goes on, and stays charged, until
 * it is done: else a client could have any number of them by giving each up at
 * once. NULL is legal.
 */
void socks_lookup_abandon(struct socks_lookup *lookup);

/* Ends all in @list without calling back. */
void socks_lookups_fini(struct socks_lookup_list *list);

#endif
