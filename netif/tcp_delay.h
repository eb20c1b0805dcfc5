/* SPDX-License-Identifier: MIT */
/*
 * Keeps a connection from filling the queue before a slow line: its congestion
 * window stops where more would only wait, not at the loss that ends the queue.
 */
#ifndef NETIF_TCP_DELAY_H
#define NETIF_TCP_DELAY_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_pcb;

/* Zero at first. */
struct tcp_delay {
	uint32_t least_us[2]; /* round trip times of this period and the last; 0: none */
	uint64_t period_ns;   /* when this one began */
	uint32_t last_us;     /* the sample before; 0: none */
	uint32_t ceiling;     /* bytes the window must not grow beyond; 0: none */
	uint32_t held;	      /* the same for n_held samples more: a queue was made there */
	uint8_t n_held;
	uint8_t n_futile; /* cuts in a row that changed nothing */
	bool is_settling; /* the sample under way still sees what was there before a cut */
};

/*
 * lwIP has taken an acknowledgement, which measured a round trip time of @rtt_us
 * microseconds, at least 1, at @now_ns of a monotonic clock.
 */
void tcp_delay_sample(struct tcp_delay *delay, struct tcp_pcb *pcb, uint32_t rtt_us,
	uint64_t now_ns);

/* lwIP has taken an acknowledgement, and may have made the window larger. */
void tcp_delay_acked(const struct tcp_delay *delay, struct tcp_pcb *pcb);

#endif
