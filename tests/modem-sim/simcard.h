/* SPDX-License-Identifier: MIT */
/*
 * The SIM: there or not, locked or not, and how many tries are left.
 */
#ifndef TESTS_MODEM_SIM_SIMCARD_H
#define TESTS_MODEM_SIM_SIMCARD_H

#include "tests/modem-sim/command.h"

#include <stdbool.h>

struct options;

/* Embedded in the modem. */
struct simcard {
	bool is_missing;
	const char *pin; /* NULL: it asks for none */
	bool is_unlocked;
	int tries_left;
};

void simcard_init(struct simcard *simcard, const struct options *options);

/* Its power was off: it asks for its PIN again. */
void simcard_restart(struct simcard *simcard);

/* There, and not locked. */
bool simcard_is_ready(const struct simcard *simcard);

extern const struct command simcard_commands[];

#endif
