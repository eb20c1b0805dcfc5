/* SPDX-License-Identifier: MIT */
/*
 * The SIM: there or not, locked or not, and how many tries are left.
 */
#ifndef TESTS_MODEM_SIM_SIMCARD_H
#define TESTS_MODEM_SIM_SIMCARD_H

#include "tests/modem-sim/command.h"

#include <stdbool.h>

#define SIMCARD_IMSI  "001010123456789"
#define SIMCARD_ICCID "8988211000000123456"

struct options;

enum simcard_state {
	SIMCARD_READY,
	SIMCARD_LOCKED, /* asks for its PIN, or PUK when no tries are left */
	SIMCARD_MISSING,
	SIMCARD_BUSY,
	SIMCARD_BROKEN,
};

/* Embedded in the modem. */
struct simcard {
	enum simcard_state state;
	const char *pin; /* NULL: it asks for none */
	int tries_left;
};

void simcard_init(struct simcard *simcard, const struct options *options);

/* Its power was off: it asks for its PIN again. */
void simcard_restart(struct simcard *simcard);

bool simcard_is_ready(const struct simcard *simcard);

/* "+CPIN: READY" and so on, as an unsolicited line. */
const char *simcard_line(const struct simcard *simcard);

/* +CPINR */
int simcard_tell_tries(struct channel *channel, const char *args);
/* "NAME: ICCID", under the command's own name. */
int simcard_tell_iccid(struct channel *channel, const char *args);

extern const struct command simcard_commands[];

#endif
