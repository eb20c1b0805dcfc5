/* SPDX-License-Identifier: MIT */
/*
 * Where the socket layer listens in on lwIP's TCP: things that happen to a
 * pcb without one of its callbacks being called.
 */
#ifndef NETIF_TCP_HOOKS_H
#define NETIF_TCP_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_pcb;

struct tcp_hooks {
	/*
	 * A segment for @pcb (perhaps a listening one) is about to be handled;
	 * @flags are those of its header. false drops it.
	 */
	bool (*segment_in)(struct tcp_pcb *pcb, uint8_t flags);
	/* A segment with data, SYN or FIN goes out for the first time. */
	void (*segment_out)(struct tcp_pcb *pcb, uint32_t sequence);
	/* A segment is being sent again. */
	void (*retransmitted)(struct tcp_pcb *pcb);
};

/* @hooks must live as long as the stack; NULL: nobody listens. */
void tcp_hooks_set(const struct tcp_hooks *hooks);

#endif
