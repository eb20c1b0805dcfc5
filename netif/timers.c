/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * lwIP's own timer list wakes the process many times a second for ever. Here
 * two events replace it:
 *
 * tick: every 250 ms while TCP has connections (active or TIME-WAIT), which
 * is what lwIP's TCP counts its time in. The slow work (ARP and neighbour
 * caches, duplicate address detection, DHCP leases) is done every fourth
 * tick, so it costs no wake-up of its own. Without connections the tick comes
 * once a second while packets move and for QUIET_NS after, then once in
 * IDLE_NS: what only ages is aged by the seconds that went by. When no netif
 * is up it stops.
 *
 * groups: every 100 ms while an IGMP or MLD group has a report pending.
 *
 * The TCP tick keeps its phase: it is set for multiples of 250 ms, not 250 ms
 * after the last one ended. If the process was stopped, missed TCP ticks are
 * not made up for: connections would all time out at once.
 *
 * sys_timeout() and sys_untimeout() are there for lwIP modules that use them.
 */
#include "netif/timers.h"

#include "netif/dhcp_client.h"
#include "netif/stack.h"

#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

#define NS_PER_MS   UINT64_C(1000000)
#define TCP_TICK_NS (TCP_TMR_INTERVAL * NS_PER_MS)
#define SLOW_NS	    (1000 * NS_PER_MS)
/*
 * libevent counts from when its turn began and in milliseconds, so an event can
 * come a little early; it is not worth another wake-up.
 */
#define SLACK_NS (20 * NS_PER_MS)
/* Longer than any sequence of solicitations and probes (RFC 4861 10). */
#define QUIET_NS (20000 * NS_PER_MS)
#define IDLE_NS	 (60000 * NS_PER_MS)
/* What a process that was stopped for long makes up for, in seconds. */
#define SLOW_CATCH_UP 120

struct timeout {
	struct timeout *next;
	struct event *event;
	sys_timeout_handler handler;
	void *arg;
};

static struct {
	struct event_base *base;
	struct event *tick;
	struct event *groups;
	bool tcp_running;
	uint64_t tcp_due_ns;
	uint64_t slow_due_ns;
	uint64_t active_until_ns;
	bool slow_running; /* the tick is at most SLOW_NS away */
	struct timeout *timeouts;
} timers;

static void event_in(struct event *event, uint64_t delay_ns)
{
	struct timeval t = {
		.tv_sec = (time_t)(delay_ns / 1000000000),
		/* Rounded up: an event must not come just before its time. */
		.tv_usec = (suseconds_t)((delay_ns % 1000000000 + 999) / 1000),
	};

	if (t.tv_usec >= 1000000) {
		t.tv_sec++;
		t.tv_usec -= 1000000;
	}
	event_add(event, &t);
}

static bool any_netif_up(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif) {
		if (netif_is_link_up(netif) && (netif->flags & NETIF_FLAG_MLD6))
			return true;
	}
	return false;
}

static void tick_arm(uint64_t now)
{
	uint64_t due;

	timers.slow_running = true;
	if (timers.tcp_running) {
		due = timers.tcp_due_ns;
	} else if (now < timers.active_until_ns) {
		due = timers.slow_due_ns;
	} else if (any_netif_up()) {
		due = now + IDLE_NS;
		timers.slow_running = false;
	} else {
		timers.slow_running = false;
		return;
	}
	event_in(timers.tick, due > now ? due - now : 0);
}

static void run_slow(uint64_t now)
{
	int n;

	for (n = 0; now + SLACK_NS >= timers.slow_due_ns && n < SLOW_CATCH_UP; n++) {
		etharp_tmr();
		nd6_tmr();
		dhcp_client_second();
		timers.slow_due_ns += SLOW_NS;
	}
	if (now >= timers.slow_due_ns)
		timers.slow_due_ns = now + SLOW_NS;
}

static void run_tcp(uint64_t now)
{
	if (!timers.tcp_running || now + SLACK_NS < timers.tcp_due_ns)
		return;
	tcp_tmr();
	timers.tcp_due_ns += TCP_TICK_NS;
	if (now >= timers.tcp_due_ns)
		timers.tcp_due_ns = now + TCP_TICK_NS;
	timers.tcp_running = tcp_active_pcbs || tcp_tw_pcbs;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = stack_now_ns();

	(void)fd;
	(void)what;
	(void)arg;
	run_tcp(now);
	run_slow(now);
	tick_arm(now);
}

/* lwIP calls this when a connection is registered. */
void tcp_timer_needed(void)
{
	uint64_t now;

	if (timers.tcp_running || !timers.base || !(tcp_active_pcbs || tcp_tw_pcbs))
		return;
	now = stack_now_ns();
	timers.tcp_running = true;
	timers.tcp_due_ns = now + TCP_TICK_NS;
	tick_arm(now);
}

void timers_activity(void)
{
	uint64_t now = stack_now_ns();

	timers.active_until_ns = now + QUIET_NS;
	if (timers.slow_running || !timers.base)
		return;
	run_slow(now);
	timers.slow_due_ns = now + SLOW_NS;
	tick_arm(now);
}

static bool group_pending(const struct netif *netif)
{
	struct igmp_group *group4;
	struct mld_group *group6;

	for (group4 = netif_igmp_data(netif); group4; group4 = group4->next) {
		if (group4->timer > 0)
			return true;
	}
	for (group6 = netif_mld6_data(netif); group6; group6 = group6->next) {
		if (group6->timer > 0)
			return true;
	}
	return false;
}

static void groups_arm(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif) {
		if (group_pending(netif)) {
			event_in(timers.groups, IGMP_TMR_INTERVAL * NS_PER_MS);
			return;
		}
	}
}

static void on_groups(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	igmp_tmr();
	mld6_tmr();
	groups_arm();
}

void timers_groups_changed(void)
{
	if (timers.base && !event_pending(timers.groups, EV_TIMEOUT, NULL))
		groups_arm();
}

static struct timeout **timeout_find(sys_timeout_handler handler, void *arg)
{
	struct timeout **t;

	for (t = &timers.timeouts; *t; t = &(*t)->next) {
		if ((*t)->handler == handler && (*t)->arg == arg)
			break;
	}
	return t;
}

static void timeout_remove(struct timeout **at)
{
	struct timeout *t = *at;

	*at = t->next;
	event_free(t->event);
	free(t);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct timeout *t = arg, **at;
	sys_timeout_handler handler = t->handler;
	void *handler_arg = t->arg;

	(void)fd;
	(void)what;
	for (at = &timers.timeouts; *at != t; at = &(*at)->next)
		;
	timeout_remove(at);
	handler(handler_arg);
}

void sys_timeouts_init(void)
{
	/* Nothing runs until it is needed. */
}

void sys_timeout(u32_t msecs, sys_timeout_handler handler, void *arg)
{
	struct timeout *t = calloc(1, sizeof(*t));

	LWIP_ASSERT("sys_timeout: out of memory", t);
	t->handler = handler;
	t->arg = arg;
	t->event = evtimer_new(timers.base, on_timeout, t);
	LWIP_ASSERT("sys_timeout: out of memory", t->event);
	t->next = timers.timeouts;
	timers.timeouts = t;
	event_in(t->event, msecs * NS_PER_MS);
}

void sys_untimeout(sys_timeout_handler handler, void *arg)
{
	struct timeout **at = timeout_find(handler, arg);

	if (*at)
		timeout_remove(at);
}

int timers_init(struct event_base *base)
{
	timers.tick = evtimer_new(base, on_tick, NULL);
	timers.groups = evtimer_new(base, on_groups, NULL);
	if (!timers.tick || !timers.groups) {
		timers_fini();
		return -ENOMEM;
	}
	timers.base = base;
	timers.slow_due_ns = stack_now_ns() + SLOW_NS;
	return 0;
}

void timers_fini(void)
{
	while (timers.timeouts)
		timeout_remove(&timers.timeouts);
	if (timers.tick)
		event_free(timers.tick);
	if (timers.groups)
		event_free(timers.groups);
	timers.tick = NULL;
	timers.groups = NULL;
	timers.base = NULL;
	timers.tcp_running = false;
	timers.slow_running = false;
	timers.active_until_ns = 0;
}
