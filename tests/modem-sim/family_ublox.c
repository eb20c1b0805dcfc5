/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * u-blox' SARA-R5 and its kin, as the "u-blox AT commands manual" describes
 * them. +UCGED in mode 2 gives the serving cell in a line of its own, with
 * RSRP and RSRQ as indices of TS 36.133.
 */
#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/family.h"
#include "tests/modem-sim/modem.h"

#include <stddef.h>
#include <stdlib.h>

static int tell_tries(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "+UPINCNT: %d,3,10,10", channel->modem->simcard.tries_left);
	return END_OK;
}

static int read_cell(struct channel *channel, const char *args)
{
	const struct radio *radio = &channel->modem->radio;

	(void)args;
	channel_say(channel, "+UCGED: 2");
	if (!radio_is_registered(channel->modem)) {
		channel_write(channel, "6,0,fff,fff\r\n", 13);
		return END_OK;
	}
	channel_write(channel, "6,4," RADIO_MCC "," RADIO_MNC "\r\n", 12);
	channel_print(channel,
		"1300,3,25,50,1a2b,1c3d4e5,131,00000000,0000,00,%d,%d,%d.00,2,1,10,%d,"
		"255,255,128,255,255\r\n",
		radio_rsrp_index(radio), radio_rsrq_index(radio), radio->sinr,
		radio_rsrp_index(radio));
	return END_OK;
}

static const char *const identity[] = { "SARA-R510S-00B-00", NULL };
static const char *const greeting[] = { NULL };
static const char *const chatter[] = { "+CIEV: 2,4", "+UUPSDD: 0", NULL };

static const struct command commands[] = {
	{ "+CCID", .run = simcard_tell_iccid, .read = simcard_tell_iccid },
	{ "+CPWROFF", .run = device_power_off },
	{ "+UAUTHREQ", .set = contexts_set_cgauth },
	{ "+UCGED", .read = read_cell, .set = command_ignore },
	{ "+UPINCNT", .run = tell_tries },
	{ .name = NULL },
};

const struct family family_ublox = {
	.name = "ublox",
	.manufacturer = "u-blox",
	.model = "SARA-R510S",
	.revision = "02.06",
	.identity = identity,
	.commands = commands,
	.greeting = greeting,
	.chatter = chatter,
};
