/* SPDX-License-Identifier: MIT */
/*
 * The daemon's side of the connection table: makes and seals the memfd,
 * hands out socket records and publishes into them.
 */
#ifndef DAEMON_TABLE_WRITER_H
#define DAEMON_TABLE_WRITER_H

#include "proto/table.h"

struct table_writer;

/* Returns 0 or -errno; *@out is the caller's. */
int table_writer_new(struct table_writer **out, uint32_t n_sockets, uint32_t n_links,
	uint64_t instance);

/* Marks the table as gone for those who still map it, then frees. */
void table_writer_free(struct table_writer *writer);

/* The descriptor to hand to clients; stays the writer's. */
int table_writer_fd(const struct table_writer *writer);

/*
 * Takes a free record and a new generation for it; readers see it from the
 * first table_writer_publish_socket() on. Returns the socket's id,
 * or 0 if all records are in use.
 */
socket_id table_writer_take(struct table_writer *writer);
void table_writer_release(struct table_writer *writer, socket_id id);

/*
 * Copies all of @record but sequence and generation into the socket's record.
 */
void table_writer_publish_socket(struct table_writer *writer, socket_id id,
	const struct table_socket *record);
void table_writer_publish_link(struct table_writer *writer, uint32_t index,
	const struct table_link *record);

/* Number of records in use. */
uint32_t table_writer_count(const struct table_writer *writer);

#endif
