/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The kernel knows whose a descriptor is: a usocket's peer has a name of ours
 * (proto/channel.h). That is asked by every call that does not carry data. Those
 * that do look into a table, one byte a number.
 *
 * The table cannot be right always: libc closes descriptors without telling
 * (fclose), and so do io_uring and other threads. Wrong answers of two sorts:
 *
 * - "ours", but it is not any more. libusocket finds that out and says ENOTSOCK,
 *   and libc's call is made instead.
 * - "not ours", but it is by now. So whatever can make a number ours says so
 *   here, before the program knows the number: new sockets and accepted ones,
 *   dup and its relatives, descriptors received from others. They only forget
 *   what was known, as they may run in a child of vfork(), whose numbers are not
 *   its parent's.
 */
#include "client/preload/kind.h"

#include "client/mapping.h"
#include "client/session.h"
#include "proto/channel.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>

/* Numbers beyond are looked at each time. Pages never used cost nothing. */
#define TABLE_SIZE (1 << 20)

static _Atomic uint8_t table[TABLE_SIZE];
static _Atomic socket_id ids[TABLE_SIZE]; /* of KIND_CONNECTED */

static enum kind ask(int fd)
{
	uint64_t instance;
	socket_id id;
	int domain = 0, type = 0;
	socklen_t len = sizeof(int);
	int r = channel_identify(fd, &instance, &id);

	if (r == -EBADF)
		return KIND_UNKNOWN;
	if (r == 0) {
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
		return type == SOCK_STREAM ? KIND_STREAM : KIND_DATAGRAM;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return KIND_OTHER;
	return domain == AF_INET || domain == AF_INET6 ? KIND_KERNEL : KIND_OTHER;
}

enum kind kind_look(int fd)
{
	int error = errno;
	enum kind kind = fd >= 0 ? ask(fd) : KIND_UNKNOWN;

	if (fd >= 0 && fd < TABLE_SIZE) {
		enum kind known = (enum kind)atomic_load(&table[fd]);

		/* What the kernel does not know. */
		if (kind == KIND_STREAM && (known == KIND_CONNECTED || known == KIND_LISTENER))
			kind = known;
		atomic_store(&table[fd], (uint8_t)kind);
	}
	errno = error;
	return kind;
}

enum kind kind_of(int fd)
{
	enum kind kind = KIND_UNKNOWN;

	if (fd >= 0 && fd < TABLE_SIZE)
		kind = (enum kind)atomic_load_explicit(&table[fd], memory_order_relaxed);
	return kind == KIND_UNKNOWN ? kind_look(fd) : kind;
}

void kind_note(int fd, enum kind kind)
{
	if (fd >= 0 && fd < TABLE_SIZE)
		atomic_store(&table[fd], (uint8_t)kind);
}

void kind_note_connected(int fd)
{
	uint64_t instance;
	socket_id id;

	if (fd < 0 || fd >= TABLE_SIZE || channel_identify(fd, &instance, &id) < 0)
		return;
	atomic_store_explicit(&ids[fd], id, memory_order_relaxed);
	atomic_store(&table[fd], KIND_CONNECTED);
}

bool kind_is_sound(int fd)
{
	struct table_socket record;
	socket_id id = atomic_load_explicit(&ids[fd], memory_order_relaxed);

	return mapping_find_socket(SESSION_ANY_INSTANCE, id, &record) == 0 &&
		record.error == 0 && record.state != TABLE_STATE_CLOSED;
}

void kind_forget_range(unsigned int first, unsigned int last)
{
	if (last >= TABLE_SIZE)
		last = TABLE_SIZE - 1;
	for (unsigned int fd = first; fd <= last; fd++)
		if (atomic_load_explicit(&table[fd], memory_order_relaxed) != KIND_UNKNOWN)
			atomic_store(&table[fd], KIND_UNKNOWN);
}

bool kind_is_stale(int fd, ssize_t result)
{
	if (result >= 0 || errno != ENOTSOCK)
		return false;
	kind_note(fd, KIND_UNKNOWN);
	return !kind_is_ours(kind_look(fd));
}
