/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The network may take seconds for what a program sends in one go; a small
 * packet of another one must not wait for all of it. So packets are sorted into
 * flows by addresses, protocol and ports, and flows send by turns (deficit round
 * robin, RFC 8290 4: those that begin go first). Two flows may share a row of
 * the table, which is drawn anew with each call.
 *
 * A sender fills whatever queue it is given. One whose packets have waited
 * longer than TARGET_MS for INTERVAL_MS loses one, and another ever sooner until
 * they do not (CoDel, RFC 8289): TCP takes that as the sign to go slower. The
 * times are those of slow lines, on which one packet takes 200 ms and TCP needs
 * some under way to learn of a loss; a long wait is the flow's own only. When
 * all flows together have too much, the longest one loses its oldest packet.
 *
 * A flow is in at most one of the lists; it is in one if it has packets.
 */
#include "netif/modem/flows.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define N_FLOWS	    64
#define BYTES_MAX   (256 * 1024)
#define QUANTUM	    1500
#define TARGET_MS   1000
#define INTERVAL_MS 2000

struct packet {
	struct packet *next;
	uint64_t came_ms;
	size_t len;
	uint8_t bytes[];
};

struct flow {
	struct flow *next; /* in its list */
	bool is_listed;
	struct packet *first, **last;
	size_t bytes;
	long deficit; /* bytes that it may still send in this turn */
	/* CoDel's. */
	uint64_t above_until_ms; /* 0: not above the target */
	uint64_t drop_next_ms;
	unsigned int n_drops; /* since it was below; 0: not dropping */
};

struct list {
	struct flow *first, **last;
};

struct flows {
	uint32_t seed;
	size_t bytes;
	struct flow rows[N_FLOWS];
	struct list begun, going;
};

/* ---- which flow ------------------------------------------------------------------ */

static uint32_t mix(uint32_t hash, const uint8_t *bytes, size_t len)
{
	/* FNV-1a; the seed keeps others from choosing rows. */
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

static struct flow *flow_of(struct flows *flows, const uint8_t *packet, size_t len)
{
	uint32_t hash = flows->seed;
	size_t header = 0;
	uint8_t protocol = 0;

	if (len >= 40 && packet[0] >> 4 == 6) {
		header = 40;
		protocol = packet[6];
		hash = mix(hash, packet + 8, 32);
	} else if (len >= 20) {
		header = (size_t)(packet[0] & 15) * 4;
		protocol = packet[9];
		hash = mix(hash, packet + 12, 8);
	}
	hash = mix(hash, &protocol, 1);
	if ((protocol == 6 || protocol == 17) && len >= header + 4)
		hash = mix(hash, packet + header, 4);
	return &flows->rows[(hash ^ hash >> 16) % N_FLOWS];
}

/* ---- lists ------------------------------------------------------------------------- */

static void list_add(struct list *list, struct flow *flow)
{
	flow->next = NULL;
	flow->is_listed = true;
	*list->last = flow;
	list->last = &flow->next;
}

static struct flow *list_take(struct list *list)
{
	struct flow *flow = list->first;

	list->first = flow->next;
	if (!list->first)
		list->last = &list->first;
	flow->is_listed = false;
	return flow;
}

static struct packet *take_first(struct flows *flows, struct flow *flow)
{
	struct packet *packet = flow->first;

	if (!packet)
		return NULL;
	flow->first = packet->next;
	if (!flow->first)
		flow->last = &flow->first;
	flow->bytes -= packet->len;
	flows->bytes -= packet->len;
	return packet;
}

/* ---- CoDel ------------------------------------------------------------------------- */

/* INTERVAL_MS / sqrt(n) */
static uint64_t interval_ms(unsigned int n)
{
	unsigned int root = 1;

	while ((root + 1) * (root + 1) <= n)
		root++;
	return INTERVAL_MS / root;
}

/* Whether the packet, just taken, has waited too long for too long. */
static bool is_late(struct flow *flow, const struct packet *packet, uint64_t now_ms)
{
	if (now_ms - packet->came_ms < TARGET_MS || flow->bytes <= QUANTUM) {
		flow->above_until_ms = 0;
		flow->n_drops = 0;
		return false;
	}
	if (flow->above_until_ms == 0)
		flow->above_until_ms = now_ms + INTERVAL_MS;
	if (now_ms < flow->above_until_ms)
		return false;
	if (flow->n_drops > 0 && now_ms < flow->drop_next_ms)
		return false;
	flow->n_drops++;
	flow->drop_next_ms = now_ms + interval_ms(flow->n_drops);
	return true;
}

static struct packet *take_in_time(struct flows *flows, struct flow *flow, uint64_t now_ms)
{
	struct packet *packet = take_first(flows, flow);

	while (packet && is_late(flow, packet, now_ms)) {
		free(packet);
		packet = take_first(flows, flow);
	}
	return packet;
}

/* ---- verbs -------------------------------------------------------------------------- */

static void drop_of_longest(struct flows *flows)
{
	struct flow *longest = &flows->rows[0];

	for (size_t i = 1; i < N_FLOWS; i++) {
		if (flows->rows[i].bytes > longest->bytes)
			longest = &flows->rows[i];
	}
	free(take_first(flows, longest));
}

void flows_put(struct flows *flows, const void *bytes, size_t len, uint64_t now_ms)
{
	struct packet *packet = malloc(sizeof(*packet) + len);
	struct flow *flow;

	if (!packet)
		return;
	packet->next = NULL;
	packet->came_ms = now_ms;
	packet->len = len;
	memcpy(packet->bytes, bytes, len);
	flow = flow_of(flows, packet->bytes, len);
	*flow->last = packet;
	flow->last = &packet->next;
	flow->bytes += len;
	flows->bytes += len;
	if (!flow->is_listed) {
		flow->deficit = QUANTUM;
		list_add(&flows->begun, flow);
	}
	while (flows->bytes > BYTES_MAX)
		drop_of_longest(flows);
}

/* The list of the flow whose turn it is; NULL if there is none. */
static struct list *next_list(struct flows *flows)
{
	if (flows->begun.first)
		return &flows->begun;
	return flows->going.first ? &flows->going : NULL;
}

size_t flows_take(struct flows *flows, void *bytes, uint64_t now_ms)
{
	struct packet *packet = NULL;
	struct list *list;
	size_t len;

	while (!packet && (list = next_list(flows))) {
		struct flow *flow = list->first;

		if (flow->deficit <= 0) {
			flow->deficit += QUANTUM;
			list_add(&flows->going, list_take(list));
			continue;
		}
		packet = take_in_time(flows, flow, now_ms);
		if (packet)
			flow->deficit -= (long)packet->len;
		else if (list == &flows->begun && flows->going.first)
			/* It must not begin again before the others had their turn. */
			list_add(&flows->going, list_take(list));
		else
			list_take(list);
	}
	if (!packet)
		return 0;
	len = packet->len;
	memcpy(bytes, packet->bytes, len);
	free(packet);
	return len;
}

size_t flows_pending(const struct flows *flows)
{
	return flows->bytes;
}

/* ---- life ---------------------------------------------------------------------------- */

static void list_init(struct list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

struct flows *flows_new(void)
{
	struct flows *flows = calloc(1, sizeof(*flows));

	if (!flows)
		return NULL;
	/* Without randomness rows can be guessed, and that is all. */
	if (getrandom(&flows->seed, sizeof(flows->seed), GRND_NONBLOCK) < 0)
		flows->seed = 2166136261u;
	for (size_t i = 0; i < N_FLOWS; i++)
		flows->rows[i].last = &flows->rows[i].first;
	list_init(&flows->begun);
	list_init(&flows->going);
	return flows;
}

void flows_free(struct flows *flows)
{
	if (!flows)
		return;
	for (size_t i = 0; i < N_FLOWS; i++) {
		struct packet *packet;

		while ((packet = take_first(flows, &flows->rows[i])))
			free(packet);
	}
	free(flows);
}
