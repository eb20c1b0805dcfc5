/* SPDX-License-Identifier: MIT */
/*
 * Packets that wait for the modem, each program's by turns.
 */
#ifndef NETIF_MODEM_FLOWS_H
#define NETIF_MODEM_FLOWS_H

#include <stddef.h>
#include <stdint.h>

struct flows;

/* Returns NULL if there is no memory. */
struct flows *flows_new(void);
void flows_free(struct flows *flows);

/* Takes a copy of an IP packet in; others may be dropped for it. */
void flows_put(struct flows *flows, const void *packet, size_t len, uint64_t now_ms);

/*
 * The packet whose turn it is, into @packet, which has room for the longest.
 * Returns its length, 0 if none waits.
 */
size_t flows_take(struct flows *flows, void *packet, uint64_t now_ms);

/* Bytes that wait. */
size_t flows_pending(const struct flows *flows);

#endif
