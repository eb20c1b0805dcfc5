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
#include "tests/modem-sim/modem.h"

#include <stddef.h>
#include <string.h>

#define TRIES_FULL 3
#define PIN_MAX	   9

void simcard_init(struct simcard *simcard, const struct options *options)
{
	*simcard = (struct simcard){
		.state = options->has_no_sim ? SIMCARD_MISSING : SIMCARD_READY,
		.pin = options->pin,
		.tries_left = (int)options->tries,
	};
	simcard_restart(simcard);
}

void simcard_restart(struct simcard *simcard)
{
	if (simcard->pin && simcard->state == SIMCARD_READY)
		simcard->state = SIMCARD_LOCKED;
}

bool simcard_is_ready(const struct simcard *simcard)
{
	return simcard->state == SIMCARD_READY;
}

const char *simcard_line(const struct simcard *simcard)
{
	switch (simcard->state) {
	case SIMCARD_READY:
		return "+CPIN: READY";
	case SIMCARD_LOCKED:
		return simcard->tries_left > 0 ? "+CPIN: SIM PIN" : "+CPIN: SIM PUK";
	case SIMCARD_MISSING:
		return "+CPIN: NOT INSERTED";
	default:
		return "+CPIN: NOT READY";
	}
}

/* What a command that needs the SIM ends with; END_OK when it is there. */
static int check(const struct simcard *simcard)
{
	switch (simcard->state) {
	case SIMCARD_MISSING:
		return CME_NO_SIM;
	case SIMCARD_BUSY:
		return CME_SIM_BUSY;
	case SIMCARD_BROKEN:
		return CME_SIM_FAILURE;
	default:
		return END_OK;
	}
}

static int read_pin(struct channel *channel, const char *args)
{
	const struct simcard *simcard = &channel->modem->simcard;
	int end = check(simcard);

	(void)args;
	if (end == END_OK)
		channel_say(channel, "%s", simcard_line(simcard));
	return end;
}

static int set_pin(struct channel *channel, const char *args)
{
	struct simcard *simcard = &channel->modem->simcard;
	char pin[PIN_MAX];
	int end = check(simcard);

	if (end != END_OK)
		return end;
	if (simcard->state != SIMCARD_LOCKED || !simcard->pin)
		return CME_NOT_ALLOWED;
	if (simcard->tries_left == 0)
		return CME_PUK_REQUIRED;
	command_field(args, pin, sizeof(pin));
	if (strcmp(pin, simcard->pin) != 0) {
		simcard->tries_left--;
		return CME_WRONG_PASSWORD;
	}
	simcard->state = SIMCARD_READY;
	simcard->tries_left = TRIES_FULL;
	radio_update(channel->modem);
	return END_OK;
}

int simcard_tell_tries(struct channel *channel, const char *args)
{
	(void)args;
	channel_say(channel, "+CPINR: SIM PIN,%d,%d", channel->modem->simcard.tries_left,
		TRIES_FULL);
	return END_OK;
}

int simcard_tell_iccid(struct channel *channel, const char *args)
{
	int end = check(&channel->modem->simcard);

	(void)args;
	if (end == END_OK)
		channel_say(channel, "%s: " SIMCARD_ICCID, channel->command->name);
	return end;
}

static int tell_imsi(struct channel *channel, const char *args)
{
	const struct simcard *simcard = &channel->modem->simcard;
	int end = check(simcard);

	(void)args;
	if (end == END_OK && simcard->state == SIMCARD_LOCKED)
		end = CME_PIN_REQUIRED;
	if (end == END_OK)
		channel_say(channel, SIMCARD_IMSI);
	return end;
}

const struct command simcard_commands[] = {
	{ "+CIMI", .run = tell_imsi },
	{ "+CPIN", .read = read_pin, .set = set_pin },
	{ .name = NULL },
};
