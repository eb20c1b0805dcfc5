/* SPDX-License-Identifier: MIT */
/*
 * From a packet in hand to lwIP: the ingress stage, fragments, lwIP's input.
 */
#ifndef NETIF_INPUT_H
#define NETIF_INPUT_H

#include "netif/ingress.h"

struct netif;
struct pbuf;

/*
 * Checks a packet of @len bytes and, if it passes, hands a copy of it to lwIP
 * as input of @inp. Returns INGRESS_ACCEPTED or why it was dropped.
 */
enum table_drop input_packet(struct netif *inp, const uint8_t *packet, size_t len,
	const struct ingress_source *source);

/* The same with a packet in one piece, which is taken. */
enum table_drop input_pbuf(struct netif *inp, struct pbuf *p, const struct ingress_source *source);

#endif
