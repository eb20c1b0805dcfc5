/* SPDX-License-Identifier: MIT */
/*
 * What lwIP's TCP segments say of themselves, for those who handle its queues.
 */
#ifndef NETIF_TCP_SEGMENT_H
#define NETIF_TCP_SEGMENT_H

#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"

#include <stdint.h>

/* The sequence number of its first byte. */
static inline uint32_t tcp_segment_begin(const struct tcp_seg *segment)
{
	return lwip_ntohl(segment->tcphdr->seqno);
}

/* Bytes of IP's and TCP's headers before the data: an MTU is the MSS and these. */
static inline uint16_t tcp_segment_headers(const struct tcp_pcb *pcb)
{
	return TCP_HLEN + (IP_IS_V6(&pcb->remote_ip) ? IP6_HLEN : IP_HLEN);
}

#endif
