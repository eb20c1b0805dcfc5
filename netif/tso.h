/* SPDX-License-Identifier: MIT */
/*
 * One message to a descriptor with offload headers (vnet_header.h): a frame, or
 * consecutive TCP segments of a connection that the kernel is to cut again, or one
 * that is longer than the MTU allows.
 */
#ifndef NETIF_TSO_H
#define NETIF_TSO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pbuf;

/* Embedded in an ipif, which owns it. */
struct tso {
	uint8_t *message; /* offload header and frame; NULL: not in use */
	size_t length;	  /* of the frame, bytes; 0: nothing is held */
	unsigned int n_packets;
	size_t n_bytes; /* of the packets as they would go one by one */
	/* Where in the frame; of TCP only, else transport_at is 0. */
	size_t ip_at, transport_at, data_at;
	size_t segment;	  /* bytes of data in each packet but the last */
	size_t n_behind;  /* of a long segment: bytes of data that are not in the message */
	uint16_t next_id; /* IPv4 identification of the next packet of TCP */
	uint32_t next_sequence;
	bool is_unsummed; /* TCP's checksum is left to the kernel */
	bool is_open;	  /* more segments may be joined to it */
};

/* Returns 0 or -ENOMEM. */
int tso_init(struct tso *tso);
void tso_fini(struct tso *tso);

/* Room for the link header of the next frame; nothing is held. */
uint8_t *tso_frame(struct tso *tso);

/*
 * Begins a message: behind @link_header bytes (14 at most) at tso_frame() comes
 * @p from its IP packet, or what it has instead, at @ip_at on. Returns true if
 * more may follow, false if it is to be sent as it is.
 */
bool tso_begin(struct tso *tso, const struct pbuf *p, size_t ip_at, size_t link_header);

/* A long segment in more pieces is copied. */
#define TSO_PIECES_MAX 32

/*
 * The same for a segment of TCP that is longer than @mtu allows. In few pieces, only its
 * headers are laid out: the rest of @p, from the offset on that is returned, is to be
 * sent behind the message. Nothing can be joined to it.
 */
size_t tso_begin_long(struct tso *tso, const struct pbuf *p, size_t ip_at, size_t link_header,
	size_t mtu);

enum tso_outcome {
	TSO_JOINED,   /* more may follow */
	TSO_COMPLETE, /* joined, and to be sent now */
	TSO_OTHER,    /* not joined: no continuation of what is held */
};

/* Joins @p, whose IP packet is @ip_at bytes into it, to the frame that is held. */
enum tso_outcome tso_join(struct tso *tso, const struct pbuf *p, size_t ip_at);

/*
 * Makes the message whole: the offload header, lengths, checksums. Returns its
 * length. Nothing can be joined afterwards.
 */
size_t tso_seal(struct tso *tso);

/* Holds nothing any more. */
void tso_clear(struct tso *tso);

#endif
