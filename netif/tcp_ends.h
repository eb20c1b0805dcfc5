/* SPDX-License-Identifier: MIT */
/*
 * The two ends of a TCP connection, from a segment and from lwIP's pcb, so that
 * they compare.
 */
#ifndef NETIF_TCP_ENDS_H
#define NETIF_TCP_ENDS_H

#include "netif/ingress.h"

#include <stdbool.h>
#include <stdint.h>

struct tcp_pcb;

/*
 * No padding: compares and hashes as bytes. An IPv4 address is the first of its
 * four words. The zone of an IPv6 address is left out: ports tell links apart
 * already, as each has its own on one address.
 */
struct tcp_ends {
	uint32_t remote[4], local[4]; /* network byte order */
	uint16_t remote_port, local_port;
	uint32_t is_ipv6;
};

/* Of a segment that comes in; @info describes @packet. */
void tcp_ends_of_packet(struct tcp_ends *ends, const uint8_t *packet,
	const struct ingress_packet *info);

void tcp_ends_of_pcb(struct tcp_ends *ends, const struct tcp_pcb *pcb);

bool tcp_ends_equal(const struct tcp_ends *a, const struct tcp_ends *b);

#endif
