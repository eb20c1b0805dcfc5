/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The network would grant a state of registration, which holds as soon as the
 * SIM is ready. The cell, the operator and the signal are always the same.
 */
#include "tests/modem-sim/radio.h"

#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/command.h"
#include "tests/modem-sim/modem.h"

#include <stddef.h>

enum {
	STAT_OFF = 0,
	STAT_HOME = 1,
	STAT_ROAMING = 5,
};

#define CELL "\"1A2B\",\"01C3D4E5\",7"

void radio_init(struct radio *radio)
{
	radio->stat = STAT_HOME;
}

int radio_stat(const struct modem *modem)
{
	return simcard_is_ready(&modem->simcard) ? modem->radio.stat : STAT_OFF;
}

bool radio_is_registered(const struct modem *modem)
{
	return radio_stat(modem) == STAT_HOME || radio_stat(modem) == STAT_ROAMING;
}

static int read_cs(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "+CREG: 0,%d," CELL, radio_stat(channel->modem));
	return END_OK;
}

static int read_eps(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "+CEREG: 0,%d," CELL, radio_stat(channel->modem));
	return END_OK;
}

static int read_operator(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "+COPS: 0,0,\"Sim Mobile\",7");
	return END_OK;
}

static int tell_csq(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "+CSQ: 20,99");
	return END_OK;
}

static int tell_cesq(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "+CESQ: 99,99,255,255,20,50");
	return END_OK;
}

const struct command radio_commands[] = {
	{ "+CEREG", .read = read_eps },
	{ "+CESQ", .run = tell_cesq },
	{ "+COPS", .read = read_operator, .set = command_ignore },
	{ "+CREG", .read = read_cs },
	{ "+CSQ", .run = tell_csq },
	{ NULL },
};
