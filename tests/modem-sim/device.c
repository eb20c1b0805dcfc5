/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * +CFUN=1,1 is the reset that every modem knows (u-blox: 15 and 16 as well): it
 * is confirmed first, and then the modem starts afresh. The other functions
 * are the radio's.
 */
#include "tests/modem-sim/device.h"

#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/family.h"
#include "tests/modem-sim/modem.h"
#include "tests/modem-sim/port.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The longest of the basic option, TS 27.007 5.7. */
#define N1_MAX 32768

enum identity {
	IDENTITY_MANUFACTURER,
	IDENTITY_MODEL,
	IDENTITY_REVISION,
	IDENTITY_SERIAL,
};

int device_identify(struct channel *channel, const char *args)
{
	(void)args;
	for (const char *const *line = channel->modem->family->identity; *line; line++)
		channel_say(channel, "%s", *line);
	return END_OK;
}

static int tell_identity(struct channel *channel, const char *args)
{
	const struct family *family = channel->modem->family;
	const char *const texts[] = {
		[IDENTITY_MANUFACTURER] = family->manufacturer,
		[IDENTITY_MODEL] = family->model,
		[IDENTITY_REVISION] = family->revision,
		[IDENTITY_SERIAL] = DEVICE_IMEI,
	};

	(void)args;
	channel_say(channel, "%s", texts[channel->command->number]);
	return END_OK;
}

int device_reset(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "OK");
	modem_reset(channel->modem);
	return END_TOLD;
}

int device_power_off(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "OK");
	modem_power(channel->modem, MODEM_OFF);
	return END_TOLD;
}

static int read_functionality(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "+CFUN: %d", (int)channel->modem->radio.functionality);
	return END_OK;
}

static bool is_reset(const struct modem *modem, const char *args)
{
	return strcmp(args, "1,1") == 0 ||
		(modem->family == &family_ublox &&
			(strcmp(args, "15") == 0 || strcmp(args, "16") == 0));
}

static int set_functionality(struct channel *channel, const char *args)
{
	struct modem *modem = channel->modem;
	int functionality = atoi(args);

	if (is_reset(modem, args))
		return device_reset(channel, args);
	if (functionality != RADIO_MINIMUM && functionality != RADIO_FULL &&
		functionality != RADIO_OFF)
		return CME_NOT_SUPPORTED;
	return radio_set_functionality(modem, (enum radio_functionality)functionality);
}

static int read_errors(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "+CMEE: %d", (int)channel->errors);
	return END_OK;
}

static int set_errors(struct channel *channel, const char *args)
{
	int errors = atoi(args);

	if (errors < ERRORS_PLAIN || errors > ERRORS_VERBOSE)
		return END_ERROR;
	channel->errors = (enum channel_errors)errors;
	return END_OK;
}

static int read_speed(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "+IPR: %u", channel->modem->baud);
	return END_OK;
}

/* The answer still comes at the old speed. */
static int set_speed(struct channel *channel, const char *args)
{
	channel_say(channel, "OK");
	channel->modem->baud = (unsigned int)strtoul(args, NULL, 10);
	return END_TOLD;
}

static int read_multiplexer(struct channel *channel, const char *args)
{
	(void)args;
	if (channel->modem->options->has_no_cmux)
		return END_ERROR;
	channel_say(channel, "+CMUX: 0,0,5,31,10,3,30,10,2");
	return END_OK;
}

/* <mode>[,<subset>[,<speed>[,<N1>[,...]]]], TS 27.007 5.7: basic option, UIH only. */
static int set_multiplexer(struct channel *channel, const char *args)
{
	char mode[8], subset[8], speed[8], n1[8];

	if (channel->modem->options->has_no_cmux || !channel->port)
		return END_ERROR;
	args = command_field(args, mode, sizeof(mode));
	args = command_field(args, subset, sizeof(subset));
	args = command_field(args, speed, sizeof(speed));
	command_field(args, n1, sizeof(n1));
	if (strcmp(mode, "0") != 0 || atoi(subset) != 0 || atoi(n1) < 0 || atoi(n1) > N1_MAX)
		return CME_NOT_SUPPORTED;
	channel_say(channel, "OK");
	port_multiplex(channel->port, (uint16_t)atoi(n1));
	return END_TOLD;
}

const struct command device_commands[] = {
	{ "+CFUN", .read = read_functionality, .set = set_functionality },
	{ "+CGMI", .run = tell_identity, .number = IDENTITY_MANUFACTURER },
	{ "+CGMM", .run = tell_identity, .number = IDENTITY_MODEL },
	{ "+CGMR", .run = tell_identity, .number = IDENTITY_REVISION },
	{ "+CGSN", .run = tell_identity, .number = IDENTITY_SERIAL },
	{ "+CMEE", .read = read_errors, .set = set_errors },
	{ "+CMUX", .read = read_multiplexer, .set = set_multiplexer },
	{ "+CSCS", .set = command_ignore },
	{ "+GMI", .run = tell_identity, .number = IDENTITY_MANUFACTURER },
	{ "+GMM", .run = tell_identity, .number = IDENTITY_MODEL },
	{ "+GMR", .run = tell_identity, .number = IDENTITY_REVISION },
	{ "+GSN", .run = tell_identity, .number = IDENTITY_SERIAL },
	{ "+ICF", .set = command_ignore },
	{ "+IFC", .set = command_ignore },
	{ "+IPR", .read = read_speed, .set = set_speed },
	{ .name = NULL },
};
