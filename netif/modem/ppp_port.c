/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What lwIP's PPP cannot do without, on libevent and libc. Each of its timers
 * is an event of its own: nothing wakes an idle line. The functions of lwIP's
 * IPv6 layer that its netif code calls do nothing here, since no packet ever
 * gets there.
 */
#include "netif/modem/ppp_port.h"

#include "lwip/dns.h"
#include "lwip/ip6.h"
#include "lwip/nd6.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

struct timer {
	struct timer *next;
	sys_timeout_handler handler;
	void *arg;
	struct event *event;
};

static struct event_base *timers_base;
static struct timer *timers;

void ppp_assert_failed(const char *message, const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, message);
	abort();
}

uint32_t ppp_random(void)
{
	uint32_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		abort();
	return random;
}

uint64_t ppp_port_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

u32_t sys_now(void)
{
	return (u32_t)ppp_port_now_ms();
}

/* Only lwIP's random numbers ask for it. */
u32_t sys_jiffies(void)
{
	return sys_now();
}

/* IPCP tells whom to ask; the netif's owner looks into IPCP's options instead. */
void dns_setserver(u8_t i, const ip_addr_t *server)
{
	(void)i;
	(void)server;
}

const ip_addr_t *dns_getserver(u8_t i)
{
	(void)i;
	return IP_ADDR_ANY;
}

static void timer_free(struct timer *timer)
{
	struct timer **at;

	for (at = &timers; *at != timer; at = &(*at)->next)
		;
	*at = timer->next;
	event_free(timer->event);
	free(timer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct timer *timer = arg;
	sys_timeout_handler handler = timer->handler;
	void *handler_arg = timer->arg;

	(void)fd;
	(void)what;
	timer_free(timer);
	handler(handler_arg);
}

struct timeval ppp_port_timeval(uint32_t ms)
{
	return (struct timeval){
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};
}

void sys_timeout(u32_t ms, sys_timeout_handler handler, void *arg)
{
	struct timer *timer = calloc(1, sizeof(*timer));
	struct timeval t = ppp_port_timeval(ms);

	if (!timer)
		abort();
	timer->handler = handler;
	timer->arg = arg;
	timer->event = evtimer_new(timers_base, on_timer, timer);
	if (!timer->event)
		abort();
	timer->next = timers;
	timers = timer;
	event_add(timer->event, &t);
}

void sys_untimeout(sys_timeout_handler handler, void *arg)
{
	struct timer *timer;

	for (timer = timers; timer; timer = timer->next) {
		if (timer->handler == handler && timer->arg == arg) {
			timer_free(timer);
			return;
		}
	}
}

void nd6_restart_netif(struct netif *netif)
{
	(void)netif;
}

void nd6_cleanup_netif(struct netif *netif)
{
	(void)netif;
}

err_t ip6_input(struct pbuf *p, struct netif *netif)
{
	(void)netif;
	pbuf_free(p);
	return ERR_OK;
}

void ppp_port_init(struct event_base *base)
{
	timers_base = base;
}

void ppp_port_drop_timers(void)
{
	while (timers)
		timer_free(timers);
}
