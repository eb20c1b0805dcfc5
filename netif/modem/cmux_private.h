/* SPDX-License-Identifier: MIT */
/*
 * What the multiplexer's two halves share: cmux.c has the DLCs, cmux_control.c
 * what is said on DLCI 0.
 */
#ifndef NETIF_MODEM_CMUX_PRIVATE_H
#define NETIF_MODEM_CMUX_PRIVATE_H

#include "netif/modem/cmux.h"

enum dlc_state {
	/* Left by SABM, the peer's or ours. */
	DLC_CLOSED,
	/* SABM sent. Left by UA, DM, DISC, or when it has been sent often enough. */
	DLC_OPENING,
	/* Left by DISC and DM of the peer, and cmux_close(). */
	DLC_OPEN,
	/* DISC sent. Left by UA and DM, or when it has been sent often enough. */
	DLC_CLOSING,
};

/* For the answer to something that is sent again when none comes. */
struct cmux_wait {
	uint32_t ticks; /* left, 0: nothing is awaited */
	uint8_t n_left; /* times it may be sent again */
};

struct cmux_queue {
	uint8_t bytes[CMUX_QUEUE_MAX];
	size_t head, len;
	bool is_long; /* CMUX_WRITABLE is due */
};

struct cmux_dlc {
	enum dlc_state state;
	uint16_t n1;
	uint8_t signals, peer_signals;
	struct cmux_wait link; /* for UA */
	struct cmux_wait msc;  /* for the answer to MSC */
	struct cmux_queue queue;
};

struct cmux {
	struct cmux_config config;
	struct cmux_handlers handlers;
	bool is_running;   /* the line is ours */
	bool is_ticking;   /* cmux_expire() will be called */
	bool is_held;	   /* the peer takes no data at all: FCoff */
	uint8_t last_dlci; /* had its turn */
	struct cmux_wait shutdown, probe;
	uint32_t gap_ticks; /* left to the rest of a frame */
	uint32_t n_misdirected, n_unexpected;
	struct cmux_dlc dlcs[CMUX_DLCI_MAX + 1];
	struct cmux_decoder decoder;
};

/* An answer is awaited for @ms, and N2 times more. */
void cmux_wait_start(struct cmux *mux, struct cmux_wait *wait, uint32_t ms);
void cmux_wait_stop(struct cmux_wait *wait);

/* A frame to the line, at once. */
void cmux_send_command(struct cmux *mux, uint8_t dlci, enum cmux_frame_type type,
	const uint8_t *info, size_t len);
void cmux_send_response(struct cmux *mux, uint8_t dlci, enum cmux_frame_type type);

void cmux_pump(struct cmux *mux);

/* Closes all; the line is not ours any more. Tells @event for DLCI 0. */
void cmux_end(struct cmux *mux, enum cmux_event event);

/* Sends DISC until it is answered. */
void cmux_disconnect(struct cmux *mux, uint8_t dlci);

/* cmux_control.c: messages on DLCI 0. */
void cmux_control_input(struct cmux *mux, const struct cmux_frame *frame);
void cmux_control_send_msc(struct cmux *mux, uint8_t dlci);
void cmux_control_send_close(struct cmux *mux);
void cmux_control_send_test(struct cmux *mux);

#endif
