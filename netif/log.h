/* SPDX-License-Identifier: MIT */
/*
 * Log lines to stderr: with systemd's <N> prefix when it is not a terminal,
 * one line a call, rate-limited per place in the source. Debug lines are not:
 * who wants them wants them all.
 */
#ifndef NETIF_LOG_H
#define NETIF_LOG_H

#include <stdint.h>

/* The severities of syslog(3) that are used here. */
enum log_level {
	LOG_LEVEL_ERROR = 3,   /* something asked for cannot be done */
	LOG_LEVEL_WARNING = 4, /* worked around; the reader may want to act */
	LOG_LEVEL_NOTICE = 5,  /* start, stop, a link's state */
	LOG_LEVEL_INFO = 6,    /* what an operator may want to know */
	LOG_LEVEL_DEBUG = 7,
};

/* One place that logs: its budget and what it has swallowed. */
struct log_site {
	uint64_t window_ns;    /* start of the current window */
	uint32_t n_lines;      /* in the window */
	uint32_t n_suppressed; /* since the last line that got out */
};

/*
 * Picks the format by whether stderr is a terminal. @name starts each line on
 * a terminal; static storage, not copied.
 */
void log_open(const char *name);
void log_set_level(enum log_level level);
enum log_level log_level(void);

/* A level's name as the configuration spells it; -EINVAL for any other. */
int log_parse_level(const char *text, enum log_level *level);

void log_write(struct log_site *site, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_at(level_, ...)                                           \
	do {                                                          \
		static struct log_site log_site_;                     \
		if ((level_) <= log_level())                          \
			log_write(&log_site_, (level_), __VA_ARGS__); \
	} while (0)

#define log_error(...)	 log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_at(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
