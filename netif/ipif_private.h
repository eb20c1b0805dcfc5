/* SPDX-License-Identifier: MIT */
/*
 * What the halves of an ipif share: ipif.c, and ipif_out.c, what it sends.
 */
#ifndef NETIF_IPIF_PRIVATE_H
#define NETIF_IPIF_PRIVATE_H

#include "netif/ipif.h"

#include "lwip/err.h"

#include <errno.h>

struct pbuf;

/* By ARP and neighbour discovery. */
static inline bool ipif_has_neighbours(const struct ipif *ipif)
{
	return ipif->params.format.framing == IPIF_FRAMING_ETHERNET;
}

static inline bool ipif_has_frames(const struct ipif *ipif)
{
	return ipif->params.format.framing != IPIF_FRAMING_RAW;
}

static inline bool ipif_is_busy(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK;
}

/* Errors after which the descriptor is of no use: see tun, unix(7), packet(7). */
bool ipif_is_fatal(int error);

/* Packets have moved. */
void ipif_note_movement(struct ipif *ipif);

/* The descriptor has failed; the loop will tell so. */
void ipif_fail_later(struct ipif *ipif, int error);

/* Sends a frame or packet of lwIP's; what cannot be sent is dropped and counted. */
err_t ipif_send(struct ipif *ipif, const struct pbuf *p);

/* Writes what has been held to be joined with more. */
void ipif_flush(struct ipif *ipif);

/* The descriptor takes bytes again. */
void ipif_send_queued(struct ipif *ipif);

/* Drops what waits. */
void ipif_drop_queued(struct ipif *ipif);

#endif
