/* SPDX-License-Identifier: MIT */
/*
 * A call from the inside, for its own files: call.c drives the table of states,
 * call_find.c finds the modem, call_setup.c sets it up, call_mux.c makes two
 * channels of one, call_sim.c unlocks the SIM, call_network.c watches
 * registration and signal, call_data.c dials and runs PPP.
 */
#ifndef NETIF_MODEM_CALL_PRIVATE_H
#define NETIF_MODEM_CALL_PRIVATE_H

#include "netif/log.h"
#include "netif/modem/call.h"
#include "netif/modem/dialogue.h"
#include "netif/modem/family.h"
#include "netif/modem/registration.h"
#include "netif/modem/signal.h"
#include "proto/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cmux;
struct event;
struct event_base;
struct pppline;
struct serial;

/* The PDP context that is used. */
#define CALL_CID 1
/* Between looks at something that takes its time. */
#define CALL_POLL_MS 1000

enum call_state {
	/* Finding the modem: AT, until it answers; from CALL_PROBE on each is
	 * entered when the one before has failed. */
	CALL_PROBE,
	CALL_MUX_CLOSE, /* it may have been left multiplexing */
	CALL_PROBE_CLOSED,
	CALL_ESCAPE, /* it may be in a call: silence, "+++", silence */
	CALL_ESCAPED,
	CALL_PROBE_ESCAPED,
	CALL_BAUD, /* it may have another speed */
	CALL_PROBE_BAUD,
	CALL_BAUD_FOUND, /* it is told ours */
	/* The ladder's step, once there is somebody to listen, or blindly. */
	CALL_RESET,
	CALL_RESTARTED,
	/* Setting it up, once AT is answered. */
	CALL_ECHO_OFF,
	CALL_ERRORS,
	CALL_MANUFACTURER,
	CALL_MODEL,
	CALL_FIRMWARE,
	CALL_IMEI,
	CALL_INIT,
	/* Two channels; passed over where there is one. */
	CALL_MUX,
	CALL_MUX_OPEN,
	CALL_MUX_LEAVE,
	CALL_CONTROL_ECHO,
	CALL_CONTROL_ERRORS,
	CALL_DATA_ECHO,
	/* The ladder's lower steps, and the radio on. */
	CALL_PDP_OFF,
	CALL_RADIO_OFF,
	CALL_FUNCTIONALITY,
	CALL_RADIO_ON,
	CALL_SIM,
	CALL_PIN_TRIES,
	CALL_PIN,
	CALL_IMSI,
	CALL_ICCID,
	/* What is to be reported unasked. */
	CALL_REPORT_CS,
	CALL_REPORT_PS,
	CALL_REPORT_EPS,
	CALL_REPORT_5GS,
	CALL_REPORT_BEARER,
	/* Looking around until registered. */
	CALL_LOOK,
	CALL_BEARER,
	CALL_ACCOUNT,
	CALL_DIAL,
	CALL_WHY, /* no connection: the network's cause */
	CALL_NEGOTIATE,
	CALL_UP,
	CALL_ENDED,
	CALL_STATE_COUNT,
};

/* The modem's channels; the first is the port itself where there is one only. */
enum call_channel {
	CALL_CHANNEL_DATA,
	CALL_CHANNEL_CONTROL,
	CALL_CHANNEL_COUNT,
};

struct call {
	struct event_base *base;
	struct serial *serial;
	struct serial *control_port; /* NULL: there is none */
	struct call_config config;
	struct call_handlers handlers;
	const struct family *family;
	enum call_state state;
	struct event *timer; /* a pause, or the state's deadline */
	/* What follows the pause that `timer` makes. */
	enum call_state after_pause;

	struct dialogue dialogues[CALL_CHANNEL_COUNT];
	struct dialogue *control; /* where commands go */
	struct cmux *mux;	  /* NULL: not multiplexing */
	struct event *mux_timer;
	unsigned int n_mux_tries;
	bool is_mux_off; /* it has been tried in vain */

	/* call_find.c */
	unsigned int n_probes, n_baud;
	bool is_step_done; /* the ladder's, as far as it is of this file */
	bool is_reset_refused;
	/* call_setup.c, call_sim.c */
	unsigned int n_inits, n_busy;
	bool is_pin_sent;
	ush_HelperIdentity identity;
	/* call_network.c */
	struct registration registration;
	struct signal_levels levels;
	char operator[32], operator_id[8];
	unsigned int n_looked, n_unanswered;
	uint32_t looks_refused; /* a bit each: the modem does not know them */
	bool is_looking;
	ush_HelperSignal told_signal;
	ush_HelperPlace told_place;
	/* The next one while the call is up, or the grace's end. */
	struct event *look;
	const struct call_end *announced; /* PPP may give a better cause for it */
	uint32_t registering_ms;	  /* spent waiting for the network */
	/* call_data.c */
	struct pppline *ppp;
	char dial_result[48], network_cause[64];
	enum table_link_reason dial_reason;
	/* A person's command: 0: none. */
	uint32_t user_sequence;
};

/* An end that is not PPP's own. */
struct call_end {
	const char *text; /* the unsolicited line that tells of it, its beginning */
	enum table_link_reason reason;
	const char *cause;
	bool ends_setup; /* also once the SIM is ready, before there is a call */
};

struct call_row {
	const char *command; /* NULL: the entry function does what is to be done */
	const char *prefix;
	uint32_t timeout_ms;
	void (*entry)(struct call *call);
	void (*done)(struct call *call, const struct at_result *result);
	enum call_state next; /* for rows without `done`, whatever the result */
};

/* ---- call.c -------------------------------------------------------------------- */

/* The only writer of the state. */
void call_enter(struct call *call, enum call_state state);

/* Enters @next in @ms; until then a person's command may run. */
void call_pause(struct call *call, enum call_state next, uint32_t ms);

/* Sends a command whose end the state's row takes. */
void call_command(struct call *call, const char *text, const char *prefix, uint32_t timeout_ms);

/*
 * Counts commands without answer. True if that makes so many in a row that the
 * call has been ended.
 */
bool call_has_fallen_silent(struct call *call, const struct at_result *result);

/* The same to a channel, with its own end. */
void call_command_to(struct call *call, struct dialogue *dialogue,
	const struct at_command *command);

/* Bytes to a channel, past the dialogue. */
void call_write(struct call *call, enum call_channel channel, const void *bytes, size_t len);

/* Bytes of a channel. */
void call_input(struct call *call, enum call_channel channel, const uint8_t *bytes, size_t len);

void call_timer_in(struct event *timer, uint32_t ms);

void call_say(struct call *call, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void call_tell_state(struct call *call, enum table_link_state state, const char *cause);
void call_tell_identity(struct call *call);

/* The end: may be tried again, or not. Nothing of the call is used after it. */
void call_fail(struct call *call, enum table_link_reason reason, const char *cause);
void call_refuse(struct call *call, enum table_link_reason reason, const char *cause);

/* ---- handlers of the rows, by file ---------------------------------------------- */

/* call_find.c */
void call_find_start(struct call *call);
void call_on_probed(struct call *call, const struct at_result *result);
void call_enter_mux_close(struct call *call);
void call_on_probed_closed(struct call *call, const struct at_result *result);
void call_enter_escape(struct call *call);
void call_enter_escaped(struct call *call);
void call_on_probed_escaped(struct call *call, const struct at_result *result);
void call_enter_baud(struct call *call);
void call_on_probed_baud(struct call *call, const struct at_result *result);
void call_enter_baud_found(struct call *call);
void call_on_baud_set(struct call *call, const struct at_result *result);
void call_enter_reset(struct call *call);
void call_on_reset(struct call *call, const struct at_result *result);
void call_on_restarted(struct call *call, const struct at_result *result);

/* call_setup.c */
void call_on_identity(struct call *call, const struct at_result *result);
void call_enter_init(struct call *call);
void call_on_init(struct call *call, const struct at_result *result);
void call_enter_pdp_off(struct call *call);
void call_enter_radio_off(struct call *call);
void call_on_radio_off(struct call *call, const struct at_result *result);
void call_on_functionality(struct call *call, const struct at_result *result);
void call_on_radio_on(struct call *call, const struct at_result *result);

/* call_mux.c */
void call_enter_mux(struct call *call);
void call_on_mux(struct call *call, const struct at_result *result);
void call_enter_mux_open(struct call *call);
void call_enter_mux_leave(struct call *call);
void call_enter_control_echo(struct call *call);
void call_enter_data_echo(struct call *call);
void call_mux_free(struct call *call);

/* call_sim.c */
void call_enter_sim(struct call *call);
void call_on_sim(struct call *call, const struct at_result *result);
void call_enter_pin_tries(struct call *call);
void call_on_pin_tries(struct call *call, const struct at_result *result);
void call_enter_pin(struct call *call);
void call_on_pin(struct call *call, const struct at_result *result);
void call_on_imsi(struct call *call, const struct at_result *result);
void call_enter_iccid(struct call *call);
void call_on_iccid(struct call *call, const struct at_result *result);

/* call_network.c */
int call_network_init(struct call *call);
void call_enter_look(struct call *call);
void call_watch(struct call *call);
void call_on_unsolicited(struct call *call, const char *line);

/* call_data.c */
void call_enter_bearer(struct call *call);
void call_on_bearer(struct call *call, const struct at_result *result);
void call_enter_account(struct call *call);
void call_enter_dial(struct call *call);
void call_on_why(struct call *call, const struct at_result *result);
void call_enter_negotiate(struct call *call);
void call_negotiation_expired(struct call *call);

#endif
