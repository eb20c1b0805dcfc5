/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Quectel's EC25 and its kin, as the "EC2x&EG9x AT Commands Manual" describes
 * them. SINR in +QCSQ comes in fifths of a dB from -20 dB up.
 */
#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/family.h"
#include "tests/modem-sim/modem.h"

#include <stdlib.h>
#include <string.h>

static int set_tries(struct channel *channel, const char *args)
{
	char facility[8];

	command_field(args, facility, sizeof(facility));
	if (strcmp(facility, "SC") == 0)
		channel_say(channel, "+QPINC: \"SC\",%d,10", channel->modem->simcard.tries_left);
	else if (strcmp(facility, "P2") == 0)
		channel_say(channel, "+QPINC: \"P2\",3,10");
	else
		return CME_INVALID;
	return END_OK;
}

static int read_tries(struct channel *channel, const char *args)
{
	(void)args;
	set_tries(channel, "\"SC\"");
	return set_tries(channel, "\"P2\"");
}

static int tell_signal(struct channel *channel, const char *args)
{
	const struct radio *radio = &channel->modem->radio;

	(void)args;
	if (radio_is_registered(channel->modem))
		channel_say(channel, "+QCSQ: \"LTE\",%d,%d,%d,%d", radio->rssi, radio->rsrp,
			(radio->sinr + 20) * 5, radio->rsrq);
	else
		channel_say(channel, "+QCSQ: \"NOSERVICE\"");
	return END_OK;
}

static int tell_network(struct channel *channel, const char *args)
{
	(void)args;
	if (radio_is_registered(channel->modem))
		channel_say(channel,
			"+QNWINFO: \"FDD LTE\",\"" RADIO_MCC RADIO_MNC "\",\"LTE BAND 3\",1300");
	else
		channel_say(channel, "+QNWINFO: No Service");
	return END_OK;
}

/* <cid>[,<type>,<apn>[,<user>,<password>[,<auth>]]]; the type is 1, 2 or 3. */
static int set_profile(struct channel *channel, const char *args)
{
	static const char *const types[] = { NULL, "IP", "IPV6", "IPV4V6" };
	char cid[8], type[8], auth[8], user[CONTEXTS_TEXT_MAX], password[CONTEXTS_TEXT_MAX];
	struct context *context;

	args = command_field(args, cid, sizeof(cid));
	context = contexts_find(&channel->modem->contexts, atoi(cid));
	if (!context)
		return END_ERROR;
	if (!*args) {
		channel_say(channel, "+QICSGP: %u,\"%s\",\"%s\",\"%s\",%d", context->pdp,
			context->apn, context->user, context->password, context->auth);
		return END_OK;
	}
	args = command_field(args, type, sizeof(type));
	if (atoi(type) < 1 || atoi(type) > 3)
		return END_ERROR;
	context->pdp = contexts_parse_pdp(types[atoi(type)]);
	args = command_field(args, context->apn, sizeof(context->apn));
	args = command_field(args, user, sizeof(user));
	args = command_field(args, password, sizeof(password));
	command_field(args, auth, sizeof(auth));
	return contexts_set_auth(channel, atoi(cid), atoi(auth), user, password);
}

static int power_off(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "OK");
	channel_say(channel, "POWERED DOWN");
	modem_power(channel->modem, MODEM_OFF);
	return END_TOLD;
}

static const char *const identity[] = { "Quectel", "EC25", "Revision: EC25EFAR06A11M4G", NULL };
static const char *const greeting[] = {
	"RDY",
	"+CFUN: 1",
	"+CPIN: READY",
	"+QUSIM: 1",
	"+QIND: SMS DONE",
	"+QIND: PB DONE",
	NULL,
};
static const char *const chatter[] = {
	"+QIND: \"csq\",20,99",
	"+QIND: \"act\",\"LTE\"",
	"+CTZV: +04",
	NULL,
};

static const struct command commands[] = {
	{ "+QCCID", .run = simcard_tell_iccid },
	{ "+QCFG", .set = command_ignore },
	{ "+QCSQ", .run = tell_signal },
	{ "+QICSGP", .set = set_profile },
	{ "+QINDCFG", .set = command_ignore },
	{ "+QNWINFO", .run = tell_network },
	{ "+QPINC", .read = read_tries, .set = set_tries },
	{ "+QPOWD", .run = power_off, .set = power_off },
	{ "+QURCCFG", .set = command_ignore },
	{ .name = NULL },
};

const struct family family_quectel = {
	.name = "quectel",
	.manufacturer = "Quectel",
	.model = "EC25",
	.revision = "EC25EFAR06A11M4G",
	.identity = identity,
	.commands = commands,
	.greeting = greeting,
	.chatter = chatter,
};
