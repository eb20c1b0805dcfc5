/* SPDX-License-Identifier: MIT */
/*
 * Which name servers are to be asked.
 */
#ifndef DAEMON_RESOLVER_SERVERS_H
#define DAEMON_RESOLVER_SERVERS_H

#include "daemon/config.h"

#include <stddef.h>
#include <stdint.h>

struct usocketd;

/*
 * The configured servers, else those of the best link that has any, each with
 * its link (index + 1) as scope. Returns their number: 0 if nobody can be asked
 * now.
 */
size_t resolver_servers_choose(const struct usocketd *daemon,
	struct address servers[CONFIG_SERVERS_MAX]);

/* Those of one link, whatever is configured. */
size_t resolver_servers_of_link(const struct usocketd *daemon, uint32_t index,
	struct address servers[CONFIG_SERVERS_MAX]);

#endif
