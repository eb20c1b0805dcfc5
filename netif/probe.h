/* SPDX-License-Identifier: MIT */
/*
 * A small question to somebody behind a link, of which only matters whether
 * anything comes back; health.c sees that.
 */
#ifndef NETIF_PROBE_H
#define NETIF_PROBE_H

#include "proto/address.h"

struct netif;
struct tcp_pcb;
struct udp_pcb;

enum probe_kind {
	PROBE_LOOKUP,  /* a question to a name server */
	PROBE_PING,    /* an echo request */
	PROBE_CONNECT, /* a TCP connection, reset when it is there */
};

/* Embedded in its owner; all zero: no question is out. */
struct probe {
	struct udp_pcb *udp;
	struct tcp_pcb *tcp;
};

/*
 * Sends a question to @to (the port counts for PROBE_CONNECT only) by @netif,
 * in place of the one before; at most 80 bytes. An answer is taken and dropped.
 * Returns 0 or -errno.
 */
int probe_send(struct probe *probe, struct netif *netif, enum probe_kind kind,
	const struct address *to);

/* No answer is expected any more. */
void probe_end(struct probe *probe);

#endif
