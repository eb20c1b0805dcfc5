/* SPDX-License-Identifier: MIT */
/*
 * From the library's inside (0 or more, or -errno) to POSIX (-1 and errno).
 */
#ifndef CLIENT_RESULT_H
#define CLIENT_RESULT_H

#include <errno.h>
#include <sys/types.h>

static inline ssize_t posix_result(ssize_t r)
{
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

#endif
