/* SPDX-License-Identifier: MIT */
/*
 * Which type of PDP context to ask the network for, when both IPv4 and IPv6
 * are wanted and the network may not grant both.
 */
#ifndef NETIF_PDP_TYPE_H
#define NETIF_PDP_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#define PDP_TYPE_SIMS	   8
#define PDP_TYPE_ICCID_MAX 24

/* As AT+CGDCONT takes them, TS 27.007 10.1.1. */
#define PDP_TYPE_BOTH "IPV4V6"
#define PDP_TYPE_IP4  "IP"
#define PDP_TYPE_IP6  "IPV6"

/* Embedded in the driver's state, which owns it; zeroed at first. */
struct pdp_type {
	const char *wanted;		/* by the configuration; NULL: both */
	const char *next;		/* after refusals; NULL: what is wanted or was granted */
	bool is_told;			/* the network has said that it refuses for the type */
	unsigned int n_calls;		/* refused in a row with the same type, nobody knows why */
	char iccid[PDP_TYPE_ICCID_MAX]; /* of the SIM in use; empty: not known */
	/* What was granted to which SIM, the latest first. */
	struct pdp_type_grant {
		char iccid[PDP_TYPE_ICCID_MAX];
		const char *type;
	} grants[PDP_TYPE_SIMS];
};

/* What is to be asked for now. */
const char *pdp_type_now(const struct pdp_type *p);

/* The SIM is known now: what was granted to it before is asked for first. */
void pdp_type_take_sim(struct pdp_type *p, const char *iccid);

/*
 * The network gave no connection with pdp_type_now(). @cause: what it says of
 * that, in words or by TS 24.301's number; "" if nothing is known.
 */
void pdp_type_refused(struct pdp_type *p, const char *cause);

/* It gave one. */
void pdp_type_granted(struct pdp_type *p);

/* What was granted to this SIM is of no use: no data pass, or the APN is another. */
void pdp_type_forget(struct pdp_type *p);

/* A type by the configuration's name, in any case; NULL: there is none such. */
const char *pdp_type_find(const char *name);

#endif
