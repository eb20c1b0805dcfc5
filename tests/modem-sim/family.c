/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A family is a table of commands that is searched before those that all
 * modems have, and a few texts. The generic one has what TS 27.007 says and
 * others leave out.
 */
#include "tests/modem-sim/family.h"

#include "tests/modem-sim/contexts.h"
#include "tests/modem-sim/device.h"
#include "tests/modem-sim/simcard.h"

#include <stddef.h>
#include <string.h>

static const char *const identity[] = { "Simulated modem", NULL };
static const char *const greeting[] = { "RDY", NULL };
static const char *const chatter[] = { "+CTZV: +4", "+CIEV: 2,4", NULL };

static const struct command commands[] = {
	{ "+CCID", .run = simcard_tell_iccid },
	{ "+CGAUTH", .set = contexts_set_cgauth },
	{ "+CPINR", .run = simcard_tell_tries, .set = simcard_tell_tries },
	{ .name = NULL },
};

const struct family family_generic = {
	.name = "generic",
	.manufacturer = "usocketd",
	.model = "modem-sim",
	.revision = "1",
	.identity = identity,
	.commands = commands,
	.greeting = greeting,
	.chatter = chatter,
};

const struct family *family_find(const char *name)
{
	static const struct family *const families[] = {
		&family_generic,
		&family_quectel,
		&family_simcom,
		&family_telit,
		&family_ublox,
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (strcmp(families[i]->name, name) == 0)
			return families[i];
	}
	return NULL;
}
