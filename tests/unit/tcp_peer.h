/* SPDX-License-Identifier: MIT */
/*
 * What the tests of lwIP's TCP share that play its peer segment by segment: recovery from
 * loss, as the daemon has it, and the peer's packets.
 */
#ifndef TESTS_UNIT_TCP_PEER_H
#define TESTS_UNIT_TCP_PEER_H

#include "netif/tcp_hooks.h"
#include "netif/tcp_recovery.h"
#include "tests/unit/netif_test.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"

#define PEER_ISN	5000
#define PEER_PACKET_MAX 80

static const uint8_t us[4] = { 10, 0, 2, 15 }, peer[4] = { 10, 0, 2, 2 };
static struct tcp_pcb *pcb;
static struct tcp_recovery recovery;
static size_t n_acked, n_retransmitted; /* bytes; segments */

static bool on_segment_in(struct tcp_pcb *in, const struct tcp_header *header)
{
	if (in->state >= ESTABLISHED && header->flags & TCP_ACK)
		tcp_recovery_segment_in(&recovery, in, header->ack, header->options,
			header->n_options);
	return true;
}

static void on_segment_out(struct tcp_pcb *out, uint32_t sequence)
{
	(void)out;
	(void)sequence;
}

static void on_retransmitted(struct tcp_pcb *out)
{
	n_retransmitted++;
	if (out->flags & TF_RTO)
		tcp_recovery_timed_out(&recovery, out);
}

static const struct tcp_hooks recovery_hooks = { on_segment_in, on_segment_out, on_retransmitted };

static err_t on_sent(void *arg, struct tcp_pcb *in, u16_t len)
{
	(void)arg;
	n_acked += len;
	tcp_recovery_acked(&recovery, in);
	return ERR_OK;
}

/* A packet from the peer's port 80, its checksum left out; returns its length. */
static size_t make_peer_packet(uint8_t packet[PEER_PACKET_MAX], uint8_t flags, uint32_t sequence,
	uint32_t ack, unsigned int window, const uint8_t *options, size_t n_options)
{
	uint8_t tcp[60] = { 0, 80 };

	put16(tcp + 2, pcb->local_port);
	put32(tcp + 4, sequence);
	put32(tcp + 8, ack);
	tcp[12] = (uint8_t)((20 + n_options) / 4 << 4);
	tcp[13] = flags;
	put16(tcp + 14, window);
	if (n_options)
		memcpy(tcp + 20, options, n_options);
	return make_ip4(packet, 6, peer, us, tcp, 20 + n_options);
}

#endif
