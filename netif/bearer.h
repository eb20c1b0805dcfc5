/* SPDX-License-Identifier: MIT */
/*
 * What another program says of a bearer that it manages: ModemManager's mmcli,
 * or a script of the administrator's.
 */
#ifndef NETIF_BEARER_H
#define NETIF_BEARER_H

#include "netif/link_private.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#define BEARERS_MAX	4
#define BEARER_PATH_MAX 64

struct bearer {
	bool is_connected;
	bool uses_dhcp;
	char interface[IFNAMSIZ];
	/* Addresses, gateways, DNS, MTU; and asks_routers, interface_id. */
	struct link_parameters parameters;
};

/*
 * Reads what "mmcli -m MODEM -K" prints: the paths of the modem's bearers.
 * Returns how many there are. @text is taken apart.
 */
size_t bearer_list(char *text, char paths[BEARERS_MAX][BEARER_PATH_MAX]);

/*
 * Reads what "mmcli -b BEARER -K" prints. Returns 0, or -EINVAL with a sentence
 * in @error. @text is taken apart.
 */
int bearer_read_mmcli(struct bearer *out, char *text, char *error, size_t size);

/*
 * Reads lines of key=value as usocketd.conf(5) has them under config_script.
 * Returns as above.
 */
int bearer_read_script(struct bearer *out, char *text, char *error, size_t size);

#endif
