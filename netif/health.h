/* SPDX-License-Identifier: MIT */
/*
 * Whether data passes a link, told from the packets that pass it anyway.
 */
#ifndef NETIF_HEALTH_H
#define NETIF_HEALTH_H

#include "proto/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Packets that want an answer. */
enum health_kind {
	HEALTH_CONNECT, /* a SYN */
	HEALTH_SEGMENT, /* of TCP, with data or FIN */
	HEALTH_LOOKUP,	/* a question to port 53 */
	HEALTH_PING,	/* an echo request */
	HEALTH_KIND_COUNT,
};

enum health_verdict {
	HEALTH_WELL,	  /* or nothing is known */
	HEALTH_SUSPECT,	  /* nothing comes back: worth a question of our own */
	HEALTH_CONDEMNED, /* nothing comes back from anywhere, for long */
};

/* Since the last packet from afar. Embedded in a link. */
struct health {
	struct address gateways[2]; /* what they say proves nothing */
	uint64_t first_ns;	    /* of the first unanswered packet; 0: none */
	uint64_t counted_ns;	    /* of the last that was counted */
	unsigned int n_counted;
	unsigned int n[HEALTH_KIND_COUNT];
	uint32_t destination; /* of the first, digested */
	bool is_several;      /* others went elsewhere */
	bool has_received;    /* since health_begin() */
};

/* The link has come up. @gateway4, @gateway6: family NONE if there is none. */
void health_begin(struct health *health, const struct address *gateway4,
	const struct address *gateway6);

/*
 * An IP packet was sent; @len bytes of it are at @packet, perhaps not all.
 * Returns true if it was counted: health_due_ns() may be another now.
 */
bool health_sent(struct health *health, const uint8_t *packet, size_t len, uint64_t now_ns);

/* An IP packet was received. Returns true if it proves that data passes. */
bool health_received(struct health *health, const uint8_t *packet, size_t len);

/* When the verdict is to be looked at; 0: no need to. */
uint64_t health_due_ns(const struct health *health);

enum health_verdict health_judge(const struct health *health, uint64_t now_ns);

/* "nothing received for 12 s: 2 connects, 1 look-up, ... unanswered" */
void health_describe(const struct health *health, uint64_t now_ns, char *text, size_t size);

#endif
