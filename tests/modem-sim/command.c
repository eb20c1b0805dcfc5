/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A line is taken apart as V.250 5.2 says: AT, then basic commands (a letter,
 * perhaps with & before it, and digits) that follow each other directly, and
 * commands that begin with a sign, which end at a semicolon outside of
 * quotation marks. D takes all that is left. Names are searched in all tables
 * of the modem; small letters are as good as capitals.
 */
#include "tests/modem-sim/command.h"

#include "tests/modem-sim/call.h"
#include "tests/modem-sim/channel.h"
#include "tests/modem-sim/device.h"
#include "tests/modem-sim/family.h"
#include "tests/modem-sim/modem.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const struct command *const tables[] = {
	device_commands,
	simcard_commands,
	radio_commands,
	context_commands,
};

int command_ignore(struct channel *channel, const char *args)
{
	(void)channel;
	(void)args;
	return END_OK;
}

const char *command_field(const char *args, char *text, unsigned int size)
{
	unsigned int len = 0;
	int is_quoted = 0;

	for (; *args && (is_quoted || *args != ','); args++) {
		if (*args == '"')
			is_quoted = !is_quoted;
		else if (len + 1 < size)
			text[len++] = *args;
	}
	text[len] = '\0';
	return *args ? args + 1 : args;
}

const char *command_error_text(int error)
{
	static const struct {
		int error;
		const char *text;
	} texts[] = {
		{ CME_NOT_ALLOWED, "operation not allowed" },
		{ CME_NOT_SUPPORTED, "operation not supported" },
		{ CME_NO_SIM, "SIM not inserted" },
		{ CME_PIN_REQUIRED, "SIM PIN required" },
		{ CME_PUK_REQUIRED, "SIM PUK required" },
		{ CME_SIM_FAILURE, "SIM failure" },
		{ CME_SIM_BUSY, "SIM busy" },
		{ CME_WRONG_PASSWORD, "incorrect password" },
		{ CME_INVALID, "incorrect parameters" },
		{ CME_GPRS, "unspecified GPRS error" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].error == error)
			return texts[i].text;
	}
	return "unknown";
}

/* ---- basic commands ----------------------------------------------------------- */

static int set_echo(struct channel *channel, const char *args)
{
	channel->has_echo = args[0] == '1';
	return END_OK;
}

/* The call of another channel too: there is one. */
static int hang_up(struct channel *channel, const char *args)
{
	(void)args;
	modem_lose_carrier(channel->modem);
	return END_OK;
}

static const struct basic {
	const char *name;
	command_fn run;
} basics[] = {
	{ "&C", command_ignore },
	{ "&D", command_ignore },
	{ "&F", command_ignore },
	{ "E", set_echo },
	{ "H", hang_up },
	{ "I", device_identify },
	{ "Q", command_ignore },
	{ "V", command_ignore },
	{ "X", command_ignore },
	{ "Z", command_ignore },
};

/* Moves *@at behind the command. */
static int run_basic(struct channel *channel, const char **at)
{
	const char *begin = *at;

	if (strncasecmp(begin, "D*99", 4) == 0) {
		*at = begin + strlen(begin);
		return call_dial(channel, begin + 4);
	}
	for (size_t i = 0; i < sizeof(basics) / sizeof(basics[0]); i++) {
		size_t len = strlen(basics[i].name);

		if (strncasecmp(begin, basics[i].name, len) != 0)
			continue;
		*at = begin + len + strspn(begin + len, "0123456789");
		return basics[i].run(channel, begin + len);
	}
	return END_ERROR;
}

/* ---- commands with a sign ------------------------------------------------------ */

static const struct command *find_in(const struct command *table, const char *name)
{
	while (table->name && strcasecmp(table->name, name) != 0)
		table++;
	return table->name ? table : NULL;
}

/* The family's first: some change what others have as well. */
static const struct command *find_command(const struct modem *modem, const char *name)
{
	const struct command *found = find_in(modem->family->commands, name);

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !found; i++)
		found = find_in(tables[i], name);
	return found;
}

static command_fn find_form(const struct command *command, char sign)
{
	switch (sign) {
	case '=':
		return command->set;
	case '?':
		return command->read;
	default:
		return command->run;
	}
}

static int run_command(struct channel *channel, char *text)
{
	size_t len = strcspn(text, "=?");
	char sign = text[len], *args = text + len + (sign != '\0');
	const struct command *command;
	command_fn form;

	text[len] = '\0';
	command = find_command(channel->modem, text);
	if (!command)
		return END_ERROR;
	if (sign == '=' && strcmp(args, "?") == 0)
		return END_OK;
	channel->command = command;
	form = find_form(command, sign);
	return form ? form(channel, args) : END_ERROR;
}

/* Moves *@at behind the command and its semicolon. */
static int run_extended(struct channel *channel, const char **at)
{
	char text[CHANNEL_LINE_MAX];
	size_t len = 0;
	int is_quoted = 0;

	for (; **at && (is_quoted || **at != ';'); (*at)++) {
		if (**at == '"')
			is_quoted = !is_quoted;
		text[len++] = **at;
	}
	text[len] = '\0';
	if (**at)
		(*at)++;
	return run_command(channel, text);
}

int command_run_line(struct channel *channel, const char *line)
{
	int end = END_OK;

	line += 2;
	while (*line && end == END_OK) {
		if (isalpha((unsigned char)*line) || *line == '&')
			end = run_basic(channel, &line);
		else
			end = run_extended(channel, &line);
	}
	return end;
}
