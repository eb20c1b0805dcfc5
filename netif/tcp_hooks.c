/* SPDX-License-Identifier: MIT */
#include "netif/tcp_hooks.h"

#include "netif/hooks.h"

#include <lwip/priv/tcp_priv.h>
#include <lwip/prot/tcp.h>

/* lwIP is one a process, and so is who listens to it. */
static const struct tcp_hooks *tcp_hooks;

void tcp_hooks_set(const struct tcp_hooks *hooks)
{
	tcp_hooks = hooks;
}

/*
 * RFC 5681 4.2 wants every second segment acknowledged, so lwIP is told that one is
 * waiting for it when this one is longer than the peer may send: joined of several. What
 * fills a gap it wants acknowledged at once as well; lwIP does so unless it is the last.
 */
static bool is_to_be_acknowledged(const struct tcp_pcb *pcb, const struct pbuf *data)
{
	if (pcb->state < ESTABLISHED || pcb->state >= TIME_WAIT)
		return false;
	return data->tot_len > pcb->mss || (pcb->ooseq && data->tot_len > 0);
}

err_t hook_tcp_in(struct tcp_pcb *pcb, const struct tcp_hdr *header, u16_t n_options,
	const struct pbuf *data)
{
	/* lwIP has both in host byte order by now. */
	const struct tcp_header h = {
		.flags = TCPH_FLAGS(header),
		.ack = header->ackno,
		.options = (const uint8_t *)(header + 1),
		.n_options = n_options,
	};

	if (is_to_be_acknowledged(pcb, data))
		tcp_set_flags(pcb, TF_ACK_DELAY);
	if (tcp_hooks && !tcp_hooks->segment_in(pcb, &h))
		return ERR_ABRT;
	return ERR_OK;
}

/* lwIP raises snd_nxt after a segment's first transmission, but before a SYN's. */
static bool is_sent_again(const struct tcp_pcb *pcb, const struct tcp_hdr *header)
{
	if (pcb->state == SYN_SENT)
		return pcb->nrtx > 0;
	/* A keep-alive probe is below it too, but has nothing to retransmit. */
	return (pcb->unsent || pcb->unacked) &&
		TCP_SEQ_LT(lwip_ntohl(header->seqno), pcb->snd_nxt);
}

/* An acknowledgement on its own has no segment behind it. */
static bool is_segment(const struct tcp_pcb *pcb, const struct tcp_hdr *header)
{
	return pcb->unsent && pcb->unsent->tcphdr == header;
}

/*
 * lwIP leaves the FIN on the first half of a segment that it cuts, as it does for
 * a small window: the stream would end there for the peer, and lose the rest.
 */
static void take_off_early_fin(struct tcp_pcb *pcb, const struct tcp_hdr *header)
{
	if (is_segment(pcb, header) && pcb->unsent->next)
		TCPH_UNSET_FLAG(pcb->unsent->tcphdr, TCP_FIN);
}

u32_t *hook_tcp_out(struct tcp_pcb *pcb, const struct tcp_hdr *header, u32_t *options)
{
	if (!pcb)
		return options;
	take_off_early_fin(pcb, header);
	if (!tcp_hooks)
		return options;
	if (is_sent_again(pcb, header))
		tcp_hooks->retransmitted(pcb);
	else if (is_segment(pcb, header))
		tcp_hooks->segment_out(pcb, lwip_ntohl(header->seqno));
	return options;
}
