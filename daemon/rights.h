/* SPDX-License-Identifier: MIT */
/*
 * What this process may take of the system, and what it may do.
 */
#ifndef DAEMON_RIGHTS_H
#define DAEMON_RIGHTS_H

#include <stdint.h>

struct config;

/*
 * Raises the limits on descriptors and message queues as far as is allowed
 * and needed for @config.
 */
void rights_raise_limits(const struct config *config);

/* Programs started from here on inherit no capability. */
void rights_keep_from_helpers(void);

/*
 * Gives up, for good, all that the daemon does not need once it runs. @links:
 * bits of the capabilities that its links need. What cannot be given up is
 * logged; it is no reason not to serve.
 */
void rights_drop(uint32_t links);

#endif
