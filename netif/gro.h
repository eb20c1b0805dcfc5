/* SPDX-License-Identifier: MIT */
/*
 * Consecutive TCP segments of a connection that have come in one after another,
 * joined to a long one (generic receive offload): lwIP looks at it once, the peer
 * gets one acknowledgement and the client one piece of data.
 */
#ifndef NETIF_GRO_H
#define NETIF_GRO_H

#include "netif/ingress.h"
#include "netif/rx_buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero: holds nothing. */
struct gro {
	struct rx_buffer buffer;
	struct ingress_packet info; /* of the first */
	size_t length;		    /* of the IP packet; 0: nothing is held */
	size_t headers;		    /* bytes of it that are not data */
	size_t segment;		    /* bytes of data in each but the last */
	uint32_t next_sequence;
	bool is_open; /* more may be joined */
};

void gro_fini(struct gro *gro);

/*
 * Joins a packet, described by @info, to what is held. Returns false if it is
 * none that may follow: what is held comes before it. @is_verified: TCP's
 * checksum needs no look.
 */
bool gro_join(struct gro *gro, const uint8_t *packet, const struct ingress_packet *info,
	bool is_verified);

/* Holds the packet, for others to follow. Returns false if none can. Nothing is held. */
bool gro_begin(struct gro *gro, const uint8_t *packet, const struct ingress_packet *info,
	bool is_verified);

/*
 * What is held, whose checksum needs no look, as a pbuf in one piece and its
 * description; nothing is held afterwards. Returns NULL if nothing was, or
 * without memory.
 */
struct pbuf *gro_take(struct gro *gro, struct ingress_packet *info);

#endif
