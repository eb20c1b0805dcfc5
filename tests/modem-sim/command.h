/* SPDX-License-Identifier: MIT */
/*
 * AT commands: rows of tables, and how a line finds its row.
 */
#ifndef TESTS_MODEM_SIM_COMMAND_H
#define TESTS_MODEM_SIM_COMMAND_H

struct channel;

/* How a command ends. Positive: the <err> of +CME ERROR (TS 27.007 9.2). */
enum command_end {
	END_OK = 0,
	END_ERROR = -1,
	END_NO_CARRIER = -2,
	END_TOLD = -3, /* by the command itself, or not at all */

	CME_NOT_ALLOWED = 3,
	CME_NOT_SUPPORTED = 4,
	CME_NO_SIM = 10,
	CME_PIN_REQUIRED = 11,
	CME_PUK_REQUIRED = 12,
	CME_SIM_FAILURE = 13,
	CME_SIM_BUSY = 14,
	CME_WRONG_PASSWORD = 16,
	CME_INVALID = 50,
	CME_GPRS = 148, /* unspecified; +CEER says more */
};

typedef int (*command_fn)(struct channel *channel, const char *args);

/*
 * A command that begins with a sign: what is done for NAME, NAME? and
 * NAME=args. NULL: there is no such form. A form whose handler is
 * command_ignore is taken and forgotten. NAME=? is answered with OK for all.
 */
struct command {
	const char *name;
	command_fn run, read, set;
	int number; /* the handlers' own, in channel->command */
};

int command_ignore(struct channel *channel, const char *args);

/*
 * Runs the commands of a line, which begins with AT: one after the other
 * until one fails, as V.250 5.2.1 has it. Returns how the last one ended.
 */
int command_run_line(struct channel *channel, const char *line);

/* The text of "+CME ERROR: " for AT+CMEE=2. */
const char *command_error_text(int error);

/* Copies a field's text without its quotation marks; returns what follows its comma. */
const char *command_field(const char *args, char *text, unsigned int size);

#endif
