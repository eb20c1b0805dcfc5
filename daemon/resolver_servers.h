/* SPDX-License-Identifier: MIT */
/*
 * Which name servers are to be asked.
 */
#ifndef DAEMON_RESOLVER_SERVERS_H
#define DAEMON_RESOLVER_SERVERS_H

#include "daemon/config.h"

#include <stddef.h>

struct usocketd;

/*
 * The configured servers, else those of the links that are up. Returns their
 * number: 0 if nobody can be asked now.
 */
size_t resolver_servers_choose(const struct usocketd *daemon,
	struct address servers[CONFIG_SERVERS_MAX]);

#endif
