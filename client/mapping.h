/* SPDX-License-Identifier: MIT */
/*
 * The connection table of the daemon met last, mapped for reading by any
 * thread at any time without a lock.
 */
#ifndef CLIENT_MAPPING_H
#define CLIENT_MAPPING_H

#include "proto/table.h"

#include <stdint.h>

/*
 * Maps the table of descriptor @fd, which stays the caller's, in place of the
 * one before. Not from two threads at once. Returns 0; -EPROTO if it is not
 * the table of @instance; or as table_map().
 */
int mapping_replace(int fd, uint64_t instance);

/*
 * These return what their namesakes of proto/table.h do, and -ESTALE if the
 * table mapped is not that of @instance, which is still valid. For
 * @instance 0 any valid one will do.
 */
int mapping_find_socket(uint64_t instance, socket_id id, struct table_socket *out);
int mapping_glance(uint64_t instance, socket_id id, struct table_glance *out);
int mapping_read_socket(uint64_t instance, uint32_t index, struct table_socket *out);
int mapping_read_link(uint64_t instance, uint32_t index, struct table_link *out);
int mapping_header(uint64_t instance, struct table_header *out);

#endif
