/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One atomic pointer shows the current mapping. A reader counts itself in,
 * loads the pointer, reads, counts itself out. A new mapping is put in place
 * by exchanging the pointer; the old one is retired and unmapped by a later
 * replacement that finds no reader counted in: whoever comes after the
 * exchange sees the new pointer. So reading takes no lock, not even in a
 * signal handler, and costs a few nanoseconds.
 *
 * Retired mappings keep at most the tables of daemons that ended since the
 * last moment without a reader.
 */
#include "client/mapping.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct mapping {
	struct table table;
	struct mapping *older; /* next of the retired */
};

static struct {
	_Atomic(struct mapping *) current; /* NULL: none yet */
	struct mapping *retired;	   /* mapping_replace()'s own */
	atomic_uint n_readers;
} state;

static void mapping_free(struct mapping *m)
{
	table_unmap(&m->table);
	free(m);
}

static void mapping_retire(struct mapping *m)
{
	if (m) {
		m->older = state.retired;
		state.retired = m;
	}
	if (atomic_load(&state.n_readers) > 0)
		return;
	while ((m = state.retired) != NULL) {
		state.retired = m->older;
		mapping_free(m);
	}
}

int mapping_replace(int fd, uint64_t instance)
{
	struct mapping *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	r = table_map(&m->table, fd);
	if (r < 0) {
		free(m);
		return r;
	}
	if (m->table.header->instance != instance) {
		mapping_free(m);
		return -EPROTO;
	}
	mapping_retire(atomic_exchange(&state.current, m));
	return 0;
}

static const struct mapping *mapping_enter(uint64_t instance)
{
	const struct mapping *m;

	atomic_fetch_add(&state.n_readers, 1);
	m = atomic_load(&state.current);
	if (!m || (instance && m->table.header->instance != instance))
		return NULL;
	if (atomic_load_explicit(&m->table.header->gone, memory_order_acquire))
		return NULL;
	return m;
}

static void mapping_leave(void)
{
	atomic_fetch_sub(&state.n_readers, 1);
}

int mapping_find_socket(uint64_t instance, socket_id id, struct table_socket *out)
{
	const struct mapping *m = mapping_enter(instance);
	int r = m ? table_find_socket(&m->table, id, out) : -ESTALE;

	mapping_leave();
	return r;
}

int mapping_glance(uint64_t instance, socket_id id, struct table_glance *out)
{
	const struct mapping *m = mapping_enter(instance);
	int r = m ? table_glance(&m->table, id, out) : -ESTALE;

	mapping_leave();
	return r;
}

int mapping_read_socket(uint64_t instance, uint32_t index, struct table_socket *out)
{
	const struct mapping *m = mapping_enter(instance);
	int r = m ? table_read_socket(&m->table, index, out) : -ESTALE;

	mapping_leave();
	return r;
}

int mapping_read_link(uint64_t instance, uint32_t index, struct table_link *out)
{
	const struct mapping *m = mapping_enter(instance);
	int r = m ? table_read_link(&m->table, index, out) : -ESTALE;

	mapping_leave();
	return r;
}

int mapping_header(uint64_t instance, struct table_header *out)
{
	const struct mapping *m = mapping_enter(instance);
	const struct table_header *h;

	if (m) {
		h = m->table.header;
		out->n_sockets = h->n_sockets;
		out->n_links = h->n_links;
		out->instance = h->instance;
		out->daemon_pid = h->daemon_pid;
		out->high_water = atomic_load_explicit(&h->high_water, memory_order_acquire);
	}
	mapping_leave();
	return m ? 0 : -ESTALE;
}
