/* SPDX-License-Identifier: MIT */
/*
 * Messages with descriptors over AF_UNIX sockets, with nothing leaked.
 */
#ifndef PROTO_FDPASS_H
#define PROTO_FDPASS_H

#include <stddef.h>
#include <sys/types.h>

/* SCM_MAX_FD: the most one message can carry; room for all is always kept. */
#define FDPASS_MAX 253

/*
 * Sends @len bytes with @n_fds descriptors (0 is allowed) as one message,
 * never raising SIGPIPE. @flags are sendmsg's, such as MSG_DONTWAIT.
 * The descriptors stay the caller's. Returns bytes sent, or -errno.
 */
ssize_t fdpass_send(int sock, const void *buf, size_t len, const int *fds, size_t n_fds, int flags);

/*
 * Receives one message. Up to *@n_fds descriptors (close-on-exec) are stored
 * in @fds and become the caller's, *@n_fds is set to their number; surplus
 * ones are closed at once. Returns bytes received, 0 at end of stream,
 * -EMSGSIZE if the message was longer than @len, -EPROTO if the kernel had to
 * cut descriptors off (all that came are closed), or -errno.
 */
ssize_t fdpass_recv(int sock, void *buf, size_t len, int *fds, size_t *n_fds, int flags);

#endif
