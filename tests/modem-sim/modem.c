/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The modem owns its parts and orders what concerns several: a start restarts
 * all of them, takes a while in which nothing is heard, and ends with the
 * family's greeting. The loss of its device also takes its power. What the
 * network thinks - the registration it grants, the calls it refuses - outlives
 * all of this, as do faults that wait for their command.
 */
#include "tests/modem-sim/modem.h"

#include "tests/modem-sim/call.h"
#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/family.h"
#include "tests/modem-sim/port.h"

#include <event2/event.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* One command in so many is accompanied by an unsolicited line. */
#define CHAT_ODDS 4

static void arm(struct event *event, uint32_t ms)
{
	struct timeval t = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};

	event_add(event, &t);
}

/* ---- power ----------------------------------------------------------------------- */

static void greet(struct modem *modem)
{
	for (const char *const *line = modem->family->greeting; *line; line++) {
		bool is_sim = strncmp(*line, "+CPIN", 5) == 0;

		modem_announce(modem, is_sim ? simcard_line(&modem->simcard) : *line);
	}
}

static void on_started(evutil_socket_t fd, short what, void *arg)
{
	struct modem *modem = arg;

	(void)fd;
	(void)what;
	modem->power = MODEM_ON;
	radio_restart(modem);
	greet(modem);
}

void modem_power(struct modem *modem, enum modem_power power)
{
	event_del(modem->started);
	for (uint32_t i = 0; i < modem->n_ports; i++)
		port_reset(modem->ports[i]);
	simcard_restart(&modem->simcard);
	contexts_init(&modem->contexts);
	modem->is_silent = false;
	modem->power = power;
	if (power == MODEM_STARTING)
		arm(modem->started, modem->options->boot_ms);
}

bool modem_hears(const struct modem *modem, const char *line)
{
	return modem->power == MODEM_ON &&
		(!modem->is_silent || (line && strcasecmp(line, "AT+CFUN=1,1") == 0));
}

/* ---- device ---------------------------------------------------------------------- */

void modem_unplug(struct modem *modem)
{
	event_del(modem->plugged);
	modem_power(modem, MODEM_OFF);
	for (uint32_t i = 0; i < modem->n_ports; i++)
		port_unplug(modem->ports[i]);
}

static int plug_ports(struct modem *modem)
{
	int error = 0;

	for (uint32_t i = 0; i < modem->n_ports && !error; i++)
		error = port_plug(modem->ports[i]);
	return error;
}

int modem_plug(struct modem *modem)
{
	int error = plug_ports(modem);

	if (!error && modem->power == MODEM_OFF)
		modem_power(modem, MODEM_STARTING);
	return error;
}

static void on_plugged(evutil_socket_t fd, short what, void *arg)
{
	struct modem *modem = arg;

	(void)fd;
	(void)what;
	if (modem_plug(modem) != 0)
		event_base_loopbreak(modem->base);
}

void modem_plug_later(struct modem *modem, uint32_t ms)
{
	arm(modem->plugged, ms);
}

void modem_reset(struct modem *modem)
{
	modem->n_resets++;
	if (modem->options->is_usb) {
		modem_unplug(modem);
		modem_plug_later(modem, modem->options->boot_ms);
	} else {
		modem_power(modem, MODEM_STARTING);
	}
}

/* ---- lines that nobody asked for -------------------------------------------------- */

void modem_announce(struct modem *modem, const char *line)
{
	for (uint32_t i = 0; i < modem->n_ports && modem_hears(modem, NULL); i++)
		port_announce(modem->ports[i], line);
}

static void announce_something(struct modem *modem)
{
	uint32_t n = 0;

	while (modem->family->chatter[n])
		n++;
	modem_announce(modem, modem->family->chatter[dice_roll(&modem->dice, n)]);
}

void modem_chat(struct modem *modem)
{
	if (modem->options->chatter_ms && dice_roll(&modem->dice, CHAT_ODDS) == 0)
		announce_something(modem);
}

static void on_chat(evutil_socket_t fd, short what, void *arg)
{
	struct modem *modem = arg;

	(void)fd;
	(void)what;
	announce_something(modem);
	arm(modem->chat, 1 + dice_roll(&modem->dice, 2 * modem->options->chatter_ms));
}

void modem_lose_carrier(struct modem *modem)
{
	struct channel *channel = call_channel(modem->call);

	if (channel)
		channel_lose_carrier(channel);
}

/* ---- life ------------------------------------------------------------------------ */

static int parts_new(struct modem *modem)
{
	struct event_base *base = modem->base;

	modem->started = evtimer_new(base, on_started, modem);
	modem->chat = evtimer_new(base, on_chat, modem);
	modem->plugged = evtimer_new(base, on_plugged, modem);
	simcard_init(&modem->simcard, modem->options);
	contexts_init(&modem->contexts);
	if (!modem->started || !modem->chat || !modem->plugged || radio_init(modem) != 0)
		return -1;
	modem->call = call_new(modem);
	if (!modem->call)
		return -1;
	while (modem->n_ports < modem->options->n_ports) {
		struct port *port = port_new(modem, modem->n_ports + 1);

		if (!port)
			return -1;
		modem->ports[modem->n_ports++] = port;
	}
	return 0;
}

int modem_init(struct modem *modem, struct event_base *base, const struct options *options)
{
	*modem = (struct modem){
		.base = base,
		.options = options,
		.family = options->family,
		.granted = options->pdp,
		.baud = options->baud,
		.dice = { .state = options->path.seed },
		.power = options->start & START_DEAD ? MODEM_OFF : MODEM_ON,
		.is_silent = options->start & START_SILENT,
	};
	if (parts_new(modem) != 0)
		return -1;
	port_start(modem->ports[0], options->start);
	if (options->chatter_ms)
		arm(modem->chat, options->chatter_ms);
	return plug_ports(modem);
}

void modem_fini(struct modem *modem)
{
	for (uint32_t i = 0; i < modem->n_ports; i++)
		port_free(modem->ports[i]);
	call_free(modem->call);
	radio_fini(modem);
	if (modem->started)
		event_free(modem->started);
	if (modem->chat)
		event_free(modem->chat);
	if (modem->plugged)
		event_free(modem->plugged);
}
