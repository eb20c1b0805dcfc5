/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * The handlers of the socket requests: they decode and check what the client
 * sent (identity, right, family, range) and call the socket's ops. What
 * reaches the ops is well-formed. Nothing here waits.
 */
#include "daemon/socket_private.h"

#include "daemon/inet.h"
#include "daemon/limits.h"
#include "daemon/name_target.h"
#include "daemon/session.h"
#include "proto/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* SO_COOKIE of the descriptor a session sent; 0 if it has none. */
static uint64_t descriptor_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0)
		return 0;
	return cookie;
}

/* The socket @id, if it exists and the session may control it. */
static struct usock *request_socket(struct request *request, socket_id id)
{
	if (!session_may_control(request->session, id))
		return NULL;
	return socket_find(request->daemon->sockets, id);
}

static int grant(struct request *request, struct usock *s)
{
	bool had = session_may_control(request->session, s->id);
	int r = session_grant(request->session, s->id);

	if (r < 0)
		return r;
	s->is_shared |= s->is_granted && !had;
	s->is_granted = true;
	return 0;
}

static bool may_open_raw(const struct request *request)
{
	gid_t group = request->daemon->config.raw_group;

	return session_uid(request->session) == 0 ||
		(group != (gid_t)-1 && session_in_group(request->session, group));
}

static int socket_new_by_type(struct request *request, const struct socket_params *params,
	struct usock **s)
{
	struct socket_registry *registry = request->daemon->sockets;

	switch (params->type) {
	case TABLE_TYPE_STREAM:
		return tcp_socket_new(registry, params, s, &request->fd_out);
	case TABLE_TYPE_DATAGRAM:
		return udp_socket_new(registry, params, s, &request->fd_out);
	case TABLE_TYPE_RAW:
		if (!may_open_raw(request))
			return -EPERM;
		return raw_socket_new(registry, params, s, &request->fd_out);
	default:
		return -ESOCKTNOSUPPORT;
	}
}

int request_socket_new(struct request *request)
{
	const usp_SocketNew *message = &request->message->body.socket_new;
	struct socket_params params = {
		.owner = {
			.account = session_account(request->session),
			.pid = (uint32_t)session_pid(request->session),
			.uid = session_uid(request->session),
			.program = session_program(request->session),
		},
		.type = (uint8_t)message->type,
		.family = (uint8_t)message->family,
		.protocol = (uint8_t)message->protocol,
	};
	struct usock *s;
	int r;

	if (message->family != usp_Family_FAMILY_IPV4 && message->family != usp_Family_FAMILY_IPV6)
		return -EAFNOSUPPORT;
	if (message->protocol > UINT8_MAX)
		return -EPROTONOSUPPORT;
	r = socket_new_by_type(request, &params, &s);
	if (r < 0)
		return r;
	r = grant(request, s);
	if (r < 0) {
		socket_kill(s);
		close(request->fd_out);
		request->fd_out = -1;
		return r;
	}
	socket_publish(s);
	request->reply->which_body = usp_Reply_socket_tag;
	request->reply->body.socket.socket = s->id;
	return 0;
}

int request_socket_attach(struct request *request)
{
	struct socket_registry *registry = request->daemon->sockets;
	uint64_t cookie, instance;
	struct usock *s;
	socket_id id;
	int r;

	if (request->fd_in < 0)
		return -EINVAL;
	cookie = descriptor_cookie(request->fd_in);
	if (!cookie || channel_identify(request->fd_in, &instance, &id) < 0)
		return -EBADF;
	/* The name says where to look; only the cookie proves anything. */
	s = socket_find(registry, id);
	if (!s || s->cookie != cookie)
		return -EBADF;
	r = grant(request, s);
	if (r < 0)
		return r;
	request->reply->which_body = usp_Reply_socket_tag;
	request->reply->body.socket.socket = id;
	return 0;
}

/*
 * Brings @message into the socket's own family: IPv4 as IPv4-mapped for an
 * AF_INET6 socket. An address without family is "any" of the socket's own.
 */
static int request_address(const struct usock *s, const usp_Address *message, bool has,
	struct address *a)
{
	memset(a, 0, sizeof(*a));
	if (has && address_from_proto(a, message) < 0)
		return -EINVAL;
	if (a->family == ADDRESS_NONE)
		a->family = s->record.family;
	if (a->family == s->record.family)
		return address_is_v4_mapped(a) && socket_option(s, usp_Option_OPTION_V6ONLY)
			? -ENETUNREACH
			: 0;
	if (a->family != ADDRESS_IPV4 || socket_option(s, usp_Option_OPTION_V6ONLY))
		return -EAFNOSUPPORT;
	*a = address_map_v4(a);
	return 0;
}

int request_socket_bind(struct request *request)
{
	const usp_SocketBind *message = &request->message->body.socket_bind;
	struct usock *s = request_socket(request, message->socket);
	const struct config *config = &request->daemon->config;
	struct address local;
	ip_addr_t ip;
	int r;

	if (!s)
		return -EBADF;
	r = request_address(s, &message->address, message->has_address, &local);
	if (r < 0)
		return r;
	if (local.port > 0 && local.port < 1024 && !config->low_ports &&
		session_uid(request->session) != 0)
		return -EACCES;
	if (!s->ops->bind)
		return -EOPNOTSUPP;
	inet_to_lwip(request->daemon, &local, &ip);
	if (!inet_is_ours(&ip) && !address_is_multicast(&local))
		return -EADDRNOTAVAIL;
	r = s->ops->bind(s, &local);
	if (r == 0)
		socket_publish(s);
	return r;
}

int request_socket_connect(struct request *request)
{
	const usp_SocketConnect *message = &request->message->body.socket_connect;
	struct usock *s = request_socket(request, message->socket);
	struct address remote;
	int r;

	if (!s)
		return -EBADF;
	r = request_address(s, &message->address, message->has_address, &remote);
	if (r < 0)
		return r;
	if (!s->ops->connect)
		return -EOPNOTSUPP;
	r = s->ops->connect(s, &remote, message->wait_for_link);
	socket_publish(s);
	return r;
}

int request_socket_connect_name(struct request *request)
{
	const usp_SocketConnectName *message = &request->message->body.socket_connect_name;
	struct usock *s = request_socket(request, message->socket);
	const struct name_target_params params = {
		.account = session_account(request->session),
		.name = message->name,
		.port = (uint16_t)message->port,
		.wait_for_link = message->wait_for_link,
	};
	int r;

	if (!s)
		return -EBADF;
	if (message->port == 0 || message->port > UINT16_MAX)
		return -EINVAL;
	if (!s->ops->connect_name)
		return -EOPNOTSUPP;
	r = s->ops->connect_name(s, &params);
	socket_publish(s);
	return r;
}

int request_socket_disconnect(struct request *request)
{
	struct usock *s = request_socket(request,
		request->message->body.socket_disconnect.socket);
	int r;

	if (!s)
		return -EBADF;
	if (!s->ops->disconnect)
		return -EOPNOTSUPP;
	r = s->ops->disconnect(s);
	socket_publish(s);
	return r;
}

int request_socket_listen(struct request *request)
{
	const usp_SocketListen *message = &request->message->body.socket_listen;
	struct usock *s = request_socket(request, message->socket);
	uint32_t backlog = message->backlog;
	int r;

	if (!s)
		return -EBADF;
	if (!s->ops->listen)
		return -EOPNOTSUPP;
	if (backlog < 1)
		backlog = 1;
	if (backlog > UINT8_MAX)
		backlog = UINT8_MAX;
	r = s->ops->listen(s, (uint8_t)backlog);
	socket_publish(s);
	return r;
}

int request_socket_set_option(struct request *request)
{
	const usp_SocketSetOption *message = &request->message->body.socket_set_option;
	struct usock *s = request_socket(request, message->socket);
	int r;

	if (!s)
		return -EBADF;
	r = socket_set_option(s, message);
	if (r == 0)
		socket_publish(s);
	return r;
}

int request_socket_get_option(struct request *request)
{
	const usp_SocketGetOption *message = &request->message->body.socket_get_option;
	struct usock *s = request_socket(request, message->socket);
	int32_t value;
	int r;

	if (s && s->is_shared) {
		session_let_others_go_first(request->session, s->id);
		/* That may have been its end. */
		s = request_socket(request, message->socket);
	}
	if (!s)
		return -EBADF;
	r = socket_get_option(s, message->option, &value);
	if (r < 0)
		return r;
	request->reply->which_body = usp_Reply_option_tag;
	request->reply->body.option.value = value;
	return 0;
}
