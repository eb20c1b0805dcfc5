/* SPDX-License-Identifier: MIT */
/*
 * One lwIP netif over a descriptor that carries whole packets.
 */
#ifndef NETIF_IPIF_H
#define NETIF_IPIF_H

#include "netif/ingress.h"
#include "netif/input.h"
#include "netif/tso.h"

#include "lwip/netif.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct event_base;
struct ipif;
struct ipif_queued;

enum ipif_framing {
	IPIF_FRAMING_RAW,      /* a message is an IP packet */
	IPIF_FRAMING_ETHERNET, /* a message is an Ethernet frame */
	/* The same, behind offload headers, where nobody is asked for one (IFF_NOARP). */
	IPIF_FRAMING_NOARP,
};

/*
 * The descriptor has failed for good (@error, a positive errno; 0: its other
 * end was closed). Comes from the loop, once an attach; the callee may detach
 * or fini the ipif.
 */
typedef void (*ipif_lost_fn)(struct ipif *ipif, int error, void *arg);

/* Packets have moved, for the first time since ipif_rest(). */
typedef void (*ipif_moved_fn)(struct ipif *ipif, void *arg);

/* How the descriptor carries packets. */
struct ipif_format {
	enum ipif_framing framing;
	uint8_t mac[INGRESS_MAC_SIZE]; /* ours; of frames only */
	int interface;		       /* not 0: a packet socket (packet(7)) of this one */
	/* An offload header is before each message (vnet_header.h) of up to 64 KB. */
	bool has_offload_header;
	/* With it: what is sent may be joined segments, without TCP's checksum. */
	bool offloads;
	/* Called before the descriptor is closed; may be NULL. */
	void (*release)(int fd);
};

/*
 * An IP packet has come in, or is going out by the descriptor; what is at
 * @packet may be the beginning of it only. The callee may send.
 */
typedef void (*ipif_packet_fn)(struct ipif *ipif, const uint8_t *packet, size_t len, void *arg);

struct ipif_params {
	struct event_base *base;
	struct ipif_format format;
	uint16_t mtu;
	ipif_lost_fn lost;
	ipif_moved_fn moved;
	ipif_packet_fn received, sent; /* may be NULL */
	void *arg;
};

struct ipif_counters {
	uint64_t packets_received, bytes_received; /* accepted */
	uint64_t packets_sent, bytes_sent;
	uint64_t send_drops;
	uint64_t drops[TABLE_DROP_COUNT];
};

/* Embedded in a link, which owns it. */
struct ipif {
	struct netif netif;
	struct ipif_params params;
	struct ipif_counters counters;
	int fd; /* -1: detached */
	bool is_socket;
	bool resting;	 /* moved has not been called yet */
	bool is_joining; /* the kernel takes joined segments */
	int error;	 /* of a failed write; lost is to be called */
	struct event *readable, *writable, *flush;
	struct tso tso;			   /* being joined */
	struct ipif_queued *first, **last; /* not taken by the descriptor yet */
	size_t n_queued_bytes;
	unsigned int n_queued;
	struct input_reception reception;
	unsigned int n_single; /* turns that are to read one message */
};

/*
 * Adds the netif to lwIP: administratively up, its link down, no addresses.
 * Returns 0 or -ENOMEM.
 */
int ipif_init(struct ipif *ipif, const struct ipif_params *params);

/* Detaches and removes the netif from lwIP; addresses must be gone. */
void ipif_fini(struct ipif *ipif);

/*
 * Starts to use @fd, which becomes the ipif's and is made non-blocking. The
 * caller sets the netif's link up. Returns 0 or -errno; @fd is then still the
 * caller's.
 */
int ipif_attach(struct ipif *ipif, int fd);

/* Closes the descriptor and forgets what waited for it. Sets the link down. */
void ipif_detach(struct ipif *ipif);

/* Another format or MTU; only while detached. Return 0 or -ENOMEM. */
int ipif_set_format(struct ipif *ipif, const struct ipif_format *format);
int ipif_set_mtu(struct ipif *ipif, uint16_t mtu);

/*
 * Whether @netif is an ipif whose descriptor takes segments of TCP that are longer than
 * its MTU allows, to cut them. They are told by their length, and have no checksum.
 */
bool ipif_takes_long_segments(const struct netif *netif);

/* Call moved again at the next packet. */
void ipif_rest(struct ipif *ipif);

#endif
