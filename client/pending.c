/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * POLLOUT must mean "connected, or failed" while a TCP connect is under way.
 * So the channel's send buffer is made as small as the kernel allows and
 * filled; the daemon counts what is in it and drops it when the connect has
 * ended, and the channel becomes writable. The buffer gets its size back
 * when this process learns of the end.
 *
 * The size is remembered in a small hash table by the socket's identity, which
 * is never used again, so an entry whose descriptor was closed elsewhere does
 * no harm; it is swept out when later connects need the room. A process that
 * has no entry (it got the socket by exec or SCM_RIGHTS in the middle of the
 * connect) sees the smallest size, which no program can choose
 * (pending_least_buffer()), on a socket that is not connecting, when it first
 * would have to wait for room, and gives it the system's default.
 */
#include "client/pending.h"

#include "client/guard.h"
#include "client/holder.h"
#include "client/mapping.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

/* More than fits into the smallest buffer (4480), so one write fills it. */
#define FILLER_SIZE 16384
/* Of writes; more than fills it (6 of a byte), should the buffer not be small. */
#define FILLERS_MAX 64
/* No kernel's smallest buffer is larger; saves looking closer. */
#define SMALLEST_MAX 16384
/* If the default cannot be learned: net.core.wmem_default of old. */
#define DEFAULT_BYTES 212992
#define N_BUCKETS     64
/* The first sweep is at so many entries; then at twice what it left. */
#define SWEEP_AT 64

struct pending {
	LIST_ENTRY(pending) link;
	uint64_t instance;
	socket_id id;
	int bytes; /* SO_SNDBUF before, as getsockopt gave it */
};

struct pending_bucket {
	LIST_HEAD(, pending) list;
	atomic_uint n; /* readable without the lock */
};

static struct {
	pthread_mutex_t lock; /* of all below */
	struct pending_bucket buckets[N_BUCKETS];
	unsigned int n;
	unsigned int sweep_at;
} table = { .lock = PTHREAD_MUTEX_INITIALIZER, .sweep_at = SWEEP_AT };

static void table_lock(struct guard *guard)
{
	guard_enter(guard);
	pthread_mutex_lock(&table.lock);
}

static void table_unlock(const struct guard *guard)
{
	pthread_mutex_unlock(&table.lock);
	guard_leave(guard);
}

static struct pending_bucket *bucket_of(socket_id id)
{
	return &table.buckets[(socket_id_index(id) ^ socket_id_generation(id)) % N_BUCKETS];
}

static struct pending *find(const struct holder *h)
{
	struct pending *p;

	LIST_FOREACH(p, &bucket_of(h->id)->list, link)
		if (p->id == h->id && p->instance == h->instance)
			return p;
	return NULL;
}

static void drop(struct pending *p)
{
	LIST_REMOVE(p, link);
	atomic_fetch_sub(&bucket_of(p->id)->n, 1);
	table.n--;
	free(p);
}

/* Forgets those whose socket has ended or whose connect has. */
static void sweep(void)
{
	for (unsigned int i = 0; i < N_BUCKETS; i++) {
		struct pending *p, *next;
		struct table_socket record;

		for (p = LIST_FIRST(&table.buckets[i].list); p; p = next) {
			next = LIST_NEXT(p, link);
			if (mapping_find_socket(p->instance, p->id, &record) < 0 ||
				record.flags & TABLE_SOCKET_ORPHAN)
				drop(p);
		}
	}
	table.sweep_at = 2 * table.n;
	if (table.sweep_at < SWEEP_AT)
		table.sweep_at = SWEEP_AT;
}

static void insert(struct pending *p, const struct holder *h, int bytes)
{
	p->instance = h->instance;
	p->id = h->id;
	p->bytes = bytes;
	LIST_INSERT_HEAD(&bucket_of(h->id)->list, p, link);
	atomic_fetch_add(&bucket_of(h->id)->n, 1);
	if (++table.n >= table.sweep_at)
		sweep();
}

static int remember(const struct holder *h, int bytes)
{
	struct pending *p;
	struct guard guard;
	int r = 0;

	table_lock(&guard);
	p = find(h);
	if (!p) {
		/* Under the guard: a handler that connects must not find us in malloc(). */
		p = malloc(sizeof(*p));
		if (p)
			insert(p, h, bytes);
		else
			r = -ENOBUFS;
	}
	table_unlock(&guard);
	return r;
}

static int buffer_get(int fd)
{
	int bytes = 0;
	socklen_t len = sizeof(bytes);

	getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &len);
	return bytes;
}

/* The kernel doubles what it is given, and reports the double. */
static int buffer_set(int fd, int bytes)
{
	bytes /= 2;
	return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0 ? -errno : 0;
}

/* What a new channel has, and what is the least it can have. */
static void buffer_limits(int *normal, int *smallest)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*normal = DEFAULT_BYTES;
	*smallest = 0;
	if (fd < 0)
		return;
	*normal = buffer_get(fd);
	buffer_set(fd, 0);
	*smallest = buffer_get(fd);
	close(fd);
}

/*
 * The size that a buffer of @bytes should have, if it was left as it was during a
 * connect; else 0.
 */
static int buffer_left(int bytes)
{
	int normal, smallest;

	if (bytes > SMALLEST_MAX)
		return 0;
	buffer_limits(&normal, &smallest);
	return bytes <= smallest ? normal : 0;
}

static int fill(const struct holder *h)
{
	static const uint8_t filler[FILLER_SIZE];
	/* A channel of datagrams takes none that is larger than its buffer. */
	size_t size = holder_is_stream(h) ? sizeof(filler) : 1;

	for (int i = 0; i < FILLERS_MAX; i++) {
		ssize_t n = send(h->fd, filler, size, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		/* A part only: there is no room for more. */
		if ((size_t)n < size)
			return 0;
	}
	return 0;
}

int pending_start(const struct holder *h)
{
	int bytes = buffer_get(h->fd);
	int left = buffer_left(bytes);
	int r = remember(h, left ? left : bytes);

	if (r == 0)
		r = buffer_set(h->fd, 0);
	if (r == 0)
		r = fill(h);
	if (r < 0)
		pending_finish(h);
	return r;
}

bool pending_finish(const struct holder *h)
{
	struct guard guard;
	struct pending *p;
	int bytes = 0;

	table_lock(&guard);
	p = find(h);
	if (p) {
		bytes = p->bytes;
		drop(p);
	}
	table_unlock(&guard);
	if (!bytes)
		bytes = buffer_left(buffer_get(h->fd));
	if (bytes)
		buffer_set(h->fd, bytes);
	return bytes != 0;
}

void pending_check(const struct holder *h)
{
	if (pending_get_buffer(h, &(int){ 0 }))
		pending_finish(h);
}

bool pending_repair(const struct holder *h)
{
	int bytes = h->view == HOLDER_SEEN ? buffer_left(buffer_get(h->fd)) : 0;

	return bytes && buffer_set(h->fd, bytes) == 0;
}

bool pending_get_buffer(const struct holder *h, int *bytes)
{
	struct guard guard;
	struct pending *p;

	if (atomic_load(&bucket_of(h->id)->n) == 0)
		return false;
	table_lock(&guard);
	p = find(h);
	if (p)
		*bytes = p->bytes;
	table_unlock(&guard);
	return p;
}

bool pending_set_buffer(const struct holder *h, int bytes)
{
	struct guard guard;
	struct pending *p;

	table_lock(&guard);
	p = find(h);
	if (p)
		p->bytes = 2 * bytes;
	table_unlock(&guard);
	return p;
}

int pending_least_buffer(void)
{
	int normal, smallest;

	buffer_limits(&normal, &smallest);
	return smallest / 2 + 1;
}

/* Of the thread that forks, which holds the lock. */
static struct guard fork_guard;

static void on_fork_prepare(void)
{
	struct guard guard;

	table_lock(&guard);
	fork_guard = guard;
}

static void on_fork_done(void)
{
	struct guard guard = fork_guard;

	table_unlock(&guard);
}

__attribute__((constructor)) static void pending_load(void)
{
	pthread_atfork(on_fork_prepare, on_fork_done, on_fork_done);
}
