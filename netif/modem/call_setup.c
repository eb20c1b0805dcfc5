/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Who the modem is decides the family, unless the configuration does; what it
 * is called and numbered goes to the daemon. The user's init commands come
 * before anything else of ours, a refused one is told and passed over.
 *
 * The lower steps of the ladder are taken here: the PDP context off (dialing
 * puts it on again), the radio off and on. The radio is put on in any case if
 * somebody has left it off.
 */
#include "netif/modem/call_private.h"

#include "netif/modem/fields.h"

#include <stdio.h>
#include <string.h>

/* A modem needs a moment between its radio's off and on. */
#define RADIO_OFF_MS	   2000
#define FULL_FUNCTIONALITY 1

/* The answer's first line, without the command's own prefix if it has one. */
static const char *first_text(const struct at_result *result)
{
	const char *line = result->lines, *colon;

	if (result->status != AT_OK || result->n_lines == 0)
		return "";
	colon = strstr(line, ": ");
	if (line[0] == '+' && colon)
		line = colon + 2;
	return line;
}

static void copy_text(char *out, size_t size, const char *text)
{
	size_t n = 0;

	while (*text == '"' || *text == ' ')
		text++;
	while (text[n] && text[n] != '"' && n < size - 1)
		n++;
	memcpy(out, text, n);
	out[n] = '\0';
}

void call_on_identity(struct call *call, const struct at_result *result)
{
	ush_HelperIdentity *id = &call->identity;
	const char *text = first_text(result);

	switch (call->state) {
	case CALL_MANUFACTURER:
		copy_text(id->manufacturer, sizeof(id->manufacturer), text);
		if (!call->config.modem.family[0])
			call->family = family_of(text);
		break;
	case CALL_MODEL:
		copy_text(id->model, sizeof(id->model), text);
		break;
	case CALL_FIRMWARE:
		copy_text(id->firmware, sizeof(id->firmware), text);
		break;
	default:
		copy_text(id->imei, sizeof(id->imei), text);
		call_tell_identity(call);
		call_say(call, LOG_LEVEL_INFO, "%s %s, firmware %s, commands of the family %s",
			id->manufacturer, id->model, id->firmware, call->family->name);
		break;
	}
	call_enter(call, call->state + 1);
}

void call_enter_init(struct call *call)
{
	if (call->n_inits < call->config.n_inits)
		call_command(call, call->config.inits[call->n_inits++].command, NULL, 10000);
	else
		call_enter(call, CALL_MUX);
}

void call_on_init(struct call *call, const struct at_result *result)
{
	if (result->status != AT_OK)
		call_say(call, LOG_LEVEL_WARNING, "init command %u: %s", call->n_inits,
			result->text[0] ? result->text : at_status_name(result->status));
	call_enter(call, CALL_INIT);
}

void call_enter_pdp_off(struct call *call)
{
	char command[32];

	if (call->config.modem.step != TABLE_STEP_PDP) {
		call_enter(call, CALL_RADIO_OFF);
		return;
	}
	call_say(call, LOG_LEVEL_NOTICE, "the PDP context is deactivated");
	snprintf(command, sizeof(command), "AT+CGACT=0,%d", CALL_CID);
	call_command(call, command, "", 40000);
}

void call_enter_radio_off(struct call *call)
{
	if (call->config.modem.step != TABLE_STEP_RADIO) {
		call_enter(call, CALL_FUNCTIONALITY);
		return;
	}
	call_say(call, LOG_LEVEL_NOTICE, "the radio is switched off and on");
	call_command(call, "AT+CFUN=4", "", 15000);
}

void call_on_radio_off(struct call *call, const struct at_result *result)
{
	(void)result;
	call_pause(call, CALL_FUNCTIONALITY, RADIO_OFF_MS);
}

void call_on_functionality(struct call *call, const struct at_result *result)
{
	const char *line = at_find_line(result, "+CFUN:");
	struct fields f;
	long level;

	if (!line || !fields_parse(&f, line, "+CFUN:") || !fields_number(&f, 0, &level)) {
		call_enter(call, CALL_SIM);
		return;
	}
	call->identity.functionality = (int32_t)level;
	call_enter(call, level == FULL_FUNCTIONALITY ? CALL_SIM : CALL_RADIO_ON);
}

void call_on_radio_on(struct call *call, const struct at_result *result)
{
	if (result->status == AT_OK)
		call->identity.functionality = FULL_FUNCTIONALITY;
	else
		call_say(call, LOG_LEVEL_WARNING, "the radio is not switched on: %s",
			result->text[0] ? result->text : at_status_name(result->status));
	call_pause(call, CALL_SIM, CALL_POLL_MS);
}
