/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A usocket is the kernel's descriptor, so copying, closing and passing it on
 * are the kernel's work. What is left is to forget what was known of a number
 * that comes to stand for something else: of one that is closed before, since
 * another thread may get it at once; of a new one after. The calls that make
 * copies may run in a child of vfork(), so they never say more than that
 * (kind.c).
 */
#include "client/preload/calls.h"

#include "client/preload/kind.h"
#include "client/preload/linux_errno.h"
#include "client/preload/move.h"
#include "client/usocket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <unistd.h>

static int forget(int fd)
{
	if (fd >= 0)
		kind_note(fd, KIND_UNKNOWN);
	return fd;
}

int preload_close(int fd)
{
	forget(fd);
	move_forget_epoll(fd);
	return close(fd);
}

int preload_close_range(unsigned int first, unsigned int last, int flags)
{
	if (!(flags & CLOSE_RANGE_CLOEXEC) && first <= last)
		kind_forget_range(first, last);
	return close_range(first, last, flags);
}

void preload_closefrom(int first)
{
	kind_forget_range(first < 0 ? 0 : (unsigned int)first, INT_MAX);
	closefrom(first);
}

/*
 * Of these it is known from the start what they are. A process that may make few
 * calls from now on (seccomp) could not ask.
 */
static int note_others(int r, const int ends[2])
{
	if (r == 0) {
		kind_note(ends[0], KIND_OTHER);
		kind_note(ends[1], KIND_OTHER);
	}
	return r;
}

int preload_socketpair(int domain, int type, int protocol, int ends[2])
{
	return note_others(socketpair(domain, type, protocol, ends), ends);
}

int preload_pipe(int ends[2])
{
	return note_others(pipe(ends), ends);
}

int preload_pipe2(int ends[2], int flags)
{
	return note_others(pipe2(ends, flags), ends);
}

int preload_dup(int fd)
{
	return forget(dup(fd));
}

int preload_dup2(int fd, int to)
{
	if (fd != to)
		forget(to);
	return fd == to ? dup2(fd, to) : forget(dup2(fd, to));
}

int preload_dup3(int fd, int to, int flags)
{
	forget(to);
	return forget(dup3(fd, to, flags));
}

int preload_pidfd_getfd(int pidfd, int fd, unsigned int flags)
{
	return forget(pidfd_getfd(pidfd, fd, flags));
}

int preload_fcntl(int fd, int command, void *argument)
{
	int r = fcntl(fd, command, argument);

	return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? forget(r) : r;
}

/* udp(7): the size of the next datagram, 0 if there is none. */
static int next_datagram(int fd)
{
	ssize_t n = usocket_recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

	return n > 0 ? (int)n : 0;
}

/* tcp(7): what has not been acknowledged, on the channel or in the stack. */
static int unsent_bytes(int fd, int on_channel)
{
	struct usocket_socket_info info;

	if (usocket_socket_info(fd, &info, sizeof(info)) < 0 || info.type != SOCK_STREAM)
		return 0;
	return on_channel + (int)info.send_queue;
}

static int ioctl_ours(int fd, enum kind kind, unsigned long request, int *value)
{
	int r;

	switch (request) {
	case FIONREAD:
		if (kind == KIND_DATAGRAM) {
			*value = next_datagram(fd);
			return 0;
		}
		if (kind == KIND_LISTENER)
			return linux_fail(EINVAL);
		return ioctl(fd, request, value);
	case SIOCOUTQ:
		if (kind == KIND_LISTENER)
			return linux_fail(EINVAL);
		r = ioctl(fd, request, value);
		if (r == 0)
			*value = unsent_bytes(fd, *value);
		return r;
	case SIOCATMARK:
		*value = 0;
		return 0;
	default:
		return ioctl(fd, request, value);
	}
}

int preload_ioctl(int fd, unsigned long request, void *argument)
{
	enum kind kind;

	if (request != FIONREAD && request != SIOCOUTQ && request != SIOCATMARK)
		return ioctl(fd, request, argument);
	kind = kind_look(fd);
	return kind_is_ours(kind) && argument ? ioctl_ours(fd, kind, request, argument)
					      : ioctl(fd, request, argument);
}
