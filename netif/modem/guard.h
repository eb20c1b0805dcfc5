/* SPDX-License-Identifier: MIT */
/*
 * The guard in front of lwIP's PPP: which control packets may reach it.
 */
#ifndef NETIF_MODEM_GUARD_H
#define NETIF_MODEM_GUARD_H

#include <stddef.h>
#include <stdint.h>

/* Protocol numbers (RFC 1661 2). */
enum ppp_protocol {
	PPP_PROTOCOL_IP4 = 0x0021,
	PPP_PROTOCOL_IP6 = 0x0057,
	PPP_PROTOCOL_IPCP = 0x8021,
	PPP_PROTOCOL_IPV6CP = 0x8057,
	PPP_PROTOCOL_LCP = 0xc021,
	PPP_PROTOCOL_PAP = 0xc023,
	PPP_PROTOCOL_CHAP = 0xc223,
};

enum guard_verdict {
	GUARD_PASS,
	GUARD_PROTOCOL, /* none of ours, and too long to be rejected */
	GUARD_SHORT,	/* shorter than its header */
	GUARD_LENGTH,	/* its length field lies */
	GUARD_CODE,	/* no such code in this protocol */
	GUARD_OPTIONS,	/* options' lengths contradict each other */
	GUARD_VALUE,	/* a field of impossible size */
	GUARD_LONG,	/* longer than real ones ever are */
	GUARD_REPEATED, /* more often than real ones ever come */
	GUARD_VERDICT_COUNT,
};

#define GUARD_PROTOCOLS 6 /* the five of ours, and all others */

/* Owned by its PPP; zeroed at first. */
struct guard {
	/* Packets that may still come, and since when; by protocol. */
	struct guard_budget {
		uint32_t left;
		uint64_t since_ms;
	} budgets[GUARD_PROTOCOLS];
	uint32_t n_judged[GUARD_VERDICT_COUNT];
};

void guard_init(struct guard *guard);

/*
 * Judges a control packet, that is one that is no IP packet. *@len becomes the
 * length that the packet itself claims: what follows is padding.
 */
enum guard_verdict guard_check(struct guard *guard, uint16_t protocol, const uint8_t *packet,
	size_t *len, uint64_t now_ms);

const char *guard_verdict_name(enum guard_verdict verdict);

#endif
