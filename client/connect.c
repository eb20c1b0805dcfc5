/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Connecting a datagram socket to an address is one request. Connecting TCP is
 * a request that starts it; from then on the record has the flag CONNECTING, and the
 * channel is unwritable (pending.c), until the daemon knows the result. It
 * publishes that before it makes the channel writable, so whoever sees POLLOUT
 * finds it in the record: connected, or a pending error.
 *
 * A connect to a name goes the same way on either type of socket. The daemon
 * reads a datagram channel until it has the request, so there the channel is
 * filled afterwards; if the connect is over by then, the filler is read at once.
 *
 * A peer on the same machine answers in less time than it takes to be woken, so a call
 * that waits looks at the record for a while before it sleeps (spin.h).
 *
 * Non-blocking, interrupted and timed-out plain calls leave the attempt going,
 * as Linux does; the next call finishes it. The calls with a deadline give it
 * up.
 */
#include "client/holder.h"
#include "client/pending.h"
#include "client/result.h"
#include "client/spin.h"
#include "client/usocket.h"
#include "client/waiting.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

/* What a connect is for. */
struct target {
	const char *name;	/* NULL: the address */
	struct address address; /* of a name only the port */
};

static bool has_connected(const struct holder *h)
{
	if (h->view != HOLDER_SEEN)
		return false;
	return holder_is_stream(h) ? holder_was_connected(h)
				   : h->record.remote.family != ADDRESS_NONE;
}

/*
 * A connect is not under way any more: restores the channel and tells how it
 * ended. -ENOTCONN if nothing is known of one.
 */
static int finish(struct holder *h)
{
	int r;

	pending_finish(h);
	if (has_connected(h))
		return 0;
	r = holder_take_end(h);
	if (r < 0)
		return r;
	return holder_is_closed(h) ? -EBADF : -ENOTCONN;
}

static ssize_t wait_attempt(void *arg)
{
	struct holder *h = arg;

	holder_refresh(h);
	if (!holder_is_connecting(h))
		return finish(h);
	return holder_is_lost(h) ? finish(h) : -EAGAIN;
}

static int disconnect(const struct holder *h)
{
	struct session_call call = holder_call(h, usp_Request_socket_disconnect_tag);

	return holder_request(h, &call);
}

/* The time is over; but the connection may have come in the last moment. */
static int give_up(struct holder *h)
{
	holder_refresh(h);
	if (holder_is_connecting(h)) {
		disconnect(h);
		holder_refresh(h);
	}
	if (!holder_is_connecting(h) && has_connected(h))
		return finish(h);
	pending_finish(h);
	holder_take_error(h);
	return -ETIMEDOUT;
}

static int wait_connected(struct holder *h, const struct deadline *deadline)
{
	struct waiting waiting = {
		.holder = h,
		.poll_fd = h->fd,
		.events = POLLOUT,
		.deadline = *deadline,
	};
	int r = (int)waiting_run(&waiting, wait_attempt, h);

	if (r == -EAGAIN)
		return -EINPROGRESS;
	return r == -ETIMEDOUT && deadline->error == -ETIMEDOUT && holder_is_connecting(h)
		? give_up(h)
		: r;
}

/*
 * Looks whether the attempt just started is over, for a while. -EBADF if another thread
 * has closed the descriptor meanwhile.
 */
static int look_spinning(struct holder *h)
{
	static _Thread_local __attribute__((tls_model("initial-exec"))) struct spin spin;

	if (!holder_is_connecting(h) || !spin_begin(&spin))
		return 0;
	do {
		holder_refresh(h);
	} while (holder_is_connecting(h) && spin_goes_on(&spin));
	spin_end(&spin, !holder_is_connecting(h));
	return holder_is_closed(h) ? -EBADF : 0;
}

static int request_connect(const struct holder *h, const struct address *remote)
{
	struct session_call call = holder_call(h, usp_Request_socket_connect_tag);
	usp_SocketConnect *body = &call.request.body.socket_connect;

	body->has_address = true;
	address_to_proto(remote, &body->address);
	body->wait_for_link = holder_waits_for_link(h);
	return holder_request(h, &call);
}

static int request_connect_name(const struct holder *h, const char *name, uint16_t port)
{
	struct session_call call = holder_call(h, usp_Request_socket_connect_name_tag);
	usp_SocketConnectName *body = &call.request.body.socket_connect_name;
	int r;

	strcpy(body->name, name);
	body->port = port;
	body->wait_for_link = holder_waits_for_link(h);
	r = holder_request(h, &call);
	/* A daemon that knows no such request. */
	return r == -ENOSYS ? -EOPNOTSUPP : r;
}

static int request(const struct holder *h, const struct target *target)
{
	return target->name ? request_connect_name(h, target->name, target->address.port)
			    : request_connect(h, &target->address);
}

/* Returns 0 with the connect under way or done. */
static int start(struct holder *h, const struct target *target)
{
	int r;

	if (target->address.port == 0)
		return -EINVAL;
	r = pending_start(h);
	if (r == 0)
		r = request(h, target);
	if (r < 0)
		pending_finish(h);
	holder_refresh(h);
	return r;
}

/*
 * Whether the state lets a connect start: 0; -EALREADY if one is under way; or
 * the result of one that has ended since, in *@ended.
 */
static int check_startable(struct holder *h, bool *ended)
{
	int unused;

	if (h->view == HOLDER_GONE || holder_is_lost(h))
		return -ECONNABORTED;
	if (h->view == HOLDER_BLIND)
		return h->error;
	if (h->record.state == TABLE_STATE_LISTEN)
		return -EISCONN;
	if (holder_is_connecting(h))
		return -EALREADY;
	if (pending_get_buffer(h, &unused) || (h->record.error && !holder_was_connected(h))) {
		*ended = true;
		return finish(h);
	}
	return holder_was_connected(h) ? -EISCONN : 0;
}

/*
 * One that does not wait is always told that it goes on, even if it is over
 * already: callers need to know only one way (semantics.md K5).
 */
static int wait_started(struct holder *h, const struct deadline *deadline)
{
	struct deadline resolved = *deadline;
	int r;

	deadline_resolve(&resolved, h->fd);
	if (deadline_is_now(&resolved))
		return -EINPROGRESS;
	r = look_spinning(h);
	return r < 0 ? r : wait_connected(h, &resolved);
}

/* Linux: a blocking connect waits for the one under way, as long as it may. */
static int join(struct holder *h, const struct deadline *deadline)
{
	struct deadline resolved = *deadline;
	int r = -EINPROGRESS;

	deadline_resolve(&resolved, h->fd);
	if (!deadline_is_now(&resolved))
		r = wait_connected(h, &resolved);
	return r == -EINPROGRESS ? -EALREADY : r;
}

static int connect_stream(struct holder *h, const struct target *target,
	const struct deadline *deadline, bool may_join)
{
	bool ended = false;
	int r = check_startable(h, &ended);

	if (r == -EALREADY && may_join)
		return join(h, deadline);
	/* An attempt whose error somebody has taken is over. */
	if (ended && r == -ENOTCONN)
		r = 0;
	else if (ended)
		return r;
	if (r == 0)
		r = start(h, target);
	if (r == 0)
		r = wait_started(h, deadline);
	/* Another holder has taken the error. */
	return r == -ENOTCONN ? -ECONNABORTED : r;
}

static int connect_datagram(struct holder *h, const struct target *target)
{
	int r;

	if (holder_is_connecting(h))
		return -EALREADY;
	if (h->type == TABLE_TYPE_DATAGRAM && target->address.port == 0)
		return -EINVAL;
	pending_check(h);
	r = request(h, target);
	if (r < 0 || !target->name)
		return r;
	r = pending_start(h);
	if (r == 0)
		return -EINPROGRESS;
	disconnect(h);
	return r;
}

static int connect_any(int fd, const struct sockaddr *address, socklen_t len,
	const struct deadline *deadline, bool may_join)
{
	struct target target = { .name = NULL };
	struct holder h;
	int r = holder_look(&h, fd);

	if (r < 0)
		return r;
	if (!address || len < sizeof(address->sa_family))
		return -EINVAL;
	if (address->sa_family == AF_UNSPEC) {
		r = disconnect(&h);
		pending_check(&h);
		return r;
	}
	r = address_from_sockaddr(&target.address, address, len);
	if (r < 0)
		return r;
	if (holder_is_stream(&h))
		return connect_stream(&h, &target, deadline, may_join);
	return connect_datagram(&h, &target);
}

static int connect_name(int fd, const char *name, uint16_t port)
{
	const struct deadline now = deadline_in(0);
	struct target target = { .name = name };
	struct holder h;
	int r = holder_look(&h, fd);

	if (r < 0)
		return r;
	if (!name)
		return -EINVAL;
	if (strlen(name) >= sizeof(((usp_SocketConnectName *)NULL)->name))
		return -ENAMETOOLONG;
	if (address_parse_ip(&target.address, name) == 0)
		target.name = NULL;
	target.address.port = port;
	return holder_is_stream(&h) ? connect_stream(&h, &target, &now, false)
				    : connect_datagram(&h, &target);
}

int usocket_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	struct deadline deadline = deadline_of_flags(0, SO_SNDTIMEO);

	return (int)posix_result(connect_any(fd, address, len, &deadline, true));
}

int usocket_connect_timeout(int fd, const struct sockaddr *address, socklen_t len,
	int timeout_ms)
{
	struct deadline deadline = deadline_in(timeout_ms);

	return (int)posix_result(connect_any(fd, address, len, &deadline, false));
}

int usocket_connect_name(int fd, const char *name, uint16_t port)
{
	return (int)posix_result(connect_name(fd, name, port));
}

int usocket_connect_wait(int fd, int timeout_ms)
{
	struct deadline deadline = deadline_in(timeout_ms);
	struct holder h;
	int r = holder_look(&h, fd);

	if (r == 0)
		r = h.type == TABLE_TYPE_RAW ? -EOPNOTSUPP : wait_connected(&h, &deadline);
	return (int)posix_result(r);
}
