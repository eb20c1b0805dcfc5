/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * On a connected TCP socket the kernel carries the bytes: the call is made on
 * the channel as it stands, once, and only its failure or the stream's end has
 * to be explained by libusocket, which knows of resets. A send looks into shared
 * memory before, since a channel takes bytes also after a reset. So a transfer
 * costs no system call more than on a kernel socket, and signals, time-outs and
 * cancellation are the kernel's. What the channel would do differently
 * from TCP (addresses, control messages, rare flags, SO_SNDTIMEO of a send that
 * it takes in pieces) is libusocket's.
 *
 * A TCP socket not known to be connected goes through libusocket until a call
 * has carried data. Datagrams have headers on the channel: always libusocket.
 *
 * SIGPIPE: the channel's own sends do not raise it, as EPIPE there may turn out
 * to be another error here.
 */
#include "client/preload/calls.h"

#include "client/iov.h"
#include "client/preload/kind.h"
#include "client/preload/linux_errno.h"
#include "client/preload/move.h"
#include "client/preload/places.h"
#include "client/usocket.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

/* What means the same on a channel as on TCP. */
#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_CONFIRM | MSG_DONTROUTE)
#define RECV_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_PEEK | MSG_WAITALL | MSG_CMSG_CLOEXEC)
/* af_unix queues as much in one piece, if SO_SNDBUF is not very small. */
#define PIECE_BYTES 32768
/* Together: a channel does not wait for the whole. */
#define WHOLE_PEEK (MSG_PEEK | MSG_WAITALL)
/* What libusocket knows nothing of and loses nothing by. */
#define SEND_IGNORED (MSG_CONFIRM | MSG_DONTROUTE | MSG_EOR | MSG_ZEROCOPY)

/* Whether the kernel's result stands. */
static bool is_final(ssize_t result)
{
	return result < 0 ? errno == EAGAIN || errno == EINTR || errno == EFAULT : result > 0;
}

static void note_transfer(int fd, enum kind kind, ssize_t result)
{
	if (result <= 0 || kind != KIND_STREAM)
		return;
	kind_note_connected(fd);
	move_forget_epoll(fd);
}

/* ---- sending ------------------------------------------------------------ */

/*
 * The time of SO_SNDTIMEO begins anew with each piece that a channel queues, so it
 * would not end while the peer takes some. TCP's is for the whole send.
 */
static bool has_pieces_with_time(int fd, const struct iovec *iov, size_t n)
{
	struct timeval time = { 0 };
	socklen_t len = sizeof(time);

	return iov_total(iov, n) > PIECE_BYTES &&
		getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, &len) == 0 &&
		(time.tv_sec > 0 || time.tv_usec > 0);
}

static ssize_t send_on_channel(int fd, const struct iovec *iov, size_t n, int flags)
{
	struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };

	flags |= MSG_NOSIGNAL;
	return n == 1 ? send(fd, iov->iov_base, iov->iov_len, flags)
		      : sendmsg(fd, &message, flags);
}

/* W6, D5: Linux calls a stream that was never connected a broken pipe. */
static ssize_t stream_result(ssize_t result, int flags)
{
	if (result >= 0 || errno != ENOTCONN)
		return linux_result(result);
	if (!(flags & MSG_NOSIGNAL))
		pthread_kill(pthread_self(), SIGPIPE);
	return linux_fail(EPIPE);
}

/*
 * Where a datagram may go: 0, or the errno. One to the kernel's addresses takes
 * its socket along, unless that serves the stack's already.
 */
static int check_destination(int fd, const struct sockaddr *to, socklen_t len)
{
	switch (places_of(to, len)) {
	case PLACE_DENIED:
		places_log_address("send", to, "denied");
		return EACCES;
	case PLACE_KERNEL:
		if (move_is_bound(fd) || move_to_kernel(fd, false) < 0) {
			places_log_address("send", to, "refused, the socket is the stack's");
			return ENETUNREACH;
		}
		places_log_address("send", to, "by the kernel");
		return 0;
	case PLACE_STACK:
		break;
	}
	return 0;
}

/* The same for a socket of the kernel's. */
static int check_kernel_destination(const struct sockaddr *to, socklen_t len)
{
	if (!to || len < sizeof(to->sa_family) ||
		(to->sa_family != AF_INET && to->sa_family != AF_INET6))
		return 0;
	switch (places_of(to, len)) {
	case PLACE_DENIED:
		places_log_address("send", to, "denied");
		return EACCES;
	case PLACE_STACK:
		places_log_address("send", to, "refused, a kernel socket leads nowhere else");
		return ENETUNREACH;
	case PLACE_KERNEL:
		break;
	}
	return 0;
}

static bool is_plain(const struct msghdr *message, int flags)
{
	return !(flags & ~SEND_FLAGS) && message->msg_controllen == 0 &&
		message->msg_iovlen > 0 && message->msg_iovlen <= IOV_MAX;
}

static ssize_t send_stream(int fd, enum kind kind, const struct msghdr *message, int flags)
{
	struct msghdr copy = *message;
	ssize_t r;

	if (kind == KIND_CONNECTED && is_plain(message, flags) && kind_is_sound(fd) &&
		!has_pieces_with_time(fd, message->msg_iov, message->msg_iovlen)) {
		r = send_on_channel(fd, message->msg_iov, message->msg_iovlen, flags);
		if (r >= 0 || is_final(r))
			return r;
	}
	if (flags & MSG_FASTOPEN)
		return linux_fail(EOPNOTSUPP);
	copy.msg_name = NULL;
	copy.msg_namelen = 0;
	r = usocket_sendmsg(fd, &copy, flags & ~SEND_IGNORED);
	note_transfer(fd, kind, r);
	return r;
}

/* @write: by write(2) or writev(2), which are right for all descriptors. */
static ssize_t send_to_kernel(int fd, const struct msghdr *message, int flags, bool write)
{
	return write ? writev(fd, message->msg_iov, (int)message->msg_iovlen)
		     : sendmsg(fd, message, flags);
}

static ssize_t send_ours(int fd, enum kind kind, const struct msghdr *message, int flags,
	bool write)
{
	ssize_t r;
	int error;

	if (kind != KIND_DATAGRAM) {
		r = send_stream(fd, kind, message, flags);
		return kind_is_stale(fd, r) ? send_to_kernel(fd, message, flags, write)
					    : stream_result(r, flags);
	}
	error = check_destination(fd, message->msg_name, message->msg_namelen);
	if (error)
		return linux_fail(error);
	if (kind_of(fd) == KIND_KERNEL)
		return sendmsg(fd, message, flags);
	r = usocket_sendmsg(fd, message, flags & ~SEND_IGNORED);
	if (kind_is_stale(fd, r))
		return send_to_kernel(fd, message, flags, write);
	if (r < 0)
		errno = linux_errno_to(errno, message->msg_name, message->msg_namelen);
	return r;
}

ssize_t preload_send(int fd, const void *data, size_t len, int flags)
{
	return preload_sendto(fd, data, len, flags, NULL, 0);
}

ssize_t preload_sendto(int fd, const void *data, size_t len, int flags,
	const struct sockaddr *address, socklen_t address_len)
{
	enum kind kind = kind_of(fd);
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr message = {
		.msg_name = (void *)address,
		.msg_namelen = address ? address_len : 0,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	int error;

	if (kind_is_ours(kind))
		return send_ours(fd, kind, &message, flags, false);
	error = kind == KIND_KERNEL ? check_kernel_destination(address, address_len) : 0;
	return error ? linux_fail(error) : sendto(fd, data, len, flags, address, address_len);
}

ssize_t preload_sendmsg(int fd, const struct msghdr *message, int flags)
{
	enum kind kind = kind_of(fd);
	int error;

	if (!message)
		return sendmsg(fd, message, flags);
	if (kind_is_ours(kind))
		return send_ours(fd, kind, message, flags, false);
	error = kind == KIND_KERNEL
		? check_kernel_destination(message->msg_name, message->msg_namelen)
		: 0;
	return error ? linux_fail(error) : sendmsg(fd, message, flags);
}

int preload_sendmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags)
{
	enum kind kind = kind_of(fd);
	unsigned int done;

	if (kind == KIND_OTHER || kind == KIND_UNKNOWN)
		return sendmmsg(fd, messages, n, flags);
	for (done = 0; done < n; done++) {
		ssize_t r = preload_sendmsg(fd, &messages[done].msg_hdr, flags);

		if (r < 0)
			break;
		messages[done].msg_len = (unsigned int)r;
	}
	return done > 0 || n == 0 ? (int)done : -1;
}

/*
 * write(2) stays what it is on a sound connection, as does read(2): sshd's
 * children may make no other calls (seccomp). SIGPIPE then comes as it should,
 * after the program's own shutdown.
 */
static bool is_written_by_kernel(int fd, enum kind kind, const struct iovec *iov, size_t n)
{
	return !kind_is_ours(kind) ||
		(kind == KIND_CONNECTED && kind_is_sound(fd) && !has_pieces_with_time(fd, iov, n));
}

ssize_t preload_write(int fd, const void *data, size_t len)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	enum kind kind = kind_of(fd);

	if (is_written_by_kernel(fd, kind, &iov, 1))
		return write(fd, data, len);
	return send_ours(fd, kind, &message, 0, true);
}

ssize_t preload_writev(int fd, const struct iovec *iov, int n)
{
	struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n };
	enum kind kind = kind_of(fd);

	if (n < 0 || n > IOV_MAX || is_written_by_kernel(fd, kind, iov, (size_t)n))
		return writev(fd, iov, n);
	return send_ours(fd, kind, &message, 0, true);
}

/* ---- receiving ---------------------------------------------------------- */

static ssize_t recv_on_channel(int fd, const struct msghdr *message, int flags)
{
	struct msghdr copy = { .msg_iov = message->msg_iov, .msg_iovlen = message->msg_iovlen };

	if (message->msg_iovlen == 1)
		return recv(fd, message->msg_iov->iov_base, message->msg_iov->iov_len, flags);
	return recvmsg(fd, &copy, flags);
}

/* R13: TCP tells no address. */
static ssize_t recv_stream(int fd, enum kind kind, struct msghdr *message, int flags)
{
	void *name = message->msg_name;
	ssize_t r = 0;

	if (kind == KIND_CONNECTED && !(flags & ~RECV_FLAGS) && message->msg_iovlen > 0 &&
		(flags & WHOLE_PEEK) != WHOLE_PEEK) {
		r = recv_on_channel(fd, message, flags);
		if (is_final(r)) {
			message->msg_namelen = 0;
			message->msg_controllen = 0;
			message->msg_flags = 0;
			return r;
		}
	}
	message->msg_name = NULL;
	message->msg_namelen = 0;
	r = usocket_recvmsg(fd, message, flags);
	message->msg_name = name;
	note_transfer(fd, kind, r);
	return r;
}

static ssize_t recv_ours(int fd, enum kind kind, struct msghdr *message, int flags)
{
	if (kind != KIND_DATAGRAM)
		return recv_stream(fd, kind, message, flags);
	return usocket_recvmsg(fd, message, flags);
}

/* For those without a message: @retry is set if libc's call is to be made. */
static ssize_t recv_parts(int fd, enum kind kind, const struct iovec *iov, size_t n, bool *retry)
{
	struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	ssize_t r = recv_ours(fd, kind, &message, 0);

	*retry = kind_is_stale(fd, r);
	return linux_result(r);
}

ssize_t preload_recv(int fd, void *buffer, size_t len, int flags)
{
	return preload_recvfrom(fd, buffer, len, flags, NULL, NULL);
}

ssize_t preload_recvfrom(int fd, void *buffer, size_t len, int flags, struct sockaddr *address,
	socklen_t *address_len)
{
	enum kind kind = kind_of(fd);
	struct iovec iov = { .iov_base = buffer, .iov_len = len };
	struct msghdr message = { .msg_name = address, .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t r;

	if (!kind_is_ours(kind))
		return recvfrom(fd, buffer, len, flags, address, address_len);
	if (address && !address_len)
		return linux_fail(EFAULT);
	if (address)
		message.msg_namelen = *address_len;
	if ((int)message.msg_namelen < 0)
		return linux_fail(EINVAL);
	r = recv_ours(fd, kind, &message, flags);
	if (kind_is_stale(fd, r))
		return recvfrom(fd, buffer, len, flags, address, address_len);
	if (r >= 0 && address)
		*address_len = message.msg_namelen;
	return linux_result(r);
}

/* Numbers that came along may be ours, and were something else before. */
static void forget_received(struct msghdr *message)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		const unsigned char *data = CMSG_DATA(c);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t left = c->cmsg_len - CMSG_LEN(0); left >= sizeof(int);
			left -= sizeof(int), data += sizeof(int)) {
			int fd;

			memcpy(&fd, data, sizeof(fd));
			kind_note(fd, KIND_UNKNOWN);
		}
	}
}

static ssize_t recv_from_kernel(int fd, struct msghdr *message, int flags)
{
	ssize_t r = recvmsg(fd, message, flags);

	if (r >= 0 && message->msg_controllen > 0)
		forget_received(message);
	return r;
}

ssize_t preload_recvmsg(int fd, struct msghdr *message, int flags)
{
	enum kind kind = kind_of(fd);
	ssize_t r;

	if (!kind_is_ours(kind) || !message)
		return recv_from_kernel(fd, message, flags);
	r = recv_ours(fd, kind, message, flags);
	return kind_is_stale(fd, r) ? recv_from_kernel(fd, message, flags) : linux_result(r);
}

/* recvmmsg(2): the time is looked at after each message only. */
static bool time_is_over(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec ||
		(now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

static struct timespec end_of(const struct timespec *timeout)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout->tv_sec + (end.tv_nsec + timeout->tv_nsec) / 1000000000;
	end.tv_nsec = (end.tv_nsec + timeout->tv_nsec) % 1000000000;
	return end;
}

int preload_recvmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags,
	struct timespec *timeout)
{
	struct timespec end = timeout ? end_of(timeout) : (struct timespec){ 0, 0 };
	enum kind kind = kind_of(fd);
	unsigned int done;

	if (kind == KIND_KERNEL)
		return recvmmsg(fd, messages, n, flags, timeout);
	for (done = 0; done < n; done++) {
		ssize_t r = preload_recvmsg(fd, &messages[done].msg_hdr, flags & ~MSG_WAITFORONE);

		if (r < 0)
			break;
		messages[done].msg_len = (unsigned int)r;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (timeout && time_is_over(&end)) {
			done++;
			break;
		}
	}
	return done > 0 || n == 0 ? (int)done : -1;
}

ssize_t preload_read(int fd, void *buffer, size_t len)
{
	struct iovec iov = { .iov_base = buffer, .iov_len = len };
	enum kind kind = kind_of(fd);
	bool retry;
	ssize_t r;

	if (!kind_is_ours(kind) || len == 0)
		return read(fd, buffer, len);
	if (kind == KIND_CONNECTED) {
		r = read(fd, buffer, len);
		if (is_final(r))
			return r;
	}
	r = recv_parts(fd, kind, &iov, 1, &retry);
	return retry ? read(fd, buffer, len) : r;
}

ssize_t preload_readv(int fd, const struct iovec *iov, int n)
{
	enum kind kind = kind_of(fd);
	bool retry;
	ssize_t r;

	if (!kind_is_ours(kind) || n <= 0 || n > IOV_MAX)
		return readv(fd, iov, n);
	if (kind == KIND_CONNECTED) {
		r = readv(fd, iov, n);
		if (is_final(r))
			return r;
	}
	r = recv_parts(fd, kind, iov, (size_t)n, &retry);
	return retry ? readv(fd, iov, n) : r;
}
