/* SPDX-License-Identifier: MIT */
/*
 * What a router's advertisement says (RFC 4861 4.2), read from its bytes.
 */
#ifndef NETIF_ROUTER_ADVERT_H
#define NETIF_ROUTER_ADVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More of a kind are left out: no network has as many. */
#define ROUTER_ADVERT_PREFIXES 8
#define ROUTER_ADVERT_DNS      8

#define ROUTER_ADVERT_FOREVER  UINT32_MAX

/* A /64 from which a host may take its address (flag A). */
struct router_prefix {
	uint8_t ip[16];
	uint32_t valid_s, preferred_s; /* ROUTER_ADVERT_FOREVER: no end */
	bool is_on_link;	       /* flag L */
};

/* RFC 8106 5.1 */
struct router_dns {
	uint8_t ip[16];
	uint32_t lifetime_s;
};

struct router_advert {
	uint16_t lifetime_s; /* 0: not a default router, or no longer */
	int8_t preference;   /* -1, 0, 1: RFC 4191 2.1 */
	uint8_t n_prefixes;
	uint8_t n_dns;
	uint32_t mtu; /* 0: not given */
	struct router_prefix prefixes[ROUTER_ADVERT_PREFIXES];
	struct router_dns dns[ROUTER_ADVERT_DNS];
};

/*
 * Reads an ICMPv6 message from its type on; its checksum is the caller's
 * business. Returns 0, or -EBADMSG for what is malformed; options that say
 * nothing usable are passed over.
 */
int router_advert_parse(struct router_advert *out, const uint8_t *message, size_t len);

#endif
