/* SPDX-License-Identifier: MIT */
/*
 * A scripted modem for tests of netif/modem/call.c, and all that a call stands
 * on: the ports, PPP, and timers on a clock that jumps to what is due next, so
 * that a deadline of minutes takes no time. It implements netif/modem/serial.h,
 * netif/modem/pppline.h and libevent's timers itself.
 *
 * Answers are lines with a bar between, "+CSQ: 20,99|OK"; "" is silence.
 */
#ifndef TESTS_UNIT_FAKE_MODEM_H
#define TESTS_UNIT_FAKE_MODEM_H

#include "netif/modem/call.h"
#include "netif/modem/pppline.h"
#include "proto/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_TEXT_MAX 65536
#define FAKE_RULES    32

enum fake_mode {
	FAKE_COMMAND, /* takes AT commands */
	FAKE_DATA,    /* in a call that nobody ends but by "+++" or DTR */
	FAKE_MUX,     /* left multiplexing */
};

struct fake_modem {
	/* ---- set by the test */
	enum fake_mode mode;
	uint32_t latency_ms;  /* of answers, less than a second */
	uint32_t bytes_per_s; /* of the line to the modem; 0: no bound */
	uint32_t baud;	      /* heard at this speed only */
	bool has_echo;
	bool is_deaf_to_dtr;
	bool refuses_dlci2;
	bool is_cut; /* the line moves nothing, either way */
	bool keeps_ppp_down;
	bool refuses_account;	   /* PPP has been told so */
	size_t cut;		   /* bytes a piece, 0: all that there are */
	unsigned int silent_after; /* commands; 0: never */

	/* ---- seen by the test */
	char commands[FAKE_TEXT_MAX];	      /* each followed by a bar */
	char control_commands[FAKE_TEXT_MAX]; /* of them, those on the control channel */
	unsigned int n_commands;
	char states[256]; /* enum table_link_state, a digit each when it changes */
	uint64_t entered_ms[TABLE_LINK_STATE_COUNT];
	char causes[FAKE_TEXT_MAX];
	char log[FAKE_TEXT_MAX]; /* notices and worse */
	char answers[1024];	 /* to a person's commands */
	ush_HelperReady ready;
	unsigned int n_ready, n_writable;
	ush_HelperFailed failed;
	unsigned int n_failed;
	ush_HelperIdentity identity;
	ush_HelperPlace place;
	ush_HelperSignal signal;
	uint32_t host_baud;
	bool dtr;
	char ppp_input[256]; /* bytes that reached PPP */
	struct pppline_config ppp_config;
	bool has_ppp, is_ppp_stopped, has_lost_carrier;
	uint64_t now_ms;
};

extern struct fake_modem fake;

/* A modem that does everything right; a call over one port, without multiplexer. */
void fake_setup(struct call_config *config);
void fake_teardown(void);

/* To a command that begins with @command, from now on; "AT" is that alone. */
void fake_answer(const char *command, const char *answer);

/* The call; with a second port for commands, if wanted. */
struct call *fake_call(const struct call_config *config);
struct call *fake_call_with_control(const struct call_config *config);

/* Lines of the modem that nobody asked for, on the channel for commands. */
void fake_say(const char *lines);

/* Bytes of the modem on the data channel. */
void fake_say_data(const char *bytes);

/* Signals of the multiplexer's data channel. */
void fake_set_signals(uint8_t signals);

/* The modem ends the multiplexer. */
void fake_end_mux(void);

/* The port is gone. */
void fake_lose_port(int error);

/* PPP has come up, or ended. */
void fake_ppp_up(uint32_t ip4, uint64_t interface_id);
void fake_ppp_down(enum pppline_end end);

/* Time passes, until the call has failed; false if it has not in that time. */
bool fake_run(uint64_t ms);

#endif
