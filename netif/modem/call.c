/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A state machine in rows of a const table: what is sent on entering a state,
 * how long its answer may take, what follows. call_enter() is the only writer
 * of the state. A call ends exactly once, in end(), which says why; who owns
 * it then ends the process.
 *
 * A state waits for the end of a command, for a pause, or for PPP and the
 * multiplexer, which have deadlines of their own or by `timer`.
 *
 * The modem has one channel, its port, or two (call_mux.c). While a call is up
 * the data channel carries PPP, and there is an AT dialogue on the other one
 * only. A person's command takes its turn in the same dialogue.
 */
#include "netif/modem/call_private.h"

#include "netif/modem/cmux.h"
#include "netif/modem/mask.h"
#include "netif/modem/pppline.h"
#include "netif/modem/serial.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Commands in a row: one may be slow, or unknown to a modem that says nothing then. */
#define UNANSWERED_MAX 5
/* A person waits for an answer, and some commands search all bands. */
#define USER_COMMAND_MS 180000

static const struct call_row rows[] = {
	[CALL_PROBE] = { "AT", "", 500, .done = call_on_probed },
	[CALL_MUX_CLOSE] = { .entry = call_enter_mux_close },
	[CALL_PROBE_CLOSED] = { "AT", "", 500, .done = call_on_probed_closed },
	[CALL_ESCAPE] = { .entry = call_enter_escape },
	[CALL_ESCAPED] = { .entry = call_enter_escaped },
	[CALL_PROBE_ESCAPED] = { "ATH", "", 1500, .done = call_on_probed_escaped },
	[CALL_BAUD] = { .entry = call_enter_baud },
	[CALL_PROBE_BAUD] = { "AT", "", 300, .done = call_on_probed_baud },
	[CALL_BAUD_FOUND] = { .entry = call_enter_baud_found, .done = call_on_baud_set },
	[CALL_RESET] = { .entry = call_enter_reset, .done = call_on_reset },
	[CALL_RESTARTED] = { "AT", "", 500, .done = call_on_restarted },
	[CALL_ECHO_OFF] = { "ATE0", "", 2000, .next = CALL_ERRORS },
	[CALL_ERRORS] = { "AT+CMEE=1", "", 2000, .next = CALL_MANUFACTURER },
	[CALL_MANUFACTURER] = { "AT+CGMI", NULL, 3000, .done = call_on_identity },
	[CALL_MODEL] = { "AT+CGMM", NULL, 3000, .done = call_on_identity },
	[CALL_FIRMWARE] = { "AT+CGMR", NULL, 3000, .done = call_on_identity },
	[CALL_IMEI] = { "AT+CGSN", NULL, 3000, .done = call_on_identity },
	[CALL_INIT] = { .entry = call_enter_init, .done = call_on_init },
	[CALL_MUX] = { .entry = call_enter_mux, .done = call_on_mux },
	[CALL_MUX_OPEN] = { .entry = call_enter_mux_open },
	[CALL_MUX_LEAVE] = { .entry = call_enter_mux_leave },
	[CALL_CONTROL_ECHO] = { .entry = call_enter_control_echo, .next = CALL_CONTROL_ERRORS },
	[CALL_CONTROL_ERRORS] = { "AT+CMEE=1", "", 2000, .next = CALL_DATA_ECHO },
	[CALL_DATA_ECHO] = { .entry = call_enter_data_echo, .next = CALL_PDP_OFF },
	[CALL_PDP_OFF] = { .entry = call_enter_pdp_off, .next = CALL_RADIO_OFF },
	[CALL_RADIO_OFF] = { .entry = call_enter_radio_off, .done = call_on_radio_off },
	[CALL_FUNCTIONALITY] = { "AT+CFUN?", "+CFUN:", 5000, .done = call_on_functionality },
	[CALL_RADIO_ON] = { "AT+CFUN=1", "", 20000, .done = call_on_radio_on },
	[CALL_SIM] = { .entry = call_enter_sim, .done = call_on_sim },
	[CALL_PIN_TRIES] = { .entry = call_enter_pin_tries, .done = call_on_pin_tries },
	[CALL_PIN] = { .entry = call_enter_pin, .done = call_on_pin },
	[CALL_IMSI] = { "AT+CIMI", NULL, 5000, .done = call_on_imsi },
	[CALL_ICCID] = { .entry = call_enter_iccid, .done = call_on_iccid },
	[CALL_REPORT_CS] = { "AT+CREG=2", "", 5000, .next = CALL_REPORT_PS },
	[CALL_REPORT_PS] = { "AT+CGREG=2", "", 5000, .next = CALL_REPORT_EPS },
	[CALL_REPORT_EPS] = { "AT+CEREG=2", "", 5000, .next = CALL_REPORT_5GS },
	[CALL_REPORT_5GS] = { "AT+C5GREG=2", "", 5000, .next = CALL_REPORT_BEARER },
	[CALL_REPORT_BEARER] = { "AT+CGEREP=2,1", "", 5000, .next = CALL_LOOK },
	[CALL_LOOK] = { .entry = call_enter_look },
	[CALL_BEARER] = { .entry = call_enter_bearer, .done = call_on_bearer },
	[CALL_ACCOUNT] = { .entry = call_enter_account, .next = CALL_DIAL },
	[CALL_DIAL] = { .entry = call_enter_dial },
	[CALL_WHY] = { "AT+CEER", "+CEER:", 5000, .done = call_on_why },
	[CALL_NEGOTIATE] = { .entry = call_enter_negotiate },
	[CALL_UP] = { .entry = call_watch },
	[CALL_ENDED] = { .entry = NULL },
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == CALL_STATE_COUNT, "one row a state");

/* ---- what the daemon is told --------------------------------------------------- */

void call_say(struct call *call, enum log_level level, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	call->handlers.log((uint32_t)level, text, call->handlers.arg);
}

void call_tell_state(struct call *call, enum table_link_state state, const char *cause)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;

	event.which_body = ush_HelperEvent_state_tag;
	event.body.state.state = (uint32_t)state;
	snprintf(event.body.state.cause, sizeof(event.body.state.cause), "%s", cause);
	event.body.state.pin_tried = call->state == CALL_PIN;
	event.body.state.pin_accepted = call->is_pin_sent && state > TABLE_LINK_SIM;
	call->handlers.event(&event, call->handlers.arg);
}

void call_tell_identity(struct call *call)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;

	event.which_body = ush_HelperEvent_identity_tag;
	event.body.identity = call->identity;
	call->handlers.event(&event, call->handlers.arg);
}

static void end(struct call *call, enum table_link_reason reason, bool is_final, const char *cause)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;

	if (call->state == CALL_ENDED)
		return;
	call->state = CALL_ENDED;
	event_del(call->timer);
	event_del(call->look);
	event.which_body = ush_HelperEvent_failed_tag;
	event.body.failed.reason = (uint32_t)reason;
	event.body.failed.is_final = is_final;
	snprintf(event.body.failed.cause, sizeof(event.body.failed.cause), "%s", cause);
	snprintf(event.body.failed.network_cause, sizeof(event.body.failed.network_cause), "%s",
		call->network_cause);
	call->handlers.event(&event, call->handlers.arg);
}

void call_fail(struct call *call, enum table_link_reason reason, const char *cause)
{
	end(call, reason, false, cause);
}

void call_refuse(struct call *call, enum table_link_reason reason, const char *cause)
{
	end(call, reason, true, cause);
}

/* ---- states -------------------------------------------------------------------- */

void call_timer_in(struct event *timer, uint32_t ms)
{
	struct timeval t = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};

	event_add(timer, &t);
}

void call_pause(struct call *call, enum call_state next, uint32_t ms)
{
	if (call->state == CALL_ENDED)
		return;
	call->after_pause = next;
	call_timer_in(call->timer, ms);
}

/* While it is looked for, silence is no news; while packets flow, PPP knows better. */
bool call_has_fallen_silent(struct call *call, const struct at_result *result)
{
	call->n_unanswered = result->status == AT_TIMEOUT ? call->n_unanswered + 1 : 0;
	if (call->n_unanswered < UNANSWERED_MAX || call->state <= CALL_RESTARTED ||
		call->state >= CALL_NEGOTIATE)
		return false;
	call_fail(call, TABLE_REASON_SILENT, "the modem answers no commands any more");
	return true;
}

static void on_done(const struct at_result *result, void *arg)
{
	struct call *call = arg;
	const struct call_row *row = &rows[call->state];

	if (call->state == CALL_ENDED || call_has_fallen_silent(call, result))
		return;
	if (row->done)
		row->done(call, result);
	else
		call_enter(call, row->next);
}

void call_command_to(struct call *call, struct dialogue *dialogue,
	const struct at_command *command)
{
	struct at_command c = *command;

	if (call->state == CALL_ENDED)
		return;
	if (!c.done) {
		c.done = on_done;
		c.arg = call;
	}
	if (dialogue_send(dialogue, DIALOGUE_CALL, &c) != 0)
		call_fail(call, TABLE_REASON_SYSTEM, "a command could not be sent");
}

void call_command(struct call *call, const char *text, const char *prefix, uint32_t timeout_ms)
{
	const struct at_command command = {
		.text = text,
		.prefix = prefix,
		.timeout_ms = timeout_ms,
	};

	call_command_to(call, call->control, &command);
}

/* Why a person's command cannot be sent now, or NULL. */
static const char *user_refusal(const struct call *call)
{
	if (call->state <= CALL_RESTARTED)
		return "the modem is still being looked for";
	if (call->control != &call->dialogues[CALL_CHANNEL_DATA])
		return NULL;
	if (call->state >= CALL_MUX && call->state <= CALL_MUX_LEAVE)
		return "the modem begins to multiplex, try again";
	if (call->state >= CALL_DIAL)
		return "no channel for commands while a call is up (cmux, at_device)";
	return NULL;
}

void call_enter(struct call *call, enum call_state state)
{
	const struct call_row *row = &rows[state];

	if (call->state == CALL_ENDED)
		return;
	call->state = state;
	/* One that waits would be sent to what is no command line any more. */
	if (user_refusal(call))
		dialogue_cancel_waiting(call->control, DIALOGUE_USER);
	if (row->entry)
		row->entry(call);
	else
		call_command(call, row->command, row->prefix, row->timeout_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct call *call = arg;

	(void)fd;
	(void)what;
	if (call->state == CALL_NEGOTIATE)
		call_negotiation_expired(call);
	else
		call_enter(call, call->after_pause);
}

/* ---- bytes --------------------------------------------------------------------- */

void call_write(struct call *call, enum call_channel channel, const void *bytes, size_t len)
{
	/* What does not fit is lost, as on any line; see call_is_congested(). */
	if (call->mux)
		cmux_write(call->mux, (uint8_t)(channel + 1), bytes, len);
	else if (channel == CALL_CHANNEL_CONTROL)
		serial_write(call->control_port, bytes, len);
	else
		serial_write(call->serial, bytes, len);
}

void call_input(struct call *call, enum call_channel channel, const uint8_t *bytes, size_t len)
{
	bool is_ppp = channel == CALL_CHANNEL_DATA && call->ppp;
	size_t n = 0;

	if (!is_ppp)
		n = dialogue_input(&call->dialogues[channel], bytes, len);
	if (channel == CALL_CHANNEL_DATA && call->ppp && n < len)
		pppline_input(call->ppp, bytes + n, len - n);
}

static void on_data_write(const void *bytes, size_t len, void *arg)
{
	call_write(arg, CALL_CHANNEL_DATA, bytes, len);
}

static void on_control_write(const void *bytes, size_t len, void *arg)
{
	call_write(arg, CALL_CHANNEL_CONTROL, bytes, len);
}

static void on_unsolicited(const char *line, void *arg)
{
	call_on_unsolicited(arg, line);
}

static void on_trace(bool is_sent, const char *line, void *arg)
{
	char masked[AT_LINE_MAX + 1];

	mask_line(masked, sizeof(masked), line);
	call_say(arg, LOG_LEVEL_DEBUG, "%s %.250s", is_sent ? ">" : "<", masked);
}

static void on_line_input(const uint8_t *bytes, size_t len, void *arg)
{
	struct call *call = arg;
	size_t n = 0;

	if (call->mux)
		n = cmux_input(call->mux, bytes, len);
	if (n < len && !call->mux)
		call_input(call, CALL_CHANNEL_DATA, bytes + n, len - n);
}

static void on_line_drained(void *arg)
{
	struct call *call = arg;

	if (call->mux)
		cmux_flush(call->mux);
	call->handlers.writable(call->handlers.arg);
}

static void on_control_input(const uint8_t *bytes, size_t len, void *arg)
{
	call_input(arg, CALL_CHANNEL_CONTROL, bytes, len);
}

static void on_control_drained(void *arg)
{
	(void)arg;
}

static void on_lost(int error, void *arg)
{
	char cause[96];

	snprintf(cause, sizeof(cause), "the modem's port is gone: %s",
		error ? strerror(error) : "hung up");
	call_fail(arg, TABLE_REASON_DEVICE, cause);
}

/* ---- a person's command ---------------------------------------------------------- */

static void answer_user(struct call *call, const char *line, bool is_final)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;
	ush_HelperAtAnswer *answer = &event.body.at_answer;

	event.which_body = ush_HelperEvent_at_answer_tag;
	answer->sequence = call->user_sequence;
	answer->is_final = is_final;
	snprintf(answer->line, sizeof(answer->line), "%s", line);
	call->handlers.event(&event, call->handlers.arg);
}

static void on_user_done(const struct at_result *result, void *arg)
{
	struct call *call = arg;
	const char *line = result->lines;
	const char *text = result->text[0] ? result->text : at_status_name(result->status);

	for (unsigned int i = 0; i < result->n_lines; i++) {
		answer_user(call, line, false);
		line += strlen(line) + 1;
	}
	if (result->status == AT_CANCELLED && user_refusal(call))
		text = user_refusal(call);
	answer_user(call, text, true);
	call->user_sequence = 0;
}

void call_user_command(struct call *call, uint32_t sequence, const char *text)
{
	const struct at_command command = {
		.text = text,
		.timeout_ms = USER_COMMAND_MS,
		.done = on_user_done,
		.arg = call,
	};
	uint32_t before = call->user_sequence;
	const char *refusal = user_refusal(call);

	call->user_sequence = sequence;
	if (!refusal && dialogue_send(call->control, DIALOGUE_USER, &command) != 0)
		refusal = "another command is under way";
	if (!refusal)
		return;
	answer_user(call, refusal, true);
	call->user_sequence = before;
}

/* ---- life ---------------------------------------------------------------------- */

static int start(struct call *call)
{
	const struct dialogue_handlers data = { on_data_write, on_unsolicited, on_trace, call };
	const struct dialogue_handlers control = { on_control_write, on_unsolicited, on_trace,
		call };
	const struct serial_handlers line = { on_line_input, on_line_drained, on_lost, call };
	const struct serial_handlers port = { on_control_input, on_control_drained, on_lost, call };

	call->timer = evtimer_new(call->base, on_timer, call);
	if (!call->timer || call_network_init(call) != 0 ||
		dialogue_init(&call->dialogues[CALL_CHANNEL_DATA], call->base, &data) != 0 ||
		dialogue_init(&call->dialogues[CALL_CHANNEL_CONTROL], call->base, &control) != 0)
		return -ENOMEM;
	if (serial_start(call->serial, call->base, &line) != 0)
		return -ENOMEM;
	return call->control_port ? serial_start(call->control_port, call->base, &port) : 0;
}

static void forget_identity(ush_HelperIdentity *id)
{
	memset(id, 0, sizeof(*id));
	id->sim_status = id->functionality = TABLE_MODEM_UNKNOWN;
}

struct call *call_new(struct event_base *base, const struct call_ports *ports,
	const struct call_config *config, const struct call_handlers *handlers)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->base = base;
	call->serial = ports->line;
	call->control_port = ports->control;
	call->config = *config;
	call->handlers = *handlers;
	call->family = family_find(config->modem.family);
	if (!call->family)
		call->family = family_generic();
	call->control = &call->dialogues[CALL_CHANNEL_DATA];
	forget_identity(&call->identity);
	if (start(call) != 0) {
		call_free(call);
		return NULL;
	}
	call_find_start(call);
	return call;
}

void call_free(struct call *call)
{
	if (!call)
		return;
	pppline_free(call->ppp);
	call_mux_free(call);
	for (int i = 0; i < (int)CALL_CHANNEL_COUNT; i++)
		dialogue_fini(&call->dialogues[i]);
	if (call->timer)
		event_free(call->timer);
	if (call->look)
		event_free(call->look);
	free(call);
}

size_t call_pending(const struct call *call)
{
	size_t n = serial_pending(call->serial);

	return call->mux ? n + cmux_pending(call->mux, CALL_CHANNEL_DATA + 1) : n;
}

void call_hang_up(struct call *call)
{
	if (call->ppp)
		pppline_stop(call->ppp);
	if (call->mux)
		cmux_shut_down(call->mux);
	serial_set_dtr(call->serial, false);
}
