/* SPDX-License-Identifier: MIT */
/*
 * The multiplexer on a port: several AT channels over one line (TS 27.010).
 */
#ifndef TESTS_MODEM_SIM_MUX_H
#define TESTS_MODEM_SIM_MUX_H

#include "tests/modem-sim/channel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct modem;
struct mux;

/* DLCs 1 to this are AT channels, each with a dialogue of its own. */
#define MUX_CHANNELS 4

struct mux_params {
	struct modem *modem;
	struct channel_carrier carrier; /* to the host */
	uint16_t n1;			/* bytes in a frame; 0: the default */
	/* The line is AT again; from the loop. The mux is to be freed. */
	void (*ended)(void *arg);
	void *arg;
};

/* Waits for the host to open it. NULL when out of memory. */
struct mux *mux_new(const struct mux_params *params);
void mux_free(struct mux *mux);

/* As somebody else has left it: DLCs 1 and 2 are open. */
void mux_open_by_somebody(struct mux *mux);

/* Bytes from the host. Returns how many were taken: after the end the rest is AT. */
size_t mux_input(struct mux *mux, const uint8_t *bytes, size_t len);

/* The line takes bytes again. */
void mux_resume(struct mux *mux);

/* Ends it from the modem's side, without a word; `ended` follows. */
void mux_end(struct mux *mux);

/* Takes nothing any more; `ended` is about to be called. */
bool mux_has_ended(const struct mux *mux);

/* Ends calls and half lines, as when the host has gone; the DLCs stay. */
void mux_hang_up(struct mux *mux);

/* The AT channel of a DLC; NULL: it is not open. */
struct channel *mux_channel(struct mux *mux, unsigned int dlci);

#endif
