/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the AT engine and what reads its lines.
 *
 * The input is a byte that chooses the command in flight, then what the modem
 * sends; a byte of 0xff in it ends the deadline or sends the next command.
 * Every line goes through the parsers that lines go through. All is done twice,
 * in one piece and byte by byte, and must come to the same. What follows CONNECT
 * is data and no concern of the engine's.
 */
#include "netif/modem/at.h"
#include "netif/modem/fields.h"
#include "netif/modem/mask.h"
#include "netif/modem/registration.h"
#include "netif/modem/signal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MARK 0xff

static const struct {
	const char *text, *prefix;
} commands[] = {
	{ "AT", "" },
	{ "ATI", NULL },
	{ "AT+CPIN?", "+CPIN:" },
	{ "AT+CEREG?", "+CEREG:" },
	{ "AT+COPS?", "+COPS:" },
	{ "AT+CSQ", "+CSQ:" },
	{ "AT+CPIN=\"1234\"", "+CPIN:" },
	{ "ATD*99***1#", "" },
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static struct fuzz {
	struct at at;
	struct registration registration;
	struct signal_levels levels;
	unsigned int next;
	bool is_armed, is_connected;
	uint32_t sum;	 /* of all that came out */
	uint32_t n_open; /* commands that `done` has not been called for */
} fuzz;

static void check(bool is_so)
{
	if (!is_so)
		abort();
}

static void add(const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fuzz.sum = fuzz.sum * 31 + ((const uint8_t *)bytes)[i];
}

static void parse_line(const char *line)
{
	static const char *const prefixes[] = { "+CREG:", "+COPS:", "+CPIN:", "+CSQ:", "" };
	char masked[AT_LINE_MAX + 1];
	struct fields f;
	long number;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (!fields_parse(&f, line, prefixes[i]))
			continue;
		check(f.n <= FIELDS_MAX);
		for (unsigned int j = 0; j < FIELDS_MAX + 2; j++) {
			add(fields_text(&f, j), strlen(fields_text(&f, j)));
			if (fields_number(&f, j, &number))
				add(&number, sizeof(number));
		}
	}
	registration_take(&fuzz.registration, line);
	signal_take(&fuzz.levels, line);
	add(registration_describe(&fuzz.registration, true), 4);
	add(registration_technology_name(fuzz.registration.technology), 1);
	mask_line(masked, sizeof(masked), line);
	check(strlen(masked) <= strlen(line) + 4);
	check(!strstr(masked, "+CPIN=\"1234"));
}

static void send_next(void);

static void on_done(const struct at_result *result, void *arg)
{
	const char *line = result->lines;
	size_t len = 0;

	(void)arg;
	fuzz.n_open--;
	check(result->status < AT_STATUS_COUNT && at_status_name(result->status));
	add(result->text, strlen(result->text));
	add(&result->code, sizeof(result->code));
	for (unsigned int i = 0; i < result->n_lines; i++) {
		add(line, strlen(line));
		parse_line(line);
		len += strlen(line) + 1;
		line += strlen(line) + 1;
	}
	check(len <= AT_REPLY_MAX);
	at_find_line(result, "+CPIN:");
	/* Most owners go on at once. */
	if (result->status == AT_CONNECT)
		fuzz.is_connected = true;
	else if (result->status < AT_TIMEOUT)
		send_next();
}

static void send_next(void)
{
	const struct at_command command = {
		.text = commands[fuzz.next % N_COMMANDS].text,
		.prefix = commands[fuzz.next % N_COMMANDS].prefix,
		.timeout_ms = 100,
		.done = on_done,
	};

	if (at_send(&fuzz.at, &command) != 0)
		return;
	fuzz.next++;
	fuzz.n_open++;
	check(fuzz.is_armed);
}

static void on_write(const void *bytes, size_t len, void *arg)
{
	(void)arg;
	add(bytes, len);
}

static void on_arm(uint32_t ms, void *arg)
{
	(void)arg;
	fuzz.is_armed = ms > 0;
}

static void on_unsolicited(const char *line, void *arg)
{
	(void)arg;
	check(line[0] && strlen(line) <= AT_LINE_MAX);
	add(line, strlen(line));
	parse_line(line);
}

static void on_trace(bool is_sent, const char *line, void *arg)
{
	(void)arg;
	add(&is_sent, 1);
	parse_line(line);
}

static void put(const uint8_t *bytes, size_t len)
{
	size_t n = at_input(&fuzz.at, bytes, len);

	check(n == len || (n < len && fuzz.is_connected));
}

/* In memory of just its size, so that a read past the end shows. */
static void put_copy(const uint8_t *bytes, size_t len)
{
	uint8_t byte, *copy;

	if (len == 1) {
		byte = *bytes;
		put(&byte, 1);
		return;
	}
	copy = malloc(len ? len : 1);
	memcpy(copy, bytes, len);
	put(copy, len);
	free(copy);
}

static uint32_t run(const uint8_t *data, size_t size, size_t cut)
{
	const struct at_handlers handlers = { on_write, on_arm, on_unsolicited, on_trace, NULL };

	memset(&fuzz, 0, sizeof(fuzz));
	at_init(&fuzz.at, &handlers);
	registration_init(&fuzz.registration);
	signal_init(&fuzz.levels);
	fuzz.next = data[0];
	send_next();
	for (size_t i = 1; i < size && !fuzz.is_connected;) {
		const uint8_t *mark = memchr(data + i, MARK, size - i);
		size_t len = mark ? (size_t)(mark - data) - i : size - i;

		if (len > cut)
			len = cut;
		put_copy(data + i, len);
		i += len;
		if (data + i == mark && !fuzz.is_connected) {
			i++;
			if (fuzz.at.is_busy)
				at_expire(&fuzz.at);
			else
				send_next();
		}
	}
	at_cancel(&fuzz.at);
	check(fuzz.n_open == 0 && !fuzz.is_armed);
	return fuzz.sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	check(run(data, size, SIZE_MAX) == run(data, size, 1));
	return 0;
}
