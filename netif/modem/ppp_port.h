/* SPDX-License-Identifier: MIT */
/*
 * What lwIP's PPP needs of its surroundings: timers, time, random numbers.
 */
#ifndef NETIF_MODEM_PPP_PORT_H
#define NETIF_MODEM_PPP_PORT_H

#include <stdint.h>
#include <sys/time.h>

struct event_base;

/* Where lwIP's timers run from now on. */
void ppp_port_init(struct event_base *base);

/* Ends all of lwIP's timers without calling anybody. */
void ppp_port_drop_timers(void);

uint64_t ppp_port_now_ms(void);
struct timeval ppp_port_timeval(uint32_t ms);

#endif
