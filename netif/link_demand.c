/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A link that dials on demand sleeps: it is down for the reason idle, and no
 * try is due. link_demand(), called when a program has nowhere to send to, wakes
 * it. It is hung up when no packet has passed for the idle time, whoever's it
 * would have been: a connection that is open but silent does not keep it up, one
 * that sends keep-alives does.
 *
 * After a failure it is tried again as any other link while it is needed: until
 * the idle time has passed since the last demand or packet. It sleeps then, and
 * a demand that comes before the pause of the last failure is over waits for
 * that: a program that asks every second does not dial every second.
 *
 * Movement is known to the second, as the counters are published.
 */
#include "netif/link_private.h"

#include "netif/stack.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>

#define TIMEOUT_S_DEFAULT 300
#define NS_PER_S	  UINT64_C(1000000000)
#define NS_PER_MS	  UINT64_C(1000000)

static uint64_t timeout_ns(const struct link *link)
{
	const struct link_demand *d = &link->demand;

	/* 0 of the configuration: never hung up, but not dialed for ever either. */
	return (d->timeout_s > 0 ? d->timeout_s : TIMEOUT_S_DEFAULT) * NS_PER_S;
}

static uint64_t last_use_ns(const struct link_demand *d)
{
	return d->moved_ns > d->demanded_ns ? d->moved_ns : d->demanded_ns;
}

static void arm(struct link *link, uint64_t ns)
{
	link_timer_in(link->demand.timer, (uint32_t)(ns / NS_PER_MS) + 1);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;
	uint64_t now_ns = stack_now_ns(), end_ns;
	char cause[TABLE_CAUSE_MAX];

	(void)fd;
	(void)what;
	end_ns = last_use_ns(&link->demand) + timeout_ns(link);
	if (now_ns < end_ns) {
		arm(link, end_ns - now_ns);
		return;
	}
	snprintf(cause, sizeof(cause), "no packet for %u s", link->demand.timeout_s);
	link_hang_up(link, cause);
}

int link_demand_init(struct link *link, struct event_base *base)
{
	struct link_demand *d = &link->demand;

	if (!d->is_timeout_set)
		d->timeout_s = TIMEOUT_S_DEFAULT;
	d->moved_ns = d->demanded_ns = d->earliest_ns = 0;
	d->is_asleep = false;
	d->timer = evtimer_new(base, on_timer, link);
	return d->timer ? 0 : -ENOMEM;
}

void link_demand_fini(struct link *link)
{
	if (link->demand.timer)
		event_free(link->demand.timer);
	link->demand.timer = NULL;
}

void link_demand_begin(struct link *link)
{
	struct link_demand *d = &link->demand;

	d->moved_ns = stack_now_ns();
	if (d->is_on && d->timeout_s > 0)
		arm(link, timeout_ns(link));
}

void link_demand_end(struct link *link)
{
	if (link->demand.timer)
		event_del(link->demand.timer);
}

void link_demand_moved(struct link *link)
{
	link->demand.moved_ns = stack_now_ns();
}

bool link_demand_is_over(const struct link *link)
{
	return link->demand.is_on &&
		stack_now_ns() - last_use_ns(&link->demand) >= timeout_ns(link);
}

bool link_demand(struct link *link)
{
	struct link_demand *d = &link->demand;

	if (!link->base || !d->is_on || link->is_held || link->is_refused || link_is_up(link))
		return false;
	d->demanded_ns = stack_now_ns();
	if (d->is_asleep)
		link_wake(link);
	return true;
}
