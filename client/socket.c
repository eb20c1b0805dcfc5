/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Creating, naming and ending sockets. What changes the socket in the daemon
 * is a request; what only asks reads the connection table; ending is the
 * kernel's work on the channel, which the daemon sees as FIN or close.
 */
#include "client/holder.h"
#include "client/pending.h"
#include "client/result.h"
#include "client/usocket.h"
#include "client/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#define TYPE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

/* listen(2)'s backlog is eight bits in the stack. */
#define BACKLOG_MAX 255

static int check_protocol(int type, int protocol)
{
	if (type == SOCK_RAW)
		return protocol > 0 && protocol <= UINT8_MAX ? 0 : -EPROTONOSUPPORT;
	switch (protocol) {
	case 0:
	case USOCKET_IPPROTO_TCP_SER:
	case USOCKET_TCP_CUSTOMIZE_PORT:
		return 0;
	case IPPROTO_TCP:
		return type == SOCK_STREAM ? 0 : -EPROTONOSUPPORT;
	case IPPROTO_UDP:
		return type == SOCK_DGRAM ? 0 : -EPROTONOSUPPORT;
	default:
		return -EPROTONOSUPPORT;
	}
}

static usp_SocketType wire_type(int type)
{
	switch (type) {
	case SOCK_STREAM:
		return usp_SocketType_SOCKET_TYPE_STREAM;
	case SOCK_DGRAM:
		return usp_SocketType_SOCKET_TYPE_DATAGRAM;
	case SOCK_RAW:
		return usp_SocketType_SOCKET_TYPE_RAW;
	default:
		return usp_SocketType_SOCKET_TYPE_UNSPECIFIED;
	}
}

/* The daemon must hand over what it says it made. */
static int check_channel(const struct session_call *call)
{
	uint64_t instance;
	socket_id id;
	int r;

	if (call->reply.which_body != usp_Reply_socket_tag)
		return -EPROTO;
	r = channel_identify(call->fd_in, &instance, &id);
	return r < 0 || id != call->reply.body.socket.socket ? -EPROTO : 0;
}

/* It arrives blocking and close-on-exec. */
static int set_flags(int fd, int flags)
{
	if (flags & SOCK_NONBLOCK && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	if (!(flags & SOCK_CLOEXEC) && fcntl(fd, F_SETFD, 0) < 0)
		return -errno;
	return 0;
}

static int new_socket(int domain, int type, int protocol)
{
	struct session_call call = session_call_make(SESSION_ANY_INSTANCE,
		usp_Request_socket_new_tag);
	usp_SocketNew *body = &call.request.body.socket_new;
	int r;

	body->family = domain == AF_INET6 ? usp_Family_FAMILY_IPV6 : usp_Family_FAMILY_IPV4;
	body->type = wire_type(type & ~TYPE_FLAGS);
	body->protocol = (type & ~TYPE_FLAGS) == SOCK_RAW ? (uint32_t)protocol : 0;
	call.wants_fd = true;
	r = session_request(&call);
	if (r < 0)
		return r;
	r = check_channel(&call);
	if (r == 0)
		r = set_flags(call.fd_in, type & TYPE_FLAGS);
	if (r < 0) {
		close(call.fd_in);
		return r;
	}
	return call.fd_in;
}

int usocket_socket(int domain, int type, int protocol)
{
	int r;

	if (domain != AF_INET && domain != AF_INET6)
		return (int)posix_result(-EAFNOSUPPORT);
	if (wire_type(type & ~TYPE_FLAGS) == usp_SocketType_SOCKET_TYPE_UNSPECIFIED)
		return (int)posix_result(-EINVAL);
	r = check_protocol(type & ~TYPE_FLAGS, protocol);
	return (int)posix_result(r < 0 ? r : new_socket(domain, type, protocol));
}

int usocket_close(int fd)
{
	waiting_end(fd);
	/* Linux has let go of the number even when a signal came. */
	return close(fd) < 0 && errno != EINTR ? -1 : 0;
}

static int bind_socket(int fd, const struct sockaddr *address, socklen_t len)
{
	struct session_call call;
	struct address local;
	struct holder h;
	int r = holder_look(&h, fd);

	if (r < 0)
		return r;
	r = address_from_sockaddr(&local, address, len);
	if (r < 0)
		return r;
	call = holder_call(&h, usp_Request_socket_bind_tag);
	call.request.body.socket_bind.has_address = true;
	address_to_proto(&local, &call.request.body.socket_bind.address);
	return holder_request(&h, &call);
}

int usocket_bind(int fd, const struct sockaddr *address, socklen_t len)
{
	return (int)posix_result(bind_socket(fd, address, len));
}

static int listen_socket(int fd, int backlog)
{
	struct session_call call;
	struct holder h;
	int r = holder_look(&h, fd);

	if (r < 0)
		return r;
	if (!holder_is_stream(&h))
		return -EOPNOTSUPP;
	call = holder_call(&h, usp_Request_socket_listen_tag);
	call.request.body.socket_listen.backlog =
		backlog < 1 ? 1 : backlog > BACKLOG_MAX ? BACKLOG_MAX
							: (uint32_t)backlog;
	return holder_request(&h, &call);
}

int usocket_listen(int fd, int backlog)
{
	return (int)posix_result(listen_socket(fd, backlog));
}

static int check_room(const struct sockaddr *address, const socklen_t *len)
{
	if (!address || !len)
		return -EFAULT;
	return (int)*len < 0 ? -EINVAL : 0;
}

static int local_name(int fd, struct sockaddr *address, socklen_t *len)
{
	struct address local;
	struct holder h;
	int r = holder_look(&h, fd);

	if (r == 0)
		r = check_room(address, len);
	if (r < 0)
		return r;
	if (h.view == HOLDER_BLIND)
		return h.error;
	if (h.view != HOLDER_SEEN)
		return -ECONNABORTED;
	local = h.record.local;
	if (local.family == ADDRESS_NONE)
		local.family = h.record.family;
	address_to_sockaddr(&local, address, len);
	return 0;
}

int usocket_getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
	return (int)posix_result(local_name(fd, address, len));
}

static bool has_peer(const struct table_socket *record)
{
	if (record->remote.family == ADDRESS_NONE)
		return false;
	if (record->type != TABLE_TYPE_STREAM)
		return true;
	return record->state != TABLE_STATE_CLOSED && record->state != TABLE_STATE_SYN_SENT &&
		record->state != TABLE_STATE_LISTEN;
}

static int peer_name(int fd, struct sockaddr *address, socklen_t *len)
{
	struct holder h;
	int r = holder_look(&h, fd);

	if (r == 0)
		r = check_room(address, len);
	if (r < 0)
		return r;
	if (h.view == HOLDER_BLIND)
		return h.error;
	if (h.view == HOLDER_LOST)
		return -ECONNABORTED;
	if (h.view == HOLDER_GONE || !has_peer(&h.record))
		return -ENOTCONN;
	address_to_sockaddr(&h.record.remote, address, len);
	return 0;
}

int usocket_getpeername(int fd, struct sockaddr *address, socklen_t *len)
{
	return (int)posix_result(peer_name(fd, address, len));
}

static int shut_down(int fd, int how)
{
	struct session_call call;
	struct holder h;
	int r = holder_look(&h, fd);

	if (r < 0)
		return r;
	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	if (holder_is_connecting(&h)) {
		call = holder_call(&h, usp_Request_socket_disconnect_tag);
		r = holder_request(&h, &call);
		pending_finish(&h);
		return r;
	}
	if (h.view == HOLDER_SEEN && h.record.state != TABLE_STATE_LISTEN &&
		!(holder_is_stream(&h) ? holder_was_connected(&h) : has_peer(&h.record)))
		return -ENOTCONN;
	pending_check(&h);
	return shutdown(fd, how) < 0 ? -errno : 0;
}

int usocket_shutdown(int fd, int how)
{
	return (int)posix_result(shut_down(fd, how));
}
