/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The calls that make, name, connect and set up sockets. Each asks the kernel
 * whose the descriptor is, so none can be misled by what was known of a number.
 *
 * An internet socket of the kernel's exists only for destinations that are the
 * kernel's. It must never reach others: connects elsewhere are refused with
 * ENETUNREACH, as sends are in data.c.
 */
#include "client/preload/calls.h"

#include "client/holder.h"
#include "client/links.h"
#include "client/preload/kind.h"
#include "client/preload/linux_errno.h"
#include "client/preload/move.h"
#include "client/preload/options.h"
#include "client/preload/places.h"
#include "client/usocket.h"
#include "proto/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define TYPE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

/* From linux/net.h: types that exist, though not in our stack. */
#define TYPE_RDM    4
#define TYPE_PACKET 10

/* linux/net/ipv6.h: a sockaddr_in6 as RFC 2133 had it, without the scope. */
#define SIN6_LEN_RFC2133 offsetof(struct sockaddr_in6, sin6_scope_id)

#define DISCARD_PORT	 9

/* libusocket takes Quectel's protocol numbers for 0; Linux does not. */
static int check_kind(int type, int protocol)
{
	type &= ~TYPE_FLAGS;
	if (type >= TYPE_RDM && type <= TYPE_PACKET)
		return ESOCKTNOSUPPORT;
	if (protocol < 0 || protocol >= IPPROTO_MAX)
		return EINVAL;
	if ((type == SOCK_STREAM || type == SOCK_DGRAM) && protocol != 0 &&
		protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return EPROTONOSUPPORT;
	return 0;
}

int preload_socket(int domain, int type, int protocol)
{
	int error, fd;

	if (domain != AF_INET && domain != AF_INET6)
		return socket(domain, type, protocol);
	error = check_kind(type, protocol);
	if (error)
		return linux_fail(error);
	fd = usocket_socket(domain, type, protocol);
	if (fd >= 0)
		kind_note(fd, (type & ~TYPE_FLAGS) == SOCK_STREAM ? KIND_STREAM : KIND_DATAGRAM);
	return fd;
}

static int refuse(int error, const char *call, const struct sockaddr *address)
{
	bool denied = error == EACCES;

	places_log_address(call, address,
		denied ? "denied" : "refused, a kernel socket leads nowhere else");
	return linux_fail(error);
}

static int connect_kernel(int fd, const struct sockaddr *address, socklen_t len)
{
	switch (places_of(address, len)) {
	case PLACE_DENIED:
		return refuse(EACCES, "connect", address);
	case PLACE_STACK:
		if (address && len >= sizeof(address->sa_family) &&
			(address->sa_family == AF_INET || address->sa_family == AF_INET6))
			return refuse(ENETUNREACH, "connect", address);
		break;
	case PLACE_KERNEL:
		break;
	}
	return connect(fd, address, len);
}

/* Makes the socket the kernel's, if that can be; what it is now. */
static enum kind move(int fd, enum kind kind, const char *call, const struct sockaddr *address)
{
	int r;

	if (!move_is_possible(fd))
		return kind;
	r = move_to_kernel(fd, true);
	if (r < 0) {
		places_log_address(call, address, "cannot be given to the kernel");
		return kind;
	}
	places_log_address(call, address, "by the kernel");
	return KIND_KERNEL;
}

static int number_of(int fd, int option)
{
	int number = 0;
	socklen_t len = sizeof(number);

	return usocket_getsockopt(fd, SOL_SOCKET, option, &number, &len) == 0 ? number : 0;
}

/*
 * What Linux finds wrong with an address before it looks at the socket's state: 0,
 * or the errno. Only datagram sockets of IPv6 take one of IPv4, and only to connect.
 */
static int check_address(int fd, const struct sockaddr *address, socklen_t len, bool takes_ipv4)
{
	int domain = number_of(fd, SO_DOMAIN);
	size_t least = domain == AF_INET ? sizeof(struct sockaddr_in) : SIN6_LEN_RFC2133;

	if (len < sizeof(address->sa_family))
		return EINVAL;
	if (!address)
		return EFAULT;
	if (takes_ipv4 && address->sa_family == AF_INET)
		least = sizeof(struct sockaddr_in);
	else if (len >= least && address->sa_family != domain && domain != 0)
		return EAFNOSUPPORT;
	return len < least ? EINVAL : 0;
}

static bool is_port_0(const struct sockaddr *address)
{
	/* At the same place in both families. */
	return ((const struct sockaddr_in *)(const void *)address)->sin_port == 0;
}

/* K13: Linux has nobody listen on port 0. */
static int connect_stream(int fd, const struct sockaddr *address, socklen_t len)
{
	if (usocket_connect(fd, address, len) == 0) {
		move_forget_epoll(fd);
		return 0;
	}
	if (errno == EINVAL && is_port_0(address))
		return linux_fail(ECONNREFUSED);
	return linux_fail(linux_errno_to(errno, address, len));
}

/*
 * Linux finds the route when a datagram socket is connected, the stack when it sends;
 * a link may still come where one is waited for, or dials on demand.
 */
static bool has_route(int fd, const struct sockaddr *address, socklen_t len)
{
	struct address to;
	struct links_way way = { .to = &to };
	struct holder h;

	return address_from_sockaddr(&to, address, len) < 0 || holder_look(&h, fd) < 0 ||
		h.view != HOLDER_SEEN || links_reach(&way) || links_may_dial(&way) ||
		holder_waits_for_link(&h);
}

/*
 * Programs that only want to know which address of theirs would be used connect to
 * port 0. What they sent nobody would get: it goes where it is thrown away (RFC 863).
 */
static int connect_datagram(int fd, const struct sockaddr *address, socklen_t len)
{
	struct sockaddr_storage copy = { 0 };

	if (is_port_0(address) && number_of(fd, SO_TYPE) == SOCK_DGRAM) {
		memcpy(&copy, address, len < sizeof(copy) ? len : sizeof(copy));
		((struct sockaddr_in *)&copy)->sin_port = htons(DISCARD_PORT);
		address = (const struct sockaddr *)&copy;
	}
	if (!has_route(fd, address, len))
		return linux_fail(ENETUNREACH);
	return linux_result(usocket_connect(fd, address, len));
}

static int connect_ours(int fd, enum kind kind, const struct sockaddr *address, socklen_t len)
{
	bool dissolves = address && len >= sizeof(address->sa_family) &&
		address->sa_family == AF_UNSPEC;
	int error;

	if (dissolves)
		return linux_result(usocket_connect(fd, address, len));
	error = check_address(fd, address, len, kind == KIND_DATAGRAM);
	if (error)
		return linux_fail(error);
	return kind == KIND_DATAGRAM ? connect_datagram(fd, address, len)
				     : connect_stream(fd, address, len);
}

int preload_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	enum kind kind = kind_look(fd);

	if (kind_is_ours(kind)) {
		enum place place = places_of(address, len);

		if (place == PLACE_DENIED)
			return refuse(EACCES, "connect", address);
		if (place == PLACE_KERNEL)
			kind = move(fd, kind, "connect", address);
		if (place == PLACE_KERNEL && kind_is_ours(kind) && kind == KIND_DATAGRAM)
			return linux_fail(ENETUNREACH);
	}
	if (kind == KIND_KERNEL)
		return connect_kernel(fd, address, len);
	return kind_is_ours(kind) ? connect_ours(fd, kind, address, len)
				  : connect(fd, address, len);
}

int preload_bind(int fd, const struct sockaddr *address, socklen_t len)
{
	enum kind kind = kind_look(fd);
	int error;

	/* The wildcard address is everybody's: ours. */
	if (kind_is_ours(kind) && places_of(address, len) == PLACE_KERNEL &&
		!places_is_wildcard(address, len))
		kind = move(fd, kind, "bind", address);
	if (!kind_is_ours(kind))
		return bind(fd, address, len);
	error = check_address(fd, address, len, false);
	return error ? linux_fail(error) : usocket_bind(fd, address, len);
}

int preload_listen(int fd, int backlog)
{
	int r;

	if (!kind_is_ours(kind_look(fd)))
		return listen(fd, backlog);
	r = usocket_listen(fd, backlog);
	if (r == 0) {
		kind_note(fd, KIND_LISTENER);
		move_forget_epoll(fd);
	}
	return r;
}

/* Linux copies the listener's; other options of it the stack gives to the socket. */
static void inherit_time(int listener, int fd, int option)
{
	struct timeval time = { 0 };
	socklen_t len = sizeof(time);

	if (getsockopt(listener, SOL_SOCKET, option, &time, &len) == 0 &&
		(time.tv_sec > 0 || time.tv_usec > 0))
		setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time));
}

int preload_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	int r;

	if (!kind_is_ours(kind_of(fd))) {
		r = accept4(fd, address, len, flags);
		kind_note(r, KIND_UNKNOWN);
		return r;
	}
	r = usocket_accept4(fd, address, len, flags);
	if (kind_is_stale(fd, r)) {
		r = accept4(fd, address, len, flags);
		kind_note(r, KIND_UNKNOWN);
	} else if (r >= 0) {
		kind_note_connected(r);
		inherit_time(fd, r, SO_RCVTIMEO);
		inherit_time(fd, r, SO_SNDTIMEO);
	}
	return r;
}

int preload_accept(int fd, struct sockaddr *address, socklen_t *len)
{
	return preload_accept4(fd, address, len, 0);
}

int preload_getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
	return kind_is_ours(kind_look(fd)) ? usocket_getsockname(fd, address, len)
					   : getsockname(fd, address, len);
}

int preload_getpeername(int fd, struct sockaddr *address, socklen_t *len)
{
	return kind_is_ours(kind_look(fd)) ? usocket_getpeername(fd, address, len)
					   : getpeername(fd, address, len);
}

int preload_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	enum kind kind = kind_look(fd);
	int r;

	if (!kind_is_ours(kind))
		return getsockopt(fd, level, option, value, len);
	r = options_get(fd, kind, level, option, value, len);
	if (r == 0 && level == SOL_SOCKET && option == SO_ERROR && *len == sizeof(int))
		*(int *)value = linux_errno(*(int *)value);
	return r;
}

int preload_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	enum kind kind = kind_look(fd);

	if (!kind_is_ours(kind))
		return setsockopt(fd, level, option, value, len);
	return options_set(fd, kind, level, option, value, len);
}

/* A connection that is over on both sides; the daemon may have forgotten it. */
static bool is_over(int fd)
{
	struct usocket_socket_info info;

	if (usocket_socket_info(fd, &info, sizeof(info)) < 0)
		return errno == ENOENT;
	return info.type == SOCK_STREAM && info.state == 0 &&
		info.flags & USOCKET_INFO_WAS_CONNECTED;
}

/*
 * X4. Without a peer Linux says so, and ends receiving all the same, by which programs
 * wake who waits. Our sends go on, as does the socket.
 */
int preload_shutdown(int fd, int how)
{
	enum kind kind = kind_look(fd);
	bool was_over;
	int r;

	if (!kind_is_ours(kind))
		return shutdown(fd, how);
	was_over = is_over(fd);
	r = usocket_shutdown(fd, how);
	if (r < 0 && errno == ENOTCONN && kind == KIND_DATAGRAM && how != SHUT_WR)
		shutdown(fd, SHUT_RD);
	else if (r < 0 || !was_over)
		return r;
	return linux_fail(ENOTCONN);
}
