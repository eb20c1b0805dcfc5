/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Nothing is kept about a descriptor between calls: programs copy, close, pass
 * on and reuse descriptors as they like. The name of the channel's other end
 * tells daemon and socket; the table tells the rest. What all holders of a
 * socket must share and no daemon can remember is marked on the socket itself,
 * in an option of AF_UNIX that has no effect there: SO_PRIORITY, whose values
 * 0 to 6 need no right.
 *
 * Where an error is pending:
 * - in the table, for what happened to the connection. Asking for it clears
 *   it, so of all holders exactly one gets it.
 * - on the channel (SO_ERROR), where the kernel turned the daemon's close into
 *   ECONNRESET because bytes of ours were still unread.
 * - nowhere, if the daemon has ended; then the mark says whether the error has
 *   been reported.
 *
 * A daemon that is killed lets go of its descriptors one by one, so a channel
 * may hang up a moment before the session does. A hang-up that the record
 * does not explain is looked at again for a while.
 */
#include "client/holder.h"

#include "client/deadline.h"
#include "client/mapping.h"
#include "client/settings.h"
#include "proto/status.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

/* How long an unexplained hang-up is looked at, and how often. */
#define DOUBT_MS      200
#define DOUBT_STEP_MS 5

/* For how long a daemon that was found to run is taken to run. */
#define FOUND_NS 20000000

/* Bits of the mark; together they must stay below 7. */
enum holder_mark {
	MARK_LOST_REPORTED = 1 << 0,
	MARK_WAIT_LINK = 1 << 1,
};

static int mark_get(int fd)
{
	int mark = 0;
	socklen_t len = sizeof(mark);

	getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &mark, &len);
	return mark;
}

static int mark_set(int fd, int mark)
{
	return setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &mark, sizeof(mark)) < 0 ? -errno : 0;
}

static uint8_t type_of_channel(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	return type == SOCK_STREAM ? TABLE_TYPE_STREAM : TABLE_TYPE_DATAGRAM;
}

bool holder_hung_up(const struct holder *h)
{
	struct pollfd p = { .fd = h->fd };

	return poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

bool holder_is_closed(const struct holder *h)
{
	uint64_t instance;
	socket_id id;

	return channel_identify(h->fd, &instance, &id) < 0 || instance != h->instance ||
		id != h->id;
}

bool holder_is_lost(struct holder *h)
{
	if (h->view == HOLDER_SEEN && holder_hung_up(h) && !session_is_alive(h->instance))
		h->view = HOLDER_LOST;
	return h->view == HOLDER_LOST;
}

/* Daemon and period of time in which it was last found to run. */
static _Atomic uint64_t found;

static uint64_t found_now(uint64_t instance)
{
	return instance + (uint64_t)(time_now_ns() / FOUND_NS);
}

bool holder_was_lost(struct holder *h)
{
	uint64_t now = found_now(h->instance);

	if (h->view == HOLDER_SEEN && atomic_load(&found) == now)
		return false;
	if (holder_is_lost(h))
		return true;
	if (h->view == HOLDER_SEEN)
		atomic_store(&found, now);
	return false;
}

int holder_known_state(uint64_t instance, socket_id id)
{
	struct table_glance glance;

	if (atomic_load(&found) != found_now(instance))
		return -ESTALE;
	if (mapping_glance(instance, id, &glance) < 0 || glance.type != TABLE_TYPE_STREAM)
		return -ESTALE;
	return glance.state;
}

void holder_refresh(struct holder *h)
{
	int r = session_find_socket(h->instance, h->id, &h->record);

	h->error = 0;
	if (r == 0) {
		h->view = HOLDER_SEEN;
		h->type = h->record.type;
		return;
	}
	memset(&h->record, 0, sizeof(h->record));
	h->type = type_of_channel(h->fd);
	if (r == -ENOENT) {
		h->view = HOLDER_GONE;
	} else if (holder_hung_up(h)) {
		h->view = HOLDER_LOST;
	} else {
		h->view = HOLDER_BLIND;
		h->error = r;
	}
}

int holder_look(struct holder *h, int fd)
{
	int r;

	h->fd = fd;
	r = channel_identify(fd, &h->instance, &h->id);
	if (r < 0)
		return r;
	holder_refresh(h);
	return 0;
}

bool holder_is_connecting(const struct holder *h)
{
	return h->view == HOLDER_SEEN && h->record.flags & TABLE_SOCKET_CONNECTING;
}

bool holder_was_connected(const struct holder *h)
{
	if (h->view != HOLDER_SEEN)
		return true;
	return h->record.flags & TABLE_SOCKET_WAS_CONNECTED ||
		h->record.state >= TABLE_STATE_ESTABLISHED;
}

struct session_call holder_call(const struct holder *h, pb_size_t tag)
{
	struct session_call call = session_call_make(h->instance, tag);

	switch (tag) {
	case usp_Request_socket_bind_tag:
		call.request.body.socket_bind.socket = h->id;
		break;
	case usp_Request_socket_connect_tag:
		call.request.body.socket_connect.socket = h->id;
		break;
	case usp_Request_socket_connect_name_tag:
		call.request.body.socket_connect_name.socket = h->id;
		break;
	case usp_Request_socket_disconnect_tag:
		call.request.body.socket_disconnect.socket = h->id;
		break;
	case usp_Request_socket_listen_tag:
		call.request.body.socket_listen.socket = h->id;
		break;
	case usp_Request_socket_set_option_tag:
		call.request.body.socket_set_option.socket = h->id;
		break;
	case usp_Request_socket_get_option_tag:
		call.request.body.socket_get_option.socket = h->id;
		break;
	default:
		break;
	}
	return call;
}

static int holder_attach(const struct holder *h)
{
	struct session_call call = holder_call(h, usp_Request_socket_attach_tag);

	call.fd_out = h->fd;
	return session_request(&call);
}

int holder_request(const struct holder *h, struct session_call *call)
{
	int r = session_call(call);

	if (r == 0 && call->reply.status == usp_Status_STATUS_BAD_SOCKET) {
		r = holder_attach(h);
		if (r == 0)
			r = session_call(call);
	}
	if (r == 0)
		r = -status_to_errno(call->reply.status);
	if (r != -EBADF)
		return r;
	/* If the descriptor is good, it is the socket that has ended. */
	return holder_is_closed(h) ? -EBADF : -ECONNABORTED;
}

int holder_post_option(const struct holder *h, struct session_call *call)
{
	int r = -EAGAIN;

	/* A daemon that has ended would take nothing out of its queue. */
	if (h->view == HOLDER_SEEN && !holder_hung_up(h))
		r = session_post_option(call);
	if (r == -EPERM && holder_attach(h) == 0)
		r = session_post_option(call);
	return r == 0 ? 0 : holder_request(h, call);
}

/* The channel's own error, cleared by asking. */
static int take_channel_error(const struct holder *h)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return -error;
}

static int take_lost(const struct holder *h)
{
	int mark = mark_get(h->fd);

	take_channel_error(h);
	if (mark & MARK_LOST_REPORTED)
		return 0;
	mark_set(h->fd, mark | MARK_LOST_REPORTED);
	return -ECONNABORTED;
}

static int take_table_error(const struct holder *h)
{
	struct session_call call;
	int value;

	if (h->view != HOLDER_SEEN || h->record.error == 0)
		return 0;
	call = holder_call(h, usp_Request_socket_get_option_tag);
	call.request.body.socket_get_option.option = usp_Option_OPTION_ERROR;
	if (holder_request(h, &call) < 0 || call.reply.which_body != usp_Reply_option_tag)
		return 0;
	value = call.reply.body.option.value;
	return value > 0 && value < 4096 ? -value : 0;
}

int holder_take_error(struct holder *h)
{
	int table_error, channel_error;

	if (h->view == HOLDER_LOST)
		return take_lost(h);
	table_error = take_table_error(h);
	channel_error = take_channel_error(h);
	return table_error ? table_error : channel_error;
}

bool holder_has_error(const struct holder *h)
{
	if (h->view == HOLDER_LOST)
		return !(mark_get(h->fd) & MARK_LOST_REPORTED);
	return h->view == HOLDER_SEEN && h->record.error != 0;
}

/* A hang-up that the record accounts for. */
static bool end_is_explained(const struct holder *h)
{
	if (h->view != HOLDER_SEEN)
		return h->view != HOLDER_BLIND;
	if (h->record.error)
		return true;
	if (!holder_is_stream(h) || !holder_was_connected(h))
		return false;
	return h->record.state != TABLE_STATE_ESTABLISHED ||
		h->record.flags & TABLE_SOCKET_FIN_RECEIVED;
}

/* After a hang-up: finds out whether the daemon has ended. */
static void check_daemon(struct holder *h)
{
	for (int ms = 0;; ms += DOUBT_STEP_MS) {
		if (!session_is_alive(h->instance)) {
			h->view = HOLDER_LOST;
			return;
		}
		if (end_is_explained(h) || ms >= DOUBT_MS)
			return;
		poll(NULL, 0, DOUBT_STEP_MS);
		holder_refresh(h);
	}
}

int holder_take_end(struct holder *h)
{
	holder_refresh(h);
	if (h->view != HOLDER_LOST && holder_hung_up(h))
		check_daemon(h);
	return holder_take_error(h);
}

bool holder_waits_for_link(const struct holder *h)
{
	return settings_wait_link() || mark_get(h->fd) & MARK_WAIT_LINK;
}

int holder_set_wait_link(const struct holder *h, bool on)
{
	int mark = mark_get(h->fd) & ~MARK_WAIT_LINK;

	return mark_set(h->fd, mark | (on ? MARK_WAIT_LINK : 0));
}
