/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The shortest round trip of the last minutes is taken for the path's own time.
 * What a sample has more is queues. When that is more than QUEUE_US, the window does
 * not grow; when it is so twice in a row, the window is cut to what the path holds
 * without a queue. The queue drains, so the path's own time is seen anew each time,
 * and the line never runs empty. On a gateway the queue is the modem's and every
 * stream in it is ours, so none is yielded to.
 *
 * One late sample is the radio's: scheduling, a retransmission below IP, a change
 * of cell. Samples that stay high whatever the window are a path that has become
 * longer: they are its own time then. A fast line whose queue holds less time than
 * QUEUE_US never gets here; it goes by loss alone, as before.
 *
 * A path that takes SLOW_PATH_US is most likely that of a slow line, whose queue slow
 * start would fill within a second: there it waits for a round trip when it first sees
 * a queue, and ends with the first late sample.
 *
 * A full segment takes 180 ms at 64 kbit/s: the window is never below LEAST_SEGMENTS,
 * which keep such a line busy. The next segment makes a queue again there, so a window
 * that did is not tried again for HELD_SAMPLES round trips.
 *
 * TCP Vegas and LEDBAT (RFC 6817) go by delay too. They steer to a fixed queue all
 * the time, which a jittery radio link answers with too small a window.
 */
#include "netif/tcp_delay.h"

#include "lwip/priv/tcp_priv.h"

#define QUEUE_US       150000
#define SLOW_PATH_US   200000
#define PERIOD_NS      60000000000u
#define LEAST_SEGMENTS 3
#define FUTILE_MAX     4
#define HELD_SAMPLES   16

static uint32_t path_us(const struct tcp_delay *d)
{
	return d->least_us[1] ? LWIP_MIN(d->least_us[0], d->least_us[1]) : d->least_us[0];
}

static void note(struct tcp_delay *d, uint32_t rtt_us, uint64_t now_ns)
{
	if (d->least_us[0] && now_ns - d->period_ns < PERIOD_NS) {
		d->least_us[0] = LWIP_MIN(d->least_us[0], rtt_us);
		return;
	}
	d->least_us[1] = d->least_us[0];
	d->least_us[0] = rtt_us;
	d->period_ns = now_ns;
}

/* To the part of what is on its way that needs no queue; @rtt_us with what is. */
static void cut(struct tcp_delay *d, struct tcp_pcb *pcb, uint32_t rtt_us)
{
	uint32_t least = LEAST_SEGMENTS * (uint32_t)pcb->mss;
	/* As it was before this acknowledgement, which is for two segments mostly. */
	uint32_t flight = pcb->snd_nxt - pcb->lastack + 2u * pcb->mss;
	uint64_t used = LWIP_MIN(flight, pcb->cwnd);
	uint64_t wanted = LWIP_MAX(used * path_us(d) / rtt_us, least);

	if (used > least) {
		d->n_futile = 0;
		d->held = (uint32_t)LWIP_MAX(used - pcb->mss, least);
		d->n_held = HELD_SAMPLES;
	} else if (++d->n_futile == FUTILE_MAX) {
		d->least_us[0] = d->least_us[1] = rtt_us;
		d->n_futile = 0;
	}
	pcb->cwnd = (tcpwnd_size_t)LWIP_MIN(wanted, pcb->cwnd);
	pcb->ssthresh = LWIP_MIN(pcb->ssthresh, pcb->cwnd);
	d->is_settling = true;
}

void tcp_delay_sample(struct tcp_delay *d, struct tcp_pcb *pcb, uint32_t rtt_us,
	uint64_t now_ns)
{
	uint32_t before_us = d->last_us, late_us;
	bool is_starting;

	note(d, rtt_us, now_ns);
	d->last_us = rtt_us;
	late_us = path_us(d) + QUEUE_US;
	is_starting = pcb->cwnd < pcb->ssthresh && path_us(d) >= SLOW_PATH_US;
	/* tcp_recovery.c has the window. */
	if (pcb->flags & TF_INFR) {
		d->ceiling = 0;
		return;
	}
	if (d->is_settling)
		d->is_settling = false;
	else if (rtt_us <= late_us)
		d->n_futile = 0;
	else if (is_starting)
		cut(d, pcb, rtt_us);
	else if (before_us > late_us)
		cut(d, pcb, LWIP_MIN(before_us, rtt_us));
	if (is_starting)
		late_us = path_us(d) + path_us(d) / 8;
	d->ceiling = rtt_us > late_us ? pcb->cwnd : 0;
	if (d->n_held > 0) {
		d->n_held--;
		d->ceiling = d->ceiling ? LWIP_MIN(d->ceiling, d->held) : d->held;
	}
}

void tcp_delay_acked(const struct tcp_delay *d, struct tcp_pcb *pcb)
{
	if (d->ceiling && pcb->cwnd > d->ceiling && !(pcb->flags & TF_INFR))
		pcb->cwnd = (tcpwnd_size_t)d->ceiling;
}
