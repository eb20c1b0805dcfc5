/* SPDX-License-Identifier: MIT */
/*
 * Large segment offload: lwIP's segments are longer than the MSS while all goes well,
 * and the device cuts them (tso.h). What lwIP cannot do with them is done here.
 */
#ifndef NETIF_TCP_LSO_H
#define NETIF_TCP_LSO_H

#include "lwip/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tcp_pcb;

/*
 * Hands lwIP as many of @n bytes as one tcp_write() may take, which copies them, in
 * segments as long as the connection, its window and its device allow. The last byte is
 * pushed (PSH) unless @more are known to come. Returns how many it took: 0 without room
 * or memory.
 */
size_t tcp_lso_write(struct tcp_pcb *pcb, const uint8_t *bytes, size_t n, bool more);

/* Whether a segment that has come in makes tcp_lso_adjust() worth a call. */
bool tcp_lso_is_used(const struct tcp_pcb *pcb);

/*
 * After segments have come in, not from within lwIP: tells the sent callback of what
 * is acknowledged within a long segment, which lwIP does not, and cuts those that the
 * window no longer has room for, and sends what it has room for then.
 */
void tcp_lso_adjust(struct tcp_pcb *pcb);

/*
 * Cuts all segments that are longer than the MSS: one of their packets is lost, or the
 * MSS is less than it was. Calls the sent callback first, as tcp_lso_adjust() does.
 * Returns false without memory, or if a packet still waits for its neighbour's address;
 * what could be cut then is.
 */
bool tcp_lso_cut(struct tcp_pcb *pcb);

/* lwIP's timers are about to run: they may send segments again, or cut them. */
void tcp_lso_before_tick(struct tcp_pcb *pcb);

#endif
