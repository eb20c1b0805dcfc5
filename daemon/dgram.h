/* SPDX-License-Identifier: MIT */
/*
 * What UDP and raw sockets have in common: a channel of datagrams with
 * headers, a default peer, multicast groups.
 */
#ifndef DAEMON_DGRAM_H
#define DAEMON_DGRAM_H

#include "daemon/socket_private.h"

#include <lwip/ip_addr.h>

struct dgram_group;
struct ip_pcb;
struct netif;
struct pbuf;
struct raw_pcb;
struct udp_pcb;

struct dgram_socket {
	struct usock base;
	union {
		struct udp_pcb *udp;
		struct raw_pcb *raw;
	};
	struct udp_pcb *nat64; /* of an IPv4 socket that has sent through NAT64 */
	bool uses_nat64;       /* IPv4 has been sent through it */
	struct address peer;   /* default destination and only source;
					 * family NONE: not connected */
	LIST_HEAD(, dgram_group) groups;
	struct pbuf *held; /* until a link is dialed; NULL: none */
	struct address held_to;
	uint64_t held_ns; /* since when */
	/* Sends one datagram; takes @p. */
	void (*send)(struct dgram_socket *d, struct pbuf *p, const struct address *to);
};

static inline struct dgram_socket *dgram_of(struct usock *s)
{
	return (struct dgram_socket *)s;
}

/*
 * Passes what follows the first @skip bytes of @p on to the client, or drops
 * and counts it. The caller keeps @p.
 */
void dgram_deliver(struct dgram_socket *d, const struct pbuf *p, uint16_t skip,
	const struct address *from);

/* Sets the pending error and wakes whoever waits for a datagram. */
void dgram_fail(struct dgram_socket *d, int error);

/* Whether datagrams from @from are wanted. */
bool dgram_wants(const struct dgram_socket *d, const struct address *from);

/*
 * Sends what was written so far, before a request changes what it means. Not
 * while a connect to a name is under way: that belongs to the new peer.
 */
void dgram_flush(struct dgram_socket *d);

/* The socket_ops of both types. */
void dgram_on_channel(struct usock *s, short events);
void dgram_service(struct usock *s);
int dgram_set_group(struct usock *s, bool join, const struct address *group,
	const struct address *interface);
/*
 * The netif a client means: by its link's index, by address, or none (NULL).
 * Returns 0 or -ENODEV.
 */
int dgram_find_interface(struct usock *s, const struct address *interface, struct netif **out);

/*
 * Whether a datagram to @to, which for lwIP is @ip, can go out from @local;
 * *@multicast_netif, a pcb's member, is set to what OPTION_MULTICAST_INTERFACE
 * says for it, or to none.
 */
bool dgram_can_route(struct dgram_socket *d, const ip_addr_t *local, const struct address *to,
	const ip_addr_t *ip, uint8_t *multicast_netif);

/*
 * No link leads to @to, but one may soon that dials on demand: keeps a reference
 * to @p and leaves what else is in the channel there. False: it makes no sense.
 */
bool dgram_hold(struct dgram_socket *d, struct pbuf *p, const struct address *to);
void dgram_forget_held(struct dgram_socket *d);
/* Links have changed: tries to send what was held. */
void dgram_link_changed(struct dgram_socket *d);
bool dgram_in_group(struct dgram_socket *d, const ip_addr_t *address);
void dgram_leave_groups(struct dgram_socket *d);

/*
 * Applies an option that both types have; UDP's and raw pcbs begin with the
 * same members. @pcb may be NULL: there is none yet.
 */
int dgram_apply_option(struct usock *s, struct ip_pcb *pcb, usp_Option option);

/* Gives a new pcb all options, by way of ops->apply_option. */
void dgram_apply_options(struct usock *s);

/* Applies OPTION_RECEIVE_BUFFER (or the configured default). */
int dgram_apply_buffer(struct usock *s);

/*
 * Sets the default peer, or dissolves it (family NONE), after sending what
 * was written before. Fills the record's remote address.
 */
int dgram_set_peer(struct dgram_socket *d, const struct address *peer);

#endif
