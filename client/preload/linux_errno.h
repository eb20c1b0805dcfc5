/* SPDX-License-Identifier: MIT */
/*
 * Where Linux' numbers differ from libusocket's.
 */
#ifndef CLIENT_PRELOAD_LINUX_ERRNO_H
#define CLIENT_PRELOAD_LINUX_ERRNO_H

#include <sys/types.h>

/* ENETUNREACH instead of EHOSTUNREACH if no link is up. Any other is kept. */
int linux_errno(int error);

/* @result as it is, errno corrected if it is -1. */
ssize_t linux_result(ssize_t result);

/* -1 with errno @error. */
int linux_fail(int error);

#endif
