// SPDX-License-Identifier: MIT
/*
 * Theory of operation
 *
 * The kernel installs the descriptors of a message in the receiver at recvmsg
 * time, as many as the control buffer has room for. So the buffer always has
 * room for the most a message can carry, and whatever the caller did not ask
 * for is closed before the call returns: a peer cannot fill up our descriptor
 * table by sending descriptors that nobody expects.
 *
 * One message can carry several SCM_RIGHTS headers on a stream socket whose
 * reads join messages; all of them are walked.
 */
#include "proto/fdpass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union fdpass_control {
	struct cmsghdr align;
	/* Credentials may come unasked for where the peer set SO_PASSCRED. */
	char bytes[CMSG_SPACE(sizeof(int) * FDPASS_MAX) + CMSG_SPACE(sizeof(struct ucred))];
};

static void control_put(struct msghdr *message, union fdpass_control *control,
	const int *fds, size_t n_fds)
{
	struct cmsghdr *header;

	memset(control, 0, sizeof(*control));
	message->msg_control = control->bytes;
	message->msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
	header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
	memcpy(CMSG_DATA(header), fds, sizeof(int) * n_fds);
}

/* Keeps the first *@n_fds descriptors, closes the others. */
static void control_take(struct msghdr *message, int *fds, size_t *n_fds)
{
	size_t room = *n_fds;
	struct cmsghdr *header;

	*n_fds = 0;
	for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		size_t n, i;

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
			if (*n_fds < room)
				fds[(*n_fds)++] = fd;
			else
				close(fd);
		}
	}
}

static void close_all(const int *fds, size_t *n_fds)
{
	size_t i;

	for (i = 0; i < *n_fds; i++)
		close(fds[i]);
	*n_fds = 0;
}

ssize_t fdpass_send(int sock, const void *buf, size_t len, const int *fds, size_t n_fds, int flags)
{
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	union fdpass_control control;
	ssize_t n;

	if (n_fds > FDPASS_MAX)
		return -EINVAL;
	if (n_fds > 0)
		control_put(&message, &control, fds, n_fds);
	do {
		n = sendmsg(sock, &message, flags | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t fdpass_recv(int sock, void *buf, size_t len, int *fds, size_t *n_fds, int flags)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	union fdpass_control control;
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

	do {
		n = recvmsg(sock, &message, flags | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		*n_fds = 0;
		return -errno;
	}
	control_take(&message, fds, n_fds);
	if (message.msg_flags & MSG_CTRUNC) {
		close_all(fds, n_fds);
		return -EPROTO;
	}
	if (message.msg_flags & MSG_TRUNC) {
		close_all(fds, n_fds);
		return -EMSGSIZE;
	}
	return n;
}
