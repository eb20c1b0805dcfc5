/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A SIM is destroyed by wrong PINs, so one is sent at most once by a daemon
 * (netif/modem.c remembers), and not at all when the modem says that fewer than
 * three tries are left: then somebody else has the wrong one already. What a
 * person must mend is refused for good; a SIM that is only slow is waited for.
 */
#include "netif/modem/call_private.h"

#include "netif/modem/fields.h"

#include <stdio.h>
#include <string.h>

#define PIN_TRIES_MIN 3
#define BUSY_MAX      20

/* QuecPython's sim.getStatus(). */
enum sim_status {
	SIM_STATUS_MISSING = 0,
	SIM_STATUS_READY = 1,
	SIM_STATUS_PIN = 2,
	SIM_STATUS_PUK = 3,
	SIM_STATUS_BLOCKED = 6,
	SIM_STATUS_STARTING = 18,
};

static void tell_sim(struct call *call, enum sim_status status)
{
	if (call->identity.sim_status == (int32_t)status)
		return;
	call->identity.sim_status = (int32_t)status;
	call_tell_identity(call);
}

static void refuse_sim(struct call *call, enum sim_status status, enum table_link_reason reason,
	const char *cause)
{
	tell_sim(call, status);
	call_refuse(call, reason, cause);
}

void call_enter_sim(struct call *call)
{
	if (call->n_busy == 0)
		call_tell_state(call, TABLE_LINK_SIM, "asking for the SIM's state");
	call_command(call, "AT+CPIN?", "+CPIN:", 5000);
}

static void wait_for_sim(struct call *call)
{
	tell_sim(call, SIM_STATUS_STARTING);
	if (++call->n_busy < BUSY_MAX)
		call_pause(call, CALL_SIM, CALL_POLL_MS);
	else
		call_fail(call, TABLE_REASON_SIM, "the SIM does not get ready");
}

/* Once the PIN has been taken, a SIM that still asks is only slow. */
static void on_pin_wanted(struct call *call)
{
	if (call->is_pin_sent) {
		wait_for_sim(call);
		return;
	}
	tell_sim(call, SIM_STATUS_PIN);
	call_enter(call, CALL_PIN_TRIES);
}

/* +CME ERROR codes, TS 27.007 9.2. */
static void on_sim_error(struct call *call, const struct at_result *result)
{
	switch (result->code) {
	case 10:
		refuse_sim(call, SIM_STATUS_MISSING, TABLE_REASON_SIM_MISSING,
			"no SIM: insert one");
		break;
	case 11:
		on_pin_wanted(call);
		break;
	case 12:
		refuse_sim(call, SIM_STATUS_PUK, TABLE_REASON_SIM_PUK,
			"the SIM is locked: it needs its PUK");
		break;
	case 13:
		refuse_sim(call, SIM_STATUS_BLOCKED, TABLE_REASON_SIM, "the SIM does not work");
		break;
	default:
		wait_for_sim(call);
		break;
	}
}

void call_on_sim(struct call *call, const struct at_result *result)
{
	const char *line = at_find_line(result, "+CPIN:"), *state;
	struct fields f;

	if (result->status != AT_OK || !line || !fields_parse(&f, line, "+CPIN:")) {
		on_sim_error(call, result);
		return;
	}
	state = fields_text(&f, 0);
	if (strcmp(state, "READY") == 0) {
		tell_sim(call, SIM_STATUS_READY);
		call_enter(call, CALL_IMSI);
	} else if (strncmp(state, "NOT ", 4) == 0) {
		/* NOT READY, NOT INSERTED: unsolicited, the query's own end follows. */
		wait_for_sim(call);
	} else if (strcmp(state, "SIM PIN") == 0) {
		on_pin_wanted(call);
	} else if (strncmp(state, "SIM PUK", 7) == 0) {
		refuse_sim(call, SIM_STATUS_PUK, TABLE_REASON_SIM_PUK,
			"the SIM is locked: it needs its PUK");
	} else {
		call_refuse(call, TABLE_REASON_SIM, "the SIM asks for a code that is not its PIN");
	}
}

void call_enter_pin_tries(struct call *call)
{
	const struct family_query *query = &call->family->pin_tries;

	if (!call->config.modem.pin[0])
		call_refuse(call, TABLE_REASON_SIM_PIN,
			"the SIM needs its PIN, which is not given or was refused");
	else
		call_command(call, query->command, query->prefix, 5000);
}

void call_on_pin_tries(struct call *call, const struct at_result *result)
{
	const char *prefix = call->family->pin_tries.prefix;
	const char *line = at_find_line(result, prefix);
	struct fields f;
	long left;

	/* A modem that cannot tell is given the PIN once, whatever comes. */
	if (line && fields_parse(&f, line, prefix) &&
		fields_number(&f, call->family->pin_tries_field, &left) && left < PIN_TRIES_MIN) {
		call_refuse(call, TABLE_REASON_SIM_PIN,
			"the SIM's PIN has been wrong before: unlock it once in another device");
		return;
	}
	call_enter(call, CALL_PIN);
}

void call_enter_pin(struct call *call)
{
	char command[32];

	call_tell_state(call, TABLE_LINK_SIM, "giving the SIM its PIN");
	call->is_pin_sent = true;
	call->n_busy = 0;
	snprintf(command, sizeof(command), "AT+CPIN=\"%s\"", call->config.modem.pin);
	call_command(call, command, "+CPIN:", 20000);
}

void call_on_pin(struct call *call, const struct at_result *result)
{
	if (result->status == AT_OK)
		call_pause(call, CALL_SIM, CALL_POLL_MS);
	else if (result->status == AT_ERROR)
		call_refuse(call, TABLE_REASON_SIM_PIN,
			"the SIM refuses this PIN; it is not tried again");
	else
		call_fail(call, TABLE_REASON_SIM, "no answer to the PIN");
}

/* ---- which SIM it is ------------------------------------------------------------------ */

static void copy_digits(char *out, size_t size, const char *text)
{
	size_t n = 0;

	while (*text == ' ' || *text == '"')
		text++;
	while (n < size - 1 && ((text[n] >= '0' && text[n] <= '9') || text[n] == 'F'))
		n++;
	memcpy(out, text, n);
	out[n] = '\0';
}

void call_on_imsi(struct call *call, const struct at_result *result)
{
	if (result->status == AT_OK && result->n_lines > 0)
		copy_digits(call->identity.imsi, sizeof(call->identity.imsi), result->lines);
	call_enter(call, CALL_ICCID);
}

void call_enter_iccid(struct call *call)
{
	call_command(call, call->family->iccid.command, call->family->iccid.prefix, 5000);
}

void call_on_iccid(struct call *call, const struct at_result *result)
{
	const char *prefix = call->family->iccid.prefix;
	const char *line = at_find_line(result, prefix);

	if (line)
		copy_digits(call->identity.iccid, sizeof(call->identity.iccid),
			line + strlen(prefix));
	call_tell_identity(call);
	call_tell_state(call, TABLE_LINK_REGISTERING, "SIM ready");
	call_enter(call, CALL_REPORT_CS);
}
