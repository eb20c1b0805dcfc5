/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A stream of bytes is cut into lines at CR and LF, so that it makes no
 * difference whether a line comes in pieces, several in one piece, or with
 * the echo of a command in front. An echo is a line that equals the command,
 * and is dropped.
 *
 * While a command is in flight a line is, in this order: its echo; a final
 * result; a line of its response, if it begins with the command's prefix or
 * the command takes any line; otherwise unsolicited. A response to a query and
 * an unsolicited result may have the same prefix (+CREG, +CPIN): a command
 * whose prefix both have gets both, and who reads the response tells them
 * apart.
 *
 * A command that takes any line (ATI) leaves out what is known to be
 * unsolicited, unless it asks for just that.
 *
 * The end of a command is told by `done`, last: it may send the next at once.
 */
#include "netif/modem/at.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

/* What may come at any time and is no part of a response without a prefix. */
static const char *const unsolicited[] = {
	"RING",
	"NO CARRIER",
	"+CREG:",
	"+CGREG:",
	"+CEREG:",
	"+C5GREG:",
	"+CGEV:",
	"+CPIN:",
	"+CTZV:",
	"+CTZE:",
	"+CTZDST:",
	"+CMTI:",
	"+CMT:",
	"+CUSD:",
	"+CRING:",
	"+CLIP:",
	"+QIND:",
	"+QUSIM:",
	"+QSIMSTAT:",
	"+QCSQ:",
	"^",
	"*PSUTTZ",
	"+PBREADY",
	"RDY",
	"SMS Ready",
	"SMS DONE",
	"PB DONE",
	"Call Ready",
	"+CFUN:",
	"APP RDY",
	"NORMAL POWER",
	"POWERED DOWN",
	"#QSS:",
	"+UUPSDD:",
	"+UUPSDA:",
	"+CIEV:",
};

struct final_row {
	const char *text;
	enum at_status status;
	bool is_prefix;
	bool is_of_dial; /* unsolicited unless a call is being set up */
};

static const struct final_row finals[] = {
	{ "OK", AT_OK, false, false },
	{ "CONNECT", AT_CONNECT, true, true },
	{ "ERROR", AT_ERROR, false, false },
	{ "+CME ERROR:", AT_ERROR, true, false },
	{ "+CMS ERROR:", AT_ERROR, true, false },
	{ "COMMAND NOT SUPPORT", AT_ERROR, true, false },
	{ "NO CARRIER", AT_NO_CARRIER, false, true },
	{ "BUSY", AT_BUSY, false, true },
	{ "NO ANSWER", AT_NO_ANSWER, false, true },
	{ "NO DIALTONE", AT_NO_DIALTONE, false, true },
	{ "NO DIAL TONE", AT_NO_DIALTONE, false, true },
};

void at_init(struct at *at, const struct at_handlers *handlers)
{
	memset(at, 0, sizeof(*at));
	at->handlers = *handlers;
}

/* ---- the command in flight ------------------------------------------------------ */

static bool is_dial(const struct at *at)
{
	return strncmp(at->text, "ATD", 3) == 0 || strncmp(at->text, "AT+CGDATA", 9) == 0 ||
		strncmp(at->text, "ATO", 3) == 0 || strncmp(at->text, "ATH", 3) == 0;
}

static void finish(struct at *at, enum at_status status, int code, const char *text)
{
	struct at_result result = {
		.status = status,
		.code = code,
		.text = text,
		.lines = at->reply,
		.n_lines = at->n_lines,
	};
	at_done_fn done = at->command.done;
	void *arg = at->command.arg;

	at->is_busy = false;
	at->handlers.arm(0, at->handlers.arg);
	if (done)
		done(&result, arg);
}

int at_send(struct at *at, const struct at_command *command)
{
	char line[AT_COMMAND_MAX + 2];
	int len = snprintf(line, sizeof(line), "%s\r", command->text);

	if (at->is_busy)
		return -EBUSY;
	if (len >= (int)sizeof(line))
		return -EMSGSIZE;
	at->is_busy = true;
	at->command = *command;
	at->has_prefix = command->prefix != NULL;
	snprintf(at->text, sizeof(at->text), "%s", command->text);
	snprintf(at->prefix, sizeof(at->prefix), "%s", command->prefix ? command->prefix : "");
	at->reply_len = 0;
	at->n_lines = 0;
	if (at->handlers.trace)
		at->handlers.trace(true, at->text, at->handlers.arg);
	at->handlers.arm(command->timeout_ms, at->handlers.arg);
	at->handlers.write(line, (size_t)len, at->handlers.arg);
	return 0;
}

void at_cancel(struct at *at)
{
	if (at->is_busy)
		finish(at, AT_CANCELLED, AT_CODE_NONE, "");
}

void at_expire(struct at *at)
{
	if (at->is_busy)
		finish(at, AT_TIMEOUT, AT_CODE_NONE, "");
}

/* ---- lines ---------------------------------------------------------------------- */

static bool begins(const char *line, const char *prefix)
{
	return strncmp(line, prefix, strlen(prefix)) == 0;
}

static const struct final_row *find_final(const struct at *at, const char *line)
{
	for (size_t i = 0; i < sizeof(finals) / sizeof(finals[0]); i++) {
		const struct final_row *row = &finals[i];

		if (row->is_of_dial && !is_dial(at))
			continue;
		if (row->is_prefix ? begins(line, row->text) : strcmp(line, row->text) == 0)
			return row;
	}
	return NULL;
}

static bool is_known_unsolicited(const char *line)
{
	for (size_t i = 0; i < sizeof(unsolicited) / sizeof(unsolicited[0]); i++) {
		if (begins(line, unsolicited[i]))
			return true;
	}
	return false;
}

static int code_of(const char *line)
{
	const char *colon = strchr(line, ':');
	char *end;
	long code;

	if (!colon)
		return AT_CODE_NONE;
	code = strtol(colon + 1, &end, 10);
	return end == colon + 1 || *end || code < 0 || code > 99999 ? AT_CODE_NONE : (int)code;
}

/* What does not fit any more is dropped: no response read here is so long. */
static void keep_line(struct at *at, const char *line)
{
	size_t size = strlen(line) + 1;

	if (at->reply_len + size > sizeof(at->reply))
		return;
	memcpy(at->reply + at->reply_len, line, size);
	at->reply_len += size;
	at->n_lines++;
}

/* "+CREG: 2,1" answers AT+CREG?, though it may come unsolicited too. */
static bool is_own_name(const struct at *at, const char *line)
{
	const char *name = at->text + 2;
	size_t len = strcspn(name, "=?;");

	return len > 0 && strncmp(line, name, len) == 0 && line[len] == ':';
}

static bool is_response(const struct at *at, const char *line)
{
	if (!at->has_prefix)
		return !is_known_unsolicited(line) || is_own_name(at, line);
	return at->prefix[0] && begins(line, at->prefix);
}

/* True if data begin behind this line. */
static bool take_line(struct at *at)
{
	const struct final_row *final;
	char line[AT_LINE_MAX + 1];

	at->line[at->line_len] = '\0';
	/* The handlers may send, or cancel: the line is theirs, the buffer ours. */
	memcpy(line, at->line, at->line_len + 1);
	at->line_len = 0;
	if (at->handlers.trace)
		at->handlers.trace(false, line, at->handlers.arg);
	if (!at->is_busy) {
		at->handlers.unsolicited(line, at->handlers.arg);
		return false;
	}
	if (strcmp(line, at->text) == 0)
		return false;
	final = find_final(at, line);
	if (final) {
		finish(at, final->status, code_of(line), line);
		return final->status == AT_CONNECT;
	}
	if (is_response(at, line))
		keep_line(at, line);
	else
		at->handlers.unsolicited(line, at->handlers.arg);
	return false;
}

/* True if data begin behind this byte. */
static bool take_byte(struct at *at, uint8_t byte)
{
	bool is_end = byte == '\r' || byte == '\n';
	bool was_overlong = at->is_overlong;

	if (!is_end) {
		/*
		 * Noise of a line that is just settling, and what a terminal that
		 * shows the answer would take for commands.
		 */
		if (byte < 0x20 || byte >= 0x7f)
			return false;
		if (at->line_len < AT_LINE_MAX)
			at->line[at->line_len++] = (char)byte;
		else
			at->is_overlong = true;
		return false;
	}
	at->is_overlong = false;
	if (was_overlong)
		at->line_len = 0;
	return at->line_len > 0 && take_line(at);
}

size_t at_input(struct at *at, const uint8_t *bytes, size_t len)
{
	size_t i = 0;

	while (i < len) {
		if (!take_byte(at, bytes[i++]))
			continue;
		/* CONNECT's own line feed is no data. */
		if (i < len && bytes[i] == '\n')
			i++;
		break;
	}
	return i;
}

const char *at_find_line(const struct at_result *result, const char *prefix)
{
	const char *line = result->lines;

	for (unsigned int i = 0; i < result->n_lines; i++) {
		if (begins(line, prefix))
			return line;
		line += strlen(line) + 1;
	}
	return NULL;
}

const char *at_status_name(enum at_status status)
{
	static const char *const names[] = {
		[AT_OK] = "OK",
		[AT_CONNECT] = "CONNECT",
		[AT_ERROR] = "ERROR",
		[AT_NO_CARRIER] = "NO CARRIER",
		[AT_BUSY] = "BUSY",
		[AT_NO_ANSWER] = "NO ANSWER",
		[AT_NO_DIALTONE] = "NO DIALTONE",
		[AT_TIMEOUT] = "no answer in time",
		[AT_CANCELLED] = "cancelled",
	};
	_Static_assert(sizeof(names) / sizeof(names[0]) == AT_STATUS_COUNT, "a name each");

	return names[status];
}
