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

#include "client/preload/kind.h"
#include "client/preload/linux_errno.h"
#include "client/preload/move.h"
#include "client/preload/options.h"
#include "client/preload/places.h"
#include "client/usocket.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#define TYPE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

/* From linux/net.h: types that exist, though not in our stack. */
#define TYPE_RDM    4
#define TYPE_PACKET 10

/* libusocket takes Quectel's protocol numbers for 0; Linux does not. */
static int check_kind(int type, int protocol)
{
	type &= ~TYPE_FLAGS;
	if (type >= TYPE_RDM && type <= TYPE_PACKET)
		return ESOCKTNOSUPPORT;
	if (protocol < 0 || protocol > UINT16_MAX)
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

/* K13: Linux has nobody listen on port 0. */
static int connect_error(int error, const struct sockaddr *address, enum kind kind)
{
	if (error == EINVAL && kind != KIND_DATAGRAM && address &&
		(address->sa_family == AF_INET || address->sa_family == AF_INET6) &&
		((const struct sockaddr_in *)(const void *)address)->sin_port == 0)
		return ECONNREFUSED;
	return linux_errno(error);
}

int preload_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	enum kind kind = kind_look(fd);
	int r;

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
	if (!kind_is_ours(kind))
		return connect(fd, address, len);
	r = usocket_connect(fd, address, len);
	if (r < 0)
		return linux_fail(connect_error(errno, address, kind));
	if (kind == KIND_STREAM)
		move_forget_epoll(fd);
	return r;
}

int preload_bind(int fd, const struct sockaddr *address, socklen_t len)
{
	enum kind kind = kind_look(fd);

	/* The wildcard address is everybody's: ours. */
	if (kind_is_ours(kind) && places_of(address, len) == PLACE_KERNEL &&
		!places_is_wildcard(address, len))
		kind = move(fd, kind, "bind", address);
	return kind_is_ours(kind) ? usocket_bind(fd, address, len) : bind(fd, address, len);
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
	} else {
		kind_note_connected(r);
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

int preload_shutdown(int fd, int how)
{
	return kind_is_ours(kind_look(fd)) ? usocket_shutdown(fd, how) : shutdown(fd, how);
}
