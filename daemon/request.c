/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Requests go through one const table, indexed by the tag of the oneof. A
 * request that a newer client has sent decodes to no tag at all and gets
 * STATUS_UNKNOWN_REQUEST, as do tags without a row. Handlers never see a
 * descriptor they have not asked for.
 */
#include "daemon/request.h"

#include "daemon/resolver.h"
#include "daemon/resolver_servers.h"
#include "daemon/server.h"
#include "daemon/session.h"
#include "daemon/socket.h"
#include "daemon/table_writer.h"
#include "daemon/usocketd.h"
#include "netif/log.h"
#include "netif/stack.h"
#include "proto/address.h"
#include "proto/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What a request comes with. */
enum request_need {
	NEED_NOTHING,
	NEED_DESCRIPTOR,
};

struct request_row {
	const char *name;
	request_fn handle;
	enum request_need need;
};

#define TAG(name) [usp_Request_##name##_tag]

static const struct request_row rows[] = {
	TAG(socket_new) = { "SocketNew", request_socket_new, NEED_NOTHING },
	TAG(socket_attach) = { "SocketAttach", request_socket_attach, NEED_DESCRIPTOR },
	TAG(socket_bind) = { "SocketBind", request_socket_bind, NEED_NOTHING },
	TAG(socket_connect) = { "SocketConnect", request_socket_connect, NEED_NOTHING },
	TAG(socket_disconnect) = { "SocketDisconnect", request_socket_disconnect, NEED_NOTHING },
	TAG(socket_listen) = { "SocketListen", request_socket_listen, NEED_NOTHING },
	TAG(socket_set_option) = { "SocketSetOption", request_socket_set_option, NEED_NOTHING },
	TAG(socket_get_option) = { "SocketGetOption", request_socket_get_option, NEED_NOTHING },
	TAG(resolve) = { "Resolve", request_resolve, NEED_NOTHING },
	TAG(watch) = { "Watch", request_watch, NEED_NOTHING },
	TAG(get_status) = { "GetStatus", request_get_status, NEED_NOTHING },
	TAG(socket_connect_name) = { "SocketConnectName", request_socket_connect_name,
		NEED_NOTHING },
	TAG(link_control) = { "LinkControl", request_link_control, NEED_NOTHING },
	TAG(link_set) = { "LinkSet", request_link_set, NEED_NOTHING },
	TAG(link_log) = { "LinkLog", request_link_log, NEED_NOTHING },
	TAG(link_at) = { "LinkAt", request_link_at, NEED_NOTHING },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))
_Static_assert(N_ROWS == usp_Request_link_at_tag + 1, "a row for each request");

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int run(struct request *request, const struct request_row *row)
{
	if (row->need == NEED_NOTHING)
		close_fd(&request->fd_in);
	else if (request->fd_in < 0)
		return -EINVAL;
	return row->handle(request);
}

static usp_Status outcome_status(int outcome)
{
	if (outcome <= 0)
		return status_from_errno(outcome);
	switch ((enum request_outcome)outcome) {
	case REQUEST_STARTED:
		return usp_STATUS_STARTED;
	}
	abort();
}

void request_dispatch(struct request *request)
{
	const usp_Request *message = request->message;
	usp_Reply *reply = request->reply;

	reply->sequence = message->sequence;
	if (message->which_body == usp_Request_hello_tag) {
		reply->status = usp_STATUS_MALFORMED; /* a second one */
	} else if (message->which_body >= N_ROWS || !rows[message->which_body].handle) {
		reply->status = usp_STATUS_UNKNOWN_REQUEST;
	} else {
		const struct request_row *row = &rows[message->which_body];
		int outcome = run(request, row);

		reply->status = outcome_status(outcome);
		log_debug("client %d (%s): %s #%u: status %d",
			(int)session_pid(request->session), session_program(request->session),
			row->name, message->sequence, (int)reply->status);
		if (outcome < 0) {
			if (reply->which_body != usp_Reply_refusal_tag)
				reply->which_body = 0;
			close_fd(&request->fd_out);
		}
	}
	close_fd(&request->fd_in);
}

int request_refuse(struct request *request, int error, const char *format, ...)
{
	usp_Refusal *refusal = &request->reply->body.refusal;
	va_list args;

	request->reply->which_body = usp_Reply_refusal_tag;
	va_start(args, format);
	vsnprintf(refusal->text, sizeof(refusal->text), format, args);
	va_end(args);
	return error;
}

/* The scope tells the link, also where the address would not need it. */
static void tell_name_server(const struct address *server, usp_NameServer *out)
{
	struct address address = *server;

	out->link = server->scope;
	if (!address_is_link_local(server))
		address.scope = 0;
	out->has_address = true;
	address_to_proto(&address, &out->address);
}

static void tell_name_servers(const struct usocketd *daemon, usp_StatusReply *status)
{
	struct address servers[CONFIG_SERVERS_MAX];
	size_t n = resolver_servers_choose(daemon, servers);

	_Static_assert(sizeof(status->name_server) / sizeof(status->name_server[0]) ==
			CONFIG_SERVERS_MAX,
		"room for all");
	for (size_t i = 0; i < n; i++)
		tell_name_server(&servers[i], &status->name_server[i]);
	status->name_server_count = (pb_size_t)n;
}

int request_get_status(struct request *request)
{
	struct usocketd *daemon = request->daemon;
	usp_StatusReply *status = &request->reply->body.daemon;
	struct session_registry *sessions = server_sessions(session_server(request->session));
	struct resolver_stats stats;

	request->reply->which_body = usp_Reply_daemon_tag;
	resolver_stats(daemon->resolver, &stats);
	snprintf(status->version, sizeof(status->version), "%s", PACKAGE_VERSION);
	snprintf(status->lwip_version, sizeof(status->lwip_version), "%s", stack_version());
	status->uptime_ms = (stack_now_ns() - daemon->started_ns) / 1000000;
	status->sessions = sessions->n_admitted;
	status->sessions_max = daemon->config.sessions_max;
	status->sockets = socket_registry_count(daemon->sockets);
	status->sockets_max = daemon->config.sockets_max;
	status->lookups = stats.n_lookups;
	status->cache_entries = stats.cache_entries;
	status->cache_hits = stats.cache_hits;
	status->cache_misses = stats.cache_misses;
	status->requests = daemon->n_requests;
	status->malformed = daemon->n_malformed;
	status->clients_dropped = daemon->n_clients_dropped;
	status->syn_dropped = socket_registry_syn_dropped(daemon->sockets);
	status->sessions_without_queue = daemon->n_sessions_without_queue;
	tell_name_servers(daemon, status);
	return 0;
}
