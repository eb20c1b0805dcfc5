/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A program makes a socket before it says where it shall lead. So every
 * internet socket starts as ours, and becomes the kernel's by the bind, connect
 * or send that names an address of the kernel's: a kernel socket takes over
 * the number. What was set on the old one is asked of it and set on the new one.
 *
 * epoll(7) holds on to the old socket, not to the number, so registrations made
 * before (nginx does) are remembered until it is known to be connected, and made
 * again; meanwhile epoll.c asks for them too. There are few of them: the list is
 * short, and empty in most programs. A child of vfork() closes numbers of its own in
 * its parent's memory: it leaves the list alone.
 */
#include "client/preload/move.h"

#include "client/guard.h"
#include "client/preload/kind.h"
#include "client/usocket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct registration {
	LIST_ENTRY(registration) link;
	int epoll;
	int fd;
	struct epoll_event event;
};

static struct {
	pthread_mutex_t lock; /* of all below */
	LIST_HEAD(, registration) list;
	atomic_uint n;	    /* readable without the lock, as is: */
	atomic_int process; /* whose numbers these are */
} registry = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void registry_lock(struct guard *guard)
{
	guard_enter(guard);
	pthread_mutex_lock(&registry.lock);
}

static void registry_unlock(const struct guard *guard)
{
	pthread_mutex_unlock(&registry.lock);
	guard_leave(guard);
}

static struct registration *find(int epoll, int fd)
{
	struct registration *r;

	LIST_FOREACH(r, &registry.list, link)
		if (r->fd == fd && r->epoll == epoll)
			return r;
	return NULL;
}

static void drop(struct registration *r)
{
	LIST_REMOVE(r, link);
	atomic_fetch_sub(&registry.n, 1);
	free(r);
}

void move_note_epoll(int epoll, int operation, int fd, const struct epoll_event *event)
{
	struct registration *r;
	struct guard guard;

	registry_lock(&guard);
	r = find(epoll, fd);
	if (operation == EPOLL_CTL_DEL) {
		if (r)
			drop(r);
	} else if (!r && (r = calloc(1, sizeof(*r))) != NULL) {
		r->epoll = epoll;
		r->fd = fd;
		LIST_INSERT_HEAD(&registry.list, r, link);
		atomic_fetch_add(&registry.n, 1);
	}
	if (r && operation != EPOLL_CTL_DEL)
		r->event = *event;
	registry_unlock(&guard);
}

bool move_has_epoll(void)
{
	return atomic_load_explicit(&registry.n, memory_order_relaxed) > 0;
}

int move_find_epoll(int epoll, uint64_t data)
{
	struct registration *r;
	struct guard guard;
	int fd = -1, n = 0;

	registry_lock(&guard);
	LIST_FOREACH(r, &registry.list, link)
		if (r->epoll == epoll && r->event.data.u64 == data) {
			fd = r->fd;
			n++;
		}
	registry_unlock(&guard);
	return n == 1 ? fd : -1;
}

/* Calls @each, if there is one, and forgets all registrations of @fd. */
static void take_registrations(int fd, void (*each)(struct registration *r))
{
	struct registration *r, *next;
	struct guard guard;

	if (!move_has_epoll() || getpid() != atomic_load(&registry.process))
		return;
	registry_lock(&guard);
	for (r = LIST_FIRST(&registry.list); r; r = next) {
		next = LIST_NEXT(r, link);
		if (r->fd != fd)
			continue;
		if (each)
			each(r);
		drop(r);
	}
	registry_unlock(&guard);
}

void move_forget_epoll(int fd)
{
	take_registrations(fd, NULL);
}

static void register_again(struct registration *r)
{
	epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->fd, &r->event);
}

bool move_is_possible(int fd)
{
	struct usocket_socket_info info;

	if (usocket_socket_info(fd, &info, sizeof(info)) < 0)
		return false;
	return info.type != SOCK_STREAM ||
		(info.state == 0 && !(info.flags & USOCKET_INFO_CONNECTING) &&
			!(info.flags & USOCKET_INFO_WAS_CONNECTED));
}

bool move_is_bound(int fd)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);

	if (usocket_getsockname(fd, (struct sockaddr *)&name, &len) < 0)
		return false;
	/* The port is at the same place in both. */
	return ((struct sockaddr_in *)&name)->sin_port != 0;
}

/* Those that programs set before they connect. */
static const struct {
	int level;
	int option;
} copied[] = {
	{ SOL_SOCKET, SO_REUSEADDR },
	{ SOL_SOCKET, SO_KEEPALIVE },
	{ SOL_SOCKET, SO_BROADCAST },
	{ SOL_SOCKET, SO_LINGER },
	{ SOL_SOCKET, SO_RCVTIMEO },
	{ SOL_SOCKET, SO_SNDTIMEO },
	{ IPPROTO_TCP, TCP_NODELAY },
	{ IPPROTO_TCP, TCP_KEEPIDLE },
	{ IPPROTO_TCP, TCP_KEEPINTVL },
	{ IPPROTO_TCP, TCP_KEEPCNT },
	{ IPPROTO_IPV6, IPV6_V6ONLY },
};

static void copy_options(int from, int to)
{
	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
		char value[sizeof(struct timeval)];
		socklen_t len = sizeof(value);

		if (usocket_getsockopt(from, copied[i].level, copied[i].option, value, &len) == 0)
			setsockopt(to, copied[i].level, copied[i].option, value, len);
	}
}

static int get_number(int fd, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return usocket_getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -errno : value;
}

static int copy_state(int from, int to, bool rebind)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);

	copy_options(from, to);
	if (fcntl(to, F_SETFL, fcntl(from, F_GETFL) & O_NONBLOCK) < 0)
		return -errno;
	if (!rebind || !move_is_bound(from))
		return 0;
	if (usocket_getsockname(from, (struct sockaddr *)&name, &len) < 0 ||
		bind(to, (struct sockaddr *)&name, len) < 0)
		return -errno;
	return 0;
}

int move_to_kernel(int fd, bool rebind)
{
	int domain = get_number(fd, SO_DOMAIN), type = get_number(fd, SO_TYPE);
	int flags = fcntl(fd, F_GETFD), protocol = get_number(fd, SO_PROTOCOL);
	int new_fd, r;

	if (domain < 0 || type < 0 || protocol < 0)
		return domain < 0 ? domain : type < 0 ? type
						      : protocol;
	new_fd = socket(domain, type | SOCK_CLOEXEC, type == SOCK_RAW ? protocol : 0);
	if (new_fd < 0)
		return -errno;
	r = copy_state(fd, new_fd, rebind);
	if (r == 0 && dup3(new_fd, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
		r = -errno;
	close(new_fd);
	if (r < 0)
		return r;
	kind_note(fd, KIND_KERNEL);
	take_registrations(fd, register_again);
	return 0;
}

/* Of the thread that forks, which holds the lock. */
static struct guard fork_guard;

static void on_fork_prepare(void)
{
	struct guard guard;

	registry_lock(&guard);
	fork_guard = guard;
}

static void on_fork_done(void)
{
	struct guard guard = fork_guard;

	registry_unlock(&guard);
}

static void on_fork_child(void)
{
	atomic_store(&registry.process, getpid());
	on_fork_done();
}

__attribute__((constructor)) static void move_load(void)
{
	atomic_store(&registry.process, getpid());
	pthread_atfork(on_fork_prepare, on_fork_done, on_fork_child);
}
