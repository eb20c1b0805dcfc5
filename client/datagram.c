/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A datagram travels on the channel as one message: a header with the address,
 * then the payload. The daemon cannot answer a datagram, so whatever can be
 * wrong with one is found here, in the table, before it is sent; what only
 * shows later (ICMP) is pending in the record, and an error message on the
 * channel wakes receivers.
 *
 * While a connect to a name is under way nothing is sent: as on a stream, the
 * channel is kept unwritable until it is over (pending.c).
 *
 * Lists of parts too long for one system call go through a buffer.
 */
#include "client/data.h"

#include "client/holder.h"
#include "client/iov.h"
#include "client/links.h"
#include "client/pending.h"
#include "client/waiting.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct datagram_send {
	struct holder *h;
	struct send_params *params;
	struct channel_header header;
	bool again;
};

struct datagram_recv {
	struct holder *h;
	struct recv_params *params;
	struct channel_header header;
	uint8_t *bounce; /* instead of too many parts; else NULL */
	size_t n_bounce;
};

/* Reads the destination into the header; none is the connected peer. */
static int set_destination(struct datagram_send *op)
{
	const struct send_params *params = op->params;
	struct address *to = &op->header.address;
	int r;

	if (!params->to || params->to_len == 0)
		return 0;
	r = address_from_sockaddr(to, params->to, params->to_len);
	if (r < 0)
		return r;
	if (op->h->view != HOLDER_SEEN)
		return 0;
	if (op->h->record.family == ADDRESS_IPV4 && to->family == ADDRESS_IPV6)
		return -EAFNOSUPPORT;
	if (op->h->record.family == ADDRESS_IPV6)
		*to = address_map_v4(to);
	if (op->h->type == TABLE_TYPE_DATAGRAM && to->port == 0)
		return -EINVAL;
	return 0;
}

static const struct address *destination(const struct datagram_send *op)
{
	if (op->header.address.family != ADDRESS_NONE)
		return &op->header.address;
	return &op->h->record.remote;
}

static struct links_way way_of(const struct datagram_send *op)
{
	const struct table_socket *record = &op->h->record;
	struct links_way way = { .to = destination(op) };

	if (record->flags & TABLE_SOCKET_BOUND_TO_LINK)
		way.from = &record->local;
	return way;
}

/* What the record says against sending, once @op has its destination. */
static int check_sendable(struct datagram_send *op)
{
	struct holder *h = op->h;
	const struct links_way way = way_of(op);
	const struct address *to = way.to;

	if (h->view != HOLDER_SEEN)
		return 0;
	if (h->record.error) {
		int r = holder_take_error(h);

		if (r < 0)
			return r;
	}
	if (to->family == ADDRESS_NONE)
		return -EDESTADDRREQ;
	if (to->family == ADDRESS_IPV6 && !address_is_v4_mapped(to) &&
		op->header.length > CHANNEL_DATAGRAM6_MAX)
		return -EMSGSIZE;
	if (!links_reach(&way) && !links_may_dial(&way))
		return -EHOSTUNREACH;
	if (!(h->record.flags & TABLE_SOCKET_BROADCAST) && links_is_broadcast(to))
		return -EACCES;
	return 0;
}

/* The first datagram gives an unbound socket its port, as everywhere. */
static int ensure_bound(struct holder *h)
{
	struct session_call call;
	int r;

	if (h->view != HOLDER_SEEN || h->type != TABLE_TYPE_DATAGRAM || h->record.local.port)
		return 0;
	call = holder_call(h, usp_Request_socket_bind_tag);
	r = holder_request(h, &call);
	/* Another thread or process may have been faster. */
	return r == -EINVAL ? 0 : r;
}

static ssize_t send_message(const struct datagram_send *op)
{
	const struct send_params *params = op->params;
	struct iovec parts[1 + IOV_WINDOW];
	struct msghdr message = { .msg_iov = parts };
	size_t total = iov_total(params->iov, params->n_iov);
	void *bounce = NULL;
	size_t n_parts;
	ssize_t n;

	parts[0].iov_base = (void *)&op->header;
	parts[0].iov_len = sizeof(op->header);
	if (params->n_iov <= IOV_WINDOW) {
		n_parts = iov_window(parts + 1, IOV_WINDOW, params->iov, params->n_iov, 0);
		message.msg_iovlen = 1 + n_parts;
	} else {
		bounce = malloc(total + 1);
		if (!bounce)
			return -ENOBUFS;
		parts[1].iov_base = bounce;
		parts[1].iov_len = iov_gather(params->iov, params->n_iov, bounce, total);
		message.msg_iovlen = 2;
	}
	n = sendmsg(op->h->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		n = -errno;
	free(bounce);
	return n < 0 ? n : (ssize_t)total;
}

/* Nothing can be sent any more: why, once; then that. */
static ssize_t send_end(struct datagram_send *op)
{
	int r = holder_take_end(op->h);

	return r < 0 ? r : -EPIPE;
}

static ssize_t send_attempt(void *arg)
{
	struct datagram_send *op = arg;
	ssize_t n;
	int r;

	if (op->again)
		holder_refresh(op->h);
	op->again = true;
	/* To a name: the channel becomes writable when that is over. */
	if (holder_is_connecting(op->h))
		return -EAGAIN;
	pending_check(op->h);
	r = check_sendable(op);
	/* The record of a daemon that was killed means nothing any more. */
	if (r < 0)
		return holder_is_lost(op->h) ? send_end(op) : r;
	r = ensure_bound(op->h);
	if (r < 0)
		return r == -ECONNABORTED ? send_end(op) : r;
	n = send_message(op);
	/* The buffer may still have the size of a connect under way. */
	if ((n == -EAGAIN || n == -EMSGSIZE) && pending_repair(op->h))
		n = send_message(op);
	if (n == -EINTR)
		return -EAGAIN;
	if (n == -EPIPE || n == -ECONNRESET)
		return send_end(op);
	if (n >= 0)
		op->params->sent = (size_t)n;
	return n;
}

static int wait_for_link(struct datagram_send *op)
{
	const struct links_way way = way_of(op);

	if (op->h->view != HOLDER_SEEN || way.to->family == ADDRESS_NONE || links_reach(&way) ||
		!holder_waits_for_link(op->h))
		return 0;
	deadline_resolve(&op->params->deadline, op->h->fd);
	return links_wait(&way, op->h, &op->params->deadline);
}

ssize_t datagram_send(struct holder *h, struct send_params *params)
{
	struct datagram_send op = {
		.h = h,
		.params = params,
		.header = { .kind = CHANNEL_DATA },
	};
	struct waiting waiting = { .holder = h, .poll_fd = h->fd, .events = POLLOUT };
	size_t total = iov_total(params->iov, params->n_iov);
	int r;

	if (params->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (total > CHANNEL_DATAGRAM_MAX)
		return -EMSGSIZE;
	op.header.length = (uint32_t)total;
	r = set_destination(&op);
	if (r == 0)
		r = wait_for_link(&op);
	if (r < 0)
		return r;
	waiting.deadline = params->deadline;
	return waiting_run(&waiting, send_attempt, &op);
}

/* Receives one message; *@payload is how many of its bytes fitted. */
static ssize_t receive_message(struct datagram_recv *op, int flags, size_t *payload)
{
	const struct recv_params *params = op->params;
	struct iovec parts[1 + IOV_WINDOW];
	struct msghdr message = { .msg_iov = parts };
	size_t n_parts;
	ssize_t n;

	parts[0].iov_base = &op->header;
	parts[0].iov_len = sizeof(op->header);
	if (op->bounce) {
		parts[1].iov_base = op->bounce;
		parts[1].iov_len = op->n_bounce;
		message.msg_iovlen = 2;
	} else {
		n_parts = iov_window(parts + 1, IOV_WINDOW, params->iov, params->n_iov, 0);
		message.msg_iovlen = 1 + n_parts;
	}
	n = recvmsg(op->h->fd, &message, MSG_DONTWAIT | flags);
	if (n < 0)
		return -errno;
	*payload = n > (ssize_t)sizeof(op->header) ? (size_t)n - sizeof(op->header) : 0;
	return n;
}

/* Takes the message that was only looked at, and is not for the caller. */
static void skip_message(const struct datagram_recv *op)
{
	struct channel_header header;

	if (op->params->flags & MSG_PEEK)
		recv(op->h->fd, &header, sizeof(header), MSG_DONTWAIT);
}

static ssize_t deliver(struct datagram_recv *op, size_t payload)
{
	struct recv_params *params = op->params;
	size_t length = op->header.length;

	if (length < payload || length > UINT16_MAX)
		length = payload;
	if (op->bounce)
		iov_scatter(params->iov, params->n_iov, op->bounce, payload);
	if (params->from)
		address_to_sockaddr(&op->header.address, params->from, params->from_len);
	if (length > payload)
		params->out_flags |= MSG_TRUNC;
	return (ssize_t)(params->flags & MSG_TRUNC ? length : payload);
}

static ssize_t recv_end(struct datagram_recv *op, int error)
{
	int r = holder_take_end(op->h);

	if (r == 0 && op->params->from)
		*op->params->from_len = 0;
	return r < 0 ? r : error;
}

static ssize_t recv_attempt(void *arg)
{
	struct datagram_recv *op = arg;
	size_t payload = 0;
	ssize_t n;
	int r;

	for (;;) {
		n = receive_message(op, op->params->flags & MSG_PEEK, &payload);
		if (n == -EAGAIN || n == -EINTR)
			return -EAGAIN;
		if (n <= 0)
			return recv_end(op, (int)n);
		if (n >= (ssize_t)sizeof(op->header) && op->header.kind == CHANNEL_DATA)
			return deliver(op, payload);
		skip_message(op);
		if (op->header.kind != CHANNEL_ERROR)
			continue;
		holder_refresh(op->h);
		r = holder_take_error(op->h);
		if (r < 0)
			return r;
	}
}

static ssize_t recv_waiting(struct datagram_recv *op)
{
	struct waiting waiting = {
		.holder = op->h,
		.poll_fd = op->h->fd,
		.events = POLLIN,
		.deadline = op->params->deadline,
	};
	ssize_t r;

	pthread_cleanup_push(free, op->bounce);
	r = waiting_run(&waiting, recv_attempt, op);
	pthread_cleanup_pop(1);
	return r;
}

ssize_t datagram_recv(struct holder *h, struct recv_params *params)
{
	struct datagram_recv op = { .h = h, .params = params };

	if (params->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (params->flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (params->n_iov > IOV_WINDOW) {
		size_t total = iov_total(params->iov, params->n_iov);

		op.n_bounce = total < CHANNEL_DATAGRAM_MAX ? total : CHANNEL_DATAGRAM_MAX;
		op.bounce = malloc(op.n_bounce + 1);
		if (!op.bounce)
			return -ENOMEM;
	}
	return recv_waiting(&op);
}
