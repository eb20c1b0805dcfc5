// SPDX-License-Identifier: MIT
/*
 * The client's side of each measure. Time runs from the header to the proof
 * that everything has arrived: the end of what the server sends, or its count
 * of what it got. A stream is a thread of its own; nothing is shared but the
 * options, which nobody writes.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "traffic.h"

struct stream {
	const struct traffic_options *options;
	pthread_t thread;
	uint64_t n_bytes;
	double seconds;
	uint64_t n_done; /* requests, connections */
};

static void *new_buffer(void)
{
	void *buffer = calloc(1, TRAFFIC_BUFFER);

	if (!buffer)
		traffic_fail("memory");
	return buffer;
}

static void take(struct stream *stream, int fd, char *buffer)
{
	ssize_t n;

	while ((n = stream->options->calls->recv(fd, buffer, TRAFFIC_BUFFER, 0)) > 0)
		stream->n_bytes += (uint64_t)n;
	if (n < 0)
		traffic_fail("recv");
}

static void give(struct stream *stream, int fd, const char *buffer)
{
	const struct traffic_options *options = stream->options;
	const double end = traffic_now() + options->header.time_ms / 1000.0;
	uint64_t left = options->header.limit ? options->header.limit : UINT64_MAX;
	const char last = TRAFFIC_LAST;
	uint64_t count;

	while (left && traffic_now() < end) {
		size_t n = left < TRAFFIC_BUFFER ? (size_t)left : TRAFFIC_BUFFER;

		traffic_send_all(options->calls, fd, buffer, n);
		left -= n;
	}
	traffic_send_all(options->calls, fd, &last, 1);
	traffic_recv_all(options->calls, fd, &count, sizeof(count));
	stream->n_bytes = count;
}

static void *run_bulk(void *argument)
{
	struct stream *stream = argument;
	char *buffer = new_buffer();
	double start = traffic_now();
	int fd = traffic_open(stream->options);

	if (stream->options->header.op == TRAFFIC_OP_SOURCE)
		take(stream, fd, buffer);
	else
		give(stream, fd, buffer);
	stream->seconds = traffic_now() - start;
	stream->options->calls->close(fd);
	free(buffer);
	return NULL;
}

static void *run_connects(void *argument)
{
	struct stream *stream = argument;
	const struct traffic_options *options = stream->options;
	char *buffer = new_buffer();
	double start = traffic_now();
	double end = start + options->header.time_ms / 1000.0;

	while (traffic_now() < end) {
		int fd = traffic_open(options);

		traffic_send_all(options->calls, fd, buffer, options->header.size);
		traffic_recv_all(options->calls, fd, buffer, options->header.size);
		/* Who closes first keeps the port: the server. */
		if (options->calls->recv(fd, buffer, 1, 0) != 0)
			traffic_fail("end");
		options->calls->close(fd);
		stream->n_done++;
	}
	stream->seconds = traffic_now() - start;
	free(buffer);
	return NULL;
}

/* Runs each stream in a thread; returns them, the caller frees. */
static struct stream *run_streams(const struct traffic_options *options, void *(*run)(void *))
{
	struct stream *streams = calloc((size_t)options->n_streams, sizeof(*streams));

	if (!streams)
		traffic_fail("memory");
	for (int i = 0; i < options->n_streams; i++) {
		streams[i].options = options;
		errno = pthread_create(&streams[i].thread, NULL, run, &streams[i]);
		if (errno)
			traffic_fail("thread");
	}
	for (int i = 0; i < options->n_streams; i++)
		pthread_join(streams[i].thread, NULL);
	return streams;
}

void traffic_bulk(const struct traffic_options *options)
{
	const double start = traffic_now();
	struct stream *streams = run_streams(options, run_bulk);
	const double seconds = traffic_now() - start;
	uint64_t n_bytes = 0;

	for (int i = 0; i < options->n_streams; i++)
		n_bytes += streams[i].n_bytes;
	printf("{\"bytes\": %llu, \"seconds\": %.6f, \"cpu\": %.6f, \"rates\": [",
		(unsigned long long)n_bytes, seconds, traffic_cpu());
	for (int i = 0; i < options->n_streams; i++)
		printf("%s%.0f", i ? ", " : "", (double)streams[i].n_bytes / streams[i].seconds);
	printf("]}\n");
	free(streams);
}

void traffic_connects(const struct traffic_options *options)
{
	struct stream *streams = run_streams(options, run_connects);
	uint64_t n_done = 0;
	double seconds = 0;

	for (int i = 0; i < options->n_streams; i++) {
		n_done += streams[i].n_done;
		if (streams[i].seconds > seconds)
			seconds = streams[i].seconds;
	}
	printf("{\"count\": %llu, \"seconds\": %.6f, \"cpu\": %.6f}\n",
		(unsigned long long)n_done, seconds, traffic_cpu());
	free(streams);
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void print_times(float *times, size_t n, double seconds)
{
	static const struct {
		const char *name;
		double share;
	} shares[] = { { "p50", 0.5 }, { "p99", 0.99 }, { "p999", 0.999 } };

	qsort(times, n, sizeof(*times), compare);
	printf("{\"count\": %zu, \"seconds\": %.6f, \"cpu\": %.6f", n, seconds, traffic_cpu());
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		printf(", \"%s\": %.9f", shares[i].name,
			(double)times[(size_t)((double)(n - 1) * shares[i].share)]);
	printf("}\n");
}

/* A datagram that is lost costs a second, and counts as that. */
static void exchange(const struct traffic_options *options, int fd, char *buffer)
{
	const size_t size = options->header.size;

	traffic_send_all(options->calls, fd, buffer, size);
	if (options->type == SOCK_STREAM)
		traffic_recv_all(options->calls, fd, buffer, size);
	else if (options->calls->recv(fd, buffer, size, 0) < 0 && errno != EAGAIN)
		traffic_fail("recv");
}

void traffic_ping(const struct traffic_options *options)
{
	const struct timeval second = { .tv_sec = 1 };
	size_t most = 4 * 1000 * 1000;
	float *times = calloc(most, sizeof(*times));
	char *buffer = new_buffer();
	int fd = traffic_open(options);
	double start = traffic_now(), before = start;
	double end = start + options->header.time_ms / 1000.0;
	size_t n = 0;

	if (!times)
		traffic_fail("memory");
	if (options->type == SOCK_DGRAM &&
		options->calls->setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)))
		traffic_fail("SO_RCVTIMEO");
	if (options->header.limit && options->header.limit < most)
		most = (size_t)options->header.limit;
	while (n < most && before < end) {
		double after;

		exchange(options, fd, buffer);
		after = traffic_now();
		times[n++] = (float)(after - before);
		before = after;
	}
	print_times(times, n, before - start);
	options->calls->close(fd);
	free(times);
	free(buffer);
}
