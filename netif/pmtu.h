/* SPDX-License-Identifier: MIT */
/*
 * Segments that fit their path: what routers and silence say of its MTU (RFC
 * 1191, RFC 8201, RFC 4821), brought to TCP connections.
 */
#ifndef NETIF_PMTU_H
#define NETIF_PMTU_H

#include "lwip/ip_addr.h"

#include <stdbool.h>
#include <stdint.h>

struct netif;
struct tcp_pcb;

/* What an ICMP error says of a packet of ours that was too big. */
struct pmtu_report {
	ip_addr_t local, remote;
	uint16_t local_port, remote_port;
	uint32_t sequence; /* TCP's */
	uint32_t mtu;	   /* of the next hop; 0: an old router does not say */
	uint16_t length;   /* of the packet */
};

/*
 * Heeds a report on a TCP segment. Returns false if no connection has it in
 * flight, or the MTU is none: forged, or too late.
 */
bool pmtu_heed_tcp(const struct pmtu_report *report);

/* The same for a datagram, which somebody here is known to have sent. */
bool pmtu_heed_datagram(const struct pmtu_report *report);

/* A connection is established: segments fit what is known of its path. */
void pmtu_start(struct tcp_pcb *pcb);

/*
 * Segments have been sent again and again in vain. Perhaps they are too big for
 * a router that does not say so; not from within lwIP's output.
 */
void pmtu_suspect(struct tcp_pcb *pcb);

/* The netif's MTU is another: existing connections must fit it. */
void pmtu_netif_changed(const struct netif *netif);

/* Forgets all paths. */
void pmtu_fini(void);

#endif
