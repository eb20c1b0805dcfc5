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
 * When the host closes the port, Data Terminal Ready goes, which ends a call; a
 * mode that is left over from somebody else outlives it.
 */
#include "tests/modem-sim/port.h"

#include "tests/modem-sim/call.h"
#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/line.h"
#include "tests/modem-sim/modem.h"
#include "tests/modem-sim/terminal.h"

#include <stdlib.h>
#include <string.h>

/* Half a command, as --start garbage leaves it, and the noise before it. */
#define LEFT_OVER   "AT+CMG"
#define NOISE_BYTES 64
#define NOISE_MAX   4096

struct port {
	struct modem *modem;
	struct terminal *terminal;
	struct line *in, *out;
	struct channel channel;
	bool is_noisy; /* noise comes before the first answer */
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

static void on_in_output(const uint8_t *bytes, size_t len, void *arg)
{
	struct port *port = arg;
	uint8_t noise[NOISE_MAX];

	bytes = hear(port, bytes, &len, noise);
	channel_input(&port->channel, bytes, len);
}

static void on_terminal_closed(void *arg)
{
	struct port *port = arg;

	line_clear(port->in);
	line_clear(port->out);
	if (call_channel(port->modem->call) == &port->channel)
		channel_hang_up(&port->channel);
	port->channel.line_len = 0;
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

	call_resume(port->modem->call);
}

/* ---- life -------------------------------------------------------------------- */

static int parts_new(struct port *port, const char *path)
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
	const struct channel_carrier carrier = { on_channel_write, is_channel_busy, port };

	port->terminal = terminal_new(port->modem->base, path, &terminal);
	port->in = line_new(port->modem->base, params, &in);
	port->out = line_new(port->modem->base, params, &out);
	if (!port->terminal || !port->in || !port->out)
		return -1;
	return channel_init(&port->channel, port->modem, &carrier);
}

struct port *port_new(struct modem *modem, const char *path)
{
	struct port *port = calloc(1, sizeof(*port));

	if (!port)
		return NULL;
	port->modem = modem;
	if (parts_new(port, path) == 0)
		return port;
	port_free(port);
	return NULL;
}

void port_free(struct port *port)
{
	if (!port)
		return;
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

void port_unplug(struct port *port)
{
	channel_reset(&port->channel);
	line_clear(port->in);
	line_clear(port->out);
	terminal_unplug(port->terminal);
}

void port_reset(struct port *port)
{
	channel_reset(&port->channel);
}

void port_start(struct port *port, unsigned int start)
{
	struct channel *channel = &port->channel;

	if (start & START_DATA)
		channel->mode = CHANNEL_DATA;
	if (start & START_ECHO_OFF)
		channel->has_echo = false;
	if (start & START_GARBAGE) {
		memcpy(channel->line, LEFT_OVER, sizeof(LEFT_OVER));
		channel->line_len = strlen(LEFT_OVER);
		port->is_noisy = true;
	}
}

void port_announce(struct port *port, const char *line)
{
	if (port->channel.mode == CHANNEL_COMMAND)
		channel_say(&port->channel, "%s", line);
}

void port_rustle(struct port *port, size_t len)
{
	channel_rustle(&port->channel, len);
}

void port_set_echo(struct port *port, bool is_on)
{
	port->channel.has_echo = is_on;
}

void port_count(const struct port *port, uint64_t *in, uint64_t *out)
{
	*in = line_count(port->in);
	*out = line_count(port->out);
}
