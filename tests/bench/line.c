// SPDX-License-Identifier: MIT
/*
 * A line takes a packet in the order of arrival, lets it wait until those before
 * it have been sent, sends it at the line's rate and has it arrive after the
 * delay. What would wait behind more than the queue holds is dropped; of the
 * rest each is lost with the same probability, after it has taken its time on
 * the line. The same packets are lost in each run: the random numbers are fixed.
 */
#include "line.h"

#include <stdlib.h>
#include <string.h>

struct line_packet {
	struct line_packet *next;
	double arrives_s;
	size_t len;
	char bytes[];
};

void line_init(struct line *line, double bytes_per_s, double delay_s, double loss,
	size_t queue_size)
{
	*line = (struct line){
		.bytes_per_s = bytes_per_s,
		.delay_s = delay_s,
		.loss = loss,
		.queue_size = queue_size,
		.random = 88172645463325252u,
	};
	line->last = &line->first;
}

/* xorshift64: 0..1 */
static double next_random(struct line *line)
{
	line->random ^= line->random << 13;
	line->random ^= line->random >> 7;
	line->random ^= line->random << 17;
	return (double)(line->random >> 11) / (double)(1ull << 53);
}

void line_put(struct line *line, double now_s, const void *packet, size_t len)
{
	struct line_packet *p;

	if (line->free_s < now_s)
		line->free_s = now_s;
	if ((line->free_s - now_s) * line->bytes_per_s + (double)len > (double)line->queue_size)
		return;
	line->free_s += (double)len / line->bytes_per_s;
	if (next_random(line) < line->loss)
		return;
	p = malloc(sizeof(*p) + len);
	if (!p)
		return;
	p->next = NULL;
	p->arrives_s = line->free_s + line->delay_s;
	p->len = len;
	memcpy(p->bytes, packet, len);
	*line->last = p;
	line->last = &p->next;
}

double line_next_s(const struct line *line)
{
	return line->first ? line->first->arrives_s : -1;
}

size_t line_take(struct line *line, double now_s, void *packet, size_t size)
{
	struct line_packet *p = line->first;
	size_t len;

	if (!p || p->arrives_s > now_s || p->len > size)
		return 0;
	line->first = p->next;
	if (!line->first)
		line->last = &line->first;
	len = p->len;
	memcpy(packet, p->bytes, len);
	free(p);
	return len;
}
