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

#include "netif/tcp_ends.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"

#include <string.h>

static struct tcp_pcb *find(const struct tcp_ends *ends)
{
	struct tcp_pcb *pcb;

	for (pcb = tcp_tw_pcbs; pcb; pcb = pcb->next) {
		struct tcp_ends its;

		/* Most are told by their port. */
		if (pcb->remote_port != ends->remote_port)
			continue;
		tcp_ends_of_pcb(&its, pcb);
		if (tcp_ends_equal(&its, ends))
			return pcb;
	}
	return NULL;
}

void time_wait_yield(const uint8_t *packet, const struct ingress_packet *info)
{
	struct tcp_hdr header;
	struct tcp_pcb *pcb;
	struct tcp_ends ends;

	if (!tcp_tw_pcbs)
		return;
	memcpy(&header, packet + info->payload_at, sizeof(header));
	if ((TCPH_FLAGS(&header) & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN)
		return;
	tcp_ends_of_packet(&ends, packet, info);
	pcb = find(&ends);
	if (pcb && TCP_SEQ_GT(lwip_ntohl(header.seqno), pcb->rcv_nxt))
		tcp_abort(pcb);
}
