/* SPDX-License-Identifier: MIT */
/*
 * The radio: registration, operator, signal.
 */
#ifndef TESTS_MODEM_SIM_RADIO_H
#define TESTS_MODEM_SIM_RADIO_H

#include "tests/modem-sim/command.h"

#include <stdbool.h>

struct modem;

/* Embedded in the modem. */
struct radio {
	int stat; /* <stat> of TS 27.007 7.2: what the network would grant */
};

void radio_init(struct radio *radio);

/* <stat> as it is now, the SIM considered. */
int radio_stat(const struct modem *modem);

/* Registered, at home or roaming. */
bool radio_is_registered(const struct modem *modem);

extern const struct command radio_commands[];

#endif
