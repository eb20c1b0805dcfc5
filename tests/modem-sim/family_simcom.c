/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * SIMCom's SIM7600 and its kin, as the "SIM7500_SIM7600 Series AT Command
 * Manual" describes them. Its +CGAUTH has the password before the user; levels
 * in +CPSI come in tenths, but for SINR.
 */
#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/family.h"
#include "tests/modem-sim/modem.h"

#include <stddef.h>
#include <stdlib.h>

static int tell_tries(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "+SPIC: %d,10,0,10", channel->modem->simcard.tries_left);
	return END_OK;
}

static int tell_iccid(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "+ICCID: " SIMCARD_ICCID);
	return END_OK;
}

static int read_system(struct channel *channel, const char *args)
{
	const struct radio *radio = &channel->modem->radio;

	(void)args;
	if (radio_is_registered(channel->modem))
		channel_say(channel,
			"+CPSI: LTE,Online," RADIO_MCC "-" RADIO_MNC ",0x" RADIO_AREA
			",29611493,131,EUTRAN-BAND3,1300,5,5,%d,%d,%d,%d",
			radio->rsrq * 10, radio->rsrp * 10, radio->rssi * 10, radio->sinr);
	else
		channel_say(channel, "+CPSI: NO SERVICE,Online");
	return END_OK;
}

static int set_auth(struct channel *channel, const char *args)
{
	char cid[8], auth[8], user[CONTEXTS_TEXT_MAX], password[CONTEXTS_TEXT_MAX];

	args = command_field(args, cid, sizeof(cid));
	args = command_field(args, auth, sizeof(auth));
	args = command_field(args, password, sizeof(password));
	command_field(args, user, sizeof(user));
	return contexts_set_auth(channel, atoi(cid), atoi(auth), user, password);
}

static const char *const identity[] = {
	"Manufacturer: SIMCOM INCORPORATED",
	"Model: SIMCOM_SIM7600E",
	"Revision: SIM7600E_V2.0",
	"IMEI: " DEVICE_IMEI,
	"+GCAP: +CGSM",
	NULL,
};
static const char *const greeting[] = { "RDY", "+CPIN: READY", "SMS DONE", "PB DONE", NULL };
static const char *const chatter[] = { "+CTZV: +4,0", "+CNSMOD: 8", NULL };

static const struct command commands[] = {
	{ "+CGAUTH", .set = set_auth },
	{ "+CICCID", .run = tell_iccid },
	{ "+CNMP", .set = command_ignore },
	{ "+CPOF", .run = device_power_off },
	{ "+CPSI", .read = read_system, .set = command_ignore },
	{ "+CRESET", .run = device_reset },
	{ "+SPIC", .run = tell_tries },
	{ .name = NULL },
};

const struct family family_simcom = {
	.name = "simcom",
	.manufacturer = "SIMCOM INCORPORATED",
	.model = "SIMCOM_SIM7600E",
	.revision = "LE11B14SIM7600M22",
	.identity = identity,
	.commands = commands,
	.greeting = greeting,
	.chatter = chatter,
};
