/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A segment costs lwIP and the C library the same, however long it is. So on a device
 * that cuts them, segments are written with an MSS of up to 64 KB: as long as an eighth
 * of the window, so that those that wait for room in it cost little of it. Below a third
 * of 64 KB the gain is lost in more wake-ups, and segments are of the MSS, which tso.c
 * joins: that is what connections over slow lines always do.
 *
 * lwIP sends, acknowledges and sends again whole segments only. Therefore:
 *
 * - What the peer has acknowledged within a segment is taken off its front in place:
 *   the headers move forward, over bytes that nobody needs any more. lwIP's sent
 *   callback, by which its user counts what is acknowledged, is called as for others.
 * - A segment that a window does not have room for is sent when enough before it is
 *   acknowledged. Those that are more than a third of the window are cut to the MSS.
 * - All are cut to the MSS at the first sign of a loss (tcp_recovery.c), before lwIP's
 *   timers would send them again or probe a window with them, and when the MSS or the
 *   device's MTU becomes another (pmtu.c). New ones are of the MSS until recovery is over.
 *
 * Their pieces have to be what lwIP would have sent: so they are used only while the MSS
 * is all that the device's MTU has room for.
 */
#include "netif/tcp_lso.h"

#include "netif/hooks.h"
#include "netif/ipif.h"
#include "netif/segment.h"
#include "netif/tcp_segment.h"

#include <string.h>

#define WINDOW_SHARE  8
#define WINDOW_NEEDED 3 /* a segment that is cut is more than the window's third */
#define WORTH_SHARE   3 /* of the longest that there can be */

static bool is_long(const struct tcp_pcb *pcb, const struct tcp_seg *segment)
{
	return segment && segment->len > pcb->mss;
}

/* What may be on its way. */
static uint32_t window_of(const struct tcp_pcb *pcb)
{
	return LWIP_MIN(pcb->cwnd, pcb->snd_wnd);
}

/* ---- packets, longer than the MTU ------------------------------------------------- */

/* lwIP has left out the checksum of its own segments only. */
static bool is_for_device(const struct netif *netif, const struct pbuf *p)
{
	const uint8_t *ip = p->payload;
	size_t header;

	if (p->tot_len <= netif->mtu || p->len < IP6_HLEN || !ipif_takes_long_segments(netif))
		return false;
	header = segment_ip_header(ip, p->tot_len);
	return header && p->len >= header + SEGMENT_HEADER_MIN &&
		segment_get16(ip + header + SEGMENT_CHECKSUM) == 0;
}

err_t hook_ip4_frag(struct pbuf *p, struct netif *netif, const ip4_addr_t *dest)
{
	return is_for_device(netif, p) ? netif->output(netif, p, dest)
				       : (ip4_frag)(p, netif, dest);
}

err_t hook_ip6_frag(struct pbuf *p, struct netif *netif, const ip6_addr_t *dest)
{
	return is_for_device(netif, p) ? netif->output_ip6(netif, p, dest)
				       : (ip6_frag)(p, netif, dest);
}

/* ---- writing --------------------------------------------------------------------- */

static bool is_recovering(const struct tcp_pcb *pcb)
{
	return pcb->flags & (TF_INFR | TF_RTO) || pcb->nrtx > 0 || pcb->dupacks > 0;
}

static bool device_cuts(const struct tcp_pcb *pcb)
{
	const struct netif *netif = ip_route(&pcb->local_ip, &pcb->remote_ip);

	return netif && netif->mtu == pcb->mss + tcp_segment_headers(pcb) &&
		ipif_takes_long_segments(netif);
}

/* How long segments are to be, bytes: a multiple of the MSS. */
static uint16_t segment_size(const struct tcp_pcb *pcb)
{
	uint32_t most = (SEGMENT_PACKET_MAX - tcp_segment_headers(pcb)) / pcb->mss;
	uint32_t window = LWIP_MIN(window_of(pcb), TCP_SND_BUF);
	uint32_t n = LWIP_MIN(window / WINDOW_SHARE / pcb->mss, most);

	if (n * WORTH_SHARE < most || n < 2 || is_recovering(pcb) || !device_cuts(pcb))
		return pcb->mss;
	return (uint16_t)(n * pcb->mss);
}

static const struct tcp_seg *last_unsent(const struct tcp_pcb *pcb)
{
	const struct tcp_seg *last = pcb->unsent;

	while (last && last->next)
		last = last->next;
	return last;
}

size_t tcp_lso_write(struct tcp_pcb *pcb, const uint8_t *bytes, size_t n, bool more)
{
	const struct tcp_seg *last = last_unsent(pcb);
	uint16_t mss = pcb->mss, size = segment_size(pcb);
	size_t step = LWIP_MIN(n, (size_t)(UINT16_MAX / size * size));
	u8_t flags = TCP_WRITE_FLAG_COPY;
	err_t error;

	if (more || step < n)
		flags |= TCP_WRITE_FLAG_MORE;

	/* lwIP fills its last segment up first, and insists that it has room for that. */
	if (last && last->len > size)
		size = last->len;
	if (last && pcb->unsent_oversize > size - last->len)
		pcb->unsent_oversize = 0;
	pcb->mss = size;
	error = tcp_write(pcb, bytes, (u16_t)step, flags);
	pcb->mss = mss;
	return error == ERR_OK ? step : 0;
}

/* ---- acknowledged within ----------------------------------------------------------- */

/* Takes @n bytes of data off the front of @segment, which has more, in place. */
static void drop_front(struct tcp_pcb *pcb, struct tcp_seg *segment, uint16_t n)
{
	struct pbuf *p = segment->p, *q;
	uint8_t *header = (uint8_t *)segment->tcphdr;
	uint16_t length = TCPH_HDRLEN_BYTES(segment->tcphdr), here, left;

	/* Headers of lower layers, of when it was sent. */
	pbuf_remove_header(p, (size_t)(header - (uint8_t *)p->payload));
	here = LWIP_MIN(n, p->len - length);
	memmove(header + here, header, length);
	pbuf_remove_header(p, here);
	for (left = n - here; left > 0; left -= here) {
		q = p->next;
		here = LWIP_MIN(left, q->len);
		p->tot_len -= here;
		pbuf_remove_header(q, here);
		if (q->len > 0)
			break;
		p->next = q->next;
		q->next = NULL;
		pbuf_free(q);
		pcb->snd_queuelen--;
	}
	segment->tcphdr = p->payload;
	segment->tcphdr->seqno = lwip_htonl(tcp_segment_begin(segment) + n);
	segment->len -= n;
}

/* Nothing holds it but lwIP: not a queue for its neighbour's address. */
static bool is_free(const struct tcp_seg *segment)
{
	return segment->p->ref == 1;
}

static void drop_acknowledged(struct tcp_pcb *pcb)
{
	struct tcp_seg *first = pcb->unacked;
	uint32_t n;

	if (!is_long(pcb, first) || !is_free(first))
		return;
	n = pcb->lastack - tcp_segment_begin(first);
	if (n == 0 || n >= first->len)
		return;
	drop_front(pcb, first, (uint16_t)n);
	pcb->snd_buf += n;
	if (pcb->sent)
		pcb->sent(pcb->callback_arg, pcb, (u16_t)n);
}

/* ---- cutting ----------------------------------------------------------------------- */

/* A segment of the last @n bytes of @segment's data, to go behind it, or NULL. */
static struct tcp_seg *copy_end(const struct tcp_seg *segment, uint16_t n)
{
	uint16_t length = TCPH_HDRLEN_BYTES(segment->tcphdr);
	struct tcp_seg *copy = memp_malloc(MEMP_TCP_SEG);

	if (!copy)
		return NULL;
	*copy = *segment;
	copy->p = pbuf_alloc(PBUF_IP, length + n, PBUF_RAM);
	if (!copy->p) {
		memp_free(MEMP_TCP_SEG, copy);
		return NULL;
	}
	copy->len = n;
	copy->tcphdr = copy->p->payload;
	memcpy(copy->tcphdr, segment->tcphdr, length);
	copy->tcphdr->seqno = lwip_htonl(tcp_segment_begin(segment) + segment->len - n);
	pbuf_copy_partial(segment->p, (uint8_t *)copy->p->payload + length, n,
		segment->p->tot_len - n);
	return copy;
}

/* From its end on, so that what is left is a segment at any time. */
static bool cut_segment(struct tcp_pcb *pcb, struct tcp_seg *segment)
{
	while (is_long(pcb, segment)) {
		uint16_t n = (segment->len - 1) % pcb->mss + 1;
		struct tcp_seg *end;

		if (!is_free(segment) || !(end = copy_end(segment, n)))
			return false;
		pcb->snd_queuelen -= pbuf_clen(segment->p);
		pbuf_realloc(segment->p, segment->p->tot_len - n);
		pcb->snd_queuelen += pbuf_clen(segment->p) + pbuf_clen(end->p);
		segment->len -= n;
		segment->next = end;
		/* They are the last one's. */
		TCPH_UNSET_FLAG(segment->tcphdr, TCP_PSH | TCP_FIN);
	}
	return true;
}

static bool cut_list(struct tcp_pcb *pcb, struct tcp_seg *segment)
{
	bool is_cut = true;
	struct tcp_seg *next;

	for (; segment; segment = next) {
		next = segment->next;
		is_cut = cut_segment(pcb, segment) && is_cut;
	}
	return is_cut;
}

bool tcp_lso_cut(struct tcp_pcb *pcb)
{
	bool is_cut;

	drop_acknowledged(pcb);
	/* Room behind the last one's data counted on a longer one. */
	if (is_long(pcb, last_unsent(pcb)))
		pcb->unsent_oversize = 0;
	is_cut = cut_list(pcb, pcb->unacked);
	return cut_list(pcb, pcb->unsent) && is_cut;
}

/* ---- when it is time ---------------------------------------------------------------- */

bool tcp_lso_is_used(const struct tcp_pcb *pcb)
{
	return is_long(pcb, pcb->unacked) || is_long(pcb, pcb->unsent);
}

void tcp_lso_adjust(struct tcp_pcb *pcb)
{
	drop_acknowledged(pcb);
	if (!is_long(pcb, pcb->unsent) ||
		(uint32_t)pcb->unsent->len * WINDOW_NEEDED <= window_of(pcb))
		return;
	tcp_lso_cut(pcb);
	tcp_output(pcb);
}

void tcp_lso_before_tick(struct tcp_pcb *pcb)
{
	bool expires = pcb->rtime >= 0 && pcb->rtime + 1 >= pcb->rto;

	if (expires || pcb->persist_backoff > 0)
		tcp_lso_cut(pcb);
}
