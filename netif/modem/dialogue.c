/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Each lane holds one command from dialogue_send() until its end. When the
 * engine is idle it gets the command of the first lane that has one. The end
 * of a command frees its lane before it is told, so that who is told may send
 * the next; a person's command therefore waits until the call makes a pause,
 * which it does in every state that takes long.
 */
#include "netif/modem/dialogue.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

static void send_next(struct dialogue *d);

static void on_done(const struct at_result *result, void *arg)
{
	struct dialogue *d = arg;
	struct dialogue_pending *pending = &d->lanes[d->lane];

	pending->is_there = false;
	pending->command.done(result, pending->command.arg);
	send_next(d);
}

static void send_next(struct dialogue *d)
{
	if (d->at.is_busy)
		return;
	for (int lane = 0; lane < (int)DIALOGUE_LANE_COUNT; lane++) {
		struct dialogue_pending *pending = &d->lanes[lane];
		struct at_command command = pending->command;

		if (!pending->is_there)
			continue;
		d->lane = (enum dialogue_lane)lane;
		command.done = on_done;
		command.arg = d;
		at_send(&d->at, &command);
		return;
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dialogue *d = arg;

	(void)fd;
	(void)what;
	at_expire(&d->at);
}

static void on_write(const void *bytes, size_t len, void *arg)
{
	struct dialogue *d = arg;

	d->handlers.write(bytes, len, d->handlers.arg);
}

static void on_arm(uint32_t ms, void *arg)
{
	struct dialogue *d = arg;
	struct timeval t = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};

	if (ms)
		event_add(d->timer, &t);
	else
		event_del(d->timer);
}

static void on_unsolicited(const char *line, void *arg)
{
	struct dialogue *d = arg;

	d->handlers.unsolicited(line, d->handlers.arg);
}

static void on_trace(bool is_sent, const char *line, void *arg)
{
	struct dialogue *d = arg;

	d->handlers.trace(is_sent, line, d->handlers.arg);
}

int dialogue_init(struct dialogue *d, struct event_base *base,
	const struct dialogue_handlers *handlers)
{
	const struct at_handlers at = { on_write, on_arm, on_unsolicited, on_trace, d };

	memset(d, 0, sizeof(*d));
	d->handlers = *handlers;
	at_init(&d->at, &at);
	d->timer = evtimer_new(base, on_timer, d);
	return d->timer ? 0 : -ENOMEM;
}

void dialogue_fini(struct dialogue *d)
{
	if (d->timer)
		event_free(d->timer);
	d->timer = NULL;
}

int dialogue_send(struct dialogue *d, enum dialogue_lane lane, const struct at_command *command)
{
	struct dialogue_pending *pending = &d->lanes[lane];

	if (pending->is_there)
		return -EBUSY;
	if (strlen(command->text) > AT_COMMAND_MAX)
		return -EMSGSIZE;
	pending->is_there = true;
	pending->command = *command;
	snprintf(pending->text, sizeof(pending->text), "%s", command->text);
	pending->command.text = pending->text;
	if (command->prefix) {
		snprintf(pending->prefix, sizeof(pending->prefix), "%s", command->prefix);
		pending->command.prefix = pending->prefix;
	}
	send_next(d);
	return 0;
}

void dialogue_cancel_waiting(struct dialogue *d, enum dialogue_lane lane)
{
	const struct at_result result = {
		.status = AT_CANCELLED,
		.code = AT_CODE_NONE,
		.text = "",
		.lines = "",
	};
	struct dialogue_pending *pending = &d->lanes[lane];

	if (!pending->is_there || (d->at.is_busy && d->lane == lane))
		return;
	pending->is_there = false;
	pending->command.done(&result, pending->command.arg);
}

size_t dialogue_input(struct dialogue *d, const uint8_t *bytes, size_t len)
{
	return at_input(&d->at, bytes, len);
}
