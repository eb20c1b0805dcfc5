/* SPDX-License-Identifier: MIT */
/* One direction of an emulated line: its rate, its delay, its queue, its loss. */
#ifndef USOCKETD_TESTS_BENCH_LINE_H
#define USOCKETD_TESTS_BENCH_LINE_H

#include <stddef.h>
#include <stdint.h>

struct line_packet;

struct line {
	double bytes_per_s;
	double delay_s;
	double loss;	   /* 0..1 */
	size_t queue_size; /* bytes that wait for their turn, more are dropped */
	double free_s;	   /* when all that waits has been sent */
	uint64_t random;
	struct line_packet *first, **last;
};

void line_init(struct line *line, double bytes_per_s, double delay_s, double loss,
	size_t queue_size);
/* Takes a packet, or loses it. */
void line_put(struct line *line, double now_s, const void *packet, size_t len);
/* When the next one arrives; negative: there is none. */
double line_next_s(const struct line *line);
/* The next one, if it has arrived: its length, else 0. @size fits any packet. */
size_t line_take(struct line *line, double now_s, void *packet, size_t size);

#endif
