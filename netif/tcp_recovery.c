/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What the peer has beyond the acknowledgement is marked in lwIP's unacked
 * segments, with bits of their flags that lwIP does not use. A segment is lost if
 * more than two segments' bytes beyond it are with the peer (RFC 6675 4,
 * IsLost()), or if it is the first one that a partial acknowledgement leaves.
 *
 * In recovery the congestion window is half of what it was, and counts what is
 * on its way: not what the peer has, nor what is lost and not sent again yet.
 * lwIP counts from the acknowledgement on, so its window is made larger by those
 * bytes. A lost segment is moved to lwIP's unsent ones, and lwIP sends it at the
 * end of what it is doing. TF_INFR keeps lwIP from its own recovery; for a peer
 * that names no blocks lwIP begins it, with three duplicate acknowledgements.
 *
 * All of that is about packets: a segment that is longer is cut to them first
 * (tcp_lso.c).
 *
 * Marks are forgotten when lwIP's timer expires (RFC 2018 8: the peer may have
 * thrown away what it had).
 */
#include "netif/tcp_recovery.h"

#include "netif/segment.h"
#include "netif/tcp_lso.h"
#include "netif/tcp_segment.h"

#define SEGMENT_SACKED	   0x40
#define SEGMENT_SENT_AGAIN 0x80

#define OPTION_END	   0
#define OPTION_NOP	   1
#define OPTION_SACK	   5
#define BLOCK_SIZE	   8

/* Of an acknowledgement, after which lwIP takes a segment for lost. */
#define DUPLICATES 3

/* ---- what the peer has ------------------------------------------------------------ */

static void mark_block(struct tcp_pcb *pcb, uint32_t left, uint32_t right)
{
	struct tcp_seg *segment;

	/* Not of what is outstanding: of old data (RFC 2883), or a lie. */
	if (!TCP_SEQ_GT(left, pcb->lastack) || !TCP_SEQ_LT(left, right) ||
		TCP_SEQ_GT(right, pcb->snd_nxt))
		return;
	for (segment = pcb->unacked; segment; segment = segment->next) {
		uint32_t begin = tcp_segment_begin(segment);

		if (TCP_SEQ_GEQ(begin, right))
			break;
		if (TCP_SEQ_GEQ(begin, left) && TCP_SEQ_LEQ(begin + TCP_TCPLEN(segment), right))
			segment->flags |= SEGMENT_SACKED;
	}
}

/* Returns whether there were any. */
static bool mark_blocks(struct tcp_pcb *pcb, const uint8_t *options, size_t len)
{
	bool any = false;

	while (len > 0 && options[0] != OPTION_END) {
		size_t size = options[0] == OPTION_NOP ? 1 : len > 1 ? options[1]
								     : 0;

		if (size == 0 || size > len || (options[0] != OPTION_NOP && size < 2))
			break;
		for (size_t at = 2; options[0] == OPTION_SACK && at + BLOCK_SIZE <= size;
			at += BLOCK_SIZE) {
			if (!any)
				tcp_lso_cut(pcb);
			mark_block(pcb, segment_get32(options + at),
				segment_get32(options + at + 4));
			any = true;
		}
		options += size;
		len -= size;
	}
	return any;
}

static uint32_t count_sacked(const struct tcp_pcb *pcb)
{
	const struct tcp_seg *segment;
	uint32_t n = 0;

	for (segment = pcb->unacked; segment; segment = segment->next) {
		if (segment->flags & SEGMENT_SACKED)
			n += segment->len;
	}
	return n;
}

static void clear_marks(struct tcp_seg *segment, uint8_t marks)
{
	for (; segment; segment = segment->next)
		segment->flags &= (u8_t)~marks;
}

/* ---- what is lost ----------------------------------------------------------------- */

/* With more than this beyond it, a segment is lost. */
static uint32_t lost_from(const struct tcp_pcb *pcb)
{
	return 2u * pcb->mss;
}

/*
 * Whether it is, and not under way again. @beyond: what the peer has behind it.
 * @known: one that needs no proof, or NULL.
 */
static bool is_lost(const struct tcp_pcb *pcb, const struct tcp_seg *segment, uint32_t beyond,
	const struct tcp_seg *known)
{
	return !(segment->flags & (SEGMENT_SACKED | SEGMENT_SENT_AGAIN)) &&
		(segment == known || beyond > lost_from(pcb));
}

static uint32_t count_lost(const struct tcp_pcb *pcb, uint32_t sacked, const struct tcp_seg *known)
{
	const struct tcp_seg *segment;
	uint32_t beyond = sacked, n = 0;

	for (segment = pcb->unacked; segment; segment = segment->next) {
		if (segment->flags & SEGMENT_SACKED)
			beyond -= segment->len;
		else if (is_lost(pcb, segment, beyond, known))
			n += segment->len;
	}
	return n;
}

/* Moves *@at, which is in the unacked list, to where it belongs in the unsent one. */
static void send_again(struct tcp_pcb *pcb, struct tcp_seg **at)
{
	struct tcp_seg *segment = *at, **to = &pcb->unsent;

	*at = segment->next;
	while (*to && TCP_SEQ_LT(tcp_segment_begin(*to), tcp_segment_begin(segment)))
		to = &(*to)->next;
	segment->next = *to;
	*to = segment;
	segment->flags |= SEGMENT_SENT_AGAIN;
	/* The last one is no longer where small writes are added to. */
	if (!segment->next)
		pcb->unsent_oversize = 0;
	/* Karn: what is sent again is not timed. */
	pcb->rttest = 0;
}

/*
 * Sends lost segments again, as many as the window has room for, and gives lwIP
 * the window for the others. @known: see is_lost().
 */
static void go_on(struct tcp_pcb *pcb, const struct tcp_seg *known)
{
	const struct tcp_seg *first = pcb->unacked;
	uint32_t sacked = count_sacked(pcb), lost = count_lost(pcb, sacked, known);
	uint32_t beyond = sacked, flight = pcb->snd_nxt - pcb->lastack;
	uint32_t pipe = flight > sacked + lost ? flight - sacked - lost : 0;
	struct tcp_seg **at = &pcb->unacked;

	while (*at && lost > 0) {
		struct tcp_seg *segment = *at;

		if (segment->flags & SEGMENT_SACKED)
			beyond -= segment->len;
		if (!is_lost(pcb, segment, beyond, known)) {
			at = &segment->next;
			continue;
		}
		/* The first one always: the peer waits for it. */
		if (segment != first && pipe + segment->len > pcb->ssthresh)
			break;
		pipe += segment->len;
		lost -= segment->len;
		send_again(pcb, at);
	}
	pcb->cwnd = (tcpwnd_size_t)(pcb->ssthresh + sacked + lost);
}

static void begin(struct tcp_recovery *recovery, struct tcp_pcb *pcb)
{
	uint32_t flight = pcb->snd_nxt - pcb->lastack;

	recovery->is_active = true;
	recovery->end = pcb->snd_nxt;
	clear_marks(pcb->unacked, SEGMENT_SENT_AGAIN);
	pcb->ssthresh = (tcpwnd_size_t)LWIP_MAX(LWIP_MIN(flight, pcb->cwnd) / 2, 2u * pcb->mss);
	tcp_set_flags(pcb, TF_INFR);
	/* The timer starts anew with what is sent again. */
	pcb->rtime = 0;
}

void tcp_recovery_segment_in(struct tcp_recovery *recovery, struct tcp_pcb *pcb, uint32_t ack,
	const uint8_t *options, size_t len)
{
	if (!pcb->unacked || pcb->flags & TF_RTO)
		return;
	if (pcb->flags & TF_INFR && !recovery->is_active) {
		/* lwIP's own, for duplicates that name no blocks. */
		recovery->is_active = true;
		recovery->end = pcb->snd_nxt;
	}
	if (ack != pcb->lastack)
		return;
	/* With the next one lwIP sends the first segment again. */
	if (pcb->dupacks + 1 >= DUPLICATES)
		tcp_lso_cut(pcb);
	if (!mark_blocks(pcb, options, len))
		return;
	recovery->has_marks = true;
	if (!recovery->is_active && count_sacked(pcb) > lost_from(pcb))
		begin(recovery, pcb);
	if (recovery->is_active)
		go_on(pcb, NULL);
}

void tcp_recovery_acked(struct tcp_recovery *recovery, struct tcp_pcb *pcb)
{
	if (!recovery->is_active)
		return;
	if (!pcb->unacked || TCP_SEQ_GEQ(pcb->lastack, recovery->end)) {
		recovery->is_active = false;
		pcb->cwnd = pcb->ssthresh;
		return;
	}
	/* lwIP takes any new acknowledgement for the end of it. */
	tcp_set_flags(pcb, TF_INFR);
	pcb->rtime = 0;
	go_on(pcb, pcb->unacked);
}

void tcp_recovery_timed_out(struct tcp_recovery *recovery, struct tcp_pcb *pcb)
{
	if (!recovery->has_marks && !recovery->is_active)
		return;
	recovery->is_active = false;
	recovery->has_marks = false;
	clear_marks(pcb->unacked, SEGMENT_SACKED | SEGMENT_SENT_AGAIN);
	clear_marks(pcb->unsent, SEGMENT_SACKED | SEGMENT_SENT_AGAIN);
}
