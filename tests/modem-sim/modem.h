/* SPDX-License-Identifier: MIT */
/*
 * The modem: its parts, and what concerns all of them.
 */
#ifndef TESTS_MODEM_SIM_MODEM_H
#define TESTS_MODEM_SIM_MODEM_H

#include "tests/modem-sim/contexts.h"
#include "tests/modem-sim/device.h"
#include "tests/modem-sim/dice.h"
#include "tests/modem-sim/faults.h"
#include "tests/modem-sim/options.h"
#include "tests/modem-sim/radio.h"
#include "tests/modem-sim/simcard.h"

struct call;
struct event;
struct event_base;
struct family;
struct port;

enum modem_power {
	MODEM_OFF,	/* hears nothing, not even a reset */
	MODEM_STARTING, /* hears nothing yet */
	MODEM_ON,
};

struct modem {
	struct event_base *base;
	const struct options *options;
	const struct family *family;
	struct port *ports[PORTS_MAX];
	uint32_t n_ports;
	struct simcard simcard;
	struct radio radio;
	struct contexts contexts;
	struct call *call;
	struct faults faults;
	struct dice dice;
	enum modem_power power;
	bool is_silent;	      /* answers to nothing but a reset */
	unsigned int granted; /* by the network; bits of enum pdp */
	unsigned int baud;    /* 0: whatever the host's port has */
	struct event *started, *chat, *plugged;
	unsigned int n_resets;
};

/* Returns 0, or -1 with a message on stderr. */
int modem_init(struct modem *modem, struct event_base *base, const struct options *options);
void modem_fini(struct modem *modem);

/* Off, or starting, which ends in on. */
void modem_power(struct modem *modem, enum modem_power power);

/* The same, counted as a reset. */
void modem_reset(struct modem *modem);

/* The modem's device goes, which takes its power, and comes. Returns 0 or -1. */
void modem_unplug(struct modem *modem);
int modem_plug(struct modem *modem);
/* Plugs it in again in @ms. */
void modem_plug_later(struct modem *modem, uint32_t ms);

/* The line is heard: the modem is on, and is not silent, or this is a reset. */
bool modem_hears(const struct modem *modem, const char *line);

/* A line that nobody asked for, on every channel that takes commands. */
void modem_announce(struct modem *modem, const char *line);

/* One of the family's lines for any moment, now and then (--chatter). */
void modem_chat(struct modem *modem);

/* The network ends the call, if there is one. */
void modem_lose_carrier(struct modem *modem);

#endif
