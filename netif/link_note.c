/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What happens at a link goes into its own log whatever the level, as who looks
 * for the cause of a failure has not known before that it would come. When a
 * link that was up fails, or one is refused for good, the lines that the
 * daemon's log has not had are written there: what led to it can be read the
 * next morning. Each line is told once, and a link that fails over and over
 * tells it once a minute.
 *
 * Lines come without secrets: usocket-modem has masked them (modem/mask.c).
 */
#include "netif/link_private.h"
#include "netif/log.h"
#include "netif/stack.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TELL_INTERVAL_NS UINT64_C(60000000000)
/* Lines told at one failure, the last ones. */
#define TELL_MAX 40

static uint64_t wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void link_log_text(struct link *link, enum log_level level, const char *text)
{
	struct link_log_line line = {
		.time_ms = wall_ms(),
		.now_ns = stack_now_ns(),
		.level = level,
	};
	struct link_follower *follower, *next;

	snprintf(line.text, sizeof(line.text), "%s", text);
	link_log_add(link->log, &line);
	for (follower = LIST_FIRST(&link->followers); follower; follower = next) {
		next = LIST_NEXT(follower, entry);
		follower->fn(follower->arg);
	}
}

void link_note(struct link *link, enum log_level level, const char *format, ...)
{
	char text[LINK_LOG_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_at(level, "link %s: %s", link->name, text);
	link_log_text(link, level, text);
}

/* Lines that the daemon's log has had already are not told again. */
static bool is_untold(const struct link_log_line *line)
{
	return line->level > log_level();
}

static unsigned int count_untold(const struct link *link)
{
	uint64_t position = link->told;
	struct link_log_line line;
	unsigned int n = 0;

	while (link_log_read(link->log, &position, &line) == 1)
		n += is_untold(&line);
	return n;
}

static void tell(const struct link *link, struct log_site *site, const struct link_log_line *line)
{
	time_t seconds = (time_t)(line->time_ms / 1000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	log_write(site, LOG_LEVEL_NOTICE, "link %s: %02d:%02d:%02d.%03u %s", link->name,
		tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned int)(line->time_ms % 1000),
		line->text);
}

void link_tell_log(struct link *link)
{
	uint64_t now = stack_now_ns();
	struct link_log_line line;
	struct log_site site = { 0 };
	unsigned int skip;

	if (link->told_ns != 0 && now - link->told_ns < TELL_INTERVAL_NS)
		return;
	link->told_ns = now;
	skip = count_untold(link);
	skip = skip > TELL_MAX ? skip - TELL_MAX : 0;
	while (link_log_read(link->log, &link->told, &line) == 1) {
		if (!is_untold(&line))
			continue;
		if (skip > 0) {
			skip--;
			continue;
		}
		/* One budget a line: all of them are wanted. */
		memset(&site, 0, sizeof(site));
		tell(link, &site, &line);
	}
}

/* ---- for whoever reads along ----------------------------------------------------- */

const struct link_log *link_log_of(const struct link *link)
{
	return link->log;
}

void link_follow(struct link *link, struct link_follower *follower)
{
	LIST_INSERT_HEAD(&link->followers, follower, entry);
}

void link_unfollow(struct link_follower *follower)
{
	LIST_REMOVE(follower, entry);
}
