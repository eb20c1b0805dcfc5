/* SPDX-License-Identifier: MIT */
/*
 * Ends a program that runs without the library.
 */
#ifndef CLIENT_USOCKET_RUN_WATCH_H
#define CLIENT_USOCKET_RUN_WATCH_H

/*
 * Starts a process that kills this one unless the library, after the next
 * execve(2), says in time that it is in place. Tells it where by the environment.
 * Returns 0 or -errno.
 */
int watch_start(const char *program);

#endif
