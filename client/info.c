/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The connection table for programs: its records, translated into the public
 * structures, which may grow at their ends. Reading takes no request; only
 * usocket_status() asks the daemon.
 */
#include "client/holder.h"
#include "client/result.h"
#include "client/usocket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* The numbers are passed through. */
_Static_assert((int)USOCKET_LINK_UP == (int)TABLE_LINK_UP &&
		(int)USOCKET_LINK_DEGRADED == (int)TABLE_LINK_DEGRADED,
	"link states");
_Static_assert((int)USOCKET_REASON_IDLE == (int)TABLE_REASON_IDLE &&
		(int)USOCKET_REASON_IDLE + 1 == (int)TABLE_REASON_COUNT &&
		(int)USOCKET_REASON_BARRED == (int)TABLE_REASON_BARRED &&
		(int)USOCKET_STEP_POWER + 1 == (int)TABLE_STEP_COUNT,
	"reasons and steps");
_Static_assert(USOCKET_LINK_DROPS == TABLE_DROP_COUNT, "drop reasons");
_Static_assert(USOCKET_LINK_DNS == TABLE_LINK_DNS &&
		USOCKET_LINK_ADDRESSES6 == TABLE_LINK_ADDRESSES6,
	"addresses of a link");
_Static_assert((int)USOCKET_INFO_CONNECTING == (int)TABLE_SOCKET_CONNECTING &&
		(int)USOCKET_INFO_FIN_RECEIVED == (int)TABLE_SOCKET_FIN_RECEIVED,
	"flags");
_Static_assert(USOCKET_SIGNAL_UNKNOWN == TABLE_SIGNAL_UNKNOWN &&
		USOCKET_MODEM_UNKNOWN == TABLE_MODEM_UNKNOWN,
	"what is not known");
_Static_assert(sizeof(((struct usocket_socket_info *)0)->program) == TABLE_PROGRAM_MAX, "program");

/* Copies what the caller has room for; clears what it knows more than we do. */
static void give(void *to, size_t to_size, const void *from, size_t from_size)
{
	size_t both = to_size < from_size ? to_size : from_size;

	memcpy(to, from, both);
	memset((char *)to + both, 0, to_size - both);
}

static struct usocket_address public_address(const struct address *a)
{
	struct usocket_address out = {
		.family = a->family == ADDRESS_IPV4 ? AF_INET
			: a->family == ADDRESS_IPV6 ? AF_INET6
						    : AF_UNSPEC,
		.port = a->port,
		.scope = a->scope,
	};

	memcpy(out.ip, a->ip, sizeof(out.ip));
	return out;
}

/* Links' addresses have their prefix where others have the port. */
static struct usocket_address link_address(const struct address *a)
{
	struct usocket_address out = public_address(a);

	out.prefix = out.port;
	out.port = 0;
	return out;
}

static uint8_t public_type(uint8_t type)
{
	switch (type) {
	case TABLE_TYPE_STREAM:
		return SOCK_STREAM;
	case TABLE_TYPE_DATAGRAM:
		return SOCK_DGRAM;
	case TABLE_TYPE_RAW:
		return SOCK_RAW;
	default:
		return 0;
	}
}

static void public_socket(struct usocket_socket_info *out, const struct table_socket *record,
	socket_id id)
{
	*out = (struct usocket_socket_info){
		.id = id,
		.type = public_type(record->type),
		.protocol = record->protocol,
		.state = record->state,
		.family = record->family == ADDRESS_IPV6 ? AF_INET6 : AF_INET,
		.flags = record->flags,
		.error = record->error,
		.pid = record->pid,
		.uid = record->uid,
		.link = record->link,
		.local = public_address(&record->local),
		.remote = public_address(&record->remote),
		.bytes_received = record->bytes_received,
		.bytes_sent = record->bytes_sent,
		.bytes_acked = record->bytes_acked,
		.receive_queue = record->receive_queue,
		.send_queue = record->send_queue,
		.rtt_us = record->rtt_us,
		.retransmissions = record->retransmissions,
		.drops = record->drops,
		.created_ns = record->created_ns,
	};
	memcpy(out->program, record->program, sizeof(out->program));
	out->program[sizeof(out->program) - 1] = '\0';
}

/* Copies a table's text, which need not end. */
#define COPY_TEXT(to, from)                                          \
	do {                                                         \
		_Static_assert(sizeof(to) == sizeof(from), "sizes"); \
		memcpy(to, from, sizeof(to));                        \
		(to)[sizeof(to) - 1] = '\0';                         \
	} while (0)

static void public_link_addresses(struct usocket_link_info *out, const struct table_link *record)
{
	out->address4 = link_address(&record->address4);
	out->gateway4 = link_address(&record->gateway4);
	out->gateway6 = link_address(&record->gateway6);
	out->nat64 = link_address(&record->nat64);
	for (int i = 0; i < TABLE_LINK_ADDRESSES6; i++)
		out->addresses6[i] = link_address(&record->addresses6[i]);
	out->n_addresses6 = record->n_addresses6 < TABLE_LINK_ADDRESSES6 ? record->n_addresses6
									 : TABLE_LINK_ADDRESSES6;
	for (int i = 0; i < TABLE_LINK_DNS && record->dns[i].family != ADDRESS_NONE; i++) {
		out->dns[i] = public_address(&record->dns[i]);
		out->n_dns++;
	}
}

static void public_modem(struct usocket_link_info *out, const struct table_modem *modem)
{
	out->sim_status = modem->sim_status;
	out->registration = modem->registration;
	out->voice_registration = modem->voice_registration;
	out->access_technology = modem->access_technology;
	out->functionality = modem->functionality;
	out->ip_type = modem->ip_type;
	out->authentication = modem->authentication;
	out->reject_cause = modem->reject_cause;
	out->area_code = modem->area_code;
	out->cell_id = modem->cell_id;
	COPY_TEXT(out->operator_id, modem->operator_id);
	COPY_TEXT(out->manufacturer, modem->manufacturer);
	COPY_TEXT(out->model, modem->model);
	COPY_TEXT(out->firmware, modem->firmware);
	COPY_TEXT(out->imei, modem->imei);
	COPY_TEXT(out->imsi, modem->imsi);
	COPY_TEXT(out->iccid, modem->iccid);
	COPY_TEXT(out->apn, modem->apn);
}

static void public_link(struct usocket_link_info *out, const struct table_link *record,
	uint32_t index)
{
	*out = (struct usocket_link_info){
		.index = index,
		.state = record->state,
		.is_default = record->is_default,
		.since_ns = record->since_ns,
		.mtu = record->mtu,
		.restarts = record->restarts,
		.packets_received = record->packets_received,
		.bytes_received = record->bytes_received,
		.packets_sent = record->packets_sent,
		.bytes_sent = record->bytes_sent,
		.send_drops = record->send_drops,
		.rssi_dbm = record->rssi_dbm,
		.rsrp_dbm = record->rsrp_dbm,
		.rsrq_db = record->rsrq_db,
		.sinr_db = record->sinr_db,
		.metric = record->metric,
		.rank = record->rank,
		.reason = record->reason,
		.step = record->step,
		.is_refused = record->is_refused,
		.redials = record->redials,
		.retry_ns = record->retry_ns,
	};
	COPY_TEXT(out->name, record->name);
	COPY_TEXT(out->driver, record->driver);
	COPY_TEXT(out->cause, record->cause);
	COPY_TEXT(out->operator_name, record->operator_name);
	COPY_TEXT(out->radio, record->radio);
	memcpy(out->drops, record->drops, sizeof(out->drops));
	public_link_addresses(out, record);
	public_modem(out, &record->modem);
}

int usocket_identify(int fd, struct usocket_identity *identity)
{
	return (int)posix_result(channel_identify(fd, &identity->daemon, &identity->id));
}

uint64_t usocket_id(int fd)
{
	struct usocket_identity identity;

	return usocket_identify(fd, &identity) < 0 ? 0 : identity.id;
}

static int socket_info(int fd, struct usocket_socket_info *out)
{
	struct holder h;
	int r = holder_look(&h, fd);

	if (r < 0)
		return r;
	switch (h.view) {
	case HOLDER_SEEN:
		public_socket(out, &h.record, h.id);
		return 0;
	case HOLDER_GONE:
		return -ENOENT;
	case HOLDER_LOST:
		return -ECONNABORTED;
	case HOLDER_BLIND:
		return h.error;
	}
	return -EPROTO;
}

int usocket_socket_info(int fd, struct usocket_socket_info *info, size_t size)
{
	struct usocket_socket_info out;
	int r = socket_info(fd, &out);

	if (r == 0)
		give(info, size, &out, sizeof(out));
	return (int)posix_result(r);
}

static int next_socket(uint32_t *cursor, struct usocket_socket_info *out)
{
	struct table_header header;
	struct table_socket record;
	int r = session_table_header(&header);

	while (r == 0 && *cursor < header.high_water) {
		uint32_t index = (*cursor)++;

		r = session_read_socket(index, &record);
		if (r == 0) {
			public_socket(out, &record, socket_id_make(index, record.generation));
			return 1;
		}
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

int usocket_next_socket(uint32_t *cursor, struct usocket_socket_info *info, size_t size)
{
	struct usocket_socket_info out;
	int r = next_socket(cursor, &out);

	if (r == 1)
		give(info, size, &out, sizeof(out));
	return (int)posix_result(r);
}

static int next_link(uint32_t *cursor, struct usocket_link_info *out)
{
	struct table_header header;
	struct table_link record;
	int r = session_table_header(&header);

	while (r == 0 && *cursor < header.n_links) {
		uint32_t index = (*cursor)++;

		r = session_read_link(index, &record);
		if (r == 0) {
			public_link(out, &record, index);
			return 1;
		}
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

int usocket_next_link(uint32_t *cursor, struct usocket_link_info *info, size_t size)
{
	struct usocket_link_info out;
	int r = next_link(cursor, &out);

	if (r == 1)
		give(info, size, &out, sizeof(out));
	return (int)posix_result(r);
}

static int tcp_state(int fd)
{
	struct holder h;
	int r = holder_look(&h, fd);

	if (r < 0)
		return r;
	if (!holder_is_stream(&h))
		return -EOPNOTSUPP;
	if (h.view == HOLDER_BLIND)
		return h.error;
	return h.view != HOLDER_SEEN || holder_was_lost(&h) ? TABLE_STATE_CLOSED : h.record.state;
}

int usocket_getsocketsta(int fd)
{
	return (int)posix_result(tcp_state(fd));
}

int usocket_getsocketsta_of(int fd, const struct usocket_identity *identity)
{
	int state = holder_known_state(identity->daemon, identity->id);

	return state < 0 ? usocket_getsocketsta(fd) : state;
}

int64_t usocket_getsendacksize(int fd)
{
	struct holder h;
	int r = holder_look(&h, fd);

	if (r == 0 && !holder_is_stream(&h))
		r = -EOPNOTSUPP;
	else if (r == 0 && h.view == HOLDER_BLIND)
		r = h.error;
	else if (r == 0 && (h.view != HOLDER_SEEN || !holder_was_connected(&h)))
		r = -ENOTCONN;
	if (r < 0)
		return posix_result(r);
	return (int64_t)h.record.bytes_acked;
}

const char *usocket_state_name(int state)
{
	return state < 0 ? "?" : table_state_name((enum table_state)state);
}

const char *usocket_link_state_name(int state)
{
	return state < 0 ? "?" : table_link_state_name((enum table_link_state)state);
}

const char *usocket_link_reason_name(int reason)
{
	return reason < 0 ? "?" : table_link_reason_name((enum table_link_reason)reason);
}

const char *usocket_link_step_name(int step)
{
	return step < 0 ? "?" : table_link_step_name((enum table_link_step)step);
}

const char *usocket_drop_name(int drop)
{
	return drop < 0 ? "?" : table_drop_name((enum table_drop)drop);
}

static void public_status(struct usocket_status *out, const usp_StatusReply *reply)
{
	*out = (struct usocket_status){
		.uptime_ms = reply->uptime_ms,
		.sessions = reply->sessions,
		.sessions_max = reply->sessions_max,
		.sockets = reply->sockets,
		.sockets_max = reply->sockets_max,
		.lookups = reply->lookups,
		.requests = reply->requests,
		.malformed = reply->malformed,
		.clients_dropped = reply->clients_dropped,
		.cache_hits = reply->cache_hits,
		.cache_misses = reply->cache_misses,
		.cache_entries = reply->cache_entries,
		.sessions_without_queue = reply->sessions_without_queue,
		.syn_dropped = reply->syn_dropped,
	};
	COPY_TEXT(out->version, reply->version);
	COPY_TEXT(out->lwip_version, reply->lwip_version);
	for (pb_size_t i = 0; i < reply->name_server_count && i < USOCKET_NAME_SERVERS; i++) {
		const usp_NameServer *from = &reply->name_server[i];
		struct usocket_name_server *to = &out->name_servers[out->n_name_servers];
		struct address address;

		if (address_from_proto(&address, &from->address) < 0)
			continue;
		to->address = public_address(&address);
		to->link = from->link;
		out->n_name_servers++;
	}
}

int usocket_status(struct usocket_status *status, size_t size)
{
	struct session_call call = session_call_make(SESSION_ANY_INSTANCE,
		usp_Request_get_status_tag);
	struct table_header header;
	struct usocket_status out;
	int r = session_request(&call);

	if (r == 0 && call.reply.which_body != usp_Reply_daemon_tag)
		r = -EPROTO;
	if (r < 0)
		return (int)posix_result(r);
	public_status(&out, &call.reply.body.daemon);
	if (session_table_header(&header) == 0)
		out.daemon_pid = header.daemon_pid;
	give(status, size, &out, sizeof(out));
	return 0;
}

void usocket_versions(struct usocket_versions *versions, size_t size)
{
	struct usocket_versions out;

	session_versions(&out);
	give(versions, size, &out, sizeof(out));
}

int usocket_open_session(void)
{
	return (int)posix_result(session_open());
}
