/* SPDX-License-Identifier: MIT */
/*
 * The wall in front of lwIP: every packet of every link passes here, and what
 * is malformed or cannot be meant for us goes no further.
 */
#ifndef NETIF_INGRESS_H
#define NETIF_INGRESS_H

#include "proto/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INGRESS_MAC_SIZE	6
#define INGRESS_ETHERNET_HEADER 14

/* What a check returns for a packet that may pass; else an enum table_drop. */
#define INGRESS_ACCEPTED TABLE_DROP_COUNT

/* True if the address (4 or 16 bytes) is one of ours. */
typedef bool (*ingress_ours_fn)(enum address_family family, const uint8_t *ip, void *arg);

/* Where a packet comes from. */
struct ingress_source {
	ingress_ours_fn ours; /* NULL: our own output, looped back */
	void *arg;
	bool is_verified; /* TCP's or UDP's checksum of a whole packet */
};

enum ingress_flag {
	INGRESS_FRAGMENT = 1 << 0, /* needs the others of its datagram */
	INGRESS_LAST = 1 << 1,	   /* a fragment with no more after it */
	INGRESS_GROUP = 1 << 2,	   /* IGMP or MLD */
	INGRESS_ROUTER = 1 << 3,   /* a router's advertisement */
	INGRESS_DHCP = 1 << 4,	   /* a DHCP server's message */
};

/* What a check has found out about a packet it accepts. Offsets in bytes. */
struct ingress_packet {
	uint8_t family;	  /* enum address_family */
	uint8_t protocol; /* of the payload; IANA number */
	uint8_t flags;	  /* enum ingress_flag */
	uint8_t reserved;
	uint16_t length;     /* of the packet; what follows is padding */
	uint16_t payload_at; /* of the transport header or fragment data */
	uint16_t fragment_offset;
	uint32_t fragment_id; /* as in the packet */
};

/*
 * Checks an IP packet of @len bytes; it is not changed. Fills @out only if it
 * returns INGRESS_ACCEPTED.
 */
enum table_drop ingress_check(const uint8_t *packet, size_t len,
	const struct ingress_source *source, struct ingress_packet *out);

enum ingress_frame {
	INGRESS_FRAME_IP,
	INGRESS_FRAME_ARP,
	INGRESS_FRAME_OTHER_HOST, /* well-formed, not for us: no drop counted */
};

/*
 * Checks an Ethernet frame, an ARP packet in it included; for an IP packet the
 * caller calls ingress_check() with what follows the Ethernet header.
 */
enum table_drop ingress_check_frame(const uint8_t *frame, size_t len,
	const uint8_t mac[INGRESS_MAC_SIZE],
	const struct ingress_source *source, enum ingress_frame *kind);

#endif
