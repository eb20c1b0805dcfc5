/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * lwIP's own timer list wakes the process many times a second for ever. Here
 * three events replace it:
 *
 * tick: every 250 ms while TCP has connections (active or TIME-WAIT), which
 * is what lwIP's TCP counts its time in. The slow work (ARP and neighbour
 * caches, duplicate address detection, DHCP leases) is done every fourth
 * tick, so it costs no wake-up of its own. Without connections the tick comes
 * once a second while packets move and for QUIET_NS after, then once in
 * IDLE_NS: what only ages is aged by the seconds that went by. When no netif
 * is up it stops.
 *
 * Memory that traffic has used is given back when it has been quiet for QUIET_NS.
 *
 * acks: ACK_DELAY_NS after lwIP has put off an acknowledgement. Its own tick lets a
 * peer that waits for one with the rest of its request (Nagle) wait for 250 ms;
 * this is what Linux' peers are used to (RFC 9293 3.8.6.3: less than 500 ms).
 *
 * groups: every 100 ms while an IGMP or MLD group has a report pending.
 *
 * The TCP tick keeps its phase: it is set for multiples of 250 ms, not 250 ms
 * after the last one ended. If the process was stopped, missed TCP ticks are
 * not made up for: connections would all time out at once.
 *
 * All three have timerfds (timerfd_create(2)). libevent's own timers go by a coarse clock,
 * and would wake the process a few milliseconds early as often as not; made
 * precise they cost a system call in every turn of the loop.
 *
 * sys_timeout() and sys_untimeout() are there for lwIP modules that use them.
 */
#include "netif/timers.h"

#include "netif/dhcp_client.h"
#include "netif/heap.h"
#include "netif/stack.h"
#include "netif/tcp_lso.h"

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
#include <sys/timerfd.h>
#include <unistd.h>

#define NS_PER_MS    UINT64_C(1000000)
#define TCP_TICK_NS  (TCP_TMR_INTERVAL * NS_PER_MS)
#define SLOW_NS	     (1000 * NS_PER_MS)
#define ACK_DELAY_NS (40 * NS_PER_MS)
/* What is due so soon is done with what is due: it is not worth another wake-up. */
#define SLACK_NS (20 * NS_PER_MS)
/* Longer than any sequence of solicitations and probes (RFC 4861 10). */
#define QUIET_NS (20000 * NS_PER_MS)
#define IDLE_NS	 (60000 * NS_PER_MS)
/* What a process that was stopped for long makes up for, in seconds. */
#define SLOW_CATCH_UP 120

struct precise_timer {
	int fd;
	struct event *event; /* when it is over */
};

struct timeout {
	struct timeout *next;
	struct event *event;
	sys_timeout_handler handler;
	void *arg;
};

static struct {
	struct event_base *base;
	struct precise_timer tick;
	struct precise_timer acks;
	timers_acks_fn send_acks; /* NULL: not running */
	struct precise_timer groups;
	bool groups_running;
	bool tcp_running;
	uint64_t tcp_due_ns;
	uint64_t slow_due_ns;
	uint64_t active_until_ns;
	bool slow_running; /* the tick is at most SLOW_NS away */
	bool has_moved;	   /* something, since the last tick */
	bool is_rested;	   /* nothing has, since the last rest */
	struct timeout *timeouts;
} timers = { .tick.fd = -1, .acks.fd = -1, .groups.fd = -1 };

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

/* Also if it is running. */
static void timer_start(const struct precise_timer *timer, uint64_t delay_ns)
{
	struct itimerspec t = {
		.it_value.tv_sec = (time_t)(delay_ns / 1000000000),
		.it_value.tv_nsec = (long)(delay_ns % 1000000000),
	};

	/* 0 would stop it. */
	if (delay_ns == 0)
		t.it_value.tv_nsec = 1;
	timerfd_settime(timer->fd, 0, &t, NULL);
}

static int timer_init(struct precise_timer *timer, struct event_base *base, event_callback_fn fn)
{
	timer->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (timer->fd < 0)
		return -errno;
	/* Edge-triggered: it needs no read to be over once. */
	timer->event = event_new(base, timer->fd, EV_READ | EV_ET | EV_PERSIST, fn, NULL);
	if (!timer->event || event_add(timer->event, NULL) != 0)
		return -ENOMEM;
	return 0;
}

static void timer_fini(struct precise_timer *timer)
{
	if (timer->event)
		event_free(timer->event);
	if (timer->fd >= 0)
		close(timer->fd);
	timer->event = NULL;
	timer->fd = -1;
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
	timer_start(&timers.tick, due > now ? due - now : 0);
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

/*
 * A peer may take the byte that its closed window was probed with. If that was the last
 * one, lwIP's persist timer runs on, and lwIP insists that there is more to probe with.
 */
static void stop_probing_with_nothing(struct tcp_pcb *pcb)
{
	if (!pcb->unsent)
		pcb->persist_backoff = 0;
}

void timers_tick_tcp(void)
{
	struct tcp_pcb *pcb;

	for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		stop_probing_with_nothing(pcb);
		tcp_lso_before_tick(pcb);
	}
	tcp_tmr();
}

static void run_tcp(uint64_t now)
{
	if (!timers.tcp_running || now + SLACK_NS < timers.tcp_due_ns)
		return;
	timers_tick_tcp();
	timers.tcp_due_ns += TCP_TICK_NS;
	if (now >= timers.tcp_due_ns)
		timers.tcp_due_ns = now + TCP_TICK_NS;
	timers.tcp_running = tcp_active_pcbs || tcp_tw_pcbs;
}

static void rest(uint64_t now)
{
	if (timers.is_rested || now < timers.active_until_ns)
		return;
	timers.is_rested = true;
	heap_rest();
}

/* What has moved since the last tick counts as of now. */
static void note_activity(uint64_t now)
{
	if (timers.has_moved)
		timers.active_until_ns = now + QUIET_NS;
	timers.has_moved = false;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = stack_now_ns();

	(void)fd;
	(void)what;
	(void)arg;
	note_activity(now);
	run_tcp(now);
	run_slow(now);
	rest(now);
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
	uint64_t now;

	timers.has_moved = true;
	timers.is_rested = false;
	/* The clock is not asked for each packet. */
	if (timers.slow_running || !timers.base)
		return;
	now = stack_now_ns();
	note_activity(now);
	run_slow(now);
	timers.slow_due_ns = now + SLOW_NS;
	tick_arm(now);
}

static void on_acks(evutil_socket_t fd, short what, void *arg)
{
	timers_acks_fn send_acks = timers.send_acks;

	(void)fd;
	(void)what;
	(void)arg;
	timers.send_acks = NULL;
	send_acks();
}

void timers_ack_delayed(timers_acks_fn send_acks)
{
	if (timers.send_acks || !timers.base)
		return;
	timers.send_acks = send_acks;
	timer_start(&timers.acks, ACK_DELAY_NS);
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
			timer_start(&timers.groups, IGMP_TMR_INTERVAL * NS_PER_MS);
			timers.groups_running = true;
			return;
		}
	}
}

static void on_groups(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	timers.groups_running = false;
	igmp_tmr();
	mld6_tmr();
	groups_arm();
}

void timers_groups_changed(void)
{
	if (timers.base && !timers.groups_running)
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
	int error;

	error = timer_init(&timers.tick, base, on_tick);
	if (error == 0)
		error = timer_init(&timers.acks, base, on_acks);
	if (error == 0)
		error = timer_init(&timers.groups, base, on_groups);
	if (error) {
		timers_fini();
		return error;
	}
	timers.base = base;
	timers.slow_due_ns = stack_now_ns() + SLOW_NS;
	return 0;
}

void timers_fini(void)
{
	while (timers.timeouts)
		timeout_remove(&timers.timeouts);
	timer_fini(&timers.tick);
	timer_fini(&timers.acks);
	timers.send_acks = NULL;
	timer_fini(&timers.groups);
	timers.groups_running = false;
	timers.base = NULL;
	timers.tcp_running = false;
	timers.slow_running = false;
	timers.has_moved = false;
	timers.active_until_ns = 0;
}
