/* SPDX-License-Identifier: MIT */
/*
 * Families of modems: how they call themselves, the commands that only they
 * have, and what they say without being asked.
 */
#ifndef TESTS_MODEM_SIM_FAMILY_H
#define TESTS_MODEM_SIM_FAMILY_H

#include "tests/modem-sim/command.h"

struct family {
	const char *name;
	const char *manufacturer, *model, *revision;
	const char *const *identity; /* lines of ATI */
	const struct command *commands;
	/* Lines after power on; that of +CPIN tells the SIM's state. */
	const char *const *greeting;
	const char *const *chatter; /* lines at any moment */
};

/* NULL: there is none of that name. */
const struct family *family_find(const char *name);

extern const struct family family_generic;
extern const struct family family_quectel;
extern const struct family family_simcom;
extern const struct family family_telit;
extern const struct family family_ublox;

#endif
