/* SPDX-License-Identifier: MIT */
/*
 * Where Linux' numbers differ from libusocket's.
 */
#ifndef CLIENT_PRELOAD_LINUX_ERRNO_H
#define CLIENT_PRELOAD_LINUX_ERRNO_H

#include <sys/socket.h>
#include <sys/types.h>

/* ENETUNREACH instead of EHOSTUNREACH if no link is up. Any other is kept. */
int linux_errno(int error);
/* The same for a destination: also if no link that is up leads there. */
int linux_errno_to(int error, const struct sockaddr *to, socklen_t len);

/* @result as it is, errno corrected if it is -1. */
ssize_t linux_result(ssize_t result);

/* -1 with errno @error. */
int linux_fail(int error);

#endif
