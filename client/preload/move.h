/* SPDX-License-Identifier: MIT */
/*
 * Sockets of ours that turn out to be the kernel's.
 */
#ifndef CLIENT_PRELOAD_MOVE_H
#define CLIENT_PRELOAD_MOVE_H

#include <stdbool.h>
#include <stdint.h>

struct epoll_event;

/*
 * Puts a kernel socket with the same family, type, flags, options and epoll
 * registrations in the place of the usocket @fd. Only for one that is neither
 * connected, connecting nor listening: move_is_possible(). With @rebind it gets
 * the local port that the usocket had.
 * Returns 0 or -errno; on failure nothing has changed.
 */
int move_to_kernel(int fd, bool rebind);
bool move_is_possible(int fd);

/* Whether the usocket @fd has a local port. */
bool move_is_bound(int fd);

/* What epoll_ctl() has done with a usocket that may still be moved. */
void move_note_epoll(int epoll, int operation, int fd, const struct epoll_event *event);
/* Whether any is remembered; from memory. */
bool move_has_epoll(void);
/*
 * The descriptor that was registered with @data at @epoll; -1: none, or several,
 * which cannot be told apart.
 */
int move_find_epoll(int epoll, uint64_t data);
/* @fd is closed, or will not be moved any more. */
void move_forget_epoll(int fd);

#endif
