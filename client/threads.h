/* SPDX-License-Identifier: MIT */
/*
 * Whether there is anybody beside this thread whom a call has to reckon with.
 */
#ifndef CLIENT_THREADS_H
#define CLIENT_THREADS_H

#include <stdbool.h>

#if defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define HAS_SINGLE_THREADED 1
#endif
#endif

/* False where it cannot be told (before glibc 2.32). */
static inline bool is_only_thread(void)
{
#ifdef HAS_SINGLE_THREADED
	return __libc_single_threaded;
#else
	return false;
#endif
}

#endif
