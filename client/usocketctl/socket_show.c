/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A const table lists the columns: title, the option that asks for it (0: it is
 * always there) and the function that writes its cell. A row is all of the
 * functions whose column is wanted, in turn. State names are those of ss(8).
 */
#include "client/usocketctl/socket_show.h"

#include "client/usocketctl/columns.h"
#include "client/usocketctl/ctl.h"
#include "client/usocketctl/text.h"

#include "usocket.h"

#include <assert.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#define NS_PER_MS 1000000

/* One record and what else its cells need. */
struct shown {
	const struct usocket_socket_info *info;
	const char *link_name;
	uint64_t now_ns;
	uint32_t flags;
};

typedef void (*cell_fn)(struct columns *columns, const struct shown *shown);

/* By getsocketsta()'s numbers. */
static const struct {
	const char *name; /* as in ss */
	enum socket_class class;
} states[] = {
	{ "UNCONN", SOCKET_CLASS_WAITING },
	{ "LISTEN", SOCKET_CLASS_WAITING },
	{ "SYN-SENT", SOCKET_CLASS_CONNECTED },
	{ "SYN-RECV", SOCKET_CLASS_PASSING },
	{ "ESTAB", SOCKET_CLASS_CONNECTED },
	{ "FIN-WAIT-1", SOCKET_CLASS_CONNECTED },
	{ "FIN-WAIT-2", SOCKET_CLASS_CONNECTED },
	{ "CLOSE-WAIT", SOCKET_CLASS_CONNECTED },
	{ "CLOSING", SOCKET_CLASS_CONNECTED },
	{ "LAST-ACK", SOCKET_CLASS_CONNECTED },
	{ "TIME-WAIT", SOCKET_CLASS_PASSING },
};

#define STATE_CLOSED	  0
#define STATE_SYN_SENT	  2
#define STATE_ESTABLISHED 4
#define N_STATES	  11
static_assert(sizeof(states) / sizeof(states[0]) == N_STATES, "a row for each state");

unsigned int socket_show_state(const struct usocket_socket_info *info)
{
	if (info->type != SOCK_STREAM)
		return info->remote.family == AF_UNSPEC ? STATE_CLOSED : STATE_ESTABLISHED;
	if (info->state >= N_STATES)
		return STATE_CLOSED;
	/* The connect waits for its link. */
	if (info->state == STATE_CLOSED && (info->flags & USOCKET_INFO_CONNECTING))
		return STATE_SYN_SENT;
	return info->state;
}

enum socket_class socket_show_class(const struct usocket_socket_info *info)
{
	return states[socket_show_state(info)].class;
}

const char *socket_show_type(const struct usocket_socket_info *info)
{
	switch (info->type) {
	case SOCK_STREAM:
		return "tcp";
	case SOCK_DGRAM:
		return "udp";
	default:
		return "raw";
	}
}

uint64_t socket_show_age_ms(const struct usocket_socket_info *info, uint64_t now_ns)
{
	return now_ns > info->created_ns ? (now_ns - info->created_ns) / NS_PER_MS : 0;
}

static void add_type(struct columns *columns, const struct shown *shown)
{
	columns_add(columns, "%s", socket_show_type(shown->info));
}

static void add_state(struct columns *columns, const struct shown *shown)
{
	columns_add(columns, "%s", states[socket_show_state(shown->info)].name);
}

static void add_receive_queue(struct columns *columns, const struct shown *shown)
{
	columns_add(columns, "%" PRIu32, shown->info->receive_queue);
}

static void add_send_queue(struct columns *columns, const struct shown *shown)
{
	columns_add(columns, "%" PRIu32, shown->info->send_queue);
}

/* Raw sockets have no ports: their protocol's number is in the place. */
static void add_endpoint(struct columns *columns, const struct shown *shown,
	const struct usocket_address *address)
{
	const struct usocket_socket_info *info = shown->info;
	struct usocket_address raw = *address;
	char text[TEXT_ADDRESS_MAX];
	const char *service = shown->flags & CTL_NUMERIC ? NULL : socket_show_type(info);

	if (info->type == SOCK_RAW && address == &info->local) {
		raw.family = info->family;
		raw.port = info->protocol;
		address = &raw;
	}
	text_endpoint(text, address, info->family, service);
	columns_add(columns, "%s", text);
}

static void add_local(struct columns *columns, const struct shown *shown)
{
	add_endpoint(columns, shown, &shown->info->local);
}

static void add_remote(struct columns *columns, const struct shown *shown)
{
	add_endpoint(columns, shown, &shown->info->remote);
}

static void add_sent(struct columns *columns, const struct shown *shown)
{
	columns_add(columns, "%" PRIu64, shown->info->bytes_sent);
}

static void add_acked(struct columns *columns, const struct shown *shown)
{
	columns_add(columns, "%" PRIu64, shown->info->bytes_acked);
}

static void add_received(struct columns *columns, const struct shown *shown)
{
	columns_add(columns, "%" PRIu64, shown->info->bytes_received);
}

static void add_rtt(struct columns *columns, const struct shown *shown)
{
	char text[TEXT_NUMBER_MAX];

	columns_add(columns, "%s", text_rtt(text, shown->info->rtt_us));
}

static void add_retransmissions(struct columns *columns, const struct shown *shown)
{
	columns_add(columns, "%" PRIu32, shown->info->retransmissions);
}

static void add_drops(struct columns *columns, const struct shown *shown)
{
	columns_add(columns, "%" PRIu32, shown->info->drops);
}

static void add_link(struct columns *columns, const struct shown *shown)
{
	char text[TEXT_ESCAPED_MAX(16)];

	text_escape(text, sizeof(text), shown->link_name, strlen(shown->link_name));
	columns_add(columns, "%s", text[0] ? text : "-");
}

static void add_age(struct columns *columns, const struct shown *shown)
{
	char text[TEXT_NUMBER_MAX];

	text_duration(text, socket_show_age_ms(shown->info, shown->now_ns));
	columns_add(columns, "%s", text);
}

static void add_error(struct columns *columns, const struct shown *shown)
{
	columns_add(columns, "%s", shown->info->error ? strerror(shown->info->error) : "-");
}

static void add_id(struct columns *columns, const struct shown *shown)
{
	columns_add(columns, "%" PRIx64, shown->info->id);
}

static void add_process(struct columns *columns, const struct shown *shown)
{
	const struct usocket_socket_info *info = shown->info;
	char program[TEXT_ESCAPED_MAX(sizeof(info->program))];

	text_escape(program, sizeof(program), info->program, sizeof(info->program));
	columns_add(columns, "\"%s\",pid=%" PRIu32 ",uid=%" PRIu32 "%s", program, info->pid,
		info->uid, info->flags & USOCKET_INFO_ORPHAN ? ",closed" : "");
}

static const struct {
	struct column column;
	uint32_t flag; /* the option that asks for it; 0: always */
	cell_fn add;
} cells[] = {
	{ { "Netid", COLUMN_LEFT }, 0, add_type },
	{ { "State", COLUMN_LEFT }, 0, add_state },
	{ { "Recv-Q", COLUMN_RIGHT }, 0, add_receive_queue },
	{ { "Send-Q", COLUMN_RIGHT }, 0, add_send_queue },
	{ { "Local Address:Port", COLUMN_RIGHT }, 0, add_local },
	{ { "Peer Address:Port", COLUMN_RIGHT }, 0, add_remote },
	{ { "Sent", COLUMN_RIGHT }, CTL_INFO, add_sent },
	{ { "Acked", COLUMN_RIGHT }, CTL_INFO, add_acked },
	{ { "Received", COLUMN_RIGHT }, CTL_INFO, add_received },
	{ { "RTT", COLUMN_RIGHT }, CTL_INFO, add_rtt },
	{ { "Retrans", COLUMN_RIGHT }, CTL_INFO, add_retransmissions },
	{ { "Drops", COLUMN_RIGHT }, CTL_INFO, add_drops },
	{ { "Link", COLUMN_LEFT }, CTL_EXTENDED, add_link },
	{ { "Age", COLUMN_RIGHT }, CTL_EXTENDED, add_age },
	{ { "Error", COLUMN_LEFT }, CTL_EXTENDED, add_error },
	{ { "Id", COLUMN_RIGHT }, CTL_EXTENDED, add_id },
	{ { "Process", COLUMN_LEFT }, 0, add_process },
};

#define N_CELLS (sizeof(cells) / sizeof(cells[0]))

static int is_wanted(size_t cell, uint32_t flags)
{
	return cells[cell].flag == 0 || (cells[cell].flag & flags);
}

struct columns *socket_show_new_columns(uint32_t flags)
{
	struct column columns[N_CELLS];
	size_t i, n = 0;

	for (i = 0; i < N_CELLS; i++)
		if (is_wanted(i, flags))
			columns[n++] = cells[i].column;
	return columns_new(columns, n);
}

void socket_show_add_row(struct columns *columns, uint32_t flags,
	const struct usocket_socket_info *info, const char *link_name,
	uint64_t now_ns)
{
	struct shown shown = {
		.info = info,
		.link_name = link_name,
		.now_ns = now_ns,
		.flags = flags,
	};
	size_t i;

	for (i = 0; i < N_CELLS; i++)
		if (is_wanted(i, flags))
			cells[i].add(columns, &shown);
}
