/* SPDX-License-Identifier: MIT */
/*
 * Connections in TIME-WAIT, when their peer wants another one.
 */
#ifndef NETIF_TIME_WAIT_H
#define NETIF_TIME_WAIT_H

#include "netif/ingress.h"

#include <stdint.h>

/*
 * Looks at a TCP packet that has passed the ingress stage whole, before lwIP does:
 * a SYN that opens a new connection between the same two ports ends the old
 * one's TIME-WAIT (RFC 1122 4.2.2.13).
 */
void time_wait_yield(const uint8_t *packet, const struct ingress_packet *info);

#endif
