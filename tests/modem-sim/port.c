/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Between the terminal and the channel there is a line in each direction. One
 * that is busy holds back what can wait: the host's bytes stay in the terminal,
 * a call's packets in their queue.
 *
 * At another speed than the modem's each side hears noise, which depends on
 * what was said, but does not resemble it.
 *
 * When the host closes the port, Data Terminal Ready goes, which ends a call. A
 * mode that is left over from somebody else outlives it, and so does the
 * multiplexer: that is how hosts find modems in these.
 */
#include "tests/modem-sim/port.h"

#include "tests/modem-sim/call.h"
#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/line.h"
#include "tests/modem-sim/modem.h"
#include "tests/modem-sim/mux.h"
#include "tests/modem-sim/terminal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Half a command, as --start garbage leaves it, and the noise before it. */
#define LEFT_OVER   "AT+CMG"
#define NOISE_BYTES 64
#define NOISE_MAX   4096

struct port {
	char path[PATH_MAX];
	struct modem *modem;
	struct terminal *terminal;
	struct line *in, *out;
	struct channel channel;
	struct mux *mux; /* NULL: the line is the channel's */
	bool is_noisy;	 /* noise comes before the first answer */
};

static bool is_noise(const struct port *port)
{
	unsigned int baud = port->modem->baud;

	return baud && terminal_baud(port->terminal) != baud;
}

/* The bytes, or what a receiver at another speed makes of them, in @noise. */
static const uint8_t *hear(const struct port *port, const uint8_t *bytes, size_t *len,
	uint8_t noise[NOISE_MAX])
{
	if (!is_noise(port))
		return bytes;
	if (*len > NOISE_MAX)
		*len = NOISE_MAX;
	for (size_t i = 0; i < *len; i++)
		noise[i] = (uint8_t)((bytes[i] * 5 + 3) | 0x80);
	return noise;
}

/* ---- from the host ----------------------------------------------------------- */

static void on_terminal_input(const uint8_t *bytes, size_t len, void *arg)
{
	struct port *port = arg;

	if (port->is_noisy)
		channel_rustle(&port->channel, NOISE_BYTES);
	port->is_noisy = false;
	line_write(port->in, bytes, len);
	if (line_is_busy(port->in))
		terminal_set_reading(port->terminal, false);
}

static void on_in_idle(void *arg)
{
	struct port *port = arg;

	terminal_set_reading(port->terminal, true);
}

/* A modem that does not work hears no frames either. */
static void input_to_mux(struct port *port, const uint8_t *bytes, size_t len)
{
	size_t taken;

	if (!modem_hears(port->modem, NULL))
		return;
	taken = mux_input(port->mux, bytes, len);
	if (taken < len)
		channel_input(&port->channel, bytes + taken, len - taken);
}

static void on_in_output(const uint8_t *bytes, size_t len, void *arg)
{
	struct port *port = arg;
	uint8_t noise[NOISE_MAX];

	bytes = hear(port, bytes, &len, noise);
	if (port->mux)
		input_to_mux(port, bytes, len);
	else
		channel_input(&port->channel, bytes, len);
}

static void on_terminal_closed(void *arg)
{
	struct port *port = arg;

	if (port->modem->options->is_three_wire)
		return;
	line_clear(port->in);
	line_clear(port->out);
	if (call_channel(port->modem->call) == &port->channel)
		channel_hang_up(&port->channel);
	port->channel.line_len = 0;
	if (port->mux)
		mux_hang_up(port->mux);
}

/* ---- to the host ------------------------------------------------------------- */

static void on_channel_write(const void *bytes, size_t len, void *arg)
{
	struct port *port = arg;

	line_write(port->out, bytes, len);
}

static bool is_channel_busy(void *arg)
{
	const struct port *port = arg;

	return line_is_busy(port->out) || terminal_is_busy(port->terminal);
}

static void on_out_output(const uint8_t *bytes, size_t len, void *arg)
{
	struct port *port = arg;
	uint8_t noise[NOISE_MAX];

	bytes = hear(port, bytes, &len, noise);
	terminal_write(port->terminal, bytes, len);
}

static void on_out_idle(void *arg)
{
	struct port *port = arg;

	if (port->mux)
		mux_resume(port->mux);
	call_resume(port->modem->call);
}

/* ---- the multiplexer --------------------------------------------------------- */

static void on_mux_ended(void *arg)
{
	struct port *port = arg;

	mux_free(port->mux);
	port->mux = NULL;
}

/* The rest of what the multiplexer gets is AT at once, before it is freed. */
void port_multiplex(struct port *port, uint16_t n1)
{
	const struct mux_params params = {
		.modem = port->modem,
		.carrier = port->channel.carrier,
		.n1 = n1,
		.ended = on_mux_ended,
		.arg = port,
	};

	/* One that has ended is on its way out: a host that is quick need not wait. */
	if (port->mux && mux_has_ended(port->mux))
		on_mux_ended(port);
	if (!port->mux)
		port->mux = mux_new(&params);
}

/* Calls @run for each channel that takes commands. */
static void for_channels(struct port *port, void (*run)(struct channel *channel, const void *arg),
	const void *arg)
{
	if (!port->mux && port->channel.mode == CHANNEL_COMMAND)
		run(&port->channel, arg);
	for (unsigned int i = 1; i <= MUX_CHANNELS && port->mux; i++) {
		struct channel *channel = mux_channel(port->mux, i);

		if (channel && channel->mode == CHANNEL_COMMAND)
			run(channel, arg);
	}
}

/* ---- life -------------------------------------------------------------------- */

static int parts_new(struct port *port)
{
	const struct terminal_handlers terminal = {
		.input = on_terminal_input,
		.closed = on_terminal_closed,
		.drained = on_out_idle,
		.arg = port,
	};
	const struct line_handlers in = { on_in_output, on_in_idle, port };
	const struct line_handlers out = { on_out_output, on_out_idle, port };
	const struct line_params *params = &port->modem->options->line;
	const struct channel_carrier carrier = {
		.write = on_channel_write,
		.is_busy = is_channel_busy,
		.arg = port,
	};

	port->terminal = terminal_new(port->modem->base, port->path, &terminal);
	port->in = line_new(port->modem->base, params, &in);
	port->out = line_new(port->modem->base, params, &out);
	if (!port->terminal || !port->in || !port->out)
		return -1;
	if (channel_init(&port->channel, port->modem, &carrier) != 0)
		return -1;
	port->channel.port = port;
	return 0;
}

struct port *port_new(struct modem *modem, unsigned int number)
{
	struct port *port = calloc(1, sizeof(*port));
	const char *path = modem->options->device;

	if (!port)
		return NULL;
	port->modem = modem;
	if (number == 1)
		snprintf(port->path, sizeof(port->path), "%s", path);
	else
		snprintf(port->path, sizeof(port->path), "%s.%u", path, number);
	if (parts_new(port) == 0)
		return port;
	port_free(port);
	return NULL;
}

void port_free(struct port *port)
{
	if (!port)
		return;
	mux_free(port->mux);
	channel_fini(&port->channel);
	line_free(port->in);
	line_free(port->out);
	terminal_free(port->terminal);
	free(port);
}

int port_plug(struct port *port)
{
	return terminal_is_plugged(port->terminal) ? 0 : terminal_plug(port->terminal);
}

void port_reset(struct port *port)
{
	if (port->mux)
		mux_end(port->mux);
	channel_reset(&port->channel);
}

void port_unplug(struct port *port)
{
	port_reset(port);
	line_clear(port->in);
	line_clear(port->out);
	terminal_unplug(port->terminal);
}

void port_start(struct port *port, unsigned int start)
{
	struct channel *channel = &port->channel;

	if (start & START_DATA)
		channel->mode = CHANNEL_DATA;
	if (start & START_CMUX) {
		port_multiplex(port, 0);
		mux_open_by_somebody(port->mux);
	}
	if (start & START_ECHO_OFF)
		channel->has_echo = false;
	if (start & START_GARBAGE) {
		memcpy(channel->line, LEFT_OVER, sizeof(LEFT_OVER));
		channel->line_len = strlen(LEFT_OVER);
		port->is_noisy = true;
	}
}

static void announce(struct channel *channel, const void *line)
{
	channel_say(channel, "%s", (const char *)line);
}

void port_announce(struct port *port, const char *line)
{
	for_channels(port, announce, line);
}

void port_rustle(struct port *port, size_t len)
{
	channel_rustle(&port->channel, len);
}

static void set_echo(struct channel *channel, const void *is_on)
{
	channel->has_echo = *(const bool *)is_on;
}

void port_set_echo(struct port *port, bool is_on)
{
	for_channels(port, set_echo, &is_on);
}

void port_count(const struct port *port, uint64_t *in, uint64_t *out)
{
	*in += line_count(port->in);
	*out += line_count(port->out);
}
