/* SPDX-License-Identifier: MIT */
/*
 * The lwIP stack of this process, driven by one libevent loop.
 *
 * lwIP is one per process and so is this module: everything here and every
 * lwIP call is made from the loop's thread.
 */
#ifndef NETIF_STACK_H
#define NETIF_STACK_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct netif;
struct pbuf;

/*
 * Initialises lwIP, its timers on @base and the loopback netif (127.0.0.1/8,
 * ::1). Returns 0 or -errno.
 */
int stack_init(struct event_base *base);

/* Stops the timers and takes loopback down; no sockets may be left. */
void stack_fini(void);

/*
 * To be called after joining or leaving a multicast group, which starts
 * lwIP's IGMP and MLD timers (they do not run otherwise).
 */
void stack_multicast_changed(void);

/* Puts a packet that is addressed to this host onto loopback; takes @p. */
void stack_loop_back(struct pbuf *p);

/*
 * True while a link's address is being taken away or replaced: connections
 * that lwIP aborts meanwhile lost their address (ECONNABORTED), they did not
 * time out.
 */
bool stack_address_changing(void);

/* Version of lwIP, such as "2.2.1". */
const char *stack_version(void);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t stack_now_ns(void);

#endif
