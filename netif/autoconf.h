/* SPDX-License-Identifier: MIT */
/*
 * IPv6 stateless address autoconfiguration of one netif: addresses, router,
 * MTU and DNS servers by router advertisements (RFC 4861, 4862, 8106); and what
 * comes of duplicate address detection.
 */
#ifndef NETIF_AUTOCONF_H
#define NETIF_AUTOCONF_H

#include "proto/address.h"
#include "proto/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct event_base;
struct ingress_packet;
struct link_parameters;
struct netif;
struct pbuf;

#define AUTOCONF_ID_SIZE 8
#define AUTOCONF_ROUTERS 4

/*
 * What autoconf_add() adds may be another now. Comes from the loop and may end
 * in autoconf_stop().
 */
typedef void (*autoconf_changed_fn)(void *arg);

/* Times are stack_now_ns(), UINT64_MAX for ever. */
struct autoconf_address {
	struct address ip; /* family NONE: free */
	uint64_t valid_ns, preferred_ns;
	bool is_on_link;   /* so are all others of its prefix */
	bool is_confirmed; /* by a router since autoconf_start() */
};

struct autoconf_router {
	struct address ip; /* family NONE: free */
	uint64_t until_ns;
	int8_t preference;
};

struct autoconf_dns {
	struct address ip; /* family NONE: free */
	uint64_t until_ns;
};

/* Embedded in a link, which owns it. */
struct autoconf {
	struct autoconf *next;
	struct netif *netif;
	autoconf_changed_fn changed;
	void *arg;
	struct event *timer; /* for what comes first: a deadline, a solicitation */
	bool is_running;
	bool is_asking;		/* routers, too */
	bool is_id_given;	/* by the network: not ours to change */
	unsigned int n_clashes; /* duplicates found since autoconf_start() */
	uint8_t id[AUTOCONF_ID_SIZE];
	uint32_t mtu;		  /* 0: none said */
	uint64_t confirm_ns;	  /* what is unconfirmed then goes; UINT64_MAX: nothing */
	uint64_t solicit_ns;	  /* next solicitation; UINT64_MAX: none */
	uint64_t solicit_wait_ns; /* until the one after it */
	struct autoconf_address addresses[TABLE_LINK_ADDRESSES6];
	struct autoconf_router routers[AUTOCONF_ROUTERS];
	struct autoconf_dns dns[TABLE_LINK_DNS];
};

/* Returns 0 or -ENOMEM. @netif is in lwIP and outlives @a. */
int autoconf_init(struct autoconf *a, struct event_base *base, struct netif *netif,
	autoconf_changed_fn changed, void *arg);
void autoconf_fini(struct autoconf *a);

enum autoconf_mode {
	AUTOCONF_WATCH, /* duplicate address detection only */
	AUTOCONF_ASK,	/* for routers, too */
};

/*
 * Packets flow. When routers are asked, addresses of before count as
 * unconfirmed until one has answered. @id: the interface identifier that the
 * network gave; NULL: one made up, the same for as long as nobody else uses it.
 */
void autoconf_start(struct autoconf *a, enum autoconf_mode mode, const uint8_t *id);

/* Packets no longer flow; addresses are remembered. */
void autoconf_stop(struct autoconf *a);

/* As stop, and nothing is remembered. */
void autoconf_forget(struct autoconf *a);

/* Adds what routers said to what a driver said, which goes first. */
void autoconf_add(const struct autoconf *a, struct link_parameters *p);

/* A router advertisement that has passed the ingress stage; takes @p. */
void autoconf_input(struct netif *netif, struct pbuf *p, const struct ingress_packet *info);

#endif
