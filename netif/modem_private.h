/* SPDX-License-Identifier: MIT */
/*
 * The driver modem from the inside: modem.c and modem_config.c.
 */
#ifndef NETIF_MODEM_PRIVATE_H
#define NETIF_MODEM_PRIVATE_H

#include "netif/helper.h"
#include "netif/link_private.h"
#include "netif/pdp_type.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEM_INITS_MAX 8

/* What is owned by a link of the driver modem. */
struct modem {
	struct helper helper;
	ush_HelperModem modem;
	ush_HelperBearer bearer; /* its type is filled in for each try */
	struct pdp_type type;
	ush_HelperInit inits[MODEM_INITS_MAX];
	unsigned int n_inits;
	bool has_auth; /* the key was given */
	bool has_signal_interval;
	bool is_pin_tried;
	uint32_t at_sequence; /* of the user's command */
};

static inline struct modem *modem_of(const struct link *link)
{
	return link->driver_state;
}

/* ---- modem_config.c ---------------------------------------------------------- */

/* Keys of the configuration, and those that may be set while the link runs. */
extern const struct link_key modem_keys[];
extern const char *const modem_live_keys[];

/* As link_check(). */
int modem_check(const struct link *link, char *error, size_t size);

/* What no key has said, once all have been read. */
void modem_set_defaults(struct modem *modem);

#endif
