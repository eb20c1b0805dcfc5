/* SPDX-License-Identifier: MIT */
#include "netif/tcp_ends.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct tcp_ends) == 40, "no padding");

void tcp_ends_of_packet(struct tcp_ends *ends, const uint8_t *packet,
	const struct ingress_packet *info)
{
	struct tcp_hdr header;

	memcpy(&header, packet + info->payload_at, sizeof(header));
	memset(ends, 0, sizeof(*ends));
	ends->remote_port = lwip_ntohs(header.src);
	ends->local_port = lwip_ntohs(header.dest);
	ends->is_ipv6 = info->family != ADDRESS_IPV4;
	if (ends->is_ipv6) {
		memcpy(ends->remote, packet + 8, 16);
		memcpy(ends->local, packet + 24, 16);
	} else {
		memcpy(ends->remote, packet + 12, 4);
		memcpy(ends->local, packet + 16, 4);
	}
}

void tcp_ends_of_pcb(struct tcp_ends *ends, const struct tcp_pcb *pcb)
{
	memset(ends, 0, sizeof(*ends));
	ends->remote_port = pcb->remote_port;
	ends->local_port = pcb->local_port;
	ends->is_ipv6 = IP_IS_V6(&pcb->remote_ip);
	if (ends->is_ipv6) {
		memcpy(ends->remote, ip_2_ip6(&pcb->remote_ip)->addr, 16);
		memcpy(ends->local, ip_2_ip6(&pcb->local_ip)->addr, 16);
	} else {
		ends->remote[0] = ip_2_ip4(&pcb->remote_ip)->addr;
		ends->local[0] = ip_2_ip4(&pcb->local_ip)->addr;
	}
}

bool tcp_ends_equal(const struct tcp_ends *a, const struct tcp_ends *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}
