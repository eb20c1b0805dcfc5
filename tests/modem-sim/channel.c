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
 * resets are for. A fault that waits for a command (faults.c) takes its place.
 */
#include "tests/modem-sim/channel.h"

#include "tests/modem-sim/call.h"
#include "tests/modem-sim/command.h"
#include "tests/modem-sim/faults.h"
#include "tests/modem-sim/modem.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define GUARD_MS    900
#define NOISE_BYTES 40
#define NOISE_MAX   256
#define PRINT_MAX   (CHANNEL_LINE_MAX + 4)

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

static void run_line(struct channel *channel)
{
	modem_chat(channel->modem);
	tell_end(channel, command_run_line(channel, channel->line));
}

/* ---- faults --------------------------------------------------------------------- */

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	struct channel *channel = arg;

	(void)fd;
	(void)what;
	channel->is_late = false;
	run_line(channel);
}

static void run_late(struct channel *channel, int ms)
{
	struct timeval t = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	channel->is_late = true;
	event_add(channel->late, &t);
}

static void unplug(struct modem *modem, int back_ms)
{
	modem_unplug(modem);
	if (back_ms > 0)
		modem_plug_later(modem, (uint32_t)back_ms);
}

static void make_fault(struct channel *channel, enum fault_kind kind, int number)
{
	switch (kind) {
	case FAULT_ERROR:
		tell_end(channel, number > 0 ? number : END_ERROR);
		break;
	case FAULT_CARRIER:
		tell_end(channel, END_NO_CARRIER);
		break;
	case FAULT_GARBAGE:
		channel_rustle(channel, NOISE_BYTES);
		break;
	case FAULT_LATE:
		run_late(channel, number);
		break;
	case FAULT_HANG:
		channel->modem->is_silent = true;
		break;
	case FAULT_RESET:
		modem_reset(channel->modem);
		break;
	case FAULT_UNPLUG:
		unplug(channel->modem, number);
		break;
	case FAULT_POWER:
		modem_power(channel->modem, MODEM_OFF);
		break;
	case FAULT_SILENCE:
	case FAULT_NONE:
	case FAULT_KIND_COUNT:
		break;
	}
}

/* ---- input ---------------------------------------------------------------------- */

static void take_line(struct channel *channel)
{
	enum fault_kind fault;
	int number;

	if (strncasecmp(channel->line, "AT", 2) != 0 ||
		!modem_hears(channel->modem, channel->line))
		return;
	fault = faults_find(&channel->modem->faults, channel->line, &number);
	if (fault == FAULT_NONE)
		run_line(channel);
	else
		make_fault(channel, fault, number);
}

static void take_command_byte(struct channel *channel, uint8_t byte)
{
	if (channel->is_late)
		return;
	if (channel->has_echo && modem_hears(channel->modem, NULL))
		channel_write(channel, &byte, 1);
	if (byte != '\r') {
		if (byte >= 0x20 && channel->line_len < sizeof(channel->line) - 1)
			channel->line[channel->line_len++] = (char)byte;
		return;
	}
	channel->line[channel->line_len] = '\0';
	channel->line_len = 0;
	take_line(channel);
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
	if (i < len && channel->mode == CHANNEL_DATA)
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

void channel_print(struct channel *channel, const char *format, ...)
{
	char text[PRINT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	channel_write(channel, text, strlen(text));
}

void channel_say(struct channel *channel, const char *format, ...)
{
	char line[CHANNEL_LINE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	channel_print(channel, "\r\n%s\r\n", line);
}

void channel_rustle(struct channel *channel, size_t len)
{
	uint8_t noise[NOISE_MAX];

	if (len > sizeof(noise))
		len = sizeof(noise);
	for (size_t i = 0; i < len; i++)
		noise[i] = (uint8_t)dice_roll(&channel->modem->dice, 256);
	channel_write(channel, noise, len);
}

void channel_set_mode(struct channel *channel, enum channel_mode mode)
{
	bool was_data = channel->mode == CHANNEL_DATA;

	channel->mode = mode;
	if (was_data != (mode == CHANNEL_DATA) && channel->carrier.carrier)
		channel->carrier.carrier(mode == CHANNEL_DATA, channel->carrier.arg);
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
	event_del(channel->late);
	channel->is_late = false;
	channel_set_mode(channel, CHANNEL_COMMAND);
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
		.late = evtimer_new(modem->base, on_late, channel),
	};
	return channel->escape && channel->late ? 0 : -1;
}

void channel_fini(struct channel *channel)
{
	if (channel->escape && channel->late)
		channel_hang_up(channel);
	if (channel->escape)
		event_free(channel->escape);
	if (channel->late)
		event_free(channel->late);
	channel->escape = channel->late = NULL;
}
