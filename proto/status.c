/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One const table says which errno each status is. The way back searches the
 * same table: the first row with that errno wins, so a status that only the
 * dispatcher may give (MALFORMED and the like) comes after those that
 * handlers mean.
 */
#include "proto/status.h"

#include <errno.h>
#include <stddef.h>

struct status_row {
	usp_Status status;
	int error;
};

static const struct status_row rows[] = {
	{ usp_STATUS_OK, 0 },
	{ usp_STATUS_STARTED, 0 },
	{ usp_STATUS_NOT_PERMITTED, EPERM },
	{ usp_STATUS_ACCESS, EACCES },
	{ usp_STATUS_BAD_SOCKET, EBADF },
	{ usp_STATUS_INVALID, EINVAL },
	{ usp_STATUS_TOO_MANY, EMFILE },
	{ usp_STATUS_NO_BUFFERS, ENOBUFS },
	{ usp_STATUS_NO_BUFFERS, ENOMEM },
	{ usp_STATUS_FAMILY, EAFNOSUPPORT },
	{ usp_STATUS_PROTOCOL, EPROTONOSUPPORT },
	{ usp_STATUS_NO_OPTION, ENOPROTOOPT },
	{ usp_STATUS_NOT_SUPPORTED, EOPNOTSUPP },
	{ usp_STATUS_ADDRESS_IN_USE, EADDRINUSE },
	{ usp_STATUS_ADDRESS_NOT_OURS, EADDRNOTAVAIL },
	{ usp_STATUS_NET_UNREACHABLE, ENETUNREACH },
	{ usp_STATUS_ABORTED, ECONNABORTED },
	{ usp_STATUS_RESET, ECONNRESET },
	{ usp_STATUS_IS_CONNECTED, EISCONN },
	{ usp_STATUS_NOT_CONNECTED, ENOTCONN },
	{ usp_STATUS_TIMED_OUT, ETIMEDOUT },
	{ usp_STATUS_REFUSED, ECONNREFUSED },
	{ usp_STATUS_HOST_UNREACHABLE, EHOSTUNREACH },
	{ usp_STATUS_ALREADY, EALREADY },
	{ usp_STATUS_MESSAGE_SIZE, EMSGSIZE },
	{ usp_STATUS_QUOTA, EDQUOT },
	{ usp_STATUS_PIPE, EPIPE },
	{ usp_STATUS_NO_DESTINATION, EDESTADDRREQ },
	{ usp_STATUS_SOCKET_TYPE, ESOCKTNOSUPPORT },
	{ usp_STATUS_TOO_MANY_SYSTEM, ENFILE },
	{ usp_STATUS_NO_DEVICE, ENODEV },
	{ usp_STATUS_INTERNAL, EIO },
	{ usp_STATUS_MALFORMED, EPROTO },
	{ usp_STATUS_UNKNOWN_REQUEST, ENOSYS },
	{ usp_STATUS_VERSION, EPROTONOSUPPORT },
	/* A connect to a name that cannot be found (semantics.md K10). */
	{ usp_STATUS_NAME_UNKNOWN, EHOSTUNREACH },
	{ usp_STATUS_NAME_AGAIN, EHOSTUNREACH },
	{ usp_STATUS_NAME_FAILED, EHOSTUNREACH },
	{ usp_STATUS_NAME_SERVICE, EHOSTUNREACH },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

int status_to_errno(usp_Status status)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].status == status)
			return rows[i].error;
	}
	return EIO;
}

usp_Status status_from_errno(int error)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].error == -error)
			return rows[i].status;
	}
	return usp_STATUS_INTERNAL;
}

int status_to_resolve_error(usp_Status status)
{
	if (status == usp_STATUS_OK)
		return 0;
	if (status == usp_STATUS_NAME_UNKNOWN)
		return RESOLVE_UNKNOWN;
	if (status == usp_STATUS_NAME_AGAIN)
		return RESOLVE_AGAIN;
	if (status == usp_STATUS_NAME_SERVICE)
		return RESOLVE_SERVICE;
	return RESOLVE_FAILED;
}

usp_Status status_from_resolve_error(int error)
{
	switch (error) {
	case 0:
		return usp_STATUS_OK;
	case RESOLVE_UNKNOWN:
		return usp_STATUS_NAME_UNKNOWN;
	case RESOLVE_AGAIN:
		return usp_STATUS_NAME_AGAIN;
	case RESOLVE_SERVICE:
		return usp_STATUS_NAME_SERVICE;
	}
	return usp_STATUS_NAME_FAILED;
}
