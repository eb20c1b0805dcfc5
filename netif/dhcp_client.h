/* SPDX-License-Identifier: MIT */
/*
 * lwIP's DHCP client on the netif of a link, for the driver that wants it.
 */
#ifndef NETIF_DHCP_CLIENT_H
#define NETIF_DHCP_CLIENT_H

#include "netif/dhcp_message.h"

#include <stdbool.h>
#include <stdint.h>

struct event;
struct event_base;
struct link_parameters;
struct netif;
struct pbuf;

/* What dhcp_client_add() adds is another now. Comes from the loop. */
typedef void (*dhcp_client_changed_fn)(void *arg);

/* What a server has granted, as far as links need it. */
struct dhcp_grant {
	bool is_bound;
	uint8_t n_dns;
	uint16_t mtu;		    /* 0: not given */
	uint32_t ip, mask, gateway; /* network byte order */
	uint8_t dns[DHCP_MESSAGE_DNS][4];
};

/* Embedded in a driver's state, which owns it. */
struct dhcp_client {
	struct dhcp_client *next;
	struct netif *netif; /* NULL: not in use */
	struct event *report;
	struct dhcp_grant grant;
	dhcp_client_changed_fn changed;
	void *arg;
};

/* Returns 0 or -ENOMEM. @netif is in lwIP and outlives @client. */
int dhcp_client_init(struct dhcp_client *client, struct event_base *base, struct netif *netif,
	dhcp_client_changed_fn changed, void *arg);

/* Gives up the lease without a word, so that it can be had again. */
void dhcp_client_fini(struct dhcp_client *client);

/*
 * The netif's link has come up: asks for a lease, or whether the one of before
 * still holds. Returns 0 or -ENOMEM.
 */
int dhcp_client_start(struct dhcp_client *client);

/* Gives the lease up; the address goes. */
void dhcp_client_stop(struct dhcp_client *client);

/* Adds the lease, or that one is under way, to a link's parameters. */
void dhcp_client_add(const struct dhcp_client *client, struct link_parameters *p);

/* A server's message that has passed the ingress stage; takes @p. */
void dhcp_client_input(struct netif *netif, struct pbuf *p, uint16_t payload_at);

/* For timers.c: a second has gone by. */
void dhcp_client_second(void);

#endif
