/* SPDX-License-Identifier: MIT */
/*
 * Puts fragments of IPv4 and IPv6 datagrams together, in place of lwIP's own
 * reassembly.
 */
#ifndef NETIF_REASSEMBLY_H
#define NETIF_REASSEMBLY_H

#include "netif/ingress.h"

struct pbuf;

/*
 * Takes a fragment in one piece, as ingress_check() described it in @info.
 * Returns the whole datagram in one piece when it was the last one missing,
 * to be checked again and then the caller's; else NULL.
 */
struct pbuf *reassembly_put(struct pbuf *p, const struct ingress_packet *info);

/* Drops all that is waiting. */
void reassembly_fini(void);

#endif
