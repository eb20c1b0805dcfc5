/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The reader's side of the connection table. The writer makes a record's
 * sequence odd, stores the record's words, and makes the sequence even again.
 * The reader loads the sequence, copies the words, loads the sequence again
 * and starts over if it was odd or has moved.
 *
 * The order rests on the words themselves, not on fences: the writer stores
 * each word with release, the reader loads each with acquire. A reader that
 * has seen one word of a newer writing therefore sees that writing's odd
 * sequence, or a later one, in its second look. (Thread sanitizers understand
 * this form; they do not understand fences.)
 *
 * A writer that was preempted in the middle leaves the sequence odd for as
 * long as it does not run, so a reader spins only briefly and then sleeps; it
 * gives up after about 20 ms, when the writer must be dead or stopped.
 *
 * Everything here may be called from any thread. What the header says of
 * sizes is checked once, in table_map(); the mapping is read-only.
 */
#include "proto/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define SPINS	 64
#define SLEEPS	 200
#define SLEEP_NS 100000

/* A record is copied in these; it may be of any struct. */
typedef uint32_t __attribute__((may_alias)) record_word;

_Static_assert(sizeof(struct table_socket) % sizeof(record_word) == 0, "whole words");
_Static_assert(sizeof(struct table_link) % sizeof(record_word) == 0, "whole words");
_Static_assert(sizeof(struct table_header) % 8 == 0, "records are aligned");
_Static_assert(offsetof(struct table_socket, sequence) == 0, "sequence comes first");
_Static_assert(offsetof(struct table_link, sequence) == 0, "sequence comes first");

/* The words of struct table_socket that table_glance() looks at. */
#define WORD_GENERATION 1
#define WORD_STATE	2
_Static_assert(offsetof(struct table_socket, generation) == 4 * WORD_GENERATION, "layout");
_Static_assert(offsetof(struct table_socket, type) == 4 * WORD_STATE, "layout");
_Static_assert(offsetof(struct table_socket, state) == 4 * WORD_STATE + 3, "layout");

static bool range_fits(uint64_t offset, uint64_t n, uint64_t size, uint64_t total)
{
	return offset % 8 == 0 && offset <= total && n * size <= total - offset;
}

static int check_header(const struct table_header *h, size_t size)
{
	if (h->magic != TABLE_MAGIC)
		return -EPROTO;
	if (h->version != TABLE_VERSION || h->header_size != sizeof(*h) ||
		h->socket_size != sizeof(struct table_socket) ||
		h->link_size != sizeof(struct table_link))
		return -EPROTONOSUPPORT;
	if (!range_fits(h->sockets_offset, h->n_sockets, h->socket_size, size) ||
		!range_fits(h->links_offset, h->n_links, h->link_size, size))
		return -EPROTO;
	return 0;
}

/* One that can shrink could take the memory away under its readers (SIGBUS). */
static bool can_shrink(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals < 0 || !(seals & F_SEAL_SHRINK);
}

int table_map(struct table *t, int fd)
{
	struct stat st;
	void *map;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || can_shrink(fd) ||
		st.st_size < (off_t)sizeof(struct table_header))
		return -EPROTO;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	r = check_header(map, (size_t)st.st_size);
	if (r < 0) {
		munmap(map, (size_t)st.st_size);
		return r;
	}
	t->header = map;
	t->size = (size_t)st.st_size;
	return 0;
}

void table_unmap(struct table *t)
{
	if (t->header)
		munmap((void *)t->header, t->size);
	t->header = NULL;
	t->size = 0;
}

static const void *record_at(const struct table *t, uint64_t offset, uint64_t size, uint32_t index)
{
	return (const uint8_t *)t->header + offset + size * index;
}

/* One try: copies words [first, first + n). False if the writer was in it. */
static bool try_copy(const record_word *record, record_word *out, size_t first, size_t n)
{
	uint32_t before = __atomic_load_n(&record[0], __ATOMIC_ACQUIRE);

	if (before & 1)
		return false;
	for (size_t i = 0; i < n; i++)
		out[i] = __atomic_load_n(&record[first + i], __ATOMIC_ACQUIRE);
	return __atomic_load_n(&record[0], __ATOMIC_RELAXED) == before;
}

static int copy_words(const void *record, void *out, size_t first, size_t n)
{
	const struct timespec pause = { .tv_nsec = SLEEP_NS };

	for (int i = 0; i < SPINS; i++) {
		if (try_copy(record, out, first, n))
			return 0;
	}
	for (int i = 0; i < SLEEPS; i++) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		if (try_copy(record, out, first, n))
			return 0;
	}
	return -EAGAIN;
}

int table_read_socket(const struct table *t, uint32_t index, struct table_socket *out)
{
	const struct table_header *h = t->header;
	int r;

	if (index >= h->n_sockets)
		return -ENOENT;
	r = copy_words(record_at(t, h->sockets_offset, h->socket_size, index), out, 0,
		sizeof(*out) / sizeof(record_word));
	if (r < 0)
		return r;
	return out->generation != 0 ? 0 : -ENOENT;
}

int table_read_link(const struct table *t, uint32_t index, struct table_link *out)
{
	const struct table_header *h = t->header;
	int r;

	if (index >= h->n_links)
		return -ENOENT;
	r = copy_words(record_at(t, h->links_offset, h->link_size, index), out, 0,
		sizeof(*out) / sizeof(record_word));
	if (r < 0)
		return r;
	return out->used ? 0 : -ENOENT;
}

int table_find_socket(const struct table *t, socket_id id, struct table_socket *out)
{
	int r = table_read_socket(t, socket_id_index(id), out);

	if (r < 0)
		return r;
	return out->generation == socket_id_generation(id) ? 0 : -ENOENT;
}

int table_glance(const struct table *t, socket_id id, struct table_glance *out)
{
	const struct table_header *h = t->header;
	uint32_t index = socket_id_index(id);
	record_word words[WORD_STATE - WORD_GENERATION + 1];
	uint8_t bytes[sizeof(record_word)];
	int r;

	if (index >= h->n_sockets)
		return -ENOENT;
	r = copy_words(record_at(t, h->sockets_offset, h->socket_size, index), words,
		WORD_GENERATION, sizeof(words) / sizeof(words[0]));
	if (r < 0)
		return r;
	if (words[0] == 0 || words[0] != socket_id_generation(id))
		return -ENOENT;
	memcpy(bytes, &words[WORD_STATE - WORD_GENERATION], sizeof(bytes));
	out->type = bytes[0];
	out->state = bytes[3];
	return 0;
}

static const char *const state_names[] = {
	[TABLE_STATE_CLOSED] = "CLOSED",
	[TABLE_STATE_LISTEN] = "LISTEN",
	[TABLE_STATE_SYN_SENT] = "SYN_SENT",
	[TABLE_STATE_SYN_RCVD] = "SYN_RCVD",
	[TABLE_STATE_ESTABLISHED] = "ESTABLISHED",
	[TABLE_STATE_FIN_WAIT_1] = "FIN_WAIT_1",
	[TABLE_STATE_FIN_WAIT_2] = "FIN_WAIT_2",
	[TABLE_STATE_CLOSE_WAIT] = "CLOSE_WAIT",
	[TABLE_STATE_CLOSING] = "CLOSING",
	[TABLE_STATE_LAST_ACK] = "LAST_ACK",
	[TABLE_STATE_TIME_WAIT] = "TIME_WAIT",
};
_Static_assert(sizeof(state_names) / sizeof(state_names[0]) == TABLE_STATE_COUNT, "names");

static const char *const link_state_names[] = {
	[TABLE_LINK_DOWN] = "down",
	[TABLE_LINK_OPENING] = "opening",
	[TABLE_LINK_SIM] = "sim",
	[TABLE_LINK_REGISTERING] = "registering",
	[TABLE_LINK_DIALING] = "dialing",
	[TABLE_LINK_NEGOTIATING] = "negotiating",
	[TABLE_LINK_UP] = "up",
	[TABLE_LINK_DEGRADED] = "degraded",
};
_Static_assert(sizeof(link_state_names) / sizeof(link_state_names[0]) == TABLE_LINK_STATE_COUNT,
	"names");

static const char *const reason_names[] = {
	[TABLE_REASON_NONE] = "none",
	[TABLE_REASON_COMMAND] = "command",
	[TABLE_REASON_CONFIGURATION] = "configuration",
	[TABLE_REASON_SYSTEM] = "system",
	[TABLE_REASON_DEVICE] = "device",
	[TABLE_REASON_DEVICE_BUSY] = "device-busy",
	[TABLE_REASON_HELPER] = "helper",
	[TABLE_REASON_SILENT] = "silent",
	[TABLE_REASON_MODEM] = "modem",
	[TABLE_REASON_SIM_MISSING] = "sim-missing",
	[TABLE_REASON_SIM_PIN] = "sim-pin",
	[TABLE_REASON_SIM_PUK] = "sim-puk",
	[TABLE_REASON_SIM] = "sim",
	[TABLE_REASON_REGISTRATION] = "registration",
	[TABLE_REASON_ROAMING] = "roaming",
	[TABLE_REASON_BARRED] = "barred",
	[TABLE_REASON_DIAL] = "dial",
	[TABLE_REASON_AUTHENTICATION] = "authentication",
	[TABLE_REASON_ADDRESS] = "address",
	[TABLE_REASON_CARRIER] = "carrier",
	[TABLE_REASON_PEER] = "peer",
	[TABLE_REASON_PEER_SILENT] = "peer-silent",
	[TABLE_REASON_TIMEOUT] = "timeout",
	[TABLE_REASON_NO_DATA] = "no-data",
	[TABLE_REASON_IDLE] = "idle",
};
_Static_assert(sizeof(reason_names) / sizeof(reason_names[0]) == TABLE_REASON_COUNT, "names");

static const char *const step_names[] = {
	[TABLE_STEP_REDIAL] = "redial",
	[TABLE_STEP_PDP] = "pdp",
	[TABLE_STEP_RADIO] = "radio",
	[TABLE_STEP_RESET] = "reset",
	[TABLE_STEP_POWER] = "power",
};
_Static_assert(sizeof(step_names) / sizeof(step_names[0]) == TABLE_STEP_COUNT, "names");

static const char *const drop_names[] = {
	[TABLE_DROP_SHORT] = "short",
	[TABLE_DROP_VERSION] = "version",
	[TABLE_DROP_LENGTH] = "length",
	[TABLE_DROP_OPTIONS] = "options",
	[TABLE_DROP_EXTENSION] = "extension",
	[TABLE_DROP_TRANSPORT] = "transport",
	[TABLE_DROP_MARTIAN] = "martian",
	[TABLE_DROP_MEMORY] = "memory",
	[TABLE_DROP_FRAME] = "frame",
};
_Static_assert(sizeof(drop_names) / sizeof(drop_names[0]) == TABLE_DROP_COUNT, "names");

const char *table_state_name(enum table_state state)
{
	return (unsigned int)state < TABLE_STATE_COUNT ? state_names[state] : "?";
}

const char *table_link_state_name(enum table_link_state state)
{
	return (unsigned int)state < TABLE_LINK_STATE_COUNT ? link_state_names[state] : "?";
}

const char *table_link_reason_name(enum table_link_reason reason)
{
	return (unsigned int)reason < TABLE_REASON_COUNT ? reason_names[reason] : "?";
}

const char *table_link_step_name(enum table_link_step step)
{
	return (unsigned int)step < TABLE_STEP_COUNT ? step_names[step] : "?";
}

const char *table_drop_name(enum table_drop drop)
{
	return (unsigned int)drop < TABLE_DROP_COUNT ? drop_names[drop] : "?";
}
