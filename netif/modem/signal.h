/* SPDX-License-Identifier: MIT */
/*
 * Signal levels out of what modems answer: +CSQ, +CESQ, and vendors' own.
 */
#ifndef NETIF_MODEM_SIGNAL_H
#define NETIF_MODEM_SIGNAL_H

#include <stdbool.h>

#define SIGNAL_UNKNOWN (-32768)

struct signal_levels {
	int rssi_dbm, rsrp_dbm, rsrq_db, sinr_db; /* SIGNAL_UNKNOWN */
};

void signal_init(struct signal_levels *s);

/* True if the line is one of these. What it does not tell stays as it was. */
bool signal_take(struct signal_levels *s, const char *line);

#endif
