/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The public send and receive calls: each only says how its arguments and its
 * waiting differ; send_any() and recv_any() find out which socket it is and
 * hand over to its type. SIGPIPE is raised here and nowhere else, since the
 * channel's own sends never raise it: for plain calls on TCP, as Linux does.
 */
#include "client/data.h"

#include "client/holder.h"
#include "client/result.h"
#include "client/usocket.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

/* UIO_MAXIOV of the kernel. */
#define PARTS_MAX 1024

static ssize_t send_any(int fd, struct send_params *params, bool raises)
{
	struct holder h;
	ssize_t r = holder_look(&h, fd);

	if (r == 0)
		r = holder_is_stream(&h) ? stream_send(&h, params) : datagram_send(&h, params);
	if (r == -EPIPE && raises && !(params->flags & MSG_NOSIGNAL) && holder_is_stream(&h))
		pthread_kill(pthread_self(), SIGPIPE);
	return posix_result(r);
}

static ssize_t recv_any(int fd, struct recv_params *params)
{
	struct holder h;
	ssize_t r = holder_look(&h, fd);

	if (r == 0)
		r = holder_is_stream(&h) ? stream_recv(&h, params) : datagram_recv(&h, params);
	return posix_result(r);
}

/* Of control messages only those that mean nothing here are let pass. */
static int check_control(const struct msghdr *message)
{
	struct msghdr copy = *message;
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(&copy); c; c = CMSG_NXTHDR(&copy, c))
		if (c->cmsg_level != SOL_SOCKET)
			return -EINVAL;
	return 0;
}

ssize_t usocket_send(int fd, const void *data, size_t len, int flags)
{
	return usocket_sendto(fd, data, len, flags, NULL, 0);
}

ssize_t usocket_sendto(int fd, const void *data, size_t len, int flags,
	const struct sockaddr *address, socklen_t address_len)
{
	const struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct send_params params = {
		.iov = &iov,
		.n_iov = 1,
		.to = address,
		.to_len = address_len,
		.flags = flags,
		.goal = SEND_ALL_OR_COUNT,
		.deadline = deadline_of_flags(flags, SO_SNDTIMEO),
	};

	return send_any(fd, &params, true);
}

static ssize_t send_message(int fd, const struct msghdr *message, struct send_params *params,
	bool raises)
{
	int r;

	if (message->msg_iovlen > PARTS_MAX)
		return posix_result(-EMSGSIZE);
	r = check_control(message);
	if (r < 0)
		return posix_result(r);
	params->iov = message->msg_iov;
	params->n_iov = message->msg_iovlen;
	params->to = message->msg_name;
	params->to_len = message->msg_name ? message->msg_namelen : 0;
	return send_any(fd, params, raises);
}

ssize_t usocket_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct send_params params = {
		.flags = flags,
		.goal = SEND_ALL_OR_COUNT,
		.deadline = deadline_of_flags(flags, SO_SNDTIMEO),
	};

	return send_message(fd, message, &params, true);
}

ssize_t usocket_sendmsg_timeout(int fd, const struct msghdr *message, int flags, int timeout_ms)
{
	struct send_params params = {
		.flags = flags,
		.goal = SEND_SOME,
		.deadline = deadline_in(timeout_ms),
	};

	return send_message(fd, message, &params, false);
}

ssize_t usocket_send_timeout(int fd, const void *data, size_t len, int flags, int timeout_ms)
{
	return usocket_sendto_timeout(fd, data, len, flags, NULL, 0, timeout_ms);
}

ssize_t usocket_sendto_timeout(int fd, const void *data, size_t len, int flags,
	const struct sockaddr *address, socklen_t address_len,
	int timeout_ms)
{
	const struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct send_params params = {
		.iov = &iov,
		.n_iov = 1,
		.to = address,
		.to_len = address_len,
		.flags = flags,
		.goal = SEND_SOME,
		.deadline = deadline_in(timeout_ms),
	};

	return send_any(fd, &params, false);
}

int usocket_sendall_timeout(int fd, const void *data, size_t len, int flags, int timeout_ms,
	size_t *sent)
{
	const struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct send_params params = {
		.iov = &iov,
		.n_iov = 1,
		.flags = flags,
		.goal = timeout_ms == 0 ? SEND_ALL_NOW : SEND_ALL,
		.deadline = deadline_in(timeout_ms),
	};
	ssize_t r = send_any(fd, &params, false);

	if (sent)
		*sent = params.sent;
	return r < 0 ? -1 : 0;
}

ssize_t usocket_recv(int fd, void *buffer, size_t len, int flags)
{
	return usocket_recvfrom(fd, buffer, len, flags, NULL, NULL);
}

static ssize_t recv_buffer(int fd, const struct iovec *iov, struct recv_params *params)
{
	if (params->from && !params->from_len)
		return posix_result(-EFAULT);
	if (params->from && (int)*params->from_len < 0)
		return posix_result(-EINVAL);
	params->iov = iov;
	params->n_iov = 1;
	return recv_any(fd, params);
}

ssize_t usocket_recvfrom(int fd, void *buffer, size_t len, int flags,
	struct sockaddr *address, socklen_t *address_len)
{
	const struct iovec iov = { .iov_base = buffer, .iov_len = len };
	struct recv_params params = {
		.from = address,
		.from_len = address_len,
		.flags = flags,
		.deadline = deadline_of_flags(flags, SO_RCVTIMEO),
	};

	return recv_buffer(fd, &iov, &params);
}

ssize_t usocket_recv_timeout(int fd, void *buffer, size_t len, int flags, int timeout_ms)
{
	return usocket_recvfrom_timeout(fd, buffer, len, flags, NULL, NULL, timeout_ms);
}

ssize_t usocket_recvfrom_timeout(int fd, void *buffer, size_t len, int flags,
	struct sockaddr *address, socklen_t *address_len,
	int timeout_ms)
{
	const struct iovec iov = { .iov_base = buffer, .iov_len = len };
	struct recv_params params = {
		.from = address,
		.from_len = address_len,
		.flags = flags,
		.deadline = deadline_in(timeout_ms),
	};

	return recv_buffer(fd, &iov, &params);
}

static ssize_t recv_message(int fd, struct msghdr *message, struct recv_params *params)
{
	socklen_t from_len = message->msg_namelen;
	ssize_t r;

	if (message->msg_iovlen > PARTS_MAX)
		return posix_result(-EMSGSIZE);
	params->iov = message->msg_iov;
	params->n_iov = message->msg_iovlen;
	params->from = message->msg_name;
	params->from_len = &from_len;
	r = recv_any(fd, params);
	if (r < 0)
		return r;
	message->msg_namelen = message->msg_name ? from_len : 0;
	message->msg_controllen = 0;
	message->msg_flags = params->out_flags;
	return r;
}

ssize_t usocket_recvmsg(int fd, struct msghdr *message, int flags)
{
	struct recv_params params = {
		.flags = flags,
		.deadline = deadline_of_flags(flags, SO_RCVTIMEO),
	};

	return recv_message(fd, message, &params);
}

ssize_t usocket_recvmsg_timeout(int fd, struct msghdr *message, int flags, int timeout_ms)
{
	struct recv_params params = {
		.flags = flags,
		.deadline = deadline_in(timeout_ms),
	};

	return recv_message(fd, message, &params);
}
