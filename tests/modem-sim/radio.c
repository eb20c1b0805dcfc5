/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The network would grant a state of registration. It holds when the radio is
 * on, the SIM is ready and the search has ended; whoever asked for it
 * (AT+CREG=1 and its relatives) is told of changes.
 */
#include "tests/modem-sim/radio.h"

#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/modem.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TECHNOLOGY_LTE 7
#define TECHNOLOGY_NR  11
#define FORMAT_NUMERIC 2

enum domain {
	DOMAIN_CS,
	DOMAIN_PS,
	DOMAIN_EPS,
	DOMAIN_5GS,
};

static const char *const domains[RADIO_DOMAINS] = {
	[DOMAIN_CS] = "+CREG",
	[DOMAIN_PS] = "+CGREG",
	[DOMAIN_EPS] = "+CEREG",
	[DOMAIN_5GS] = "+C5GREG",
};

/* ---- registration ---------------------------------------------------------------- */

int radio_stat(const struct modem *modem)
{
	const struct radio *radio = &modem->radio;

	if (radio->functionality != RADIO_FULL || radio->is_off_network ||
		!simcard_is_ready(&modem->simcard))
		return STAT_NOT_REGISTERED;
	return radio->is_searching ? STAT_SEARCHING : radio->grant;
}

bool radio_is_registered(const struct modem *modem)
{
	return radio_stat(modem) == STAT_HOME || radio_stat(modem) == STAT_ROAMING;
}

static void put_place(const struct modem *modem, int reporting, char *text, size_t size)
{
	text[0] = '\0';
	if (reporting == 2 && radio_is_registered(modem))
		snprintf(text, size, ",\"" RADIO_AREA "\",\"" RADIO_CELL "\",%d",
			modem->radio.technology);
}

void radio_update(struct modem *modem)
{
	struct radio *radio = &modem->radio;
	char place[48], line[80];

	for (int i = 0; i < RADIO_DOMAINS; i++) {
		int stat = radio_stat(modem);

		if (radio->reporting[i] == 0 || radio->told[i] == stat)
			continue;
		radio->told[i] = stat;
		put_place(modem, radio->reporting[i], place, sizeof(place));
		snprintf(line, sizeof(line), "%s: %d%s", domains[i], stat, place);
		modem_announce(modem, line);
	}
}

static void on_found(evutil_socket_t fd, short what, void *arg)
{
	struct modem *modem = arg;

	(void)fd;
	(void)what;
	modem->radio.is_searching = false;
	radio_update(modem);
}

static void search(struct modem *modem)
{
	uint32_t ms = modem->options->register_ms;
	struct timeval t = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};

	modem->radio.is_searching = ms > 0;
	if (ms > 0)
		event_add(modem->radio.found, &t);
	radio_update(modem);
}

int radio_set_functionality(struct modem *modem, enum radio_functionality functionality)
{
	bool was_on = modem->radio.functionality == RADIO_FULL;

	modem->radio.functionality = functionality;
	if (functionality != RADIO_FULL) {
		modem_lose_carrier(modem);
		contexts_deactivate(modem, "ME PDN DEACT");
		radio_update(modem);
	} else if (!was_on) {
		search(modem);
	}
	return END_OK;
}

/* ---- commands -------------------------------------------------------------------- */

static int read_domain(struct channel *channel, const char *args)
{
	int domain = channel->command->number;
	const struct modem *modem = channel->modem;
	int reporting = modem->radio.reporting[domain];
	char place[48];

	(void)args;
	if (domain == DOMAIN_5GS && modem->radio.technology < TECHNOLOGY_NR)
		return END_ERROR;
	put_place(modem, reporting, place, sizeof(place));
	channel_say(channel, "%s: %d,%d%s", domains[domain], reporting, radio_stat(modem), place);
	return END_OK;
}

static int set_domain(struct channel *channel, const char *args)
{
	int domain = channel->command->number;
	struct radio *radio = &channel->modem->radio;
	int reporting = atoi(args);

	if (reporting < 0 || reporting > 2 ||
		(domain == DOMAIN_5GS && radio->technology < TECHNOLOGY_NR))
		return END_ERROR;
	radio->reporting[domain] = reporting;
	radio->told[domain] = radio_stat(channel->modem);
	return END_OK;
}

static int read_operator(struct channel *channel, const char *args)
{
	const struct radio *radio = &channel->modem->radio;

	(void)args;
	if (!radio_is_registered(channel->modem))
		channel_say(channel, "+COPS: %d", radio->is_off_network ? 2 : 0);
	else
		channel_say(channel, "+COPS: 0,%d,\"%s\",%d", radio->format,
			radio->format == FORMAT_NUMERIC ? RADIO_MCC RADIO_MNC : "Sim Mobile",
			radio->technology);
	return END_OK;
}

static int set_operator(struct channel *channel, const char *args)
{
	struct modem *modem = channel->modem;
	char mode[8], format[8];

	args = command_field(args, mode, sizeof(mode));
	command_field(args, format, sizeof(format));
	switch (atoi(mode)) {
	case 0:
		modem->radio.is_off_network = false;
		search(modem);
		return END_OK;
	case 2:
		modem->radio.is_off_network = true;
		modem_lose_carrier(modem);
		radio_update(modem);
		return END_OK;
	case 3:
		modem->radio.format = atoi(format);
		return END_OK;
	default:
		return CME_NOT_SUPPORTED;
	}
}

/* ---- signal ---------------------------------------------------------------------- */

int radio_rsrp_index(const struct radio *radio)
{
	return radio->rsrp + 141;
}

int radio_rsrq_index(const struct radio *radio)
{
	return radio->rsrq * 2 + 40;
}

static int tell_csq(struct channel *channel, const char *args)
{
	const struct radio *radio = &channel->modem->radio;

	(void)args;
	if (radio_is_registered(channel->modem))
		channel_say(channel, "+CSQ: %d,99", (radio->rssi + 113) / 2);
	else
		channel_say(channel, "+CSQ: 99,99");
	return END_OK;
}

static int tell_cesq(struct channel *channel, const char *args)
{
	const struct radio *radio = &channel->modem->radio;

	(void)args;
	if (radio_is_registered(channel->modem))
		channel_say(channel, "+CESQ: 99,99,255,255,%d,%d", radio_rsrq_index(radio),
			radio_rsrp_index(radio));
	else
		channel_say(channel, "+CESQ: 99,99,255,255,255,255");
	return END_OK;
}

const struct command radio_commands[] = {
	{ "+C5GREG", .read = read_domain, .set = set_domain, .number = DOMAIN_5GS },
	{ "+CEREG", .read = read_domain, .set = set_domain, .number = DOMAIN_EPS },
	{ "+CESQ", .run = tell_cesq },
	{ "+CGREG", .read = read_domain, .set = set_domain, .number = DOMAIN_PS },
	{ "+COPS", .read = read_operator, .set = set_operator },
	{ "+CREG", .read = read_domain, .set = set_domain, .number = DOMAIN_CS },
	{ "+CSQ", .run = tell_csq },
	{ .name = NULL },
};

/* ---- life ------------------------------------------------------------------------ */

int radio_init(struct modem *modem)
{
	modem->radio = (struct radio){
		.functionality = RADIO_FULL,
		.grant = STAT_HOME,
		.technology = TECHNOLOGY_LTE,
		.rssi = -73,
		.rsrp = -91,
		.rsrq = -10,
		.sinr = 13,
		.found = evtimer_new(modem->base, on_found, modem),
	};
	return modem->radio.found ? 0 : -1;
}

void radio_fini(struct modem *modem)
{
	if (modem->radio.found)
		event_free(modem->radio.found);
}

void radio_restart(struct modem *modem)
{
	struct radio *radio = &modem->radio;

	radio->functionality = RADIO_FULL;
	radio->is_off_network = false;
	radio->format = 0;
	memset(radio->reporting, 0, sizeof(radio->reporting));
	search(modem);
}
