/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A packet is lost, or waits its delay, or first stays behind until the next
 * one has overtaken it; after HELD_MS it goes on without. Then it joins the
 * queue in front of the receiver, as in a base station: bounded in bytes, and
 * what finds no place is dropped. The receiver says when it is busy.
 *
 * What happens to a packet depends on the seed and on how many came before it,
 * not on time, so a run can be repeated.
 */
#include "tests/modem-sim/path.h"

#include "tests/modem-sim/dice.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HELD_MS 100
#define MILLION 1000000u

struct item {
	struct item *next;
	uint64_t due_ms;
	size_t len;
	uint8_t bytes[];
};

struct list {
	struct item *first, **last;
};

struct path {
	struct path_params params;
	path_packet_fn packet;
	void *arg;
	struct item *held; /* to be overtaken; NULL: none */
	struct list late, queue;
	size_t n_queued; /* bytes */
	struct event *due, *released;
	struct dice dice;
	struct path_counts counts;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void arm(struct event *event, uint64_t ms)
{
	struct timeval t = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};

	event_add(event, &t);
}

/* True @n times in a million. */
static bool happens(struct path *path, uint32_t n)
{
	return dice_roll(&path->dice, MILLION) < n;
}

/* ---- lists -------------------------------------------------------------------- */

static void list_init(struct list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void list_put(struct list *list, struct item *item)
{
	item->next = NULL;
	*list->last = item;
	list->last = &item->next;
}

static struct item *list_pop(struct list *list)
{
	struct item *item = list->first;

	list->first = item->next;
	if (!list->first)
		list->last = &list->first;
	return item;
}

/* ---- stages, the last one first --------------------------------------------------- */

void path_resume(struct path *path)
{
	while (path->queue.first) {
		struct item *item = path->queue.first;

		if (!path->packet(item->bytes, item->len, path->arg))
			return;
		path->counts.passed++;
		path->n_queued -= item->len;
		free(list_pop(&path->queue));
	}
}

static void enqueue(struct path *path, struct item *item)
{
	if (path->n_queued + item->len > path->params.queue_bytes) {
		path->counts.dropped++;
		free(item);
		return;
	}
	path->n_queued += item->len;
	list_put(&path->queue, item);
	path_resume(path);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	struct path *path = arg;
	uint64_t now = now_ms();

	(void)fd;
	(void)what;
	while (path->late.first && path->late.first->due_ms <= now)
		enqueue(path, list_pop(&path->late));
	if (path->late.first)
		arm(path->due, path->late.first->due_ms - now);
}

static void delay(struct path *path, struct item *item)
{
	if (path->params.delay_ms == 0) {
		enqueue(path, item);
		return;
	}
	item->due_ms = now_ms() + path->params.delay_ms;
	if (!path->late.first)
		arm(path->due, path->params.delay_ms);
	list_put(&path->late, item);
}

static void release(struct path *path)
{
	struct item *held = path->held;

	event_del(path->released);
	path->held = NULL;
	if (held)
		delay(path, held);
}

static void on_released(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	release(arg);
}

void path_send(struct path *path, const void *packet, size_t len)
{
	bool is_lost = happens(path, path->params.loss);
	bool is_late = happens(path, path->params.reorder);
	struct item *item;

	if (is_lost) {
		path->counts.lost++;
		return;
	}
	item = malloc(sizeof(*item) + len);
	if (!item)
		abort();
	item->len = len;
	memcpy(item->bytes, packet, len);
	if (is_late && !path->held) {
		path->counts.reordered++;
		path->held = item;
		arm(path->released, HELD_MS);
		return;
	}
	delay(path, item);
	release(path);
}

/* ---- life ---------------------------------------------------------------------- */

void path_clear(struct path *path)
{
	free(path->held);
	path->held = NULL;
	while (path->late.first)
		free(list_pop(&path->late));
	while (path->queue.first)
		free(list_pop(&path->queue));
	path->n_queued = 0;
	event_del(path->due);
	event_del(path->released);
}

const struct path_counts *path_counts(const struct path *path)
{
	return &path->counts;
}

struct path *path_new(struct event_base *base, const struct path_params *params,
	path_packet_fn packet, void *arg)
{
	struct path *path = calloc(1, sizeof(*path));

	if (!path)
		return NULL;
	path->params = *params;
	path->packet = packet;
	path->arg = arg;
	path->dice.state = params->seed;
	list_init(&path->late);
	list_init(&path->queue);
	path->due = evtimer_new(base, on_due, path);
	path->released = evtimer_new(base, on_released, path);
	if (path->due && path->released)
		return path;
	path_free(path);
	return NULL;
}

void path_free(struct path *path)
{
	if (!path)
		return;
	if (path->due && path->released)
		path_clear(path);
	if (path->due)
		event_free(path->due);
	if (path->released)
		event_free(path->released);
	free(path);
}
