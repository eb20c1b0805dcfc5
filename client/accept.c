/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A listener's channel carries one message for each connection: a header with
 * the peer's address, and the new channel's descriptor. Taking it is all there
 * is to accepting; the kernel sees to it that exactly one of several takers
 * gets each. A process that has no descriptor free would lose the connection
 * in the taking, so that is tried out before.
 */
#include "client/holder.h"
#include "client/result.h"
#include "client/usocket.h"
#include "client/waiting.h"
#include "proto/channel.h"
#include "proto/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct accept_op {
	struct holder *listener;
	struct channel_header header;
	bool again;
};

/* Linux' errno is that of a full table, and the connection waits. */
static int check_room(int fd)
{
	int probe = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (probe < 0)
		return -errno;
	close(probe);
	return 0;
}

static int check_listening(const struct holder *h)
{
	if (!holder_is_stream(h))
		return -EOPNOTSUPP;
	return h->view == HOLDER_SEEN && h->record.state != TABLE_STATE_LISTEN ? -EINVAL : 0;
}

/* The channel has ended: the daemon did, or the listener was shut down. */
static int take_end(struct accept_op *op)
{
	int r = holder_take_end(op->listener);

	return r < 0 ? r : op->listener->view == HOLDER_LOST ? -ECONNABORTED
							     : -EINVAL;
}

/* Returns the new descriptor. Not to be cancelled half way. */
static int take_message(struct accept_op *op)
{
	size_t n_fds = 1;
	int state, fd = -1;
	ssize_t n;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	n = fdpass_recv(op->listener->fd, &op->header, sizeof(op->header), &fd, &n_fds,
		MSG_DONTWAIT);
	pthread_setcancelstate(state, NULL);
	if (n == 0 || n == -ECONNRESET)
		return take_end(op);
	if (n < 0)
		return n == -EPROTO ? -EMFILE : (int)n;
	if (n_fds == 1 && n == sizeof(op->header) && op->header.kind == CHANNEL_ACCEPTED)
		return fd;
	if (n_fds == 1)
		close(fd);
	return -EPROTO;
}

/* Reset by its peer while it waited, with nothing to be read (row C7). */
static bool is_stillborn(int fd)
{
	struct holder h;
	int unread = 0;

	if (holder_look(&h, fd) < 0 || ioctl(fd, FIONREAD, &unread) < 0 || unread > 0)
		return false;
	if (h.view == HOLDER_GONE)
		return true;
	return h.view == HOLDER_SEEN && h.record.state == TABLE_STATE_CLOSED &&
		h.record.error != 0;
}

static ssize_t accept_attempt(void *arg)
{
	struct accept_op *op = arg;
	uint64_t instance;
	socket_id id;
	int r;

	if (op->again)
		holder_refresh(op->listener);
	op->again = true;
	r = check_listening(op->listener);
	if (r == 0)
		r = check_room(op->listener->fd);
	if (r < 0)
		return r;
	for (;;) {
		int fd = take_message(op);

		if (fd < 0)
			return fd;
		if (channel_identify(fd, &instance, &id) < 0) {
			close(fd);
			return -EPROTO;
		}
		if (!is_stillborn(fd))
			return fd;
		close(fd);
	}
}

static int set_flags(int fd, int flags)
{
	int status = fcntl(fd, F_GETFL);
	int wanted = flags & SOCK_NONBLOCK ? O_NONBLOCK : 0;

	if ((status & O_NONBLOCK) != wanted &&
		fcntl(fd, F_SETFL, (status & ~O_NONBLOCK) | wanted) < 0)
		return -errno;
	if (!(flags & SOCK_CLOEXEC) && fcntl(fd, F_SETFD, 0) < 0)
		return -errno;
	return 0;
}

static int accept_any(int fd, struct sockaddr *address, socklen_t *len, int flags,
	const struct deadline *deadline)
{
	struct holder listener;
	struct accept_op op = { .listener = &listener };
	struct waiting waiting = {
		.holder = &listener,
		.poll_fd = fd,
		.events = POLLIN,
		.deadline = *deadline,
	};
	int r, new_fd;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (address && (!len || (int)*len < 0))
		return len ? -EINVAL : -EFAULT;
	r = holder_look(&listener, fd);
	if (r < 0)
		return r;
	new_fd = (int)waiting_run(&waiting, accept_attempt, &op);
	if (new_fd < 0)
		return new_fd;
	r = set_flags(new_fd, flags);
	if (r < 0) {
		close(new_fd);
		return r;
	}
	if (address)
		address_to_sockaddr(&op.header.address, address, len);
	return new_fd;
}

int usocket_accept(int fd, struct sockaddr *address, socklen_t *len)
{
	return usocket_accept4(fd, address, len, 0);
}

int usocket_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	struct deadline deadline = deadline_of_flags(0, SO_RCVTIMEO);

	return (int)posix_result(accept_any(fd, address, len, flags, &deadline));
}

int usocket_accept_timeout(int fd, struct sockaddr *address, socklen_t *len, int flags,
	int timeout_ms)
{
	struct deadline deadline = deadline_in(timeout_ms);

	return (int)posix_result(accept_any(fd, address, len, flags, &deadline));
}
