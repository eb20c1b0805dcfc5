/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Telit's LE910 and its kin, as the "LE9x0 AT Commands Reference Guide"
 * describes them. It comes up without a word unless asked for (#QSS).
 */
#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/family.h"
#include "tests/modem-sim/modem.h"

#include <stddef.h>
#include <stdlib.h>

static int tell_tries(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "#PCT: %d", channel->modem->simcard.tries_left);
	return END_OK;
}

static int tell_radio(struct channel *channel, const char *args)
{
	const struct radio *radio = &channel->modem->radio;

	(void)args;
	if (radio_is_registered(channel->modem))
		channel_say(channel,
			"#RFSTS: \"" RADIO_MCC " " RADIO_MNC "\",1300,%d,%d,%d," RADIO_AREA
			",255,,128,3,1," RADIO_CELL ",\"" SIMCARD_IMSI "\",\"Sim Mobile\",3,3",
			radio->rsrp, radio->rssi, radio->rsrq);
	else
		channel_say(channel, "#RFSTS: ,,,,,,,,,,,,,\"\",,");
	return END_OK;
}

/* Of the context that is called, which is the first. */
static int set_call_auth(struct channel *channel, const char *args)
{
	struct context *context = contexts_find(&channel->modem->contexts, 1);

	context->auth = atoi(args);
	return context->auth >= 0 && context->auth <= 3 ? END_OK : CME_INVALID;
}

static int read_sim_status(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "#QSS: 0,%d", channel->modem->simcard.state != SIMCARD_MISSING);
	return END_OK;
}

static const char *const identity[] = { "332", NULL };
static const char *const greeting[] = { NULL };
static const char *const chatter[] = { "#QSS: 1", "+CIEV: 2,4", NULL };

static const struct command commands[] = {
	{ "#CCID", .run = simcard_tell_iccid },
	{ "#PCT", .run = tell_tries },
	{ "#PDPAUTH", .set = contexts_set_cgauth },
	{ "#QSS", .read = read_sim_status, .set = command_ignore },
	{ "#REBOOT", .run = device_reset },
	{ "#RFSTS", .run = tell_radio },
	{ "#SGACTAUTH", .set = set_call_auth },
	{ "#SHDN", .run = device_power_off },
	{ .name = NULL },
};

const struct family family_telit = {
	.name = "telit",
	.manufacturer = "Telit",
	.model = "LE910-EUG",
	.revision = "17.00.572",
	.identity = identity,
	.commands = commands,
	.greeting = greeting,
	.chatter = chatter,
};
