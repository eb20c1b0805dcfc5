/* SPDX-License-Identifier: MIT */
/*
 * From a packet in hand to lwIP: the ingress stage, fragments, lwIP's input.
 */
#ifndef NETIF_INPUT_H
#define NETIF_INPUT_H

#include "netif/gro.h"
#include "netif/ingress.h"
#include "netif/rx_buffer.h"

struct netif;
struct pbuf;

/* What is received into, and what waits for more of the same. Zero at first. */
struct input_reception {
	struct rx_buffer buffer;
	struct gro gro;
};

/*
 * Checks a packet of @len bytes and, if it passes, hands a copy of it to lwIP
 * as input of @inp. Returns INGRESS_ACCEPTED or why it was dropped.
 */
enum table_drop input_packet(struct netif *inp, const uint8_t *packet, size_t len,
	const struct ingress_source *source);

/*
 * The same with a packet that is in @reception's buffer. It may be held, for
 * segments that follow it, until input_flush(); @packet is nobody's afterwards.
 */
enum table_drop input_received(struct netif *inp, struct input_reception *reception,
	const uint8_t *packet, size_t len,
	const struct ingress_source *source);

/* Whether more may follow what came last. */
static inline bool input_holds(const struct input_reception *reception)
{
	return reception->gro.length > 0 && reception->gro.is_open;
}

/* Hands over what is held. To be called before the loop goes on. */
void input_flush(struct netif *inp, struct input_reception *reception);

/* Frees what it has. */
void input_reception_fini(struct input_reception *reception);

/* input_packet() with a packet in one piece, which is taken. */
enum table_drop input_pbuf(struct netif *inp, struct pbuf *p, const struct ingress_source *source);

#endif
