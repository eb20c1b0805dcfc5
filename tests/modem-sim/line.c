/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The sender is a clock: `free_us` is when it will have sent all that it was
 * given. Bytes are cut into pieces of a few milliseconds, each with the time
 * at which its last byte arrives. A line without rate and delay hands bytes on
 * at once.
 *
 * A byte counts as eight bits: the rate is that of the data, as networks state
 * it, not that of a port with its start and stop bits.
 */
#include "tests/modem-sim/line.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What is sent in one go, and how much of it may wait before it is "busy". */
#define PIECE_US  10000
#define PIECE_MIN 4
#define PIECE_MAX 4096

struct piece {
	struct piece *next;
	uint64_t due_us;
	size_t len;
	uint8_t bytes[];
};

struct line {
	struct line_params params;
	struct line_handlers handlers;
	struct event *due, *idle;
	struct piece *first, **last;
	uint64_t free_us;
	uint64_t n_bytes;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void arm(struct event *event, uint64_t at_us)
{
	uint64_t now = now_us(), left = at_us > now ? at_us - now : 0;
	struct timeval t = {
		.tv_sec = (time_t)(left / 1000000),
		.tv_usec = (suseconds_t)(left % 1000000),
	};

	event_add(event, &t);
}

static void put_out(struct line *line, const uint8_t *bytes, size_t len)
{
	line->n_bytes += len;
	line->handlers.output(bytes, len, line->handlers.arg);
}

static struct piece *pop(struct line *line)
{
	struct piece *piece = line->first;

	line->first = piece->next;
	if (!line->first)
		line->last = &line->first;
	return piece;
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	struct line *line = arg;

	(void)fd;
	(void)what;
	while (line->first && line->first->due_us <= now_us()) {
		struct piece *piece = pop(line);

		put_out(line, piece->bytes, piece->len);
		free(piece);
	}
	if (line->first)
		arm(line->due, line->first->due_us);
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct line *line = arg;

	(void)fd;
	(void)what;
	if (line_is_busy(line))
		arm(line->idle, line->free_us - PIECE_US);
	else
		line->handlers.idle(line->handlers.arg);
}

static size_t piece_size(const struct line *line)
{
	uint64_t size = (uint64_t)line->params.bits_per_s * PIECE_US / 8 / 1000000;

	if (line->params.bits_per_s == 0 || size > PIECE_MAX)
		return PIECE_MAX;
	return size < PIECE_MIN ? PIECE_MIN : (size_t)size;
}

static void put_piece(struct line *line, const uint8_t *bytes, size_t len)
{
	struct piece *piece = malloc(sizeof(*piece) + len);
	uint64_t now = now_us();

	if (!piece)
		abort();
	if (line->free_us < now)
		line->free_us = now;
	if (line->params.bits_per_s)
		line->free_us += (uint64_t)len * 8 * 1000000 / line->params.bits_per_s;
	piece->next = NULL;
	piece->due_us = line->free_us + (uint64_t)line->params.delay_ms * 1000;
	piece->len = len;
	memcpy(piece->bytes, bytes, len);
	*line->last = piece;
	line->last = &piece->next;
}

void line_write(struct line *line, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	size_t size = piece_size(line);

	if (line->params.bits_per_s == 0 && line->params.delay_ms == 0) {
		put_out(line, bytes, len);
		return;
	}
	for (size_t done = 0; done < len; done += size)
		put_piece(line, at + done, len - done < size ? len - done : size);
	if (line->first)
		arm(line->due, line->first->due_us);
	if (line_is_busy(line))
		arm(line->idle, line->free_us - PIECE_US);
}

bool line_is_busy(const struct line *line)
{
	return line->free_us > now_us() + PIECE_US;
}

void line_clear(struct line *line)
{
	while (line->first)
		free(pop(line));
	event_del(line->due);
	event_del(line->idle);
	line->free_us = 0;
}

uint64_t line_count(const struct line *line)
{
	return line->n_bytes;
}

struct line *line_new(struct event_base *base, const struct line_params *params,
	const struct line_handlers *handlers)
{
	struct line *line = calloc(1, sizeof(*line));

	if (!line)
		return NULL;
	line->params = *params;
	line->handlers = *handlers;
	line->last = &line->first;
	line->due = evtimer_new(base, on_due, line);
	line->idle = evtimer_new(base, on_idle, line);
	if (line->due && line->idle)
		return line;
	line_free(line);
	return NULL;
}

void line_free(struct line *line)
{
	if (!line)
		return;
	if (line->due && line->idle)
		line_clear(line);
	if (line->due)
		event_free(line->due);
	if (line->idle)
		event_free(line->idle);
	free(line);
}
