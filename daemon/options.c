/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation.
 *
 * One row an option: for which types it is, its range, its default. A value
 * is stored in the socket and then applied to what exists by now; a pcb made
 * later gets all of them (tcp_apply_options() and its like).
 */
#include "daemon/socket_private.h"

#include "daemon/dgram.h"
#include "daemon/inet.h"
#include "netif/log.h"

#include <assert.h>
#include <errno.h>

enum {
	FOR_TCP = 1 << TABLE_TYPE_STREAM,
	FOR_UDP = 1 << TABLE_TYPE_DATAGRAM,
	FOR_RAW = 1 << TABLE_TYPE_RAW,
	FOR_ALL = FOR_TCP | FOR_UDP | FOR_RAW,
	FOR_MULTICAST = FOR_UDP | FOR_RAW,
};

struct option_row {
	uint8_t types;	  /* FOR_; 0: not an option of one number */
	int32_t min, max; /* else EINVAL */
	int32_t value;	  /* default */
};

static const struct option_row rows[] = {
	[usp_Option_OPTION_UNSPECIFIED] = { 0 },
	[usp_Option_OPTION_ERROR] = { 0 },
	[usp_Option_OPTION_REUSE_ADDRESS] = { FOR_ALL, INT32_MIN, INT32_MAX, 0 },
	[usp_Option_OPTION_KEEP_ALIVE] = { FOR_ALL, INT32_MIN, INT32_MAX, 0 },
	[usp_Option_OPTION_KEEP_ALIVE_MINUTES] = { FOR_TCP, 0, 120, 0 },
	[usp_Option_OPTION_KEEP_IDLE] = { FOR_TCP, 1, 32767, 7200 },
	[usp_Option_OPTION_KEEP_INTERVAL] = { FOR_TCP, 1, 32767, 75 },
	[usp_Option_OPTION_KEEP_COUNT] = { FOR_TCP, 1, 127, 9 },
	[usp_Option_OPTION_NO_DELAY] = { FOR_TCP, INT32_MIN, INT32_MAX, 0 },
	[usp_Option_OPTION_LINGER] = { FOR_ALL, -1, 65535, -1 },
	[usp_Option_OPTION_BROADCAST] = { FOR_ALL, INT32_MIN, INT32_MAX, 0 },
	[usp_Option_OPTION_RECEIVE_BUFFER] = { FOR_ALL, 0, INT32_MAX, 65536 },
	[usp_Option_OPTION_TTL] = { FOR_ALL, 1, 255, 64 },
	[usp_Option_OPTION_MULTICAST_TTL] = { FOR_MULTICAST, 0, 255, 1 },
	[usp_Option_OPTION_MULTICAST_LOOP] = { FOR_MULTICAST, INT32_MIN, INT32_MAX, 1 },
	[usp_Option_OPTION_TOS] = { FOR_ALL, 0, 255, 0 },
	[usp_Option_OPTION_V6ONLY] = { FOR_ALL, INT32_MIN, INT32_MAX, 0 },
	[usp_Option_OPTION_JOIN_GROUP] = { 0 },
	[usp_Option_OPTION_LEAVE_GROUP] = { 0 },
	[usp_Option_OPTION_MULTICAST_INTERFACE] = { FOR_MULTICAST, 0, INT32_MAX, 0 },
	[usp_Option_OPTION_USER_TIMEOUT] = { FOR_TCP, 0, INT32_MAX, 0 },
};
static_assert(sizeof(rows) / sizeof(rows[0]) == SOCKET_OPTION_COUNT, "a row for each option");

/* Quectel's TCP_KEEPALIVE: n minutes idle, then 3 probes 25 s apart. */
#define QUECTEL_KEEP_INTERVAL_S 25
#define QUECTEL_KEEP_COUNT	3

static bool is_flag(const struct option_row *row)
{
	return row->min == INT32_MIN;
}

static void option_store(struct usock *s, usp_Option option, int32_t value)
{
	s->options[option] = value;
	s->options_set |= 1u << option;
}

int32_t socket_option(const struct usock *s, usp_Option option)
{
	return s->options_set & 1u << option ? s->options[option] : rows[option].value;
}

static int set_keep_alive_minutes(struct usock *s, int32_t minutes)
{
	option_store(s, usp_Option_OPTION_KEEP_ALIVE, minutes > 0);
	if (minutes > 0) {
		option_store(s, usp_Option_OPTION_KEEP_IDLE, minutes * 60);
		option_store(s, usp_Option_OPTION_KEEP_INTERVAL, QUECTEL_KEEP_INTERVAL_S);
		option_store(s, usp_Option_OPTION_KEEP_COUNT, QUECTEL_KEEP_COUNT);
	}
	return s->ops->apply_option(s, usp_Option_OPTION_KEEP_ALIVE);
}

static int set_group(struct usock *s, const usp_SocketSetOption *message)
{
	struct address group, interface = { 0 };

	if (!s->ops->set_group)
		return -ENOPROTOOPT;
	if (!message->has_group || address_from_proto(&group, &message->group) < 0 ||
		(message->has_interface &&
			address_from_proto(&interface, &message->interface) < 0))
		return -EINVAL;
	if (!address_is_multicast(&group))
		return -EINVAL;
	return s->ops->set_group(s, message->option == usp_Option_OPTION_JOIN_GROUP, &group,
		&interface);
}

/* Kept as the link's index + 1; 0 leaves it to the routes. */
static int set_multicast_interface(struct usock *s, const usp_SocketSetOption *message)
{
	const usp_Option option = usp_Option_OPTION_MULTICAST_INTERFACE;
	struct address interface = { 0 };
	struct netif *netif;
	uint32_t link;
	int r;

	if (!(rows[option].types & 1 << s->record.type))
		return -ENOPROTOOPT;
	if (message->has_interface && address_from_proto(&interface, &message->interface) < 0)
		return -EINVAL;
	r = dgram_find_interface(s, &interface, &netif);
	if (r < 0)
		return r;
	link = inet_link_of(s->registry->daemon, netif);
	if (netif && link == 0)
		return -ENODEV;
	option_store(s, option, (int32_t)link);
	return 0;
}

/* Once the stack knows the address, the choice of families is made. */
static int check_v6only(const struct usock *s)
{
	if (s->record.family != ADDRESS_IPV6)
		return -ENOPROTOOPT;
	return s->ports ? -EINVAL : 0;
}

static int option_check(const struct usock *s, usp_Option option, int32_t value)
{
	const struct option_row *row = &rows[option];

	if (!(row->types & 1 << s->record.type))
		return -ENOPROTOOPT;
	if (value < row->min || value > row->max)
		return -EINVAL;
	return option == usp_Option_OPTION_V6ONLY ? check_v6only(s) : 0;
}

static bool option_known(usp_Option option)
{
	return option > usp_Option_OPTION_UNSPECIFIED && option < SOCKET_OPTION_COUNT;
}

int socket_set_option(struct usock *s, const usp_SocketSetOption *message)
{
	usp_Option option = message->option;
	int32_t value = message->value;
	int r;

	if (s->record.type != TABLE_TYPE_STREAM)
		dgram_flush(dgram_of(s));
	if (option == usp_Option_OPTION_JOIN_GROUP || option == usp_Option_OPTION_LEAVE_GROUP)
		return set_group(s, message);
	if (option == usp_Option_OPTION_MULTICAST_INTERFACE)
		return set_multicast_interface(s, message);
	if (!option_known(option)) {
		log_info("socket %u of pid %u: unknown option %d", socket_id_index(s->id),
			s->record.pid, (int)option);
		return -ENOPROTOOPT;
	}
	r = option_check(s, option, value);
	if (r < 0)
		return r;
	if (is_flag(&rows[option]))
		value = !!value;
	option_store(s, option, value);
	if (option == usp_Option_OPTION_BROADCAST)
		s->record.flags = (uint16_t)((s->record.flags & ~TABLE_SOCKET_BROADCAST) |
			(value ? TABLE_SOCKET_BROADCAST : 0));
	if (option == usp_Option_OPTION_KEEP_ALIVE_MINUTES)
		return set_keep_alive_minutes(s, value);
	return s->ops->apply_option(s, option);
}

int socket_get_option(struct usock *s, usp_Option option, int32_t *value)
{
	if (option == usp_Option_OPTION_ERROR) {
		*value = s->record.error;
		socket_set_error(s, 0);
		/* A stream that ended with it has nothing left to say. */
		socket_schedule(s);
		return 0;
	}
	if (!option_known(option) || !(rows[option].types & 1 << s->record.type))
		return -ENOPROTOOPT;
	*value = socket_option(s, option);
	return 0;
}
