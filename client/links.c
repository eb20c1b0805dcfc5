/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A datagram whose destination no link can reach fails at once, before it is
 * handed over; the records of the links tell. Whoever wants to wait instead
 * subscribes to changes of the links and looks at the records again at each,
 * and once after subscribing, so that no change falls between.
 */
#include "client/links.h"

#include "client/result.h"
#include "client/session.h"
#include "client/usocket.h"
#include "client/waiting.h"
#include "proto/nat64.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Events read in one go; their content is in the records too. */
#define EVENTS_MAX 64

/* Asked of each link that is up; true ends the search. */
typedef bool (*link_test_fn)(const struct table_link *link, const struct links_way *way);

static bool is_up(const struct table_link *link)
{
	return link->state == TABLE_LINK_UP || link->state == TABLE_LINK_DEGRADED;
}

static bool any_link(link_test_fn test, const struct links_way *way)
{
	uint32_t n = session_count_links();
	struct table_link link;

	for (uint32_t i = 0; i < n; i++) {
		if (session_read_link(i, &link) < 0)
			continue;
		if (!is_up(&link))
			continue;
		if (test(&link, way))
			return true;
	}
	return false;
}

static uint32_t n_addresses6(const struct table_link *link)
{
	return link->n_addresses6 < TABLE_LINK_ADDRESSES6 ? link->n_addresses6
							  : TABLE_LINK_ADDRESSES6;
}

static bool has_address6(const struct table_link *link, bool link_local)
{
	for (uint32_t i = 0; i < n_addresses6(link); i++)
		if (address_is_link_local(&link->addresses6[i]) == link_local)
			return true;
	return false;
}

static bool has_address(const struct table_link *link, const struct address *a)
{
	if (address_ip_equal(&link->address4, a))
		return true;
	for (uint32_t i = 0; i < n_addresses6(link); i++)
		if (address_ip_equal(&link->addresses6[i], a))
			return true;
	return false;
}

static bool carries(const struct table_link *link, const struct links_way *way)
{
	const struct address *to = way->to;

	if (way->from && !has_address(link, way->from))
		return false;
	if (!to)
		return true;
	if (to->family == ADDRESS_IPV4)
		return link->address4.family == ADDRESS_IPV4 ||
			(link->nat64.family && nat64_may_carry(&link->nat64, to->ip));
	if (address_is_link_local(to) || address_is_multicast(to))
		return link->n_addresses6 > 0;
	return has_address6(link, false);
}

static bool is_own(const struct table_link *link, const struct links_way *way)
{
	return has_address(link, way->to);
}

bool links_reach(const struct links_way *way)
{
	struct address from, to;
	struct links_way plain = { 0 };

	if (way->from) {
		from = address_unmap_v4(way->from);
		plain.from = &from;
	}
	if (!way->to)
		return any_link(carries, &plain);
	to = address_unmap_v4(way->to);
	plain.to = &to;
	if (address_is_loopback(&to) || address_is_any(&to))
		return true;
	return any_link(carries, &plain) || any_link(is_own, &plain);
}

bool links_may_dial(const struct links_way *way)
{
	uint32_t n = session_count_links();
	struct table_link link;

	for (uint32_t i = 0; i < n; i++) {
		if (session_read_link(i, &link) < 0 || !link.dials_on_demand ||
			link.is_refused || is_up(&link))
			continue;
		if (!way->from || has_address(&link, way->from))
			return true;
	}
	return false;
}

static uint32_t ipv4_number(const struct address *a)
{
	uint32_t ip;

	memcpy(&ip, a->ip, sizeof(ip));
	return ntohl(ip);
}

/* RFC 919; networks of one or two hosts have no broadcast (RFC 3021). */
static bool is_network_broadcast(const struct table_link *link, const struct links_way *way)
{
	uint32_t hosts, ip;

	if (link->address4.family != ADDRESS_IPV4 || link->address4.port > 30 ||
		link->address4.port == 0)
		return false;
	hosts = UINT32_MAX >> link->address4.port;
	ip = ipv4_number(way->to);
	return (ip | hosts) == (ipv4_number(&link->address4) | hosts) && (ip & hosts) == hosts;
}

bool links_is_broadcast(const struct address *to)
{
	struct address plain = address_unmap_v4(to);
	struct links_way way = { .to = &plain };

	if (plain.family != ADDRESS_IPV4)
		return false;
	return ipv4_number(&plain) == INADDR_BROADCAST || any_link(is_network_broadcast, &way);
}

bool links_have_family(enum address_family family)
{
	struct address to = { .family = (uint8_t)family };
	struct links_way way = { .to = &to };

	/* Of the whole world: 2000::, 1.0.0.0. */
	to.ip[0] = family == ADDRESS_IPV6 ? 0x20 : 1;
	return any_link(carries, &way);
}

struct link_wait {
	const struct links_way *way;
	int channel;
};

static ssize_t link_attempt(void *arg)
{
	const struct link_wait *wait = arg;
	uint8_t event[PROTOCOL_EVENT_MAX];
	ssize_t n = -1;

	for (int i = 0; i < EVENTS_MAX; i++) {
		n = recv(wait->channel, event, sizeof(event), MSG_DONTWAIT);
		if (n <= 0)
			break;
	}
	if (links_reach(wait->way))
		return 0;
	/* The channel ends with the daemon. */
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ? -ENODEV : -EAGAIN;
}

static void close_channel(void *arg)
{
	close(*(int *)arg);
}

int links_wait(const struct links_way *way, const struct holder *holder,
	const struct deadline *deadline)
{
	struct session_call call = session_call_make(SESSION_ANY_INSTANCE,
		usp_Request_watch_tag);
	struct link_wait wait = { .way = way };
	struct waiting waiting = {
		.holder = holder,
		.events = POLLIN,
		.deadline = *deadline,
	};
	ssize_t r;

	if (links_reach(way))
		return 0;
	if (deadline_is_now(&waiting.deadline)) {
		r = session_open();
		return r < 0 ? (int)r : waiting.deadline.error;
	}
	call.wants_fd = true;
	call.request.body.watch.dial = true;
	r = session_request(&call);
	if (r < 0)
		return (int)r;
	wait.channel = waiting.poll_fd = call.fd_in;
	pthread_cleanup_push(close_channel, &call.fd_in);
	r = waiting_run(&waiting, link_attempt, &wait);
	pthread_cleanup_pop(1);
	return (int)r;
}

int usocket_wait_link(int timeout_ms)
{
	static const struct links_way anywhere;
	struct deadline deadline = deadline_in(timeout_ms);
	/* What a daemon that was killed has left behind may still say "up". */
	int r = session_open();

	return (int)posix_result(r < 0 ? r : links_wait(&anywhere, NULL, &deadline));
}
