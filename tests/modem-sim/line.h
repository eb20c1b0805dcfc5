/* SPDX-License-Identifier: MIT */
/*
 * One direction of a serial line: bytes in order, with a rate and a delay.
 */
#ifndef TESTS_MODEM_SIM_LINE_H
#define TESTS_MODEM_SIM_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct line;

struct line_params {
	uint32_t bits_per_s; /* 0: as fast as can be */
	uint32_t delay_ms;
};

struct line_handlers {
	/* Bytes at the other end. */
	void (*output)(const uint8_t *bytes, size_t len, void *arg);
	/* It is no longer busy; from the loop. */
	void (*idle)(void *arg);
	void *arg;
};

/* NULL when out of memory. */
struct line *line_new(struct event_base *base, const struct line_params *params,
	const struct line_handlers *handlers);
void line_free(struct line *line);

/* All bytes are taken, busy or not. */
void line_write(struct line *line, const void *bytes, size_t len);

/* Still sending what it was given: whoever can wait should. */
bool line_is_busy(const struct line *line);

/* Forgets what is on its way. */
void line_clear(struct line *line);

/* Bytes that have come out. */
uint64_t line_count(const struct line *line);

#endif
