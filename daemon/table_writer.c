/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The writer owns the memfd and the only writable mapping of it. The mapping
 * is made first; then the file is sealed against resizing (a reader can never
 * run into a hole) and against later writing (nobody who gets the descriptor,
 * or opens it anew, can map it writable), and the seals are sealed.
 *
 * Records are handed out by lowest free index, from a bitmap, so that the
 * part of the table that readers have to walk stays short. A socket's id
 * joins the index with a generation that is drawn anew for each use of the
 * record: an id of the past does not fit, and nobody can sit on the channel
 * names of ids to come.
 *
 * How a record is written without tearing is described in proto/table.c: the
 * sequence is made odd, each word is stored with release, the sequence is
 * made even with release. There is one writer thread.
 */
#include "daemon/table_writer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define BITS_PER_WORD 64

typedef uint32_t __attribute__((may_alias)) record_word;

struct table_writer {
	int fd;
	struct table_header *header;
	size_t size;	     /* bytes mapped */
	uint64_t *free_bits; /* 1: the record is free */
	uint32_t n_bit_words;
	uint32_t first_word;   /* no free record is in a word below */
	uint32_t *generations; /* the latest of each record; 0: none yet */
	uint32_t n_used;
};

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

static void init_header(struct table_writer *writer, uint32_t n_sockets, uint32_t n_links,
	uint64_t instance)
{
	struct table_header *h = writer->header;

	h->version = TABLE_VERSION;
	h->header_size = sizeof(*h);
	h->socket_size = sizeof(struct table_socket);
	h->n_sockets = n_sockets;
	h->link_size = sizeof(struct table_link);
	h->n_links = n_links;
	h->sockets_offset = round_up(sizeof(*h), 64);
	h->links_offset = round_up(h->sockets_offset + (uint64_t)n_sockets * h->socket_size, 64);
	h->instance = instance;
	h->daemon_pid = (uint32_t)getpid();
	h->magic = TABLE_MAGIC;
}

static size_t table_size(uint32_t n_sockets, uint32_t n_links)
{
	uint64_t size = round_up(sizeof(struct table_header), 64);

	size = round_up(size + (uint64_t)n_sockets * sizeof(struct table_socket), 64);
	size += (uint64_t)n_links * sizeof(struct table_link);
	return (size_t)round_up(size, (uint64_t)sysconf(_SC_PAGESIZE));
}

/* Makes, maps and seals the file. What was made is table_writer_free()'s. */
static int make_file(struct table_writer *writer)
{
	void *map;

	writer->fd = memfd_create("usocketd-table", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (writer->fd < 0)
		return -errno;
	if (ftruncate(writer->fd, (off_t)writer->size) < 0)
		return -errno;
	map = mmap(NULL, writer->size, PROT_READ | PROT_WRITE, MAP_SHARED, writer->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	writer->header = map;
	if (fchmod(writer->fd, 0444) < 0)
		return -errno;
	if (fcntl(writer->fd, F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return 0;
}

static int make_bitmap(struct table_writer *writer, uint32_t n_sockets)
{
	writer->n_bit_words = (n_sockets + BITS_PER_WORD - 1) / BITS_PER_WORD;
	writer->free_bits = calloc(writer->n_bit_words, sizeof(*writer->free_bits));
	writer->generations = calloc(n_sockets, sizeof(*writer->generations));
	if (!writer->free_bits || !writer->generations)
		return -ENOMEM;
	for (uint32_t i = 0; i < n_sockets; i++)
		writer->free_bits[i / BITS_PER_WORD] |= 1ull << (i % BITS_PER_WORD);
	return 0;
}

int table_writer_new(struct table_writer **out, uint32_t n_sockets, uint32_t n_links,
	uint64_t instance)
{
	struct table_writer *writer = calloc(1, sizeof(*writer));
	int r;

	if (!writer)
		return -ENOMEM;
	writer->fd = -1;
	writer->size = table_size(n_sockets, n_links);
	r = make_bitmap(writer, n_sockets);
	if (r == 0)
		r = make_file(writer);
	if (r < 0) {
		table_writer_free(writer);
		return r;
	}
	init_header(writer, n_sockets, n_links, instance);
	*out = writer;
	return 0;
}

void table_writer_free(struct table_writer *writer)
{
	if (!writer)
		return;
	if (writer->header) {
		atomic_store(&writer->header->gone, 1);
		munmap(writer->header, writer->size);
	}
	if (writer->fd >= 0)
		close(writer->fd);
	free(writer->free_bits);
	free(writer->generations);
	free(writer);
}

int table_writer_fd(const struct table_writer *writer)
{
	return writer->fd;
}

static record_word *socket_record(const struct table_writer *writer, uint32_t index)
{
	const struct table_header *h = writer->header;

	assert(index < h->n_sockets);
	return (record_word *)((uint8_t *)writer->header + h->sockets_offset +
		(size_t)index * h->socket_size);
}

/* Stores words [1, n) of @source; word 0 of @record is its sequence. */
static void write_record(record_word *record, const record_word *source, size_t size)
{
	uint32_t sequence = record[0];

	__atomic_store_n(&record[0], sequence + 1, __ATOMIC_RELAXED);
	for (size_t i = 1; i < size / sizeof(*record); i++)
		__atomic_store_n(&record[i], source[i], __ATOMIC_RELEASE);
	__atomic_store_n(&record[0], sequence + 2, __ATOMIC_RELEASE);
}

static void write_socket(struct table_writer *writer, uint32_t index, uint32_t generation,
	const struct table_socket *source)
{
	struct table_socket record = { 0 };

	if (source)
		record = *source;
	record.generation = generation;
	write_record(socket_record(writer, index), (const record_word *)&record, sizeof(record));
}

static uint32_t next_generation(struct table_writer *writer, uint32_t index)
{
	uint32_t previous = writer->generations[index], generation = 0;

	/* Never short for so few bytes, once the kernel's pool is ready. */
	if (getrandom(&generation, sizeof(generation), GRND_NONBLOCK) != sizeof(generation))
		generation = previous + 1;
	while (generation == 0 || generation == previous)
		generation++;
	writer->generations[index] = generation;
	return generation;
}

static bool is_used(const struct table_writer *writer, uint32_t index)
{
	return !(writer->free_bits[index / BITS_PER_WORD] >> (index % BITS_PER_WORD) & 1);
}

/* Whether @id is that of a record in use. */
static bool is_current(const struct table_writer *writer, socket_id id)
{
	uint32_t index = socket_id_index(id);

	return index < writer->header->n_sockets && is_used(writer, index) &&
		writer->generations[index] == socket_id_generation(id);
}

socket_id table_writer_take(struct table_writer *writer)
{
	struct table_header *h = writer->header;
	uint32_t word = writer->first_word;
	uint32_t index, generation;

	while (word < writer->n_bit_words && writer->free_bits[word] == 0)
		word++;
	writer->first_word = word;
	if (word == writer->n_bit_words)
		return 0;
	index = word * BITS_PER_WORD + (uint32_t)__builtin_ctzll(writer->free_bits[word]);
	writer->free_bits[word] &= writer->free_bits[word] - 1;
	/* Readers see the record once there is something in it. */
	generation = next_generation(writer, index);
	if (index >= atomic_load_explicit(&h->high_water, memory_order_relaxed))
		atomic_store_explicit(&h->high_water, index + 1, memory_order_release);
	writer->n_used++;
	return socket_id_make(index, generation);
}

void table_writer_release(struct table_writer *writer, socket_id id)
{
	uint32_t index = socket_id_index(id);
	uint32_t word = index / BITS_PER_WORD;

	assert(is_current(writer, id));
	write_socket(writer, index, 0, NULL);
	writer->free_bits[word] |= 1ull << (index % BITS_PER_WORD);
	if (word < writer->first_word)
		writer->first_word = word;
	writer->n_used--;
}

void table_writer_publish_socket(struct table_writer *writer, socket_id id,
	const struct table_socket *record)
{
	assert(is_current(writer, id));
	write_socket(writer, socket_id_index(id), socket_id_generation(id), record);
}

void table_writer_publish_link(struct table_writer *writer, uint32_t index,
	const struct table_link *record)
{
	const struct table_header *h = writer->header;
	uint8_t *links = (uint8_t *)writer->header + h->links_offset;

	assert(index < h->n_links);
	write_record((record_word *)(links + (size_t)index * h->link_size),
		(const record_word *)record, sizeof(*record));
}

uint32_t table_writer_count(const struct table_writer *writer)
{
	return writer->n_used;
}
