/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A TCP connection's bytes are the channel's bytes; the kernel moves them. The
 * record decides what the channel cannot know: that there was never a
 * connection, that one is still being made (its filler must not be followed
 * by data), that it has ended for sending.
 *
 * Receiving asks the channel first, so that what arrived before a reset is
 * delivered before the error. Only an end of the stream makes us ask why.
 *
 * The only thread of a process leaves waiting in a plain receive to the kernel, which
 * knows the descriptor's O_NONBLOCK, SO_RCVTIMEO and SA_RESTART best: one system call
 * instead of five.
 */
#include "client/data.h"

#include "client/holder.h"
#include "client/iov.h"
#include "client/pending.h"
#include "client/threads.h"
#include "client/waiting.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Where MSG_TRUNC's bytes go. */
#define DISCARD_SIZE 16384

/*
 * af_unix queues a stream's bytes in pieces of at most this many (32 KiB of
 * pages and less than 16 KiB beside them), each with some overhead, rounded up
 * to pages. Both are generous.
 */
#define PIECE_BYTES    32768
#define PIECE_OVERHEAD 8192

struct stream_op {
	struct holder *h;
	struct send_params *send;
	struct recv_params *recv;
	size_t total;
	size_t done;
	size_t peeked;	  /* looked at, while MSG_WAITALL waits for more */
	bool again;	  /* not the first attempt: the record is old */
	bool error_taken; /* nobody else will be told: it must be reported */
	bool blocks;	  /* the kernel does the waiting; what it says is final */
};

/* Whether the record lets data be sent now. */
static int check_sendable(struct holder *h)
{
	int r;

	if (h->view != HOLDER_SEEN)
		return 0;
	if (holder_is_connecting(h))
		return -EAGAIN;
	pending_check(h);
	if (h->record.error) {
		r = holder_take_error(h);
		if (r < 0)
			return r;
	}
	if (h->record.state == TABLE_STATE_LISTEN || !holder_was_connected(h))
		return -ENOTCONN;
	return h->record.state == TABLE_STATE_CLOSED ? -EPIPE : 0;
}

/* Whether all @total bytes are sure to find room in the channel now. */
static bool fits_now(const struct holder *h, size_t total)
{
	size_t n_pieces = total / PIECE_BYTES;
	int queued = 0, room = 0;
	socklen_t len = sizeof(room);

	if (ioctl(h->fd, SIOCOUTQ, &queued) < 0 ||
		getsockopt(h->fd, SOL_SOCKET, SO_SNDBUF, &room, &len) < 0)
		return true;
	if (queued >= room)
		return false;
	/* The last piece is taken even if it goes beyond the limit. */
	return n_pieces * (PIECE_BYTES + PIECE_OVERHEAD) < (size_t)(room - queued);
}

static ssize_t send_error(struct stream_op *op, int error)
{
	int r;

	/* Left to the next call, unless the kernel does not tell it again. */
	if (error != ECONNRESET && op->done > 0 && op->send->goal == SEND_ALL_OR_COUNT)
		return (ssize_t)op->done;
	op->error_taken = true;
	if (error != EPIPE && error != ECONNRESET)
		return -error;
	r = holder_take_end(op->h);
	return r < 0 ? r : -error;
}

static ssize_t send_attempt(void *arg)
{
	struct stream_op *op = arg;
	struct iovec window[IOV_WINDOW];
	struct msghdr message = { .msg_iov = window };
	ssize_t n;
	int r;

	if (op->again)
		holder_refresh(op->h);
	op->again = true;
	/* With bytes queued the error is left for the next call to report. */
	if (op->done > 0 && op->send->goal == SEND_ALL_OR_COUNT && holder_has_error(op->h))
		return (ssize_t)op->done;
	r = check_sendable(op->h);
	/* The record of a daemon that was killed means nothing any more. */
	if (r < 0)
		return holder_is_lost(op->h) ? send_error(op, EPIPE) : r;
	if (op->send->goal == SEND_ALL_NOW && op->done == 0 && !fits_now(op->h, op->total))
		return -EAGAIN;
	message.msg_iovlen = iov_window(window, IOV_WINDOW, op->send->iov, op->send->n_iov,
		op->done);
	n = sendmsg(op->h->fd, &message,
		MSG_DONTWAIT | MSG_NOSIGNAL | (op->send->flags & MSG_MORE));
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return send_error(op, errno);
	if (n > 0)
		op->done += (size_t)n;
	if (op->done >= op->total || (n > 0 && op->send->goal == SEND_SOME))
		return (ssize_t)op->done;
	return pending_repair(op->h) || n > 0 ? WAITING_MORE : -EAGAIN;
}

ssize_t stream_send(struct holder *h, struct send_params *params)
{
	struct stream_op op = {
		.h = h,
		.send = params,
		.total = iov_total(params->iov, params->n_iov),
	};
	struct waiting waiting = {
		.holder = h,
		.poll_fd = h->fd,
		.events = POLLOUT,
		.deadline = params->deadline,
	};
	ssize_t r;

	if (params->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (op.total == 0)
		return check_sendable(h) == -ENOTCONN ? -ENOTCONN : 0;
	r = waiting_run(&waiting, send_attempt, &op);
	params->sent = op.done;
	if (r < 0 && op.done > 0 && params->goal == SEND_ALL_OR_COUNT && !op.error_taken)
		return (ssize_t)op.done;
	return r;
}

/* Whether the record lets data be received. */
static int check_receivable(struct holder *h)
{
	int r;

	if (h->view != HOLDER_SEEN || holder_is_connecting(h))
		return 0;
	pending_check(h);
	if (h->record.state != TABLE_STATE_LISTEN && holder_was_connected(h))
		return 0;
	r = holder_take_error(h);
	return r < 0 ? r : -ENOTCONN;
}

/* TCP's MSG_TRUNC: takes bytes without delivering them (tcp(7)). */
static ssize_t discard(const struct stream_op *op)
{
	uint8_t bytes[DISCARD_SIZE];
	size_t left = op->total - op->done;

	return recv(op->h->fd, bytes, left < sizeof(bytes) ? left : sizeof(bytes), MSG_DONTWAIT);
}

static ssize_t receive(const struct stream_op *op)
{
	struct iovec window[IOV_WINDOW];
	struct msghdr message = { .msg_iov = window };
	int peek = op->recv->flags & MSG_PEEK;

	if (op->recv->flags & MSG_TRUNC && !peek)
		return discard(op);
	message.msg_iovlen = iov_window(window, IOV_WINDOW, op->recv->iov, op->recv->n_iov,
		op->done);
	return recvmsg(op->h->fd, &message, (op->blocks ? 0 : MSG_DONTWAIT) | peek);
}

static ssize_t recv_end(struct stream_op *op, int error)
{
	int r;

	if (op->done > 0)
		return (ssize_t)op->done;
	r = holder_take_end(op->h);
	/* A reset after the peer's end, which is for sends. */
	if (r == -EPIPE)
		return 0;
	return r < 0 ? r : -error;
}

static bool is_whole_peek(const struct recv_params *params)
{
	return (params->flags & (MSG_WAITALL | MSG_PEEK)) == (MSG_WAITALL | MSG_PEEK);
}

/* Nothing comes after what is there. */
static bool is_at_end(const struct holder *h)
{
	struct pollfd p = { .fd = h->fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) == 1;
}

/*
 * With MSG_PEEK a part makes the channel readable all the time: waiting_run() looks
 * every few milliseconds then.
 */
static ssize_t peek_more(struct stream_op *op)
{
	/* In this order: what came before the end is then there. */
	bool at_end = is_at_end(op->h);
	size_t n_parts = op->recv->n_iov < IOV_WINDOW ? op->recv->n_iov : IOV_WINDOW;
	ssize_t n = receive(op);

	if (n == 0)
		return recv_end(op, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : recv_end(op, errno);
	op->peeked = (size_t)n;
	return at_end || op->peeked == iov_total(op->recv->iov, n_parts) ? n : -EAGAIN;
}

static ssize_t recv_attempt(void *arg)
{
	struct stream_op *op = arg;
	int wait_all = (op->recv->flags & (MSG_WAITALL | MSG_PEEK)) == MSG_WAITALL;
	size_t before = op->done;
	ssize_t n;
	int r;

	if (op->again)
		holder_refresh(op->h);
	op->again = true;
	r = check_receivable(op->h);
	if (r < 0 && op->done == 0)
		return holder_is_lost(op->h) ? recv_end(op, -r) : r;
	if (r < 0)
		return (ssize_t)op->done;
	if (is_whole_peek(op->recv))
		return peek_more(op);
	do {
		n = receive(op);
		if (n == 0)
			return recv_end(op, 0);
		if (n > 0)
			op->done += (size_t)n;
	} while (n > 0 && wait_all && op->done < op->total);
	if (n > 0)
		return (ssize_t)op->done;
	if (errno != EAGAIN && errno != EINTR)
		return recv_end(op, errno);
	if (op->blocks)
		return -errno;
	return op->done > before ? WAITING_MORE : -EAGAIN;
}

/* A connect under way comes first: the channel is unwritable until it is over. */
static ssize_t connect_attempt(void *arg)
{
	struct stream_op *op = arg;

	if (op->again)
		holder_refresh(op->h);
	op->again = true;
	return holder_is_connecting(op->h) ? -EAGAIN : 0;
}

static void peer_address(const struct holder *h, struct recv_params *params)
{
	if (!params->from)
		return;
	if (h->view == HOLDER_SEEN && h->record.remote.family != ADDRESS_NONE)
		address_to_sockaddr(&h->record.remote, params->from, params->from_len);
	else
		*params->from_len = 0;
}

ssize_t stream_recv(struct holder *h, struct recv_params *params)
{
	struct stream_op op = {
		.h = h,
		.recv = params,
		.total = iov_total(params->iov, params->n_iov),
	};
	struct waiting waiting = {
		.holder = h,
		.poll_fd = h->fd,
		.events = POLLIN,
		.deadline = params->deadline,
	};
	ssize_t r;

	if (params->flags & MSG_OOB)
		return -EINVAL;
	if (params->flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (op.total == 0)
		return check_receivable(h);
	if (holder_is_connecting(h)) {
		waiting.events = POLLOUT;
		r = waiting_run(&waiting, connect_attempt, &op);
		if (r < 0)
			return r;
		waiting.events = POLLIN;
	}
	op.blocks = params->flags == 0 && waiting.deadline.option && is_only_thread();
	r = op.blocks ? recv_attempt(&op) : waiting_run(&waiting, recv_attempt, &op);
	if (r < 0 && op.done > 0)
		r = (ssize_t)op.done;
	/* The time is over, or a signal came: what is there, as of a read. */
	if (r < 0 && op.peeked > 0 && r != -EBADF)
		r = (ssize_t)op.peeked;
	if (r >= 0)
		peer_address(h, params);
	return r;
}
