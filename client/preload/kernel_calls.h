/* SPDX-License-Identifier: MIT */
/*
 * The calls of the table as libc has them.
 */
#ifndef CLIENT_PRELOAD_KERNEL_CALLS_H
#define CLIENT_PRELOAD_KERNEL_CALLS_H

/* Finds all of them. Before it, each is found when it is called first. */
void kernel_calls_find(void);

/* syscall(2), for exports.c, which has the name for itself. */
long kernel_syscall(long number, const long a[6]);

#endif
