/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A look is a row of queries, one after the other: registration in all four
 * domains, the operator by name and by number, signal by the standard's
 * commands and the family's. Looks follow each other while the modem is not
 * registered, once a second; while the call is up there is one at the
 * configured pace, if commands have a channel. What a look has found is told to
 * the daemon if it is another than before; so is what comes unsolicited. What
 * the modem does not know is asked for once: a plain ERROR, since +CME ERROR has
 * causes that pass.
 *
 * While PPP negotiates, a context is deactivated because user and password were
 * refused as often as not; then PPP is given a moment to say so itself.
 *
 * A modem that answers no query any more while packets flow is warned of, not
 * hung up on: PPP has its own ways to know that the line is dead, and so has the
 * multiplexer, which is asked to look.
 */
#include "netif/modem/call_private.h"

#include "netif/modem/cmux.h"
#include "netif/modem/fields.h"
#include "netif/modem/pppline.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGISTRATION_MS	   180000
#define UNANSWERED_WARNING 3
#define GRACE_MS	   1000

/* <format> of +COPS. */
#define OPERATOR_LONG	 0
#define OPERATOR_NUMERIC 2

static const struct look_row {
	const char *command, *prefix;
	uint32_t timeout_ms;
} looks[] = {
	{ "AT+CREG?", "+CREG:", 5000 },
	{ "AT+CGREG?", "+CGREG:", 5000 },
	{ "AT+CEREG?", "+CEREG:", 5000 },
	{ "AT+C5GREG?", "+C5GREG:", 5000 },
	{ "AT+COPS=3,2", "", 5000 },
	{ "AT+COPS?", "+COPS:", 10000 },
	{ "AT+COPS=3,0", "", 5000 },
	{ "AT+COPS?", "+COPS:", 10000 },
	{ "AT+CSQ", "+CSQ:", 5000 },
	{ "AT+CESQ", "+CESQ:", 5000 },
};
#define N_LOOKS (sizeof(looks) / sizeof(looks[0]))
_Static_assert(N_LOOKS + FAMILY_SIGNALS_MAX < 32, "a bit each in looks_refused");

/* For the family's signal commands, which are what follows the table. */
#define FAMILY_LOOK_MS 5000

static uint32_t timeout_of(unsigned int n)
{
	return n < N_LOOKS ? looks[n].timeout_ms : FAMILY_LOOK_MS;
}

/* ---- what the daemon is told ------------------------------------------------------ */

static void tell_signal(struct call *call)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;
	ush_HelperSignal *s = &event.body.signal;

	event.which_body = ush_HelperEvent_signal_tag;
	snprintf(s->operator, sizeof(s->operator), "%s", call->operator);
	snprintf(s->radio, sizeof(s->radio), "%s",
		registration_technology_name(call->registration.technology));
	s->rssi = call->levels.rssi_dbm;
	s->rsrp = call->levels.rsrp_dbm;
	s->rsrq = call->levels.rsrq_db;
	s->sinr = call->levels.sinr_db;
	if (memcmp(s, &call->told_signal, sizeof(*s)) == 0)
		return;
	call->told_signal = *s;
	call->handlers.event(&event, call->handlers.arg);
}

static void tell_place(struct call *call)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;
	ush_HelperPlace *p = &event.body.place;

	event.which_body = ush_HelperEvent_place_tag;
	p->registration = registration_packet_stat(&call->registration);
	p->voice_registration = call->registration.stat[REGISTRATION_CS];
	p->access_technology = call->registration.technology;
	p->reject_cause = call->registration.reject_cause;
	p->area_code = call->registration.area_code;
	p->cell_id = call->registration.cell_id;
	snprintf(p->operator_id, sizeof(p->operator_id), "%s", call->operator_id);
	if (memcmp(p, &call->told_place, sizeof(*p)) == 0)
		return;
	call->told_place = *p;
	call->handlers.event(&event, call->handlers.arg);
}

/* ---- a look ------------------------------------------------------------------------ */

/* +COPS: <mode>[,<format>,<oper>[,<AcT>]]; no operator while there is none. */
static void take_operator(struct call *call, const char *line)
{
	struct fields f;
	long format, technology;

	if (!fields_parse(&f, line, "+COPS:"))
		return;
	if (!fields_number(&f, 1, &format)) {
		call->operator[0] = call->operator_id[0] = '\0';
		return;
	}
	if (format == OPERATOR_LONG)
		snprintf(call->operator, sizeof(call->operator), "%s", fields_text(&f, 2));
	else if (format == OPERATOR_NUMERIC)
		snprintf(call->operator_id, sizeof(call->operator_id), "%s", fields_text(&f, 2));
	if (fields_number(&f, 3, &technology) && technology >= 0 && technology < 16)
		call->registration.technology = (int)technology;
}

static void take_lines(struct call *call, const struct at_result *result)
{
	const char *line = result->lines;

	for (unsigned int i = 0; i < result->n_lines; i++) {
		if (!registration_take(&call->registration, line) &&
			!signal_take(&call->levels, line))
			take_operator(call, line);
		line += strlen(line) + 1;
	}
}

static void look_next(struct call *call);

static void on_looked(const struct at_result *result, void *arg)
{
	struct call *call = arg;

	if (call->state == CALL_ENDED || call_has_fallen_silent(call, result))
		return;
	if (result->status == AT_TIMEOUT)
		call->registering_ms += timeout_of(call->n_looked);
	if (call->n_unanswered == UNANSWERED_WARNING) {
		call_say(call, LOG_LEVEL_WARNING, "the modem answers no commands any more");
		/* Is it this channel only, or the whole modem? */
		if (call->mux)
			cmux_probe(call->mux);
	}
	if (result->status == AT_ERROR && result->code == AT_CODE_NONE)
		call->looks_refused |= 1u << call->n_looked;
	take_lines(call, result);
	call->n_looked++;
	look_next(call);
}

/* Registered, or not yet, or not any more worth waiting. */
static void judge(struct call *call)
{
	bool may_roam = call->config.modem.roaming;
	enum registration_verdict verdict = registration_judge(&call->registration, may_roam);
	const char *text = registration_describe(&call->registration, may_roam);
	enum table_link_reason reason = TABLE_REASON_REGISTRATION;

	if (verdict == REGISTRATION_REGISTERED || verdict == REGISTRATION_REGISTERED_ROAMING) {
		call_enter(call, CALL_BEARER);
		return;
	}
	call_tell_state(call, TABLE_LINK_REGISTERING, text);
	if (call->registering_ms < REGISTRATION_MS) {
		call->registering_ms += CALL_POLL_MS;
		call_pause(call, CALL_LOOK, CALL_POLL_MS);
		return;
	}
	if (verdict == REGISTRATION_ROAMING_FORBIDDEN)
		reason = TABLE_REASON_ROAMING;
	else if (verdict == REGISTRATION_REFUSED)
		reason = TABLE_REASON_BARRED;
	call_fail(call, reason, text);
}

static void look_done(struct call *call)
{
	call->is_looking = false;
	tell_signal(call);
	tell_place(call);
	if (call->state == CALL_LOOK)
		judge(call);
	else
		call_watch(call);
}

/* Those that the modem does not know are passed over. */
static unsigned int next_query(struct call *call)
{
	while (call->looks_refused & (1u << call->n_looked))
		call->n_looked++;
	return call->n_looked;
}

static void look_next(struct call *call)
{
	unsigned int n = next_query(call);
	struct at_command command = {
		.timeout_ms = timeout_of(n),
		.done = on_looked,
		.arg = call,
	};

	if (n < N_LOOKS) {
		command.text = looks[n].command;
		command.prefix = looks[n].prefix;
	} else if (n < N_LOOKS + FAMILY_SIGNALS_MAX && call->family->signals[n - N_LOOKS].command) {
		command.text = call->family->signals[n - N_LOOKS].command;
		command.prefix = call->family->signals[n - N_LOOKS].prefix;
	} else {
		look_done(call);
		return;
	}
	call_command_to(call, call->control, &command);
}

void call_enter_look(struct call *call)
{
	call->is_looking = true;
	call->n_looked = 0;
	look_next(call);
}

/* ---- while the call is up ------------------------------------------------------------ */

static void end_as_announced(struct call *call)
{
	if (pppline_is_refused(call->ppp))
		pppline_carrier_lost(call->ppp);
	else
		call_fail(call, call->announced->reason, call->announced->cause);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct call *call = arg;

	(void)fd;
	(void)what;
	if (call->announced)
		end_as_announced(call);
	else if (call->state == CALL_UP && !call->is_looking)
		call_enter_look(call);
}

int call_network_init(struct call *call)
{
	registration_init(&call->registration);
	signal_init(&call->levels);
	call->look = evtimer_new(call->base, on_look, call);
	return call->look ? 0 : -1;
}

void call_watch(struct call *call)
{
	bool has_channel = call->mux || call->control_port;

	if (call->state == CALL_UP && has_channel && call->config.modem.signal_interval_ms)
		call_timer_in(call->look, call->config.modem.signal_interval_ms);
}

/* ---- what comes unasked ---------------------------------------------------------------- */

/* What ends a call that PPP may not know of yet. */
static const struct call_end ends[] = {
	{ "+CGEV: NW DETACH", TABLE_REASON_PEER, "the network has detached the modem", false },
	{ "+CPIN: NOT INSERTED", TABLE_REASON_SIM_MISSING, "the SIM was taken out", true },
	{ "+CPIN: NOT READY", TABLE_REASON_SIM_MISSING, "the SIM was taken out", true },
	{ "RDY", TABLE_REASON_DEVICE, "the modem has restarted by itself", true },
	{ "^SYSSTART", TABLE_REASON_DEVICE, "the modem has restarted by itself", true },
};

static const struct call_end deactivation = {
	"+CGEV: NW", TABLE_REASON_PEER, "the network has deactivated the PDP context", false
};

/* +CGEV: NW PDN DEACT <cid>, or NW DEACT <type>,<address>[,<cid>] (TS 27.007 10.1.19). */
static bool is_our_deactivation(const char *line)
{
	const char *number;

	if (strncmp(line, "+CGEV: NW PDN DEACT ", 20) == 0)
		return atoi(line + 20) == CALL_CID;
	if (strncmp(line, "+CGEV: NW DEACT ", 16) != 0)
		return false;
	number = strrchr(line, ',');
	return number && atoi(number + 1) == CALL_CID;
}

static const struct call_end *find_end(const char *line)
{
	if (is_our_deactivation(line))
		return &deactivation;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (strncmp(line, ends[i].text, strlen(ends[i].text)) == 0)
			return &ends[i];
	}
	return NULL;
}

static bool is_setting_up(const struct call *call)
{
	return call->state > CALL_PIN && call->state < CALL_NEGOTIATE;
}

void call_on_unsolicited(struct call *call, const char *line)
{
	const struct call_end *end;

	if (registration_take(&call->registration, line)) {
		tell_signal(call);
		tell_place(call);
		return;
	}
	end = find_end(line);
	if (!end)
		return;
	if (call->state == CALL_UP || (end->ends_setup && is_setting_up(call))) {
		call_fail(call, end->reason, end->cause);
	} else if (call->state == CALL_NEGOTIATE && !call->announced) {
		call->announced = end;
		call_timer_in(call->look, GRACE_MS);
	}
}
