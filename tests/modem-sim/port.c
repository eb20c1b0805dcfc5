/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The terminal's bytes are the channel's and the other way round. When the
 * host closes the port, Data Terminal Ready goes, which ends a call; a mode
 * that is left over from somebody else outlives it.
 */
#include "tests/modem-sim/port.h"

#include "tests/modem-sim/call.h"
#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/modem.h"
#include "tests/modem-sim/terminal.h"

#include <stdlib.h>

struct port {
	struct modem *modem;
	struct terminal *terminal;
	struct channel channel;
};

static void on_input(const uint8_t *bytes, size_t len, void *arg)
{
	struct port *port = arg;

	channel_input(&port->channel, bytes, len);
}

static void on_closed(void *arg)
{
	struct port *port = arg;

	if (call_channel(port->modem->call) == &port->channel)
		channel_hang_up(&port->channel);
	port->channel.line_len = 0;
}

static void on_channel_write(const void *bytes, size_t len, void *arg)
{
	struct port *port = arg;

	terminal_write(port->terminal, bytes, len);
}

struct port *port_new(struct modem *modem, const char *path)
{
	struct port *port = calloc(1, sizeof(*port));
	const struct terminal_handlers handlers = { on_input, on_closed, port };
	const struct channel_carrier carrier = { on_channel_write, port };

	if (!port)
		return NULL;
	port->modem = modem;
	port->terminal = terminal_new(modem->base, path, &handlers);
	if (port->terminal && channel_init(&port->channel, modem, &carrier) == 0)
		return port;
	port_free(port);
	return NULL;
}

void port_free(struct port *port)
{
	if (!port)
		return;
	channel_fini(&port->channel);
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
	terminal_unplug(port->terminal);
}

void port_reset(struct port *port)
{
	channel_reset(&port->channel);
}

void port_start_in_data(struct port *port)
{
	port->channel.mode = CHANNEL_DATA;
}

void port_announce(struct port *port, const char *line)
{
	if (port->channel.mode == CHANNEL_COMMAND)
		channel_say(&port->channel, "%s", line);
}
