/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One table of all options, keyed by Linux' level and number: how the value
 * looks, and for those the daemon keeps, the wire's own number. Never is a
 * number handed through: those of Linux, lwIP and Quectel collide. Some
 * options are the channel's own (time-outs, the send buffer), some are read
 * from the record, some merely have the one value that is true here.
 */
#include "client/options.h"

#include "client/holder.h"
#include "client/pending.h"
#include "client/result.h"
#include "client/usocket.h"

#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Linux' defaults, which -1 asks for (ip(7), ipv6(7)). */
#define DEFAULT_TTL	      64
#define DEFAULT_MULTICAST_TTL 1

/* For the largest datagram and what goes with it; the kernel doubles it. */
#define DATAGRAM_LEAST_BUFFER (CHANNEL_DATAGRAM_MAX / 2 + 1024)

struct option_row;

struct option_set {
	struct holder *h;
	const struct option_row *row;
	const void *value;
	socklen_t len;
};

struct option_get {
	struct holder *h;
	const struct option_row *row;
	void *value;
	socklen_t *len;
};

typedef int (*option_set_fn)(const struct option_set *set);
typedef int (*option_get_fn)(const struct option_get *get);

struct option_row {
	int level;
	int option;
	option_set_fn set; /* NULL: ENOPROTOOPT */
	option_get_fn get; /* NULL: ENOPROTOOPT */
	usp_Option wire;   /* of those that the daemon keeps */
	int number;	   /* what set and get need to know besides */
};

static struct session_call call_set(const struct holder *h, usp_Option option, int value)
{
	struct session_call call = holder_call(h, usp_Request_socket_set_option_tag);

	call.request.body.socket_set_option.option = option;
	call.request.body.socket_set_option.value = value;
	return call;
}

static int set_wire(const struct holder *h, usp_Option option, int value)
{
	struct session_call call = call_set(h, option, value);

	return holder_request(h, &call);
}

static int get_wire(const struct holder *h, usp_Option option, int *value)
{
	struct session_call call = holder_call(h, usp_Request_socket_get_option_tag);
	int r;

	call.request.body.socket_get_option.option = option;
	r = holder_request(h, &call);
	if (r < 0)
		return r;
	if (call.reply.which_body != usp_Reply_option_tag)
		return -EPROTO;
	*value = call.reply.body.option.value;
	return 0;
}

int option_store(void *to, socklen_t *len, const void *value, size_t size)
{
	if ((int)*len < 0)
		return -EINVAL;
	if (*len > size)
		*len = (socklen_t)size;
	memcpy(to, value, *len);
	return 0;
}

static int store_int(const struct option_get *get, int value)
{
	return option_store(get->value, get->len, &value, sizeof(value));
}

static int load_int(const struct option_set *set, int *value)
{
	if (set->len < sizeof(*value))
		return -EINVAL;
	memcpy(value, set->value, sizeof(*value));
	return 0;
}

/* IP_ options may also be one byte (ip(7)). */
static int load_int_or_byte(const struct option_set *set, int *value)
{
	if (set->len >= sizeof(*value) || set->row->level != IPPROTO_IP)
		return load_int(set, value);
	if (set->len < 1)
		return -EINVAL;
	*value = *(const uint8_t *)set->value;
	return 0;
}

static int set_int(const struct option_set *set)
{
	int value, r = load_int(set, &value);

	return r < 0 ? r : set_wire(set->h, set->row->wire, value);
}

static int set_flag(const struct option_set *set)
{
	int value, r = load_int_or_byte(set, &value);

	return r < 0 ? r : set_wire(set->h, set->row->wire, value != 0);
}

/*
 * Of a stream socket no flag of this kind can be refused. But what a listener has is
 * inherited, so there it must be done before somebody connects.
 */
static int set_stream_flag(const struct option_set *set)
{
	struct session_call call;
	int value, r = load_int(set, &value);

	if (!holder_is_stream(set->h) || set->h->record.state == TABLE_STATE_LISTEN)
		return set_flag(set);
	if (r < 0)
		return r;
	call = call_set(set->h, set->row->wire, value != 0);
	return holder_post_option(set->h, &call);
}

/* row->number is what -1 stands for. */
static int set_ip_number(const struct option_set *set)
{
	int value, r = load_int_or_byte(set, &value);

	if (r < 0)
		return r;
	return set_wire(set->h, set->row->wire, value == -1 ? set->row->number : value);
}

static int get_int(const struct option_get *get)
{
	int value, r = get_wire(get->h, get->row->wire, &value);

	return r < 0 ? r : store_int(get, value);
}

static int set_linger(const struct option_set *set)
{
	struct linger linger;

	if (set->len < sizeof(linger))
		return -EINVAL;
	memcpy(&linger, set->value, sizeof(linger));
	if (!linger.l_onoff)
		return set_wire(set->h, set->row->wire, -1);
	if (linger.l_linger < 0 || linger.l_linger > UINT16_MAX)
		linger.l_linger = UINT16_MAX;
	return set_wire(set->h, set->row->wire, linger.l_linger);
}

static int get_linger(const struct option_get *get)
{
	struct linger linger = { 0, 0 };
	int value, r = get_wire(get->h, get->row->wire, &value);

	if (r < 0)
		return r;
	if (value >= 0) {
		linger.l_onoff = 1;
		linger.l_linger = value;
	}
	return option_store(get->value, get->len, &linger, sizeof(linger));
}

/* The channel's own option, under the same number. */
static int set_native(const struct option_set *set)
{
	return setsockopt(set->h->fd, SOL_SOCKET, set->row->option, set->value, set->len) < 0
		? -errno
		: 0;
}

static int get_native(const struct option_get *get)
{
	return getsockopt(get->h->fd, SOL_SOCKET, get->row->option, get->value, get->len) < 0
		? -errno
		: 0;
}

/*
 * While a connect is in progress the buffer must stay small. A channel takes no
 * datagram that is larger than its buffer, UDP does.
 */
static int set_send_buffer(const struct option_set *set)
{
	int least, value, r = load_int(set, &value);

	if (r < 0)
		return r;
	least = pending_least_buffer();
	if (!holder_is_stream(set->h) && least < DATAGRAM_LEAST_BUFFER)
		least = DATAGRAM_LEAST_BUFFER;
	if (value < least)
		value = least;
	if (value > INT_MAX / 2)
		value = INT_MAX / 2;
	if (pending_set_buffer(set->h, value))
		return 0;
	return setsockopt(set->h->fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof(value)) < 0 ? -errno
											: 0;
}

static int get_send_buffer(const struct option_get *get)
{
	int value;

	if (pending_get_buffer(get->h, &value))
		return store_int(get, value);
	return get_native(get);
}

/* A threshold that only row->number satisfies. */
static int set_only(const struct option_set *set)
{
	int value, r = load_int(set, &value);

	if (r < 0)
		return r;
	return value == set->row->number ? 0 : -ENOPROTOOPT;
}

static int get_only(const struct option_get *get)
{
	return store_int(get, get->row->number);
}

static int set_hint(const struct option_set *set)
{
	int value;

	return load_int(set, &value);
}

static int get_error(const struct option_get *get)
{
	if (!holder_is_connecting(get->h))
		pending_check(get->h);
	return store_int(get, -holder_take_end(get->h));
}

static int get_type(const struct option_get *get)
{
	static const int types[] = {
		[TABLE_TYPE_STREAM] = SOCK_STREAM,
		[TABLE_TYPE_DATAGRAM] = SOCK_DGRAM,
		[TABLE_TYPE_RAW] = SOCK_RAW,
	};

	return get->h->type < COUNT(types) ? store_int(get, types[get->h->type]) : -EPROTO;
}

/* What is only known from the record: why it cannot be had, or 0. */
static int check_seen(const struct holder *h)
{
	if (h->view == HOLDER_SEEN)
		return 0;
	return h->view == HOLDER_BLIND ? h->error : -ECONNABORTED;
}

static int get_domain(const struct option_get *get)
{
	int r = check_seen(get->h);

	return r < 0 ? r
		     : store_int(get, get->h->record.family == ADDRESS_IPV6 ? AF_INET6 : AF_INET);
}

static int get_protocol(const struct option_get *get)
{
	int r = check_seen(get->h);

	return r < 0 ? r : store_int(get, get->h->record.protocol);
}

static int get_listening(const struct option_get *get)
{
	const struct holder *h = get->h;

	return store_int(get, h->view == HOLDER_SEEN && h->record.state == TABLE_STATE_LISTEN);
}

static int link_mtu(const struct holder *h, uint32_t *mtu)
{
	struct table_link link;
	int r = check_seen(h);

	if (r < 0)
		return r;
	if (h->record.link == 0 || h->record.remote.family == ADDRESS_NONE)
		return -ENOTCONN;
	r = session_read_link(h->record.link - 1, &link);
	if (r < 0)
		return -ENOTCONN;
	*mtu = link.mtu;
	return 0;
}

static int get_mtu(const struct option_get *get)
{
	uint32_t mtu;
	int r = link_mtu(get->h, &mtu);

	return r < 0 ? r : store_int(get, (int)mtu);
}

/* RFC 9293 3.7.1: the link's MTU less the headers without options. */
static int get_segment_size(const struct option_get *get)
{
	const struct address *remote = &get->h->record.remote;
	uint32_t mtu, headers;
	int r;

	if (!holder_is_stream(get->h))
		return -ENOPROTOOPT;
	headers = remote->family == ADDRESS_IPV6 && !address_is_v4_mapped(remote) ? 60 : 40;
	r = link_mtu(get->h, &mtu);
	/* RFC 9293 3.7.1: the default where nothing is known. */
	return store_int(get, r < 0 || mtu <= headers ? 536 : (int)(mtu - headers));
}

static int get_info(const struct option_get *get)
{
	if (!holder_is_stream(get->h))
		return -ENOPROTOOPT;
	return option_get_tcp_info(get->h, get->value, get->len);
}

/* Only an IPv6 address can carry the index of a link; it may be "any". */
static struct address interface_of(const struct ip_mreqn *request)
{
	struct address interface = { .family = ADDRESS_IPV4 };

	memcpy(interface.ip, &request->imr_address, sizeof(request->imr_address));
	if (request->imr_ifindex > 0)
		interface = (struct address){
			.family = ADDRESS_IPV6,
			.scope = (uint32_t)request->imr_ifindex,
		};
	return interface;
}

static int set_group(const struct option_set *set, const struct address *group,
	const struct address *interface)
{
	struct session_call call = holder_call(set->h, usp_Request_socket_set_option_tag);
	usp_SocketSetOption *body = &call.request.body.socket_set_option;

	body->option = set->row->wire;
	body->has_group = true;
	address_to_proto(group, &body->group);
	body->has_interface = true;
	address_to_proto(interface, &body->interface);
	return holder_request(set->h, &call);
}

/* The interface of a membership is told by address, link index, or not at all. */
static int set_membership4(const struct option_set *set)
{
	struct address group = { .family = ADDRESS_IPV4 }, interface;
	struct ip_mreqn request = { .imr_ifindex = 0 };

	if (set->len < sizeof(struct ip_mreq))
		return -EINVAL;
	/* ip_mreq is the beginning of ip_mreqn. */
	memcpy(&request, set->value,
		set->len < sizeof(request) ? sizeof(struct ip_mreq) : sizeof(request));
	memcpy(group.ip, &request.imr_multiaddr, sizeof(request.imr_multiaddr));
	interface = interface_of(&request);
	if (!address_is_multicast(&group))
		return -EINVAL;
	return set_group(set, &group, &interface);
}

static int set_membership6(const struct option_set *set)
{
	struct address group = { .family = ADDRESS_IPV6 };
	struct address interface = { .family = ADDRESS_IPV6 };
	struct ipv6_mreq request;

	if (set->len < sizeof(request))
		return -EINVAL;
	memcpy(&request, set->value, sizeof(request));
	memcpy(group.ip, &request.ipv6mr_multiaddr, sizeof(request.ipv6mr_multiaddr));
	interface.scope = request.ipv6mr_interface;
	if (!address_is_multicast(&group))
		return -EINVAL;
	return set_group(set, &group, &interface);
}

static int set_interface(const struct option_set *set, const struct address *interface)
{
	struct session_call call = holder_call(set->h, usp_Request_socket_set_option_tag);
	usp_SocketSetOption *body = &call.request.body.socket_set_option;

	body->option = set->row->wire;
	body->has_interface = true;
	address_to_proto(interface, &body->interface);
	return holder_request(set->h, &call);
}

/* Like Linux: an address, or what a membership is given with. */
static int set_multicast_if4(const struct option_set *set)
{
	struct ip_mreqn request = { .imr_ifindex = 0 };
	struct address interface;
	int r;

	if (set->len < sizeof(struct in_addr))
		return -EINVAL;
	if (set->len < sizeof(struct ip_mreq))
		memcpy(&request.imr_address, set->value, sizeof(struct in_addr));
	else
		memcpy(&request, set->value,
			set->len < sizeof(request) ? sizeof(struct ip_mreq) : sizeof(request));
	interface = interface_of(&request);
	r = set_interface(set, &interface);
	return r == -ENODEV ? -EADDRNOTAVAIL : r;
}

static int set_multicast_if6(const struct option_set *set)
{
	struct address interface = { .family = ADDRESS_IPV6 };
	int value, r = load_int(set, &value);

	if (r < 0)
		return r;
	if (value < 0)
		return -ENODEV;
	interface.scope = (uint32_t)value;
	return set_interface(set, &interface);
}

static int get_multicast_if4(const struct option_get *get)
{
	struct in_addr ip = { .s_addr = htonl(INADDR_ANY) };
	struct table_link link;
	int value, r = get_wire(get->h, get->row->wire, &value);

	if (r < 0)
		return r;
	if (value > 0 && session_read_link((uint32_t)value - 1, &link) == 0)
		memcpy(&ip, link.address4.ip, sizeof(ip));
	return option_store(get->value, get->len, &ip, sizeof(ip));
}

static int set_wait_link(const struct option_set *set)
{
	int value, r = load_int(set, &value);

	return r < 0 ? r : holder_set_wait_link(set->h, value != 0);
}

static int get_wait_link(const struct option_get *get)
{
	return store_int(get, holder_waits_for_link(get->h));
}

#define WIRE(name) .wire = usp_Option_OPTION_##name

static const struct option_row rows[] = {
	{ SOL_SOCKET, SO_ERROR, NULL, get_error, 0, 0 },
	{ SOL_SOCKET, SO_TYPE, NULL, get_type, 0, 0 },
	{ SOL_SOCKET, SO_DOMAIN, NULL, get_domain, 0, 0 },
	{ SOL_SOCKET, SO_PROTOCOL, NULL, get_protocol, 0, 0 },
	{ SOL_SOCKET, SO_ACCEPTCONN, NULL, get_listening, 0, 0 },
	{ SOL_SOCKET, SO_REUSEADDR, set_flag, get_int, WIRE(REUSE_ADDRESS) },
	{ SOL_SOCKET, SO_KEEPALIVE, set_stream_flag, get_int, WIRE(KEEP_ALIVE) },
	{ SOL_SOCKET, SO_BROADCAST, set_flag, get_int, WIRE(BROADCAST) },
	{ SOL_SOCKET, SO_LINGER, set_linger, get_linger, WIRE(LINGER) },
	{ SOL_SOCKET, SO_RCVBUF, set_int, get_int, WIRE(RECEIVE_BUFFER) },
	{ SOL_SOCKET, SO_SNDBUF, set_send_buffer, get_send_buffer, 0, 0 },
	{ SOL_SOCKET, SO_RCVTIMEO, set_native, get_native, 0, 0 },
	{ SOL_SOCKET, SO_SNDTIMEO, set_native, get_native, 0, 0 },
	{ SOL_SOCKET, SO_RCVLOWAT, set_only, get_only, .number = 1 },
	{ SOL_SOCKET, SO_SNDLOWAT, NULL, get_only, .number = 1 },
	{ SOL_SOCKET, SO_OOBINLINE, set_hint, get_only, .number = 1 },
	{ IPPROTO_TCP, TCP_NODELAY, set_stream_flag, get_int, WIRE(NO_DELAY) },
	{ IPPROTO_TCP, TCP_KEEPIDLE, set_int, get_int, WIRE(KEEP_IDLE) },
	{ IPPROTO_TCP, TCP_KEEPINTVL, set_int, get_int, WIRE(KEEP_INTERVAL) },
	{ IPPROTO_TCP, TCP_KEEPCNT, set_int, get_int, WIRE(KEEP_COUNT) },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, set_int, get_int, WIRE(USER_TIMEOUT) },
	{ IPPROTO_TCP, TCP_MAXSEG, NULL, get_segment_size, 0, 0 },
	{ IPPROTO_TCP, TCP_QUICKACK, set_hint, get_only, .number = 1 },
	{ IPPROTO_TCP, TCP_INFO, NULL, get_info, 0, 0 },
	{ IPPROTO_IP, IP_TTL, set_ip_number, get_int, WIRE(TTL), .number = DEFAULT_TTL },
	{ IPPROTO_IP, IP_TOS, set_ip_number, get_int, WIRE(TOS), .number = 0 },
	{ IPPROTO_IP, IP_MULTICAST_TTL, set_ip_number, get_int, WIRE(MULTICAST_TTL),
		.number = DEFAULT_MULTICAST_TTL },
	{ IPPROTO_IP, IP_MULTICAST_LOOP, set_flag, get_int, WIRE(MULTICAST_LOOP) },
	{ IPPROTO_IP, IP_MULTICAST_IF, set_multicast_if4, get_multicast_if4,
		WIRE(MULTICAST_INTERFACE) },
	{ IPPROTO_IP, IP_ADD_MEMBERSHIP, set_membership4, NULL, WIRE(JOIN_GROUP) },
	{ IPPROTO_IP, IP_DROP_MEMBERSHIP, set_membership4, NULL, WIRE(LEAVE_GROUP) },
	{ IPPROTO_IP, IP_MTU, NULL, get_mtu, 0, 0 },
	{ IPPROTO_IPV6, IPV6_V6ONLY, set_flag, get_int, WIRE(V6ONLY) },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, set_ip_number, get_int, WIRE(TTL),
		.number = DEFAULT_TTL },
	{ IPPROTO_IPV6, IPV6_TCLASS, set_ip_number, get_int, WIRE(TOS), .number = 0 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_HOPS, set_ip_number, get_int, WIRE(MULTICAST_TTL),
		.number = DEFAULT_MULTICAST_TTL },
	{ IPPROTO_IPV6, IPV6_MULTICAST_LOOP, set_flag, get_int, WIRE(MULTICAST_LOOP) },
	{ IPPROTO_IPV6, IPV6_MULTICAST_IF, set_multicast_if6, get_int,
		WIRE(MULTICAST_INTERFACE) },
	{ IPPROTO_IPV6, IPV6_JOIN_GROUP, set_membership6, NULL, WIRE(JOIN_GROUP) },
	{ IPPROTO_IPV6, IPV6_LEAVE_GROUP, set_membership6, NULL, WIRE(LEAVE_GROUP) },
	{ IPPROTO_IPV6, IPV6_MTU, NULL, get_mtu, 0, 0 },
	{ SOL_USOCKET, USOCKET_SO_KEEPALIVE_MINUTES, set_int, get_int, WIRE(KEEP_ALIVE_MINUTES) },
	{ SOL_USOCKET, USOCKET_SO_WAIT_LINK, set_wait_link, get_wait_link, 0, 0 },
};

/* NULL also for IPv6 options of an IPv4 socket. */
static const struct option_row *find_row(const struct holder *h, int level, int option)
{
	if (level == IPPROTO_IPV6 && h->view == HOLDER_SEEN && h->record.family != ADDRESS_IPV6)
		return NULL;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].level == level && rows[i].option == option)
			return &rows[i];
	return NULL;
}

static int set_option(int fd, int level, int option, const void *value, socklen_t len)
{
	struct option_set set = { .value = value, .len = len };
	struct holder h;
	int r = holder_look(&h, fd);

	if (r < 0)
		return r;
	set.h = &h;
	set.row = find_row(&h, level, option);
	if (!set.row || !set.row->set)
		return -ENOPROTOOPT;
	if (!value)
		return -EFAULT;
	return (int)len < 0 ? -EINVAL : set.row->set(&set);
}

int usocket_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	return (int)posix_result(set_option(fd, level, option, value, len));
}

static int get_option(int fd, int level, int option, void *value, socklen_t *len)
{
	struct option_get get = { .value = value, .len = len };
	struct holder h;
	int r = holder_look(&h, fd);

	if (r < 0)
		return r;
	get.h = &h;
	get.row = find_row(&h, level, option);
	if (!get.row || !get.row->get)
		return -ENOPROTOOPT;
	if (!value || !len)
		return -EFAULT;
	return get.row->get(&get);
}

int usocket_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	return (int)posix_result(get_option(fd, level, option, value, len));
}
