/* SPDX-License-Identifier: MIT */
/*
 * Finds the connection of a segment for lwIP, which would walk a list of them all.
 */
#ifndef NETIF_TCP_FRONT_H
#define NETIF_TCP_FRONT_H

#include "netif/ingress.h"

#include <stdint.h>

/*
 * Puts the connection of a TCP segment, which @info describes, where lwIP looks
 * first. To be called right before lwIP takes the packet, from outside lwIP.
 */
void tcp_front_bring(const uint8_t *packet, const struct ingress_packet *info);

/* Forgets all connections; they stay. */
void tcp_front_fini(void);

#endif
