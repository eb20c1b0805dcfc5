/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A line is formatted into one buffer and leaves with one write, so lines of
 * several processes that share stderr do not mix. What is not printable ASCII
 * or UTF-8 is escaped: text from outside (names of programs, a modem's
 * answers) can neither forge lines nor reach the terminal.
 *
 * Every place in the source that logs has a budget of LINES_PER_WINDOW lines a
 * window; what exceeds it is counted, and the next line that gets out says how
 * many were swallowed. Errors have the same budget: a flood of errors hides
 * more than it tells. Only debug lines have none: an AT dialogue with holes is
 * of no use to who asked for it.
 *
 * Names, level and format are process-wide, as stderr is. The functions may be
 * called from one thread only, as everything in the daemon.
 */
#include "netif/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINES_PER_WINDOW 20
#define WINDOW_NS	 UINT64_C(5000000000)

#define TEXT_MAX	 1024		      /* formatted, before escaping */
#define LINE_MAX_	 (4 * TEXT_MAX + 256) /* every byte may become \xNN */

static const struct {
	const char *name;
	enum log_level level;
} level_names[] = {
	{ "error", LOG_LEVEL_ERROR },
	{ "warning", LOG_LEVEL_WARNING },
	{ "notice", LOG_LEVEL_NOTICE },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
};

static struct {
	const char *name;
	enum log_level level;
	bool terminal;
} log_state = {
	.name = "usocketd",
	.level = LOG_LEVEL_NOTICE,
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void log_open(const char *name)
{
	log_state.name = name;
	log_state.terminal = isatty(STDERR_FILENO);
}

void log_set_level(enum log_level level)
{
	log_state.level = level;
}

enum log_level log_level(void)
{
	return log_state.level;
}

int log_parse_level(const char *text, enum log_level *level)
{
	size_t i;

	for (i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(text, level_names[i].name) == 0) {
			*level = level_names[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

/* Takes one line from the site's budget; false: swallow it. */
static bool site_allows(struct log_site *site, uint64_t now)
{
	if (site->n_lines == 0 || now - site->window_ns >= WINDOW_NS) {
		site->window_ns = now;
		site->n_lines = 0;
	}
	if (site->n_lines >= LINES_PER_WINDOW) {
		site->n_suppressed++;
		return false;
	}
	site->n_lines++;
	return true;
}

/* Appends @text escaped; returns the new length. @room is ample by design. */
static size_t escape(char *line, size_t n, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *c;

	for (c = (const unsigned char *)text; *c; c++) {
		if (*c >= 0x20 && *c != 0x7f) {
			line[n++] = (char)*c;
			continue;
		}
		line[n++] = '\\';
		line[n++] = 'x';
		line[n++] = hex[*c >> 4];
		line[n++] = hex[*c & 15];
	}
	return n;
}

static void write_line(const char *line, size_t len)
{
	ssize_t n;

	/* Nobody is left to tell when stderr itself fails. */
	do {
		n = write(STDERR_FILENO, line, len);
	} while (n < 0 && errno == EINTR);
}

static void emit(enum log_level level, const char *text)
{
	char line[LINE_MAX_];
	size_t n;

	if (log_state.terminal)
		n = (size_t)snprintf(line, 128, "%.64s: ", log_state.name);
	else
		n = (size_t)snprintf(line, 128, "<%d>", (int)level);
	n = escape(line, n, text);
	line[n++] = '\n';
	write_line(line, n);
}

void log_write(struct log_site *site, enum log_level level, const char *format, ...)
{
	char text[TEXT_MAX];
	uint32_t n_suppressed;
	va_list args;

	if (level > log_state.level)
		return;
	if (level != LOG_LEVEL_DEBUG && !site_allows(site, now_ns()))
		return;
	n_suppressed = site->n_suppressed;
	site->n_suppressed = 0;
	if (n_suppressed > 0) {
		snprintf(text, sizeof(text), "%u similar line%s suppressed",
			n_suppressed, n_suppressed == 1 ? "" : "s");
		emit(level, text);
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	emit(level, text);
}
