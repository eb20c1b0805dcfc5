/* SPDX-License-Identifier: MIT */
/*
 * What drivers whose link is a helper process (helper.h) have in common.
 */
#ifndef NETIF_LINK_HELPER_H
#define NETIF_LINK_HELPER_H

#include "netif/helper.h"
#include "netif/link_private.h"
#include "netif/log.h"

#include <stdbool.h>
#include <stdint.h>

/* Sends a helper what comes before HelperStart. Returns 0 or -errno. */
typedef int (*link_helper_configure_fn)(struct link *link);

/* Handlers for each such driver's struct helper_handlers; @arg: the link. */
void link_helper_lost(struct helper *helper, const char *cause, void *arg);
void link_helper_logged(enum log_level level, const char *text, void *arg);

/* As helper_init(); @handlers get the link as their argument. */
void link_helper_init(struct link *link, struct helper *helper, const char *program,
	const struct helper_handlers *handlers);

/*
 * Starts the process, configures it and tells it to start, with the
 * configuration's MTU or @mtu. Returns 0, or -errno after link_fail().
 */
int link_helper_open(struct link *link, struct helper *helper, link_helper_configure_fn configure,
	uint32_t mtu);

/* Makes parameters of what a helper reports. False: it is impossible. */
bool link_helper_take(struct link_parameters *p, const ush_HelperReady *ready);

#endif
