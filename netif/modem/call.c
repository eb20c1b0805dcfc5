/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A state machine in rows of a const table: what is sent on entering a state,
 * how long its answer may take, what follows. call_enter() is the only writer
 * of the state. A call ends exactly once, in fail(), which says why; who owns
 * it then ends the process.
 *
 * The modem is found in any state. `AT` is tried first; then the escape
 * sequence with its silences of a second before and after (V.250 leaves them
 * to the modem, all have these), which brings a modem back that was left in a
 * call; DTR is dropped with it. A modem that stays silent is a failure: the
 * next try but one resets it.
 *
 * While a call is up the line carries PPP and there is no AT dialogue.
 */
#include "netif/modem/call.h"

#include "netif/log.h"
#include "netif/modem/at.h"
#include "netif/modem/fields.h"
#include "netif/modem/mask.h"
#include "netif/modem/pppline.h"
#include "netif/modem/registration.h"
#include "netif/modem/serial.h"
#include "netif/modem/signal.h"
#include "proto/table.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBES_MAX	3
#define RESET_MS	30000
#define GUARD_MS	1100
#define PIN_TRIES_MIN	3
#define SIM_BUSY_MAX	20
#define REGISTRATION_MS 180000
#define POLL_MS		1000
#define NEGOTIATION_MS	60000
#define MTU_DEFAULT	1500

enum call_state {
	/* AT, until it answers. */
	CALL_PROBE,
	/* Silence, then "+++", then silence. Left for CALL_ESCAPED. */
	CALL_ESCAPE,
	CALL_ESCAPED,
	/* AT again, then reset if this try is to begin with one. */
	CALL_REPROBE,
	CALL_RESET,
	CALL_RESTARTED,
	CALL_ECHO_OFF,
	CALL_ERRORS,
	CALL_INIT,
	CALL_SIM,
	CALL_PIN_TRIES,
	CALL_PIN,
	CALL_OPERATOR_FORMAT,
	CALL_CREG,
	CALL_CGREG,
	CALL_CEREG,
	CALL_C5GREG,
	CALL_OPERATOR,
	CALL_CSQ,
	CALL_CESQ,
	CALL_BEARER,
	CALL_DIAL,
	CALL_NEGOTIATE,
	CALL_UP,
	CALL_ENDED,
	CALL_STATE_COUNT,
};

struct call {
	struct event_base *base;
	struct serial *serial;
	struct call_config config;
	struct call_handlers handlers;
	enum call_state state;
	struct at at;
	struct event *at_timer; /* the command's deadline */
	struct event *timer;	/* a pause, or the state's deadline */
	struct pppline *ppp;
	struct registration registration;
	struct signal_levels levels;
	char operator[32];
	unsigned int n_probes, n_inits, n_busy;
	bool is_reset_done, is_pin_sent;
	uint32_t registering_ms; /* spent waiting for the network */
	/* What follows the pause that `timer` makes. */
	enum call_state after_pause;
};

struct state_row {
	const char *command; /* NULL: the entry function does what is to be done */
	const char *prefix;
	uint32_t timeout_ms;
	void (*entry)(struct call *call);
	void (*done)(struct call *call, const struct at_result *result);
	enum call_state next; /* for rows without `done`, whatever the result */
};

static void call_enter(struct call *call, enum call_state state);

/* ---- what the daemon is told --------------------------------------------------- */

static void __attribute__((format(printf, 3, 4)))
say(struct call *call, uint32_t level, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	call->handlers.log(level, text, call->handlers.arg);
}

static void tell_state(struct call *call, enum table_link_state state, const char *cause)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;

	event.which_body = ush_HelperEvent_state_tag;
	event.body.state.state = (uint32_t)state;
	snprintf(event.body.state.cause, sizeof(event.body.state.cause), "%s", cause);
	event.body.state.pin_tried = call->state == CALL_PIN;
	event.body.state.pin_accepted = call->is_pin_sent && state > TABLE_LINK_SIM;
	call->handlers.event(&event, call->handlers.arg);
}

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
	s->sinr = SIGNAL_UNKNOWN;
	call->handlers.event(&event, call->handlers.arg);
}

static void end(struct call *call, enum table_link_reason reason, bool is_final, const char *cause)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;

	if (call->state == CALL_ENDED)
		return;
	call->state = CALL_ENDED;
	event_del(call->timer);
	event_del(call->at_timer);
	event.which_body = ush_HelperEvent_failed_tag;
	event.body.failed.reason = (uint32_t)reason;
	event.body.failed.is_final = is_final;
	snprintf(event.body.failed.cause, sizeof(event.body.failed.cause), "%s", cause);
	call->handlers.event(&event, call->handlers.arg);
}

static void fail(struct call *call, enum table_link_reason reason, const char *cause)
{
	end(call, reason, false, cause);
}

static void refuse(struct call *call, enum table_link_reason reason, const char *cause)
{
	end(call, reason, true, cause);
}

/* ---- time ---------------------------------------------------------------------- */

static void timer_in(struct event *timer, uint32_t ms)
{
	struct timeval t = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};

	event_add(timer, &t);
}

static void pause_before(struct call *call, enum call_state next, uint32_t ms)
{
	call->after_pause = next;
	timer_in(call->timer, ms);
}

/* ---- finding the modem --------------------------------------------------------- */

static void after_probe(struct call *call)
{
	if (call->config.modem.step >= TABLE_STEP_RESET && !call->is_reset_done)
		call_enter(call, CALL_RESET);
	else
		call_enter(call, CALL_ECHO_OFF);
}

static void on_probed(struct call *call, const struct at_result *result)
{
	if (result->status == AT_OK)
		after_probe(call);
	else if (++call->n_probes < PROBES_MAX)
		call_enter(call, CALL_PROBE);
	else
		call_enter(call, CALL_ESCAPE);
}

static void enter_escape(struct call *call)
{
	say(call, LOG_LEVEL_INFO, "no answer to AT: the modem may be in a call, escaping from it");
	serial_set_dtr(call->serial, false);
	pause_before(call, CALL_ESCAPED, GUARD_MS);
}

static void enter_escaped(struct call *call)
{
	serial_set_dtr(call->serial, true);
	serial_write(call->serial, "+++", 3);
	call->n_probes = 0;
	pause_before(call, CALL_REPROBE, GUARD_MS);
}

static void on_reprobed(struct call *call, const struct at_result *result)
{
	/* NO CARRIER: the call has been ended, and the modem listens. */
	if (result->status != AT_TIMEOUT)
		after_probe(call);
	else if (++call->n_probes < PROBES_MAX)
		call_enter(call, CALL_REPROBE);
	else if (call->config.modem.step >= TABLE_STEP_RESET && !call->is_reset_done)
		call_enter(call, CALL_RESET);
	else
		fail(call, TABLE_REASON_SILENT,
			"the modem does not answer: right port, baud, power?");
}

static void on_reset(struct call *call, const struct at_result *result)
{
	(void)result;
	call->is_reset_done = true;
	call->n_probes = 0;
	say(call, LOG_LEVEL_NOTICE, "the modem is reset, which takes it a while");
	pause_before(call, CALL_RESTARTED, 3 * POLL_MS);
}

static void on_restarted(struct call *call, const struct at_result *result)
{
	if (result->status == AT_OK)
		call_enter(call, CALL_ECHO_OFF);
	else if (++call->n_probes < RESET_MS / POLL_MS)
		pause_before(call, CALL_RESTARTED, POLL_MS / 2);
	else
		fail(call, TABLE_REASON_SILENT,
			"the modem does not come back from its reset: power?");
}

/* ---- setting it up ------------------------------------------------------------- */

static void send_command(struct call *call, const char *text, const char *prefix,
	uint32_t timeout_ms);

static void enter_init(struct call *call)
{
	if (call->n_inits < call->config.n_inits)
		send_command(call, call->config.inits[call->n_inits++].command, NULL, 10000);
	else
		call_enter(call, CALL_SIM);
}

static void on_init(struct call *call, const struct at_result *result)
{
	if (result->status != AT_OK)
		say(call, LOG_LEVEL_WARNING, "init command %u: %s", call->n_inits,
			result->text[0] ? result->text : at_status_name(result->status));
	call_enter(call, CALL_INIT);
}

/* ---- SIM ---------------------------------------------------------------------------------- */

static void enter_sim(struct call *call)
{
	if (call->n_busy == 0)
		tell_state(call, TABLE_LINK_SIM, "asking for the SIM's state");
	send_command(call, "AT+CPIN?", "+CPIN:", 5000);
}

/* +CME ERROR codes, TS 27.007 9.2. */
static void on_sim_error(struct call *call, const struct at_result *result)
{
	switch (result->code) {
	case 10:
		refuse(call, TABLE_REASON_SIM_MISSING, "no SIM: insert one");
		break;
	case 11:
		call_enter(call, CALL_PIN_TRIES);
		break;
	case 12:
		refuse(call, TABLE_REASON_SIM_PUK, "the SIM is locked: it needs its PUK");
		break;
	case 13:
		refuse(call, TABLE_REASON_SIM, "the SIM does not work");
		break;
	default:
		if (++call->n_busy < SIM_BUSY_MAX)
			pause_before(call, CALL_SIM, POLL_MS);
		else
			fail(call, TABLE_REASON_SIM, "the SIM does not get ready");
		break;
	}
}

static void on_sim(struct call *call, const struct at_result *result)
{
	const char *line = at_find_line(result, "+CPIN:");
	struct fields f;

	if (result->status != AT_OK || !line || !fields_parse(&f, line, "+CPIN:")) {
		on_sim_error(call, result);
		return;
	}
	if (strcmp(fields_text(&f, 0), "READY") == 0)
		call_enter(call, CALL_OPERATOR_FORMAT);
	else if (call->is_pin_sent && strcmp(fields_text(&f, 0), "SIM PIN") == 0)
		pause_before(call, CALL_SIM, POLL_MS);
	else if (strcmp(fields_text(&f, 0), "SIM PIN") == 0)
		call_enter(call, CALL_PIN_TRIES);
	else if (strncmp(fields_text(&f, 0), "SIM PUK", 7) == 0)
		refuse(call, TABLE_REASON_SIM_PUK, "the SIM is locked: it needs its PUK");
	else
		refuse(call, TABLE_REASON_SIM, "the SIM asks for a code that is not its PIN");
}

static void enter_pin_tries(struct call *call)
{
	if (!call->config.modem.pin[0])
		refuse(call, TABLE_REASON_SIM_PIN, "the SIM needs its PIN, which is not given or was refused");
	else
		send_command(call, "AT+CPINR=\"SIM PIN\"", "+CPINR:", 5000);
}

static void on_pin_tries(struct call *call, const struct at_result *result)
{
	const char *line = at_find_line(result, "+CPINR:");
	struct fields f;
	long left;

	/* A modem that cannot tell is given the PIN once, whatever comes. */
	if (line && fields_parse(&f, line, "+CPINR:") && fields_number(&f, 1, &left) &&
		left < PIN_TRIES_MIN) {
		refuse(call, TABLE_REASON_SIM_PIN, "the SIM's PIN has been wrong before: enter it by hand once");
		return;
	}
	call_enter(call, CALL_PIN);
}

static void enter_pin(struct call *call)
{
	char command[32];

	tell_state(call, TABLE_LINK_SIM, "giving the SIM its PIN");
	call->is_pin_sent = true;
	call->n_busy = 0;
	snprintf(command, sizeof(command), "AT+CPIN=\"%s\"", call->config.modem.pin);
	send_command(call, command, "+CPIN:", 20000);
}

static void on_pin(struct call *call, const struct at_result *result)
{
	if (result->status == AT_OK)
		pause_before(call, CALL_SIM, POLL_MS);
	else if (result->status == AT_ERROR)
		refuse(call, TABLE_REASON_SIM_PIN, "the SIM refuses this PIN; it is not tried again");
	else
		fail(call, TABLE_REASON_SIM, "no answer to the PIN");
}

/* ---- registration -------------------------------------------------------------- */

static void enter_operator_format(struct call *call)
{
	tell_state(call, TABLE_LINK_REGISTERING, "SIM ready");
	send_command(call, "AT+COPS=3,0", "", 5000);
}

static void on_registration(struct call *call, const struct at_result *result)
{
	const char *line = result->lines;

	for (unsigned int i = 0; i < result->n_lines; i++) {
		registration_take(&call->registration, line);
		line += strlen(line) + 1;
	}
	if (call->state != CALL_C5GREG)
		call_enter(call, call->state + 1);
	else
		call_enter(call, CALL_OPERATOR);
}

static void on_operator(struct call *call, const struct at_result *result)
{
	const char *line = at_find_line(result, "+COPS:");
	struct fields f;
	long technology;

	call->operator[0] = '\0';
	if (line && fields_parse(&f, line, "+COPS:")) {
		snprintf(call->operator, sizeof(call->operator), "%s", fields_text(&f, 2));
		if (fields_number(&f, 3, &technology))
			call->registration.technology = (int)technology;
	}
	call_enter(call, CALL_CSQ);
}

static void on_levels(struct call *call, const struct at_result *result)
{
	const char *line = at_find_line(result, call->state == CALL_CSQ ? "+CSQ:" : "+CESQ:");

	if (line)
		signal_take(&call->levels, line);
	if (call->state == CALL_CSQ) {
		call_enter(call, CALL_CESQ);
		return;
	}
	tell_signal(call);
	switch (registration_judge(&call->registration, call->config.modem.roaming)) {
	case REGISTRATION_REGISTERED:
	case REGISTRATION_REGISTERED_ROAMING:
		call_enter(call, CALL_BEARER);
		return;
	default:
		break;
	}
	if (call->registering_ms >= REGISTRATION_MS) {
		fail(call, TABLE_REASON_REGISTRATION,
			registration_describe(&call->registration, call->config.modem.roaming));
		return;
	}
	tell_state(call, TABLE_LINK_REGISTERING,
		registration_describe(&call->registration, call->config.modem.roaming));
	call->registering_ms += POLL_MS;
	pause_before(call, CALL_CREG, POLL_MS);
}

/* ---- the call ------------------------------------------------------------------ */

static void enter_bearer(struct call *call)
{
	const ush_HelperBearer *b = &call->config.bearer;
	char command[160];

	tell_state(call, TABLE_LINK_DIALING,
		registration_describe(&call->registration, call->config.modem.roaming));
	snprintf(command, sizeof(command), "AT+CGDCONT=1,\"%s\",\"%s\"", b->type, b->apn);
	send_command(call, command, "", 10000);
}

static void on_bearer(struct call *call, const struct at_result *result)
{
	if (result->status == AT_OK)
		call_enter(call, CALL_DIAL);
	else
		fail(call, TABLE_REASON_MODEM, "the modem refuses the APN");
}

static void start_ppp(struct call *call);

static void on_dialed(struct call *call, const struct at_result *result)
{
	char cause[96];

	if (result->status == AT_CONNECT) {
		call_enter(call, CALL_NEGOTIATE);
		return;
	}
	snprintf(cause, sizeof(cause), "the call failed: %.40s (APN, subscription?)",
		result->text[0] ? result->text : at_status_name(result->status));
	fail(call, TABLE_REASON_DIAL, cause);
}

static void enter_negotiate(struct call *call)
{
	tell_state(call, TABLE_LINK_NEGOTIATING, "connected");
	timer_in(call->timer, NEGOTIATION_MS);
	start_ppp(call);
}

static void on_ppp_output(const void *bytes, size_t len, void *arg)
{
	struct call *call = arg;

	serial_write(call->serial, bytes, len);
}

static void on_ppp_packet(const void *packet, size_t len, void *arg)
{
	struct call *call = arg;

	call->handlers.packet(packet, len, call->handlers.arg);
}

static void put_address(ush_HelperAddress *out, uint32_t ip)
{
	out->ip.size = 4;
	memcpy(out->ip.bytes, &ip, 4);
	out->prefix = 32;
}

static void on_ppp_up(const struct pppline_addresses *a, void *arg)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;
	ush_HelperReady *ready = &event.body.ready;
	struct call *call = arg;

	if (call->state != CALL_NEGOTIATE && call->state != CALL_UP)
		return;
	event_del(call->timer);
	call->state = CALL_UP;
	event.which_body = ush_HelperEvent_ready_tag;
	ready->mtu = call->config.mtu < MTU_DEFAULT ? call->config.mtu : MTU_DEFAULT;
	ready->has_address4 = a->ip4 != 0;
	put_address(&ready->address4, a->ip4);
	ready->has_gateway4 = a->ip4 != 0 && a->peer4 != 0;
	put_address(&ready->gateway4, a->peer4);
	ready->router_advertisements = a->interface_id != 0;
	ready->interface_id = a->interface_id;
	for (int i = 0; i < 2; i++) {
		if (a->dns4[i])
			put_address(&ready->dns[ready->dns_count++], a->dns4[i]);
	}
	call->handlers.event(&event, call->handlers.arg);
}

static void on_ppp_down(enum pppline_end how, void *arg)
{
	static const struct {
		enum table_link_reason reason;
		const char *cause;
	} rows[] = {
		[PPPLINE_END_CLOSED] = { TABLE_REASON_PEER, "hung up" },
		[PPPLINE_END_PEER] = { TABLE_REASON_PEER, "the network ended PPP" },
		[PPPLINE_END_SILENT] = { TABLE_REASON_PEER_SILENT,
			"the network does not answer echo requests" },
		[PPPLINE_END_REFUSED] = { TABLE_REASON_AUTHENTICATION,
			"the network refuses user and password" },
		[PPPLINE_END_NO_IP] = { TABLE_REASON_ADDRESS,
			"the network gives no address: pdp_type?" },
		[PPPLINE_END_CARRIER] = { TABLE_REASON_CARRIER, "NO CARRIER" },
	};

	fail(arg, rows[how].reason, rows[how].cause);
}

static void start_ppp(struct call *call)
{
	const ush_HelperBearer *b = &call->config.bearer;
	const struct pppline_config config = {
		.base = call->base,
		.user = b->user,
		.password = b->password,
		.ip4 = strcmp(b->type, "IPV6") != 0,
		.ip6 = strcmp(b->type, "IP") != 0,
		.pap = b->pap,
		.chap = b->chap,
	};
	const struct pppline_handlers handlers = {
		.output = on_ppp_output,
		.packet = on_ppp_packet,
		.up = on_ppp_up,
		.down = on_ppp_down,
		.arg = call,
	};

	call->ppp = pppline_new(&config, &handlers);
	if (!call->ppp)
		fail(call, TABLE_REASON_SYSTEM, "out of memory");
}

/* ---- the table ----------------------------------------------------------------- */

static const struct state_row rows[] = {
	[CALL_PROBE] = { "AT", "", 700, .done = on_probed },
	[CALL_ESCAPE] = { .entry = enter_escape },
	[CALL_ESCAPED] = { .entry = enter_escaped },
	[CALL_REPROBE] = { "ATH", "", 1500, .done = on_reprobed },
	[CALL_RESET] = { "AT+CFUN=1,1", "", 15000, .done = on_reset },
	[CALL_RESTARTED] = { "AT", "", 500, .done = on_restarted },
	[CALL_ECHO_OFF] = { "ATE0", "", 2000, .next = CALL_ERRORS },
	[CALL_ERRORS] = { "AT+CMEE=1", "", 2000, .next = CALL_INIT },
	[CALL_INIT] = { .entry = enter_init, .done = on_init },
	[CALL_SIM] = { .entry = enter_sim, .done = on_sim },
	[CALL_PIN_TRIES] = { .entry = enter_pin_tries, .done = on_pin_tries },
	[CALL_PIN] = { .entry = enter_pin, .done = on_pin },
	[CALL_OPERATOR_FORMAT] = { .entry = enter_operator_format, .next = CALL_CREG },
	[CALL_CREG] = { "AT+CREG?", "+CREG:", 5000, .done = on_registration },
	[CALL_CGREG] = { "AT+CGREG?", "+CGREG:", 5000, .done = on_registration },
	[CALL_CEREG] = { "AT+CEREG?", "+CEREG:", 5000, .done = on_registration },
	[CALL_C5GREG] = { "AT+C5GREG?", "+C5GREG:", 5000, .done = on_registration },
	[CALL_OPERATOR] = { "AT+COPS?", "+COPS:", 10000, .done = on_operator },
	[CALL_CSQ] = { "AT+CSQ", "+CSQ:", 5000, .done = on_levels },
	[CALL_CESQ] = { "AT+CESQ", "+CESQ:", 5000, .done = on_levels },
	[CALL_BEARER] = { .entry = enter_bearer, .done = on_bearer },
	[CALL_DIAL] = { "ATD*99***1#", "", 120000, .done = on_dialed },
	[CALL_NEGOTIATE] = { .entry = enter_negotiate },
	[CALL_UP] = { .entry = NULL },
	[CALL_ENDED] = { .entry = NULL },
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == CALL_STATE_COUNT, "one row a state");

static void on_done(const struct at_result *result, void *arg)
{
	struct call *call = arg;
	const struct state_row *row = &rows[call->state];

	if (call->state == CALL_ENDED)
		return;
	if (row->done)
		row->done(call, result);
	else
		call_enter(call, row->next);
}

static void send_command(struct call *call, const char *text, const char *prefix,
	uint32_t timeout_ms)
{
	const struct at_command command = {
		.text = text,
		.prefix = prefix,
		.timeout_ms = timeout_ms,
		.done = on_done,
		.arg = call,
	};

	if (at_send(&call->at, &command) != 0)
		fail(call, TABLE_REASON_SYSTEM, "a command could not be sent");
}

static void call_enter(struct call *call, enum call_state state)
{
	const struct state_row *row = &rows[state];

	if (call->state == CALL_ENDED)
		return;
	call->state = state;
	if (row->entry)
		row->entry(call);
	else if (row->command)
		send_command(call, row->command, row->prefix, row->timeout_ms);
}

/* ---- events -------------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct call *call = arg;

	(void)fd;
	(void)what;
	if (call->state == CALL_NEGOTIATE)
		fail(call, TABLE_REASON_PEER, "PPP did not get up in time");
	else
		call_enter(call, call->after_pause);
}

static void on_at_timer(evutil_socket_t fd, short what, void *arg)
{
	struct call *call = arg;

	(void)fd;
	(void)what;
	at_expire(&call->at);
}

static void on_at_write(const void *bytes, size_t len, void *arg)
{
	struct call *call = arg;

	serial_write(call->serial, bytes, len);
}

static void on_at_arm(uint32_t ms, void *arg)
{
	struct call *call = arg;

	if (ms)
		timer_in(call->at_timer, ms);
	else
		event_del(call->at_timer);
}

static void on_unsolicited(const char *line, void *arg)
{
	struct call *call = arg;

	registration_take(&call->registration, line);
}

static void on_trace(bool is_sent, const char *line, void *arg)
{
	char masked[AT_LINE_MAX + 1];

	mask_line(masked, sizeof(masked), line);
	say(arg, LOG_LEVEL_DEBUG, "%s %.250s", is_sent ? ">" : "<", masked);
}

static void on_input(const uint8_t *bytes, size_t len, void *arg)
{
	struct call *call = arg;
	size_t n = 0;

	if (!call->ppp)
		n = at_input(&call->at, bytes, len);
	if (call->ppp && n < len)
		pppline_input(call->ppp, bytes + n, len - n);
}

static void on_lost(int error, void *arg)
{
	char cause[96];

	snprintf(cause, sizeof(cause), "the modem's port is gone: %s",
		error ? strerror(error) : "hung up");
	fail(arg, TABLE_REASON_DEVICE, cause);
}

/* ---- life ---------------------------------------------------------------------- */

struct call *call_new(struct event_base *base, struct serial *serial,
	const struct call_config *config, const struct call_handlers *handlers)
{
	struct call *call = calloc(1, sizeof(*call));
	const struct at_handlers at = { on_at_write, on_at_arm, on_unsolicited, on_trace, call };
	const struct serial_handlers port = { on_input, on_lost, call };

	if (!call)
		return NULL;
	call->base = base;
	call->serial = serial;
	call->config = *config;
	call->handlers = *handlers;
	registration_init(&call->registration);
	signal_init(&call->levels);
	at_init(&call->at, &at);
	call->timer = evtimer_new(base, on_timer, call);
	call->at_timer = evtimer_new(base, on_at_timer, call);
	if (!call->timer || !call->at_timer || serial_start(serial, base, &port) != 0) {
		call_free(call);
		return NULL;
	}
	pause_before(call, CALL_PROBE, 0);
	return call;
}

void call_free(struct call *call)
{
	if (!call)
		return;
	pppline_free(call->ppp);
	if (call->timer)
		event_free(call->timer);
	if (call->at_timer)
		event_free(call->at_timer);
	free(call);
}

void call_send(struct call *call, const void *packet, size_t len)
{
	if (call->state == CALL_UP)
		pppline_send(call->ppp, packet, len);
}

void call_hang_up(struct call *call)
{
	if (call->ppp)
		pppline_stop(call->ppp);
	serial_set_dtr(call->serial, false);
}
