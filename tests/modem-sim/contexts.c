/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * +CGDCONT stores a definition and asks nobody. The network is asked when a
 * context is activated, by +CGACT or a call: it knows the APN or not, and
 * grants IPv4, IPv6 or both. Asked for both where it has one, it grants that
 * one, as most networks do, or refuses (--strict-pdp); asked for what it does
 * not have it refuses with cause 50 or 51 (TS 24.008 10.5.6.6). The modem knows
 * only that the context was refused; +CEER tells the cause in words.
 */
#include "tests/modem-sim/contexts.h"

#include "tests/modem-sim/call.h"
#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/modem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum sm_cause {
	CAUSE_UNKNOWN_APN = 27,
	CAUSE_UNKNOWN_TYPE = 28,
	CAUSE_NOT_SUPPORTED = 32,
	CAUSE_IP4_ONLY = 50,
	CAUSE_IP6_ONLY = 51,
};

static const struct {
	const char *name;
	unsigned int pdp;
} types[] = {
	{ "IP", PDP_IP4 },
	{ "IPV6", PDP_IP6 },
	{ "IPV4V6", PDP_IP4 | PDP_IP6 },
};

void contexts_init(struct contexts *contexts)
{
	*contexts = (struct contexts){ .is_attached = true };
	contexts->list[0].pdp = PDP_IP4;
}

struct context *contexts_find(struct contexts *contexts, int cid)
{
	return cid >= 1 && cid <= CONTEXTS_MAX ? &contexts->list[cid - 1] : NULL;
}

unsigned int contexts_parse_pdp(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcasecmp(types[i].name, name) == 0)
			return types[i].pdp;
	}
	return 0;
}

static const char *pdp_name(unsigned int pdp)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].pdp == pdp)
			return types[i].name;
	}
	return "";
}

/* ---- the network ---------------------------------------------------------------- */

static int ask_network(const struct modem *modem, const struct context *context,
	unsigned int *granted)
{
	const struct options *options = modem->options;

	*granted = context->pdp & modem->granted;
	if (options->apn && strcasecmp(options->apn, context->apn) != 0)
		return CAUSE_UNKNOWN_APN;
	if (*granted == 0 || (options->is_pdp_strict && *granted != context->pdp))
		return modem->granted == PDP_IP6 ? CAUSE_IP6_ONLY : CAUSE_IP4_ONLY;
	return 0;
}

static void report(struct modem *modem, const char *what, int cid)
{
	char line[48];

	if (!modem->contexts.is_reporting)
		return;
	snprintf(line, sizeof(line), "+CGEV: %s %d", what, cid);
	modem_announce(modem, line);
}

int contexts_activate(struct modem *modem, int cid)
{
	struct contexts *contexts = &modem->contexts;
	struct context *context = contexts_find(contexts, cid);
	unsigned int granted;

	if (!context || context->pdp == 0)
		contexts->cause = CAUSE_UNKNOWN_TYPE;
	else if (!contexts->is_attached || !radio_is_registered(modem))
		contexts->cause = CAUSE_NOT_SUPPORTED;
	else
		contexts->cause = ask_network(modem, context, &granted);
	if (contexts->cause)
		return contexts->cause;
	if (!context->active)
		report(modem, "ME PDN ACT", cid);
	context->active = granted;
	return 0;
}

void contexts_deactivate(struct modem *modem, const char *why)
{
	for (int cid = 1; cid <= CONTEXTS_MAX; cid++) {
		struct context *context = contexts_find(&modem->contexts, cid);

		if (context->active)
			report(modem, why, cid);
		context->active = 0;
	}
}

/* ---- definitions ---------------------------------------------------------------- */

static int read_definitions(struct channel *channel, const char *args)
{
	struct contexts *contexts = &channel->modem->contexts;

	(void)args;
	for (int cid = 1; cid <= CONTEXTS_MAX; cid++) {
		const struct context *context = contexts_find(contexts, cid);

		if (context->pdp)
			channel_say(channel, "+CGDCONT: %d,\"%s\",\"%s\",\"0.0.0.0\",0,0", cid,
				pdp_name(context->pdp), context->apn);
	}
	return END_OK;
}

static int set_definition(struct channel *channel, const char *args)
{
	char cid[8], type[16];
	struct context *context;
	unsigned int pdp;

	args = command_field(args, cid, sizeof(cid));
	context = contexts_find(&channel->modem->contexts, atoi(cid));
	if (!context)
		return CME_INVALID;
	if (!*args) {
		*context = (struct context){ 0 };
		return END_OK;
	}
	args = command_field(args, type, sizeof(type));
	pdp = contexts_parse_pdp(type);
	if (!pdp)
		return CME_INVALID;
	context->pdp = pdp;
	command_field(args, context->apn, sizeof(context->apn));
	return END_OK;
}

int contexts_set_auth(struct channel *channel, int cid, int auth, const char *user,
	const char *password)
{
	struct context *context = contexts_find(&channel->modem->contexts, cid);

	if (!context || auth < 0 || auth > 3)
		return CME_INVALID;
	context->auth = auth;
	snprintf(context->user, sizeof(context->user), "%s", user);
	snprintf(context->password, sizeof(context->password), "%s", password);
	return END_OK;
}

int contexts_set_cgauth(struct channel *channel, const char *args)
{
	char cid[8], auth[8], user[CONTEXTS_TEXT_MAX], password[CONTEXTS_TEXT_MAX];

	args = command_field(args, cid, sizeof(cid));
	args = command_field(args, auth, sizeof(auth));
	args = command_field(args, user, sizeof(user));
	command_field(args, password, sizeof(password));
	return contexts_set_auth(channel, atoi(cid), atoi(auth), user, password);
}

/* ---- activation ----------------------------------------------------------------- */

static int read_active(struct channel *channel, const char *args)
{
	struct contexts *contexts = &channel->modem->contexts;

	(void)args;
	for (int cid = 1; cid <= CONTEXTS_MAX; cid++) {
		const struct context *context = contexts_find(contexts, cid);

		if (context->pdp)
			channel_say(channel, "+CGACT: %d,%d", cid, context->active != 0);
	}
	return END_OK;
}

static int set_active(struct channel *channel, const char *args)
{
	char state[8], cid[8];

	args = command_field(args, state, sizeof(state));
	command_field(args, cid, sizeof(cid));
	if (strcmp(state, "1") == 0) {
		int cause = contexts_activate(channel->modem, cid[0] ? atoi(cid) : 1);

		return cause ? CME_GPRS : END_OK;
	}
	modem_lose_carrier(channel->modem);
	contexts_deactivate(channel->modem, "ME PDN DEACT");
	return END_OK;
}

static int read_attached(struct channel *channel, const char *args)
{
	const struct modem *modem = channel->modem;

	(void)args;
	channel_say(channel, "+CGATT: %d",
		modem->contexts.is_attached && radio_is_registered(modem));
	return END_OK;
}

static int set_attached(struct channel *channel, const char *args)
{
	struct modem *modem = channel->modem;

	modem->contexts.is_attached = args[0] == '1';
	if (modem->contexts.is_attached)
		return END_OK;
	modem_lose_carrier(modem);
	contexts_deactivate(modem, "ME DETACH");
	return END_OK;
}

static int tell_addresses(struct channel *channel, const char *args)
{
	struct contexts *contexts = &channel->modem->contexts;
	int only = atoi(args);

	for (int cid = 1; cid <= CONTEXTS_MAX; cid++) {
		const struct context *context = contexts_find(contexts, cid);
		struct in_addr address = { 0 };

		if ((only && cid != only) || !context->pdp)
			continue;
		if (context->active & PDP_IP4)
			address = call_address(channel->modem->call);
		channel_say(channel, "+CGPADDR: %d,\"%s\"", cid, inet_ntoa(address));
	}
	return END_OK;
}

static int set_reporting(struct channel *channel, const char *args)
{
	channel->modem->contexts.is_reporting = args[0] >= '1';
	return END_OK;
}

/* Nothing but OK if there was no refusal with a cause. */
static int tell_cause(struct channel *channel, const char *args)
{
	static const struct {
		int cause;
		const char *text;
	} texts[] = {
		{ CAUSE_UNKNOWN_APN, "Missing or unknown APN" },
		{ CAUSE_UNKNOWN_TYPE, "Unknown PDP address or PDP type" },
		{ CAUSE_NOT_SUPPORTED, "Service option not supported" },
		{ CAUSE_IP4_ONLY, "PDP type IPv4 only allowed" },
		{ CAUSE_IP6_ONLY, "PDP type IPv6 only allowed" },
	};

	(void)args;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].cause == channel->modem->contexts.cause)
			channel_say(channel, "+CEER: %s", texts[i].text);
	}
	return END_OK;
}

const struct command context_commands[] = {
	{ "+CEER", .run = tell_cause },
	{ "+CGACT", .read = read_active, .set = set_active },
	{ "+CGATT", .read = read_attached, .set = set_attached },
	{ "+CGDATA", .set = call_dial_data },
	{ "+CGDCONT", .read = read_definitions, .set = set_definition },
	{ "+CGEREP", .set = set_reporting },
	{ "+CGPADDR", .run = tell_addresses, .set = tell_addresses },
	{ .name = NULL },
};
