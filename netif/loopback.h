/* SPDX-License-Identifier: MIT */
/*
 * The stack's loopback netif, 127.0.0.1/8 and ::1, and the queue through
 * which packets to any of our own addresses come back in.
 */
#ifndef NETIF_LOOPBACK_H
#define NETIF_LOOPBACK_H

struct event_base;
struct netif;
struct pbuf;

/* Returns 0 or -ENOMEM. */
int loopback_init(struct event_base *base);
void loopback_fini(void);

struct netif *loopback_netif(void);

/*
 * Queues a packet as input of @inp, NULL for loopback itself; takes @p, which
 * nobody else may hold. A full queue drops it, as a network would.
 */
void loopback_take(struct pbuf *p, struct netif *inp);

/* The same with a copy of @p; @p stays the caller's. */
void loopback_copy(const struct pbuf *p, struct netif *inp);

/* Forgets what is queued for a netif that is about to be removed. */
void loopback_forget(const struct netif *inp);

#endif
