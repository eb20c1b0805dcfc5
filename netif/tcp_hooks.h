/* SPDX-License-Identifier: MIT */
/*
 * Where the socket layer listens in on lwIP's TCP: things that happen to a
 * pcb without one of its callbacks being called.
 */
#ifndef NETIF_TCP_HOOKS_H
#define NETIF_TCP_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tcp_pcb;

/* What the header of a segment says. */
struct tcp_header {
	uint8_t flags;
	uint32_t ack;
	const uint8_t *options;
	size_t n_options; /* bytes */
};

struct tcp_hooks {
	/*
	 * A segment for @pcb (perhaps a listening one) is about to be handled.
	 * false drops it.
	 */
	bool (*segment_in)(struct tcp_pcb *pcb, const struct tcp_header *header);
	/* A segment with data, SYN or FIN goes out for the first time. */
	void (*segment_out)(struct tcp_pcb *pcb, uint32_t sequence);
	/* A segment is being sent again. */
	void (*retransmitted)(struct tcp_pcb *pcb);
};

/* @hooks must live as long as the stack; NULL: nobody listens. */
void tcp_hooks_set(const struct tcp_hooks *hooks);

#endif
