/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Numbers only, so that the tables can be tested without a link or a clock.
 *
 * The pause doubles with every failure in a row, whatever the reason, from one
 * second to five minutes, give or take a fifth, lest a field of gateways dials
 * in step. The very first retry is quick: most failures are one process or
 * device that comes back.
 *
 * The step depends on the reason. What the modem or the network did wrong
 * climbs the ladder, and starts at its foot again when all of it was in vain. A
 * modem that says nothing cannot be told to deactivate a context, so it has a
 * ladder of its own. A helper that crashed or a device that is not there climbs
 * none, but keeps the rung: a modem is away for a while after its reset, and
 * that is not the end of its story. When another program has the port nothing of
 * the step could be done, so it is still to be done.
 *
 * A refusal that does not mend itself is final when it has been heard so many
 * times since the network last let us in: an authentication server may fail
 * once, and a network may deny one attach.
 */
#include "netif/ladder.h"

#include <assert.h>
#include <string.h>

#define PAUSE_FIRST_MS 100
#define PAUSE_MIN_MS   1000
#define PAUSE_MAX_MS   300000

#define N(array)       (sizeof(array) / sizeof((array)[0]))

static const struct reason_row {
	enum ladder_kind kind;
	uint8_t final_after; /* 0: never */
} reason_rows[] = {
	[TABLE_REASON_NONE] = { LADDER_NONE, 0 },
	[TABLE_REASON_COMMAND] = { LADDER_NONE, 0 },
	[TABLE_REASON_CONFIGURATION] = { LADDER_NONE, 0 },
	[TABLE_REASON_SYSTEM] = { LADDER_NONE, 0 },
	[TABLE_REASON_DEVICE] = { LADDER_NONE, 0 },
	[TABLE_REASON_DEVICE_BUSY] = { LADDER_WAIT, 0 },
	[TABLE_REASON_HELPER] = { LADDER_NONE, 0 },
	[TABLE_REASON_SILENT] = { LADDER_SILENT, 0 },
	[TABLE_REASON_MODEM] = { LADDER_FULL, 0 },
	[TABLE_REASON_SIM_MISSING] = { LADDER_NONE, 0 },
	[TABLE_REASON_SIM_PIN] = { LADDER_NONE, 0 },
	[TABLE_REASON_SIM_PUK] = { LADDER_NONE, 0 },
	[TABLE_REASON_SIM] = { LADDER_FULL, 0 },
	[TABLE_REASON_REGISTRATION] = { LADDER_FULL, 0 },
	/* A vehicle leaves the foreign network's reach by itself. */
	[TABLE_REASON_ROAMING] = { LADDER_NONE, 0 },
	[TABLE_REASON_BARRED] = { LADDER_NONE, 3 },
	[TABLE_REASON_DIAL] = { LADDER_FULL, 0 },
	[TABLE_REASON_AUTHENTICATION] = { LADDER_NONE, 3 },
	[TABLE_REASON_ADDRESS] = { LADDER_FULL, 0 },
	[TABLE_REASON_CARRIER] = { LADDER_FULL, 0 },
	[TABLE_REASON_PEER] = { LADDER_FULL, 0 },
	[TABLE_REASON_PEER_SILENT] = { LADDER_FULL, 0 },
	[TABLE_REASON_TIMEOUT] = { LADDER_FULL, 0 },
	[TABLE_REASON_NO_DATA] = { LADDER_FULL, 0 },
	[TABLE_REASON_IDLE] = { LADDER_NONE, 0 },
};
_Static_assert(N(reason_rows) == TABLE_REASON_COUNT, "one row a reason");

/* The step after so many failures in a row; above the last comes the first. */
static const enum table_link_step full_steps[] = {
	TABLE_STEP_REDIAL,
	TABLE_STEP_REDIAL,
	TABLE_STEP_PDP,
	TABLE_STEP_RADIO,
	TABLE_STEP_RESET,
	TABLE_STEP_POWER,
};

static const enum table_link_step silent_steps[] = {
	TABLE_STEP_REDIAL,
	TABLE_STEP_REDIAL,
	TABLE_STEP_RESET,
	TABLE_STEP_POWER,
};

static const enum table_link_step no_steps[] = { TABLE_STEP_REDIAL };

static const struct {
	const enum table_link_step *steps;
	unsigned int n;
} ladders[] = {
	[LADDER_NONE] = { no_steps, N(no_steps) },
	[LADDER_WAIT] = { no_steps, N(no_steps) },
	[LADDER_FULL] = { full_steps, N(full_steps) },
	[LADDER_SILENT] = { silent_steps, N(silent_steps) },
};
_Static_assert(N(ladders) == LADDER_KIND_COUNT, "one row a kind");

void ladder_reset(struct ladder *ladder)
{
	memset(ladder, 0, sizeof(*ladder));
}

void ladder_accepted(struct ladder *ladder)
{
	ladder->refusal = TABLE_REASON_NONE;
	ladder->n_refusals = 0;
}

void ladder_hurry(struct ladder *ladder)
{
	ladder->n_failures = 0;
}

static void climb(struct ladder *ladder, enum ladder_kind kind)
{
	if (kind == LADDER_WAIT)
		return;
	ladder->latest = kind;
	if (kind == LADDER_NONE)
		return;
	ladder->rung = ladder->kind == kind ? ladder->rung + 1 : 1;
	ladder->kind = kind;
}

void ladder_failed(struct ladder *ladder, enum table_link_reason reason)
{
	const struct reason_row *row = &reason_rows[reason];

	assert(reason < TABLE_REASON_COUNT);
	ladder->n_failures++;
	climb(ladder, row->kind);
	if (row->final_after == 0)
		return;
	ladder->n_refusals = ladder->refusal == reason ? ladder->n_refusals + 1 : 1;
	ladder->refusal = reason;
}

bool ladder_is_at_end(const struct ladder *ladder)
{
	const struct reason_row *row = &reason_rows[ladder->refusal];

	return row->final_after > 0 && ladder->n_refusals >= row->final_after;
}

enum table_link_step ladder_step(const struct ladder *ladder, enum table_link_step highest)
{
	enum table_link_step step;

	if (ladder->latest == LADDER_NONE)
		return TABLE_STEP_REDIAL;
	step = ladders[ladder->kind].steps[ladder->rung % ladders[ladder->kind].n];
	/* What cannot be done is left out. */
	return step <= highest ? step : TABLE_STEP_REDIAL;
}

uint32_t ladder_pause_ms(const struct ladder *ladder, uint32_t random)
{
	unsigned int n = ladder->n_failures;
	uint32_t pause = PAUSE_MAX_MS;

	if (n <= 1)
		return PAUSE_FIRST_MS;
	if (n - 2 < 16 && PAUSE_MIN_MS << (n - 2) < PAUSE_MAX_MS)
		pause = PAUSE_MIN_MS << (n - 2);
	return pause - pause / 5 + random % (2 * (pause / 5) + 1);
}
