/* SPDX-License-Identifier: MIT */
/*
 * What follows a failure: how long to wait, how to begin, when to give up.
 */
#ifndef NETIF_LADDER_H
#define NETIF_LADDER_H

#include "proto/table.h"

#include <stdbool.h>
#include <stdint.h>

/* Which steps a reason leads to. */
enum ladder_kind {
	LADDER_NONE,   /* no step of ours mends that: redial */
	LADDER_WAIT,   /* nor that, which is over by itself: then the step that was due */
	LADDER_FULL,   /* each step more than the one before */
	LADDER_SILENT, /* nobody listens to the gentle steps */
	LADDER_KIND_COUNT,
};

/* Embedded in a link; all zero is the beginning. */
struct ladder {
	unsigned int n_failures; /* in a row, of any reason */
	enum ladder_kind latest; /* of the latest failure, never LADDER_WAIT */
	enum ladder_kind kind;	 /* of the rung */
	unsigned int rung;	 /* failures in a row that climb this ladder */
	enum table_link_reason refusal;
	unsigned int n_refusals; /* for this reason since the network last accepted us */
};

/* All is forgotten: the link has proved itself, or somebody asked for a try. */
void ladder_reset(struct ladder *ladder);

/* The network has let us in: earlier refusals do not count any more. */
void ladder_accepted(struct ladder *ladder);

/* The next try need not wait; the rung stays. */
void ladder_hurry(struct ladder *ladder);

void ladder_failed(struct ladder *ladder, enum table_link_reason reason);

/* Whether the latest failure was a refusal that has been heard often enough. */
bool ladder_is_at_end(const struct ladder *ladder);

/*
 * What the next try begins with; @highest is the most that can be done for
 * the link.
 */
enum table_link_step ladder_step(const struct ladder *ladder, enum table_link_step highest);

/* The pause before the next try; @random is any number. */
uint32_t ladder_pause_ms(const struct ladder *ladder, uint32_t random);

#endif
