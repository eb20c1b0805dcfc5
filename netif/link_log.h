/* SPDX-License-Identifier: MIT */
/*
 * The last lines of what went on at a link: its states, the AT dialogue, PPP.
 */
#ifndef NETIF_LINK_LOG_H
#define NETIF_LINK_LOG_H

#include "netif/log.h"

#include <stdint.h>

#define LINK_LOG_TEXT_MAX 400 /* bytes of a line, with NUL; longer ones are cut */
#define LINK_LOG_BYTES	  16384

struct link_log;

struct link_log_line {
	uint64_t time_ms; /* since 1970 */
	uint64_t now_ns;  /* CLOCK_MONOTONIC */
	enum log_level level;
	char text[LINK_LOG_TEXT_MAX];
};

/* NULL: no memory. */
struct link_log *link_log_new(void);
void link_log_free(struct link_log *log);

/* Appends @line; the oldest make room for it. */
void link_log_add(struct link_log *log, const struct link_log_line *line);

/*
 * Reads the line at *@position and moves it on; 0 is the oldest that is left,
 * and what has been overwritten since is passed over.
 * Returns 1, or 0: no line yet.
 */
int link_log_read(const struct link_log *log, uint64_t *position, struct link_log_line *line);

/* The position of the line that comes next. */
uint64_t link_log_end(const struct link_log *log);

#endif
