/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The states of a link. link_enter() is the only writer of link->state: it
 * checks that the step is allowed, logs it, arms the state's deadline, and tells
 * routing and, soon, whoever else wants to know. What the deadline does is
 * link.c's: a try fails, a pause ends in a try.
 */
#include "netif/link_private.h"

#include "netif/log.h"
#include "netif/stack.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#define BIT(state) (1u << (state))

/* Entered from these states only; in it no longer than this (0: no limit). */
static const struct state_row {
	unsigned int from;
	uint32_t deadline_ms;
} state_rows[] = {
	/* Any failure. */
	[TABLE_LINK_DOWN] = { ~0u, 0 },
	/* The driver was told to open. */
	[TABLE_LINK_OPENING] = { BIT(TABLE_LINK_DOWN), 120000 },
	/* Modems only: the helper has deadlines of its own, these are above them. */
	[TABLE_LINK_SIM] = { BIT(TABLE_LINK_OPENING), 60000 },
	[TABLE_LINK_REGISTERING] = { BIT(TABLE_LINK_OPENING) | BIT(TABLE_LINK_SIM), 240000 },
	[TABLE_LINK_DIALING] = { BIT(TABLE_LINK_REGISTERING), 200000 },
	/* The helper runs and has been told what to do; PPP talks to its peer. */
	[TABLE_LINK_NEGOTIATING] = {
		.from = BIT(TABLE_LINK_OPENING) | BIT(TABLE_LINK_REGISTERING) |
			BIT(TABLE_LINK_DIALING),
		.deadline_ms = 90000,
	},
	/* Packets flow. */
	[TABLE_LINK_UP] = {
		.from = BIT(TABLE_LINK_OPENING) | /* of drivers that need no more */
			BIT(TABLE_LINK_NEGOTIATING) | BIT(TABLE_LINK_DEGRADED),
	},
	/* Nothing comes back: see link_health.c. */
	[TABLE_LINK_DEGRADED] = { BIT(TABLE_LINK_UP), 30000 },
};
_Static_assert(sizeof(state_rows) / sizeof(state_rows[0]) == TABLE_LINK_STATE_COUNT,
	"one row a state");

void link_timer_in(struct event *timer, uint32_t delay_ms)
{
	struct timeval t = {
		.tv_sec = (time_t)(delay_ms / 1000),
		.tv_usec = (suseconds_t)(delay_ms % 1000) * 1000,
	};

	event_add(timer, &t);
}

void link_notify_soon(struct link *link)
{
	link_timer_in(link->notify, 0);
}

bool link_is_up(const struct link *link)
{
	return link->state == TABLE_LINK_UP || link->state == TABLE_LINK_DEGRADED;
}

/* That it is down for the same cause again and again is no news. */
static bool is_old_news(struct link *link)
{
	bool is_same = strcmp(link->cause, link->told_cause) == 0;

	if (link->state == TABLE_LINK_DOWN)
		snprintf(link->told_cause, sizeof(link->told_cause), "%s", link->cause);
	else if (link_is_up(link))
		link->told_cause[0] = '\0';
	return link->state == TABLE_LINK_DOWN && is_same;
}

static void log_step(struct link *link, enum table_link_state from)
{
	/* Tries are told once they have led somewhere. */
	enum log_level level = LOG_LEVEL_NOTICE;

	if (is_old_news(link) ||
		(link->state >= TABLE_LINK_OPENING && link->state <= TABLE_LINK_NEGOTIATING))
		level = LOG_LEVEL_INFO;
	if (from == link->state)
		link_note(link, level, "%s (%s)", table_link_state_name(from), link->cause);
	else
		link_note(link, level, "%s -> %s (%s)", table_link_state_name(from),
			table_link_state_name(link->state), link->cause);
}

void link_enter(struct link *link, enum table_link_state state,
	enum table_link_reason reason, const char *cause)
{
	const struct state_row *row = &state_rows[state];
	enum table_link_state from = link->state;

	assert(row->from & BIT(from));
	link->state = state;
	link->since_ns = stack_now_ns();
	link->reason = reason;
	snprintf(link->cause, sizeof(link->cause), "%s", cause);
	log_step(link, from);
	event_del(link->timer);
	if (row->deadline_ms)
		link_timer_in(link->timer, row->deadline_ms);
	link->route.is_waiting = !link_is_up(link);
	link->route.is_degraded = state == TABLE_LINK_DEGRADED;
	route_update();
	link_notify_soon(link);
}

uint32_t link_deadline_ms(enum table_link_state state)
{
	return state_rows[state].deadline_ms;
}

int link_progress(struct link *link, enum table_link_state state, const char *cause)
{
	if (state == link->state) {
		if (strcmp(cause, link->cause) == 0)
			return 0;
		snprintf(link->cause, sizeof(link->cause), "%s", cause);
		link_note(link, LOG_LEVEL_INFO, "%s (%s)", table_link_state_name(state), cause);
		link_notify_soon(link);
		return 0;
	}
	if (state <= TABLE_LINK_OPENING || state > TABLE_LINK_NEGOTIATING ||
		!(state_rows[state].from & BIT(link->state)))
		return -EPROTO;
	link_enter(link, state, TABLE_REASON_NONE, cause);
	return 0;
}

void link_wait(struct link *link, enum table_link_state state, enum table_link_reason reason,
	const char *cause)
{
	if (link->state < state)
		link_enter(link, state, reason, cause);
	else
		link_progress(link, link->state, cause);
	link->reason = reason;
	event_del(link->timer);
}
