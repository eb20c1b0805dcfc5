/* SPDX-License-Identifier: MIT */
/*
 * A PPP connection over a stream of bytes: lwIP's PPP behind the guard.
 */
#ifndef NETIF_MODEM_PPPLINE_H
#define NETIF_MODEM_PPPLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct pppline;

enum pppline_end {
	PPPLINE_END_CLOSED,  /* asked for by pppline_stop() */
	PPPLINE_END_PEER,    /* the peer ended it, or does not speak PPP */
	PPPLINE_END_SILENT,  /* no answers to echo requests */
	PPPLINE_END_REFUSED, /* authentication failed */
	PPPLINE_END_NO_IP,   /* no network protocol was agreed on */
	PPPLINE_END_CARRIER, /* the modem says NO CARRIER */
};

/* Addresses are in network order, 0: none. */
struct pppline_addresses {
	uint32_t ip4, peer4, dns4[2];
	uint64_t interface_id; /* of our link-local IPv6 address (RFC 5072 4.1) */
};

struct pppline_handlers {
	void (*output)(const void *bytes, size_t len, void *arg);
	void (*packet)(const void *packet, size_t len, void *arg);
	/* A network protocol is up; again when another is, or has been agreed on anew. */
	void (*up)(const struct pppline_addresses *addresses, void *arg);
	/* A control frame, see ppp_trace.h; may be NULL. */
	void (*trace)(const char *text, bool is_sent, void *arg);
	/* Once; comes from the loop. */
	void (*down)(enum pppline_end end, void *arg);
	void *arg;
};

struct pppline_config {
	struct event_base *base;
	const char *user, *password; /* copied */
	bool pap, chap;		     /* may be used */
	bool ip4, ip6;		     /* network protocols to speak; at least one */
	uint64_t interface_id;	     /* to ask for, as it was before; 0: any */
	/* For the side that answers the call: its address, the caller's, DNS. */
	bool is_server;
	struct pppline_addresses addresses; /* ip4: the server's, peer4: the caller's */
};

/* Starts negotiating. NULL when out of memory. One at a time in a process. */
struct pppline *pppline_new(const struct pppline_config *config,
	const struct pppline_handlers *handlers);
void pppline_free(struct pppline *ppp);

/* Ends the connection in order; down comes when the peer has agreed. */
void pppline_stop(struct pppline *ppp);

/* The peer has refused user and password; down says so when the connection has ended. */
bool pppline_is_refused(const struct pppline *ppp);

/* The carrier is gone, as told by other means than NO CARRIER; down comes. */
void pppline_carrier_lost(struct pppline *ppp);

void pppline_input(struct pppline *ppp, const void *bytes, size_t len);

/* An IP packet to the peer; dropped while its protocol is not up. */
void pppline_send(struct pppline *ppp, const void *packet, size_t len);

#endif
