/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * lwIP finds the connection of a segment in tcp_active_pcbs, a singly linked list,
 * from its head on: with 10 000 connections that is most of the time. A hash of
 * both ends finds it here, and it is moved to the head before lwIP looks. Entries
 * are small, and hold the whole hash, so that those of others in the same bucket
 * cost no look at their pcbs: with many connections nothing of them is in the
 * processor's cache.
 *
 * To take a pcb out of lwIP's list one has to know the one before it. So each pcb
 * has an entry (ext argument FRONT_EXT_ARG), and the entries are a doubly linked
 * list in the order of lwIP's. lwIP does not tell of changes, but of only three
 * kinds there are:
 * - a new pcb is at the head: entries are made, from the head on, for those that
 *   have none, before anything is looked up;
 * - a pcb is freed: the ext argument's callback takes its entry out;
 * - a pcb has gone into TIME-WAIT, which is another list: it says so itself, and
 *   its entry is taken out when it is in the way.
 * Whatever else there might be is noticed, as the entry before must be of the pcb
 * before; then all entries are made anew. Without memory for an entry there are
 * none at all until the next segment, and lwIP walks.
 */
#include "netif/tcp_front.h"

#include "netif/tcp_ends.h"

#include "lwip/priv/tcp_priv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* Those before it are the daemon's. */
#define FRONT_EXT_ARG 3

#define BUCKETS_MIN   16

struct entry {
	struct tcp_pcb *pcb;
	TAILQ_ENTRY(entry) order; /* as tcp_active_pcbs */
	struct entry *next;	  /* in the same bucket */
	uint32_t hash;
};

TAILQ_HEAD(entry_list, entry);

static struct {
	struct entry_list order;
	struct entry **buckets; /* owned; n_buckets, a power of two; NULL: none yet */
	uint32_t n_buckets;
	uint32_t n_entries;
	uint32_t seed; /* of the hash: no peer can tell what shares a bucket */
} front = { .order = TAILQ_HEAD_INITIALIZER(front.order) };

/* Murmur3's, without its rotations; all of @ends counts in the lowest bits. */
static uint32_t hash_of(const struct tcp_ends *ends)
{
	uint32_t words[sizeof(*ends) / 4], hash = front.seed;
	size_t i;

	memcpy(words, ends, sizeof(words));
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		hash = (hash ^ words[i]) * 0xcc9e2d51u;
		hash ^= hash >> 15;
	}
	return hash;
}

static struct entry **bucket_of(uint32_t hash)
{
	return &front.buckets[hash & (front.n_buckets - 1)];
}

static void insert(struct entry *entry)
{
	struct entry **bucket = bucket_of(entry->hash);

	entry->next = *bucket;
	*bucket = entry;
}

/* Room for another one: as many buckets as entries. False: there are no buckets. */
static bool grow(void)
{
	uint32_t n_buckets = front.n_buckets ? 2 * front.n_buckets : BUCKETS_MIN;
	struct entry **buckets, *entry;

	if (front.n_entries < front.n_buckets)
		return true;
	buckets = calloc(n_buckets, sizeof(*buckets));
	if (!buckets)
		return front.n_buckets > 0;
	if (!front.buckets)
		front.seed = LWIP_RAND();
	free(front.buckets);
	front.buckets = buckets;
	front.n_buckets = n_buckets;
	TAILQ_FOREACH(entry, &front.order, order)
		insert(entry);
	return true;
}

static void forget(struct entry *entry)
{
	struct entry **at = bucket_of(entry->hash);

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	front.n_entries--;
	TAILQ_REMOVE(&front.order, entry, order);
	free(entry);
}

static void on_destroyed(u8_t id, void *data)
{
	(void)id;
	if (data)
		forget(data);
}

static const struct tcp_ext_arg_callbacks callbacks = { .destroy = on_destroyed };

/* Of a pcb that lives on. */
static void drop(struct entry *entry)
{
	tcp_ext_arg_set(entry->pcb, FRONT_EXT_ARG, NULL);
	forget(entry);
}

static void drop_all(void)
{
	while (!TAILQ_EMPTY(&front.order))
		drop(TAILQ_FIRST(&front.order));
}

/* Makes an entry behind @before, or, NULL, at the head. Returns NULL without memory. */
static struct entry *add(struct tcp_pcb *pcb, struct entry *before)
{
	struct entry *entry = grow() ? malloc(sizeof(*entry)) : NULL;
	struct tcp_ends ends;

	if (!entry)
		return NULL;
	entry->pcb = pcb;
	tcp_ends_of_pcb(&ends, pcb);
	entry->hash = hash_of(&ends);
	tcp_ext_arg_set(pcb, FRONT_EXT_ARG, entry);
	tcp_ext_arg_set_callbacks(pcb, FRONT_EXT_ARG, &callbacks);
	insert(entry);
	front.n_entries++;
	if (before)
		TAILQ_INSERT_AFTER(&front.order, before, entry, order);
	else
		TAILQ_INSERT_HEAD(&front.order, entry, order);
	return entry;
}

/* Makes entries for the pcbs at the head that have none. False: there are none at all. */
static bool add_new(void)
{
	struct entry *before = NULL;
	struct tcp_pcb *pcb;

	for (pcb = tcp_active_pcbs; pcb && !tcp_ext_arg_get(pcb, FRONT_EXT_ARG); pcb = pcb->next) {
		before = add(pcb, before);
		if (!before) {
			drop_all();
			return false;
		}
	}
	return true;
}

/* The entry before, past those that are in TIME-WAIT. */
static struct entry *previous(const struct entry *entry)
{
	struct entry *before;

	while ((before = TAILQ_PREV(entry, entry_list, order)) && before->pcb->state == TIME_WAIT)
		drop(before);
	return before;
}

/* Whether lwIP's list is what the entry says. */
static bool is_in_order(const struct entry *entry, const struct entry *before)
{
	return before ? before->pcb->next == entry->pcb : tcp_active_pcbs == entry->pcb;
}

static bool is_of(const struct tcp_pcb *pcb, const struct tcp_ends *ends)
{
	struct tcp_ends own;

	tcp_ends_of_pcb(&own, pcb);
	return tcp_ends_equal(&own, ends);
}

static struct entry *find(const struct tcp_ends *ends)
{
	uint32_t hash = hash_of(ends);
	struct entry *entry = front.n_buckets ? *bucket_of(hash) : NULL;

	while (entry && (entry->hash != hash || !is_of(entry->pcb, ends)))
		entry = entry->next;
	return entry && entry->pcb->state != TIME_WAIT ? entry : NULL;
}

static void move_to_head(struct entry *entry, struct entry *before)
{
	struct tcp_pcb *pcb = entry->pcb;

	before->pcb->next = pcb->next;
	pcb->next = tcp_active_pcbs;
	tcp_active_pcbs = pcb;
	TAILQ_REMOVE(&front.order, entry, order);
	TAILQ_INSERT_HEAD(&front.order, entry, order);
}

void tcp_front_bring(const uint8_t *packet, const struct ingress_packet *info)
{
	struct tcp_ends ends;
	struct entry *entry, *before;

	tcp_ends_of_packet(&ends, packet, info);
	if ((tcp_active_pcbs && is_of(tcp_active_pcbs, &ends)) || !add_new())
		return;
	entry = find(&ends);
	if (!entry)
		return;
	before = previous(entry);
	if (!is_in_order(entry, before)) {
		drop_all();
		if (!add_new())
			return;
		entry = find(&ends);
		before = previous(entry);
	}
	if (before)
		move_to_head(entry, before);
}

void tcp_front_fini(void)
{
	drop_all();
	free(front.buckets);
	front.buckets = NULL;
	front.n_buckets = 0;
}
