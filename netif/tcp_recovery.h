/* SPDX-License-Identifier: MIT */
/*
 * Recovery from loss by selective acknowledgements (RFC 2018, RFC 6675), and
 * without them by partial ones (RFC 6582), in place of lwIP's, which sends one
 * segment again for three duplicate acknowledgements and then waits for its timer.
 */
#ifndef NETIF_TCP_RECOVERY_H
#define NETIF_TCP_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tcp_pcb;

/* Zero at first. */
struct tcp_recovery {
	bool is_active;
	bool has_marks; /* in segments of the pcb */
	uint32_t end;	/* what was sent when it began: it is over when that is acknowledged */
};

/*
 * A segment has come for an established @pcb, with @ack and the @len bytes of TCP
 * options at @options; to be called before lwIP looks at it.
 */
void tcp_recovery_segment_in(struct tcp_recovery *recovery, struct tcp_pcb *pcb, uint32_t ack,
	const uint8_t *options, size_t len);

/* lwIP has taken an acknowledgement of new data; what is to be sent it sends next. */
void tcp_recovery_acked(struct tcp_recovery *recovery, struct tcp_pcb *pcb);

/* lwIP's timer has expired: it sends everything again. */
void tcp_recovery_timed_out(struct tcp_recovery *recovery, struct tcp_pcb *pcb);

#endif
