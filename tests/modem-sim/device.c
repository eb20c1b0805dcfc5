/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * +CFUN=1,1 is the reset that every modem knows: it is confirmed first, and
 * then the modem starts afresh.
 */
#include "tests/modem-sim/device.h"

#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/command.h"
#include "tests/modem-sim/modem.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int set_functionality(struct channel *channel, const char *args)
{
	if (strcmp(args, "1,1") != 0)
		return CME_NOT_SUPPORTED;
	channel_say(channel, "OK");
	modem_reset(channel->modem);
	return END_TOLD;
}

static int set_errors(struct channel *channel, const char *args)
{
	int errors = atoi(args);

	if (errors < ERRORS_PLAIN || errors > ERRORS_VERBOSE)
		return END_ERROR;
	channel->errors = (enum channel_errors)errors;
	return END_OK;
}

const struct command device_commands[] = {
	{ "+CFUN", .set = set_functionality },
	{ "+CMEE", .set = set_errors },
	{ "+CGDCONT", .set = command_ignore },
	{ NULL },
};
