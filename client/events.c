/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The daemon's event channel is handed to the program as it is: the kernel makes
 * it readable, the program closes it, and nothing is kept of it here.
 */
#include "client/events.h"

#include "proto/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int events_open(struct session_call *call)
{
	int r;

	call->wants_fd = true;
	r = session_request(call);
	if (r < 0)
		return r == -ENOSYS ? -EOPNOTSUPP : r;
	if (fcntl(call->fd_in, F_SETFL, O_NONBLOCK) == 0)
		return call->fd_in;
	r = -errno;
	close(call->fd_in);
	return r;
}

/* Not a usocket, whose data reading it here would take. */
static int check(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);
	uint64_t instance;
	socket_id id;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return -errno;
	if (type != SOCK_SEQPACKET || channel_identify(fd, &instance, &id) == 0)
		return -EINVAL;
	return 0;
}

int events_receive(int fd, uint8_t *bytes, size_t size)
{
	int r = check(fd);
	ssize_t n;

	if (r < 0)
		return r;
	n = recv(fd, bytes, size, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return -ENODATA;
	return n < 0 ? -errno : (int)n;
}
