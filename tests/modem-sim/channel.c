/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * In command mode bytes are collected, and echoed, until a carriage return
 * ends the line; a line that begins with AT is run and its end told. In data
 * mode they belong to the call. "+++" with a second of silence around it leads
 * back, as does the end of the call.
 *
 * A modem that is silent echoes nothing and hears a reset only: that is what
 * resets are for.
 */
#include "tests/modem-sim/channel.h"

#include "tests/modem-sim/call.h"
#include "tests/modem-sim/command.h"
#include "tests/modem-sim/modem.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define GUARD_MS 900

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void tell_end(struct channel *channel, int end)
{
	if (end == END_OK)
		channel_say(channel, "OK");
	else if (end == END_NO_CARRIER)
		channel_say(channel, "NO CARRIER");
	else if (end == END_TOLD)
		return;
	else if (end == END_ERROR || channel->errors == ERRORS_PLAIN)
		channel_say(channel, "ERROR");
	else if (channel->errors == ERRORS_NUMERIC)
		channel_say(channel, "+CME ERROR: %d", end);
	else
		channel_say(channel, "+CME ERROR: %s", command_error_text(end));
}

static void run_line(struct channel *channel, const char *line)
{
	if (strncasecmp(line, "AT", 2) != 0)
		return;
	if (!channel->modem->is_silent || strcasecmp(line, "AT+CFUN=1,1") == 0)
		tell_end(channel, command_run_line(channel, line));
}

static void take_command_byte(struct channel *channel, uint8_t byte)
{
	if (channel->has_echo && !channel->modem->is_silent)
		channel_write(channel, &byte, 1);
	if (byte != '\r') {
		if (byte >= 0x20 && channel->line_len < sizeof(channel->line) - 1)
			channel->line[channel->line_len++] = (char)byte;
		return;
	}
	channel->line[channel->line_len] = '\0';
	channel->line_len = 0;
	run_line(channel, channel->line);
}

static bool has_call(const struct channel *channel)
{
	return call_channel(channel->modem->call) == channel;
}

static void on_escape(evutil_socket_t fd, short what, void *arg)
{
	struct channel *channel = arg;

	(void)fd;
	(void)what;
	channel_hang_up(channel);
	channel_say(channel, "OK");
}

static void take_data(struct channel *channel, const uint8_t *bytes, size_t len,
	uint64_t silence_ms)
{
	struct timeval guard = { .tv_usec = GUARD_MS * 1000 };

	event_del(channel->escape);
	if (len == 3 && memcmp(bytes, "+++", 3) == 0 && silence_ms >= GUARD_MS)
		event_add(channel->escape, &guard);
	else if (has_call(channel))
		call_input(channel->modem->call, bytes, len);
}

void channel_input(struct channel *channel, const uint8_t *bytes, size_t len)
{
	uint64_t now = now_ms(), silence_ms = now - channel->heard_ms;
	size_t i;

	channel->heard_ms = now;
	for (i = 0; i < len && channel->mode == CHANNEL_COMMAND; i++)
		take_command_byte(channel, bytes[i]);
	if (i < len)
		take_data(channel, bytes + i, len - i, silence_ms);
}

void channel_write(struct channel *channel, const void *bytes, size_t len)
{
	channel->carrier.write(bytes, len, channel->carrier.arg);
}

bool channel_is_busy(const struct channel *channel)
{
	return channel->carrier.is_busy(channel->carrier.arg);
}

void channel_say(struct channel *channel, const char *format, ...)
{
	char line[CHANNEL_LINE_MAX];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	channel_write(channel, "\r\n", 2);
	channel_write(channel, line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1);
	channel_write(channel, "\r\n", 2);
}

void channel_lose_carrier(struct channel *channel)
{
	channel_hang_up(channel);
	channel_say(channel, "NO CARRIER");
}

void channel_hang_up(struct channel *channel)
{
	if (has_call(channel))
		call_end(channel->modem->call);
	event_del(channel->escape);
	channel->mode = CHANNEL_COMMAND;
	channel->line_len = 0;
}

void channel_reset(struct channel *channel)
{
	channel_hang_up(channel);
	channel->has_echo = true;
	channel->errors = ERRORS_PLAIN;
}

int channel_init(struct channel *channel, struct modem *modem,
	const struct channel_carrier *carrier)
{
	*channel = (struct channel){
		.modem = modem,
		.carrier = *carrier,
		.has_echo = true,
		.heard_ms = now_ms(),
		.escape = evtimer_new(modem->base, on_escape, channel),
	};
	return channel->escape ? 0 : -1;
}

void channel_fini(struct channel *channel)
{
	if (!channel->escape)
		return;
	channel_hang_up(channel);
	event_free(channel->escape);
	channel->escape = NULL;
}
