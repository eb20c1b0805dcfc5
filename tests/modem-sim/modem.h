/* SPDX-License-Identifier: MIT */
/*
 * The modem: its parts, and what concerns all of them.
 */
#ifndef TESTS_MODEM_SIM_MODEM_H
#define TESTS_MODEM_SIM_MODEM_H

#include "tests/modem-sim/options.h"
#include "tests/modem-sim/radio.h"
#include "tests/modem-sim/simcard.h"

struct call;
struct event_base;
struct port;

struct modem {
	struct event_base *base;
	const struct options *options;
	struct port *port;
	struct simcard simcard;
	struct radio radio;
	struct call *call;
	bool is_silent; /* answers to nothing but a reset */
	unsigned int n_resets;
};

/* Returns 0, or -1 with a message on stderr. */
int modem_init(struct modem *modem, struct event_base *base, const struct options *options);
void modem_fini(struct modem *modem);

/* The modem starts afresh, and says so. */
void modem_reset(struct modem *modem);

/* The modem's device goes, which takes its power, and comes. Returns 0 or -1. */
void modem_unplug(struct modem *modem);
int modem_plug(struct modem *modem);

/* A line that nobody asked for, on every channel that takes commands. */
void modem_announce(struct modem *modem, const char *line);

/* The network ends the call, if there is one. */
void modem_lose_carrier(struct modem *modem);

#endif
