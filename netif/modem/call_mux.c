/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * PPP and AT share one serial line by 3GPP TS 27.010 (cmux.c): DLCI 1 carries
 * the data call, DLCI 2 commands. A modem on USB has a port for each, and its
 * AT port seldom multiplexes; so `auto` is for real serial ports, and for them
 * only if no port for commands is configured.
 *
 * Frames as long as the modem takes are asked for, since each has six bytes
 * around its data. A modem that says no to all, or says OK and then does not
 * multiplex, is used without, if that is permitted.
 *
 * Where there is a second port, it becomes the channel for commands here.
 * Settings such as echo belong to a channel, and are made on each.
 */
#include "netif/modem/call_private.h"

#include "netif/modem/cmux.h"
#include "netif/modem/pppline.h"
#include "netif/modem/serial.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DLCI_DATA    1
#define DLCI_CONTROL 2

/* AT+CMUX says OK before it multiplexes. */
#define SWITCH_MS 100
#define LEAVE_MS  500
#define OPEN_MS	  15000

/* In the line's own queue; more waits where PPP and AT take turns. */
#define LINE_QUEUE_MAX 1024

/* <N1>, 0: the modem's default (TS 27.007 5.7). */
static const uint16_t n1_tries[] = { 1500, 127, 0 };
#define N_N1_TRIES (sizeof(n1_tries) / sizeof(n1_tries[0]))

/* <port_speed> of TS 27.007 5.7; "" leaves it as it is. */
static const char *port_speed(uint32_t baud)
{
	static const struct {
		uint32_t baud;
		const char *code;
	} speeds[] = { { 9600, "1" }, { 19200, "2" }, { 38400, "3" }, { 57600, "4" },
		{ 115200, "5" }, { 230400, "6" }, { 460800, "7" }, { 921600, "8" } };

	for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
		if (speeds[i].baud == baud)
			return speeds[i].code;
	}
	return "";
}

static bool is_wanted(const struct call *call)
{
	switch (call->config.modem.cmux) {
	case ush_HelperCmux_CMUX_ON:
		return true;
	case ush_HelperCmux_CMUX_OFF:
		return false;
	default:
		return !call->is_mux_off && !call->control_port && call->config.is_serial_line;
	}
}

static void go_on_without(struct call *call, const char *why)
{
	if (call->config.modem.cmux == ush_HelperCmux_CMUX_ON) {
		call_fail(call, TABLE_REASON_MODEM,
			"the modem does not multiplex (AT+CMUX): set cmux = no");
		return;
	}
	call_say(call, LOG_LEVEL_INFO,
		"the modem does not multiplex (%s): no AT commands while a call is up", why);
	call->is_mux_off = true;
}

void call_enter_mux(struct call *call)
{
	char command[48];
	uint16_t n1;

	if (!is_wanted(call)) {
		call_enter(call, CALL_CONTROL_ECHO);
		return;
	}
	n1 = n1_tries[call->n_mux_tries];
	if (n1)
		snprintf(command, sizeof(command), "AT+CMUX=0,0,%s,%u",
			port_speed(call->config.modem.baud), n1);
	else
		snprintf(command, sizeof(command), "AT+CMUX=0");
	call_command(call, command, "", 5000);
}

void call_on_mux(struct call *call, const struct at_result *result)
{
	if (result->status == AT_OK) {
		call_pause(call, CALL_MUX_OPEN, SWITCH_MS);
	} else if (result->status == AT_TIMEOUT) {
		/* It may multiplex by now. */
		call_enter(call, CALL_MUX_LEAVE);
	} else if (++call->n_mux_tries < N_N1_TRIES) {
		call_enter(call, CALL_MUX);
	} else {
		go_on_without(call, result->text);
		call_enter(call, CALL_CONTROL_ECHO);
	}
}

/* ---- the multiplexer's handlers -------------------------------------------------- */

static void on_write(const void *bytes, size_t len, void *arg)
{
	struct call *call = arg;

	serial_write(call->serial, bytes, len);
}

static bool has_room(void *arg)
{
	const struct call *call = arg;

	return serial_pending(call->serial) < LINE_QUEUE_MAX;
}

static void on_arm(uint32_t ms, void *arg)
{
	struct call *call = arg;

	if (ms)
		call_timer_in(call->mux_timer, ms);
	else
		event_del(call->mux_timer);
}

static void on_data(uint8_t dlci, const uint8_t *bytes, size_t len, void *arg)
{
	if (dlci == DLCI_DATA)
		call_input(arg, CALL_CHANNEL_DATA, bytes, len);
	else if (dlci == DLCI_CONTROL)
		call_input(arg, CALL_CHANNEL_CONTROL, bytes, len);
}

static void on_opened(struct call *call, uint8_t dlci)
{
	if (dlci < DLCI_CONTROL && cmux_open(call->mux, dlci + 1) != 0)
		call_pause(call, CALL_MUX_LEAVE, 0);
	else if (dlci == DLCI_CONTROL)
		call_pause(call, CALL_CONTROL_ECHO, 0);
}

/* A channel is not to be had, or has ended. */
static void on_lost(struct call *call, uint8_t dlci, enum cmux_event event)
{
	char cause[96];

	if (call->state == CALL_MUX_OPEN) {
		call_pause(call, CALL_MUX_LEAVE, 0);
		return;
	}
	if (dlci > DLCI_CONTROL)
		return;
	snprintf(cause, sizeof(cause), "the modem's %s channel: %s",
		dlci == DLCI_DATA ? "data" : "multiplexer or control", cmux_event_name(event));
	call_fail(call, dlci == DLCI_DATA ? TABLE_REASON_CARRIER : TABLE_REASON_SILENT, cause);
}

static void on_event(uint8_t dlci, enum cmux_event event, void *arg)
{
	struct call *call = arg;

	switch (event) {
	case CMUX_OPENED:
		if (call->state == CALL_MUX_OPEN)
			on_opened(call, dlci);
		break;
	case CMUX_REFUSED:
	case CMUX_SILENT:
	case CMUX_CLOSED:
		on_lost(call, dlci, event);
		break;
	case CMUX_CARRIER_LOST:
		if (dlci == DLCI_DATA && call->ppp)
			pppline_carrier_lost(call->ppp);
		break;
	case CMUX_WRITABLE:
		if (dlci == DLCI_DATA)
			call->handlers.writable(call->handlers.arg);
		break;
	case CMUX_SIGNALS:
	case CMUX_EVENT_COUNT:
		break;
	}
}

static void on_mux_timer(evutil_socket_t fd, short what, void *arg)
{
	struct call *call = arg;

	(void)fd;
	(void)what;
	cmux_expire(call->mux);
}

void call_enter_mux_open(struct call *call)
{
	const struct cmux_config config = {
		.role = CMUX_INITIATOR,
		.n1 = n1_tries[call->n_mux_tries],
	};
	const struct cmux_handlers handlers = {
		.write = on_write,
		.has_room = has_room,
		.arm = on_arm,
		.data = on_data,
		.event = on_event,
		.arg = call,
	};

	call->mux_timer = evtimer_new(call->base, on_mux_timer, call);
	call->mux = cmux_new(&config, &handlers);
	if (!call->mux || !call->mux_timer) {
		call_fail(call, TABLE_REASON_SYSTEM, "out of memory");
		return;
	}
	call_timer_in(call->timer, OPEN_MS);
	call->after_pause = CALL_MUX_LEAVE;
	cmux_start(call->mux);
}

void call_mux_free(struct call *call)
{
	if (call->mux_timer)
		event_free(call->mux_timer);
	cmux_free(call->mux);
	call->mux_timer = NULL;
	call->mux = NULL;
}

/* It does not multiplex as it should: back to AT, whatever it does now. */
void call_enter_mux_leave(struct call *call)
{
	uint8_t frames[CMUX_CLOSE_DOWN_SIZE];

	call_mux_free(call);
	go_on_without(call, "it does not open its channels");
	call_write(call, CALL_CHANNEL_DATA, frames, cmux_make_close_down(frames, 0));
	call_pause(call, CALL_PROBE, LEAVE_MS);
}

/* ---- two channels ------------------------------------------------------------------ */

void call_enter_control_echo(struct call *call)
{
	if (call->mux || call->control_port)
		call->control = &call->dialogues[CALL_CHANNEL_CONTROL];
	call_command(call, "ATE0", "", 3000);
}

void call_enter_data_echo(struct call *call)
{
	const struct at_command command = {
		.text = "ATE0",
		.prefix = "",
		.timeout_ms = 3000,
	};

	if (!call->mux) {
		call_enter(call, CALL_PDP_OFF);
		return;
	}
	call_command_to(call, &call->dialogues[CALL_CHANNEL_DATA], &command);
}
