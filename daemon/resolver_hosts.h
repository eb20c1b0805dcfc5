/* SPDX-License-Identifier: MIT */
/*
 * The hosts file, hosts(5).
 */
#ifndef DAEMON_RESOLVER_HOSTS_H
#define DAEMON_RESOLVER_HOSTS_H

#include "daemon/resolver.h"

#include <stdbool.h>

struct resolver_hosts;

/* NULL: no memory. */
struct resolver_hosts *resolver_hosts_new(void);
void resolver_hosts_free(struct resolver_hosts *hosts);

/* Reads @path if it is another one, or has changed, since the last time. */
void resolver_hosts_refresh(struct resolver_hosts *hosts, const char *path);

/*
 * Fills @answer with the addresses of the (normalized) @name; @family
 * ADDRESS_NONE: IPv4 first, then IPv6. False if the file has none.
 */
bool resolver_hosts_find(const struct resolver_hosts *hosts, const char *name,
	enum address_family family, struct resolver_answer *answer);

#endif
