/* SPDX-License-Identifier: MIT */
/*
 * lwIP's timers on libevent; they run only while something needs them.
 */
#ifndef NETIF_TIMERS_H
#define NETIF_TIMERS_H

struct event_base;

/* Before lwip_init(). Returns 0 or -ENOMEM. */
int timers_init(struct event_base *base);
void timers_fini(void);

/*
 * A packet goes in or out: neighbour caches and address lifetimes are looked
 * after once a second from now on, until the links have been quiet for a while.
 */
void timers_activity(void);

/* Sends the acknowledgements that nothing has taken along. */
typedef void (*timers_acks_fn)(void);

/*
 * lwIP has put off an acknowledgement: calls @send_acks, from the loop, a short time
 * after the first call since it was called last.
 */
void timers_ack_delayed(timers_acks_fn send_acks);

/* One tick of lwIP's TCP, 250 ms; for who keeps its time, else the loop does. */
void timers_tick_tcp(void);

/* IGMP or MLD may have a report pending. */
void timers_groups_changed(void);

#endif
