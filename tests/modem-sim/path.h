/* SPDX-License-Identifier: MIT */
/*
 * One direction of the network's path: IP packets that come late, in another
 * order, or not at all.
 */
#ifndef TESTS_MODEM_SIM_PATH_H
#define TESTS_MODEM_SIM_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct path;

struct path_params {
	uint32_t delay_ms;
	/* Of a million packets. */
	uint32_t loss, reorder;
	uint32_t queue_bytes; /* that may wait for a receiver that is busy */
	uint32_t seed;	      /* the same seed, the same packets lost */
};

struct path_counts {
	unsigned int passed, lost, reordered, dropped;
};

/* Takes a packet; false: is busy, and path_resume() will be called. */
typedef bool (*path_packet_fn)(const void *packet, size_t len, void *arg);

/* NULL when out of memory. */
struct path *path_new(struct event_base *base, const struct path_params *params,
	path_packet_fn packet, void *arg);
void path_free(struct path *path);

void path_send(struct path *path, const void *packet, size_t len);

/* The receiver takes packets again. */
void path_resume(struct path *path);

/* Forgets what is on its way. */
void path_clear(struct path *path);

const struct path_counts *path_counts(const struct path *path);

#endif
