/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A modem is found in any state. What costs nothing is tried first:
 *
 *   AT                        it listens
 *   close-down frames, AT     it was left multiplexing (TS 27.010 5.8.2)
 *   DTR off and on, "+++"     it was left in a call; the silences of a second
 *                             before and after are V.250's, all modems have them
 *   AT at other speeds        it was left at another one; it is told ours
 *   a reset, blindly          if this try is to begin with one
 *
 * A modem that answers none of these is a failure, and the next tries are
 * steps of the ladder (netif/link.c): a reset that it may understand though it
 * does not answer, then the power script, which the daemon runs.
 *
 * NO CARRIER is an answer: the call has been ended, and the modem listens.
 */
#include "netif/modem/call_private.h"

#include "netif/modem/cmux.h"
#include "netif/modem/serial.h"

#include <stdio.h>

#define PROBES_MAX    3
#define GUARD_MS      1100
#define CLOSE_DOWN_MS 300
#define SETTLE_MS     1000
/* Until a modem that is restarting answers; many take half of it. */
#define RESTART_MS 40000
/* The most N1 that anybody may have left the multiplexer with. */
#define CLOSE_DOWN_FLAGS 1600
/* Of a serial line: start, eight of data, stop. */
#define BITS_PER_BYTE 10

/* Tried in this order: what modems are shipped with and commonly left at. */
static const uint32_t bauds[] = { 115200, 9600, 460800, 921600, 230400, 57600, 38400, 19200,
	3000000 };
#define N_BAUDS (sizeof(bauds) / sizeof(bauds[0]))

static bool is_to_reset(const struct call *call)
{
	return call->config.modem.step >= TABLE_STEP_RESET && !call->is_step_done;
}

void call_find_start(struct call *call)
{
	/* After the power script the modem is booting. */
	call->is_step_done = call->config.modem.step == TABLE_STEP_POWER;
	call_pause(call, call->is_step_done ? CALL_RESTARTED : CALL_PROBE, 0);
}

/*
 * Answers to earlier probes may be on their way still, and would be taken for
 * those to what is asked next.
 */
static void found(struct call *call)
{
	bool is_at_once = call->state == CALL_PROBE && call->n_probes == 0;
	enum call_state next = is_to_reset(call) ? CALL_RESET : CALL_ECHO_OFF;

	call->n_probes = 0;
	if (is_at_once)
		call_enter(call, next);
	else
		call_pause(call, next, SETTLE_MS);
}

/* Once more, or on to @next. */
static void probe_again(struct call *call, unsigned int n_max, enum call_state next)
{
	if (++call->n_probes < n_max) {
		call_enter(call, call->state);
		return;
	}
	call->n_probes = 0;
	call_enter(call, next);
}

void call_on_probed(struct call *call, const struct at_result *result)
{
	if (result->status != AT_TIMEOUT)
		found(call);
	else
		probe_again(call, PROBES_MAX, CALL_MUX_CLOSE);
}

void call_enter_mux_close(struct call *call)
{
	uint8_t frames[CLOSE_DOWN_FLAGS + CMUX_CLOSE_DOWN_SIZE];
	size_t len = cmux_make_close_down(frames, CLOSE_DOWN_FLAGS);

	call_say(call, LOG_LEVEL_INFO,
		"no answer to AT: the modem may be multiplexing or in a call, ending both");
	call_write(call, CALL_CHANNEL_DATA, frames, len);
	call_pause(call, CALL_PROBE_CLOSED,
		CLOSE_DOWN_MS + (uint32_t)len * BITS_PER_BYTE * 1000 / call->config.modem.baud);
}

void call_on_probed_closed(struct call *call, const struct at_result *result)
{
	if (result->status != AT_TIMEOUT)
		found(call);
	else
		probe_again(call, 2, CALL_ESCAPE);
}

void call_enter_escape(struct call *call)
{
	serial_set_dtr(call->serial, false);
	call_pause(call, CALL_ESCAPED, GUARD_MS);
}

void call_enter_escaped(struct call *call)
{
	serial_set_dtr(call->serial, true);
	call_write(call, CALL_CHANNEL_DATA, "+++", 3);
	call_pause(call, CALL_PROBE_ESCAPED, GUARD_MS);
}

void call_on_probed_escaped(struct call *call, const struct at_result *result)
{
	if (result->status != AT_TIMEOUT)
		found(call);
	else
		probe_again(call, 2, CALL_BAUD);
}

static void give_up(struct call *call)
{
	serial_set_baud(call->serial, call->config.modem.baud);
	if (is_to_reset(call))
		call_enter(call, CALL_RESET);
	else
		call_fail(call, TABLE_REASON_SILENT,
			"the modem does not answer: right port, baud, power?");
}

void call_enter_baud(struct call *call)
{
	while (call->n_baud < N_BAUDS && bauds[call->n_baud] == call->config.modem.baud)
		call->n_baud++;
	if (call->n_baud == N_BAUDS) {
		give_up(call);
		return;
	}
	if (serial_set_baud(call->serial, bauds[call->n_baud++]) != 0)
		call_pause(call, CALL_BAUD, 0);
	else
		call_enter(call, CALL_PROBE_BAUD);
}

void call_on_probed_baud(struct call *call, const struct at_result *result)
{
	if (result->status == AT_OK)
		call_enter(call, CALL_BAUD_FOUND);
	else
		probe_again(call, 2, CALL_BAUD);
}

void call_enter_baud_found(struct call *call)
{
	char command[32];

	call_say(call, LOG_LEVEL_NOTICE, "the modem's speed is %u, it is told to use %u",
		(unsigned int)bauds[call->n_baud - 1], (unsigned int)call->config.modem.baud);
	snprintf(command, sizeof(command), "AT+IPR=%u", (unsigned int)call->config.modem.baud);
	call_command(call, command, "", 2000);
}

/* A modem that will not change is talked to as it is. */
void call_on_baud_set(struct call *call, const struct at_result *result)
{
	if (result->status == AT_OK) {
		serial_set_baud(call->serial, call->config.modem.baud);
	} else {
		call->config.modem.baud = bauds[call->n_baud - 1];
		call_say(call, LOG_LEVEL_WARNING, "the modem keeps its speed: set baud = %u",
			(unsigned int)call->config.modem.baud);
	}
	call->n_probes = 0;
	found(call);
}

/* The family's command is refused by a modem of another one. */
static const struct family *reset_of(const struct call *call)
{
	return call->is_reset_refused ? family_generic() : call->family;
}

void call_enter_reset(struct call *call)
{
	call_say(call, LOG_LEVEL_NOTICE, "the modem is reset, which takes it a while");
	/* Who it is, is not known when it does not answer. */
	call_command(call, reset_of(call)->reset, "", 10000);
}

void call_on_reset(struct call *call, const struct at_result *result)
{
	if (result->status == AT_ERROR && reset_of(call) != family_generic()) {
		call->is_reset_refused = true;
		call_enter(call, CALL_RESET);
		return;
	}
	call->is_step_done = true;
	if (result->status == AT_ERROR) {
		call_enter(call, CALL_ECHO_OFF);
		return;
	}
	call->n_probes = 0;
	call_pause(call, CALL_RESTARTED, 3 * CALL_POLL_MS);
}

void call_on_restarted(struct call *call, const struct at_result *result)
{
	if (result->status == AT_OK) {
		found(call);
	} else if (++call->n_probes < RESTART_MS / CALL_POLL_MS) {
		call_pause(call, CALL_RESTARTED, CALL_POLL_MS / 2);
	} else {
		call_fail(call, TABLE_REASON_SILENT,
			"the modem does not come back from its restart: power?");
	}
}
