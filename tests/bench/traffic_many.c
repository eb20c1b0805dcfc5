// SPDX-License-Identifier: MIT
/*
 * Many connections of one process. It goes from step to step: after each it
 * prints a line of JSON and waits for a line on standard input, so that memory
 * and processor time can be looked at in between. Steps: all open; one of them
 * transfers, the others are idle; a small message on each, one after the other
 * sent before the first answer is read; all closed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "traffic.h"

#define MESSAGE 32

/* One connection's message is in flight in each of so many at a time. */
#define FLIGHT 100

struct many {
	const struct traffic_options *options;
	int *fds;
	int n;
};

static void wait_for_line(void)
{
	int c;

	fflush(stdout);
	while ((c = getchar()) != '\n') {
		if (c == EOF)
			exit(0);
	}
}

static void open_all(struct many *many)
{
	const double start = traffic_now();

	for (int i = 0; i < many->n; i++)
		many->fds[i] = traffic_open(many->options);
	printf("{\"step\": \"open\", \"seconds\": %.6f}\n", traffic_now() - start);
	wait_for_line();
}

static void transfer(const struct many *many)
{
	struct traffic_options options = *many->options;

	options.header.op = TRAFFIC_OP_SOURCE;
	options.n_streams = 1;
	traffic_bulk(&options);
	wait_for_line();
}

static void exchange_some(const struct many *many, int from, int to)
{
	const struct traffic_calls *calls = many->options->calls;
	char message[MESSAGE] = "";

	for (int i = from; i < to; i++)
		traffic_send_all(calls, many->fds[i], message, sizeof(message));
	for (int i = from; i < to; i++)
		traffic_recv_all(calls, many->fds[i], message, sizeof(message));
}

static void exchange_all(const struct many *many)
{
	const double start = traffic_now(), cpu = traffic_cpu();
	const double end = start + many->options->header.time_ms / 1000.0;
	unsigned long count = 0;
	int from = 0;

	while (count < (unsigned long)many->n || traffic_now() < end) {
		int to = from + FLIGHT < many->n ? from + FLIGHT : many->n;

		exchange_some(many, from, to);
		count += (unsigned long)(to - from);
		from = to < many->n ? to : 0;
	}
	printf("{\"step\": \"messages\", \"count\": %lu, \"seconds\": %.6f, \"cpu\": %.6f}\n",
		count,
		traffic_now() - start, traffic_cpu() - cpu);
	wait_for_line();
}

static void close_all(const struct many *many)
{
	const double start = traffic_now();

	for (int i = 0; i < many->n; i++)
		many->options->calls->close(many->fds[i]);
	printf("{\"step\": \"close\", \"seconds\": %.6f}\n", traffic_now() - start);
	wait_for_line();
}

void traffic_many(const struct traffic_options *options)
{
	struct traffic_options each = *options;
	struct many many = { .options = &each, .n = options->n_streams };

	each.header.size = MESSAGE;
	many.fds = calloc((size_t)many.n, sizeof(*many.fds));
	if (!many.fds)
		traffic_fail("memory");
	open_all(&many);
	transfer(&many);
	exchange_all(&many);
	close_all(&many);
	free(many.fds);
}
