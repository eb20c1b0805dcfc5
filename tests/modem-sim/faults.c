/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Rules in the order in which they came; the first whose text begins the line
 * holds, and is taken out when it has held as often as it should.
 */
#include "tests/modem-sim/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NO_NUMBER -1

static const struct {
	const char *name;
	enum fault_kind kind;
} kinds[] = {
	{ "silence", FAULT_SILENCE },
	{ "error", FAULT_ERROR },
	{ "cme", FAULT_ERROR },
	{ "carrier", FAULT_CARRIER },
	{ "garbage", FAULT_GARBAGE },
	{ "late", FAULT_LATE },
	{ "hang", FAULT_HANG },
	{ "reset", FAULT_RESET },
	{ "unplug", FAULT_UNPLUG },
	{ "power", FAULT_POWER },
};

static enum fault_kind find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].kind;
	}
	return FAULT_NONE;
}

int faults_take(struct faults *faults, const char *args)
{
	char kind[16], times[16] = "1";
	struct fault fault = { .number = NO_NUMBER };
	int n;

	if (strcmp(args, "clear") == 0) {
		faults->n = 0;
		return 0;
	}
	n = sscanf(args, "%63s %15[a-z]:%d %15s", fault.text, kind, &fault.number, times);
	if (n < 3)
		n = sscanf(args, "%63s %15[a-z] %15s", fault.text, kind, times);
	fault.kind = n < 2 ? FAULT_NONE : find_kind(kind);
	fault.n_left = strcmp(times, "always") == 0 ? 0 : (unsigned int)atoi(times);
	if (fault.kind == FAULT_NONE || faults->n == FAULTS_MAX ||
		(fault.n_left == 0 && strcmp(times, "always") != 0))
		return -1;
	faults->list[faults->n++] = fault;
	return 0;
}

enum fault_kind faults_find(struct faults *faults, const char *line, int *number)
{
	for (unsigned int i = 0; i < faults->n; i++) {
		struct fault *fault = &faults->list[i];
		enum fault_kind kind = fault->kind;

		if (strncasecmp(line, fault->text, strlen(fault->text)) != 0)
			continue;
		*number = fault->number;
		if (fault->n_left == 1) {
			faults->n--;
			memmove(fault, fault + 1, (faults->n - i) * sizeof(*fault));
		} else if (fault->n_left > 1) {
			fault->n_left--;
		}
		return kind;
	}
	return FAULT_NONE;
}
