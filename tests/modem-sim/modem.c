/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The modem owns its parts and orders what concerns several: a reset restarts
 * all of them, the loss of its device also takes its power. A modem that is
 * plugged in again starts afresh.
 */
#include "tests/modem-sim/modem.h"

#include "tests/modem-sim/call.h"
#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/port.h"

#include <stddef.h>

static void restart(struct modem *modem)
{
	port_reset(modem->port);
	simcard_restart(&modem->simcard);
	modem->is_silent = false;
}

int modem_init(struct modem *modem, struct event_base *base, const struct options *options)
{
	*modem = (struct modem){ .base = base, .options = options };
	simcard_init(&modem->simcard, options);
	radio_init(&modem->radio);
	modem->call = call_new(base, options);
	if (!modem->call)
		return -1;
	modem->port = port_new(modem, options->device);
	if (!modem->port)
		return -1;
	modem->is_silent = options->start & START_SILENT;
	if (options->start & START_DATA)
		port_start_in_data(modem->port);
	return port_plug(modem->port);
}

void modem_fini(struct modem *modem)
{
	port_free(modem->port);
	call_free(modem->call);
}

void modem_reset(struct modem *modem)
{
	modem->n_resets++;
	restart(modem);
	modem_announce(modem, "RDY");
}

void modem_unplug(struct modem *modem)
{
	restart(modem);
	port_unplug(modem->port);
}

int modem_plug(struct modem *modem)
{
	return port_plug(modem->port);
}

void modem_announce(struct modem *modem, const char *line)
{
	port_announce(modem->port, line);
}

void modem_lose_carrier(struct modem *modem)
{
	struct channel *channel = call_channel(modem->call);

	if (channel)
		channel_lose_carrier(channel);
}
