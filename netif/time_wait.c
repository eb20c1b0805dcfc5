/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * lwIP answers a SYN for a connection in TIME-WAIT with a reset. Whoever closes
 * first is in it for a minute, so a peer that uses its port again, as busy
 * clients do, is refused by a server that listens. RFC 1122 lets a SYN through
 * whose sequence number is beyond all of the old connection's; old segments
 * cannot be mistaken for the new one's then. lwIP's pcb in TIME-WAIT is nobody's
 * any more, so it is simply ended, and lwIP finds the listener.
 */
#include "netif/time_wait.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"

#include <string.h>

#define PROTOCOL_TCP 6

struct ends {
	ip_addr_t source, destination;
	uint16_t source_port, destination_port;
};

static void find_addresses(const uint8_t *packet, const struct ingress_packet *info,
	struct ends *ends)
{
	if (info->family == ADDRESS_IPV4) {
		IP_SET_TYPE_VAL(ends->source, IPADDR_TYPE_V4);
		IP_SET_TYPE_VAL(ends->destination, IPADDR_TYPE_V4);
		memcpy(&ip_2_ip4(&ends->source)->addr, packet + 12, 4);
		memcpy(&ip_2_ip4(&ends->destination)->addr, packet + 16, 4);
		return;
	}
	IP_SET_TYPE_VAL(ends->source, IPADDR_TYPE_V6);
	IP_SET_TYPE_VAL(ends->destination, IPADDR_TYPE_V6);
	memcpy(ip_2_ip6(&ends->source)->addr, packet + 8, 16);
	memcpy(ip_2_ip6(&ends->destination)->addr, packet + 24, 16);
}

/* Of IPv6 addresses the zone is not looked at: the ports decide already. */
static bool is_same_ip(const ip_addr_t *a, const ip_addr_t *b)
{
	if (IP_GET_TYPE(a) != IP_GET_TYPE(b))
		return false;
	return IP_IS_V6(a) ? ip6_addr_zoneless_eq(ip_2_ip6(a), ip_2_ip6(b))
			   : ip4_addr_eq(ip_2_ip4(a), ip_2_ip4(b));
}

static struct tcp_pcb *find(const struct ends *ends)
{
	struct tcp_pcb *pcb;

	for (pcb = tcp_tw_pcbs; pcb; pcb = pcb->next) {
		if (pcb->remote_port == ends->source_port &&
			pcb->local_port == ends->destination_port &&
			is_same_ip(&pcb->remote_ip, &ends->source) &&
			is_same_ip(&pcb->local_ip, &ends->destination))
			return pcb;
	}
	return NULL;
}

void time_wait_yield(const uint8_t *packet, const struct ingress_packet *info)
{
	struct tcp_hdr header;
	struct tcp_pcb *pcb;
	struct ends ends;

	if (info->protocol != PROTOCOL_TCP || !tcp_tw_pcbs)
		return;
	memcpy(&header, packet + info->payload_at, sizeof(header));
	if ((TCPH_FLAGS(&header) & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN)
		return;
	memset(&ends, 0, sizeof(ends));
	find_addresses(packet, info, &ends);
	ends.source_port = lwip_ntohs(header.src);
	ends.destination_port = lwip_ntohs(header.dest);
	pcb = find(&ends);
	if (pcb && TCP_SEQ_GT(lwip_ntohl(header.seqno), pcb->rcv_nxt))
		tcp_abort(pcb);
}
