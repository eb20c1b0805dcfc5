/* SPDX-License-Identifier: MIT */
/*
 * Faults that wait for a command: what happens to it instead of its answer.
 */
#ifndef TESTS_MODEM_SIM_FAULTS_H
#define TESTS_MODEM_SIM_FAULTS_H

#include <stdint.h>

#define FAULTS_MAX	16
#define FAULTS_TEXT_MAX 64

enum fault_kind {
	FAULT_NONE,
	FAULT_SILENCE, /* no answer, and nothing is done */
	FAULT_ERROR,   /* ERROR, or +CME ERROR with the number */
	FAULT_CARRIER, /* NO CARRIER */
	FAULT_GARBAGE, /* noise instead of an answer */
	FAULT_LATE,    /* answered after so many milliseconds */
	FAULT_HANG,    /* silent from now on, until it is reset */
	FAULT_RESET,   /* it crashes and starts afresh */
	FAULT_UNPLUG,  /* the device goes; back after so many milliseconds, 0: never */
	FAULT_POWER,   /* dead until its power is switched */
	FAULT_KIND_COUNT,
};

struct fault {
	char text[FAULTS_TEXT_MAX]; /* what the command's line begins with */
	enum fault_kind kind;
	int number;
	unsigned int n_left; /* commands; 0: all */
};

/* Embedded in the modem; zeroed at first. */
struct faults {
	struct fault list[FAULTS_MAX];
	unsigned int n;
};

/*
 * "TEXT KIND[:NUMBER] [TIMES]", or "clear". TIMES is 1, or "always". Returns 0,
 * or -1 for what makes no sense or does not fit.
 */
int faults_take(struct faults *faults, const char *args);

/* What is to happen to the command; counted. @number: what came with it. */
enum fault_kind faults_find(struct faults *faults, const char *line, int *number);

#endif
