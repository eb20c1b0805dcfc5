/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A SIM with a PIN is locked until the PIN is given; each wrong one costs a
 * try, the right one gives all of them back, and without any left only the
 * PUK would help, which this SIM does not take.
 */
#include "tests/modem-sim/simcard.h"

#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/command.h"
#include "tests/modem-sim/modem.h"

#include <stddef.h>
#include <string.h>

#define TRIES_FULL 3
#define PIN_MAX	   9

void simcard_init(struct simcard *simcard, const struct options *options)
{
	*simcard = (struct simcard){
		.is_missing = options->has_no_sim,
		.pin = options->pin,
		.tries_left = options->tries,
	};
}

void simcard_restart(struct simcard *simcard)
{
	simcard->is_unlocked = false;
}

static bool is_locked(const struct simcard *simcard)
{
	return simcard->pin && !simcard->is_unlocked;
}

bool simcard_is_ready(const struct simcard *simcard)
{
	return !simcard->is_missing && !is_locked(simcard);
}

static int read_pin(struct channel *channel, const char *args)
{
	const struct simcard *simcard = &channel->modem->simcard;

	(void)args;
	if (simcard->is_missing)
		return CME_NO_SIM;
	if (!is_locked(simcard))
		channel_say(channel, "+CPIN: READY");
	else
		channel_say(channel, "+CPIN: SIM %s", simcard->tries_left > 0 ? "PIN" : "PUK");
	return END_OK;
}

static int set_pin(struct channel *channel, const char *args)
{
	struct simcard *simcard = &channel->modem->simcard;
	char pin[PIN_MAX];

	if (simcard->is_missing)
		return CME_NO_SIM;
	if (!is_locked(simcard) || simcard->tries_left == 0)
		return CME_NOT_ALLOWED;
	command_field(args, pin, sizeof(pin));
	if (strcmp(pin, simcard->pin) != 0) {
		simcard->tries_left--;
		return CME_WRONG_PASSWORD;
	}
	simcard->is_unlocked = true;
	simcard->tries_left = TRIES_FULL;
	return END_OK;
}

static int tell_tries(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "+CPINR: SIM PIN,%d,%d", channel->modem->simcard.tries_left,
		TRIES_FULL);
	return END_OK;
}

const struct command simcard_commands[] = {
	{ "+CPIN", .read = read_pin, .set = set_pin },
	{ "+CPINR", .run = tell_tries, .set = tell_tries },
	{ NULL },
};
