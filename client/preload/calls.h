/* SPDX-License-Identifier: MIT */
/*
 * The table of intercepted calls. Each row is
 *
 *     X(what it returns, its name, (its parameters), (their names))
 *
 * and makes three things: the exported symbol that programs call (exports.c),
 * which hands over to preload_NAME(); the declaration of preload_NAME() below;
 * and NAME itself as the sources of this library call it, which is libc's own
 * (kernel_calls.c). The build reads the names out of this file too: a row begins
 * on a line of its own, with a tab, X( and what stands before the parameters.
 *
 * PRELOAD_ALIASES are other names of a row's call: the 64-bit ones, and those
 * that libc has for itself. PRELOAD_CHECKED are what _FORTIFY_SOURCE makes of
 * calls: the row, then the buffer's size and how much is wanted of it.
 */
#ifndef CLIENT_PRELOAD_CALLS_H
#define CLIENT_PRELOAD_CALLS_H

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#define PRELOAD_SOCKET_CALLS(X)                                                                \
	X(int, socket, (int domain, int type, int protocol), (domain, type, protocol))         \
	X(int, connect,                                                                        \
		(int fd, const struct sockaddr *address, socklen_t len),                       \
		(fd, address, len))                                                            \
	X(int, bind,                                                                           \
		(int fd, const struct sockaddr *address, socklen_t len),                       \
		(fd, address, len))                                                            \
	X(int, listen, (int fd, int backlog), (fd, backlog))                                   \
	X(int, accept, (int fd, struct sockaddr *address, socklen_t *len), (fd, address, len)) \
	X(int, accept4,                                                                        \
		(int fd, struct sockaddr *address, socklen_t *len, int flags),                 \
		(fd, address, len, flags))                                                     \
	X(int, getsockname,                                                                    \
		(int fd, struct sockaddr *address, socklen_t *len),                            \
		(fd, address, len))                                                            \
	X(int, getpeername,                                                                    \
		(int fd, struct sockaddr *address, socklen_t *len),                            \
		(fd, address, len))                                                            \
	X(int, getsockopt,                                                                     \
		(int fd, int level, int option, void *value, socklen_t *len),                  \
		(fd, level, option, value, len))                                               \
	X(int, setsockopt,                                                                     \
		(int fd, int level, int option, const void *value, socklen_t len),             \
		(fd, level, option, value, len))                                               \
	X(int, shutdown, (int fd, int how), (fd, how))

#define PRELOAD_DATA_CALLS(X)                                                                  \
	X(ssize_t, send,                                                                       \
		(int fd, const void *data, size_t len, int flags),                             \
		(fd, data, len, flags))                                                        \
	X(ssize_t, sendto,                                                                     \
		(int fd, const void *data, size_t len, int flags,                              \
			const struct sockaddr *address, socklen_t address_len),                \
		(fd, data, len, flags, address, address_len))                                  \
	X(ssize_t, sendmsg,                                                                    \
		(int fd, const struct msghdr *message, int flags),                             \
		(fd, message, flags))                                                          \
	X(int, sendmmsg,                                                                       \
		(int fd, struct mmsghdr *messages, unsigned int n, int flags),                 \
		(fd, messages, n, flags))                                                      \
	X(ssize_t, recv,                                                                       \
		(int fd, void *buffer, size_t len, int flags),                                 \
		(fd, buffer, len, flags))                                                      \
	X(ssize_t, recvfrom,                                                                   \
		(int fd, void *buffer, size_t len, int flags, struct sockaddr *address,        \
			socklen_t *address_len),                                               \
		(fd, buffer, len, flags, address, address_len))                                \
	X(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags)) \
	X(int, recvmmsg,                                                                       \
		(int fd, struct mmsghdr *messages, unsigned int n, int flags,                  \
			struct timespec *timeout),                                             \
		(fd, messages, n, flags, timeout))                                             \
	X(ssize_t, read, (int fd, void *buffer, size_t len), (fd, buffer, len))                \
	X(ssize_t, write, (int fd, const void *data, size_t len), (fd, data, len))             \
	X(ssize_t, readv, (int fd, const struct iovec *iov, int n), (fd, iov, n))              \
	X(ssize_t, writev, (int fd, const struct iovec *iov, int n), (fd, iov, n))

#define PRELOAD_DESCRIPTOR_CALLS(X)                                                             \
	X(int, close, (int fd), (fd))                                                           \
	X(int, close_range,                                                                     \
		(unsigned int first, unsigned int last, int flags),                             \
		(first, last, flags))                                                           \
	X(void, closefrom, (int first), (first))                                                \
	X(int, socketpair, (int domain, int type, int protocol, int ends[2]),                   \
		(domain, type, protocol, ends))                                                 \
	X(int, pipe, (int ends[2]), (ends))                                                     \
	X(int, pipe2, (int ends[2], int flags), (ends, flags))                                  \
	X(int, dup, (int fd), (fd))                                                             \
	X(int, dup2, (int fd, int to), (fd, to))                                                \
	X(int, dup3, (int fd, int to, int flags), (fd, to, flags))                              \
	X(int, fcntl, (int fd, int command, void *argument), (fd, command, argument))           \
	X(int, ioctl, (int fd, unsigned long request, void *argument), (fd, request, argument)) \
	X(int, pidfd_getfd, (int pidfd, int fd, unsigned int flags), (pidfd, fd, flags))

#define PRELOAD_READY_CALLS(X)                                                              \
	X(int, poll, (struct pollfd * fds, nfds_t n, int timeout_ms), (fds, n, timeout_ms)) \
	X(int, ppoll,                                                                       \
		(struct pollfd * fds, nfds_t n, const struct timespec *timeout,             \
			const sigset_t *mask),                                              \
		(fds, n, timeout, mask))                                                    \
	X(int, select,                                                                      \
		(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout),  \
		(n, in, out, except, timeout))                                              \
	X(int, pselect,                                                                     \
		(int n, fd_set *in, fd_set *out, fd_set *except,                            \
			const struct timespec *timeout, const sigset_t *mask),              \
		(n, in, out, except, timeout, mask))                                        \
	X(int, epoll_ctl,                                                                   \
		(int epoll, int operation, int fd, struct epoll_event *event),              \
		(epoll, operation, fd, event))                                              \
	X(int, epoll_wait,                                                                  \
		(int epoll, struct epoll_event *events, int max, int timeout_ms),           \
		(epoll, events, max, timeout_ms))                                           \
	X(int, epoll_pwait,                                                                 \
		(int epoll, struct epoll_event *events, int max, int timeout_ms,            \
			const sigset_t *mask),                                              \
		(epoll, events, max, timeout_ms, mask))                                     \
	X(int, epoll_pwait2,                                                                \
		(int epoll, struct epoll_event *events, int max,                            \
			const struct timespec *timeout, const sigset_t *mask),              \
		(epoll, events, max, timeout, mask))

#define PRELOAD_NAME_CALLS(X)                                                                 \
	X(int, getaddrinfo,                                                                   \
		(const char *node, const char *service, const struct addrinfo *hints,         \
			struct addrinfo **result),                                            \
		(node, service, hints, result))                                               \
	X(int, getaddrinfo_a,                                                                 \
		(int mode, struct gaicb **list, int n, struct sigevent *event),               \
		(mode, list, n, event))                                                       \
	X(int, gai_suspend,                                                                   \
		(const struct gaicb *const list[], int n, const struct timespec *timeout),    \
		(list, n, timeout))                                                           \
	X(int, gai_cancel, (struct gaicb * request), (request))                               \
	X(int, getnameinfo,                                                                   \
		(const struct sockaddr *address, socklen_t len, char *host,                   \
			socklen_t host_len, char *service, socklen_t service_len, int flags), \
		(address, len, host, host_len, service, service_len, flags))                  \
	X(struct hostent *, gethostbyname, (const char *name), (name))                        \
	X(struct hostent *, gethostbyname2, (const char *name, int family), (name, family))   \
	X(int, gethostbyname_r,                                                               \
		(const char *name, struct hostent *entry, char *buffer, size_t len,           \
			struct hostent **result, int *error),                                 \
		(name, entry, buffer, len, result, error))                                    \
	X(int, gethostbyname2_r,                                                              \
		(const char *name, int family, struct hostent *entry, char *buffer,           \
			size_t len, struct hostent **result, int *error),                     \
		(name, family, entry, buffer, len, result, error))                            \
	X(struct hostent *, gethostbyaddr,                                                    \
		(const void *address, socklen_t len, int family),                             \
		(address, len, family))                                                       \
	X(int, gethostbyaddr_r,                                                               \
		(const void *address, socklen_t len, int family, struct hostent *entry,       \
			char *buffer, size_t size, struct hostent **result, int *error),      \
		(address, len, family, entry, buffer, size, result, error))                   \
	X(int, res_query,                                                                     \
		(const char *name, int class, int type, unsigned char *answer, int len),      \
		(name, class, type, answer, len))                                             \
	X(int, res_search,                                                                    \
		(const char *name, int class, int type, unsigned char *answer, int len),      \
		(name, class, type, answer, len))                                             \
	X(int, res_querydomain,                                                               \
		(const char *name, const char *domain, int class, int type,                   \
			unsigned char *answer, int len),                                      \
		(name, domain, class, type, answer, len))                                     \
	X(int, res_send,                                                                      \
		(const unsigned char *query, int query_len, unsigned char *answer, int len),  \
		(query, query_len, answer, len))                                              \
	X(int, res_nquery,                                                                    \
		(void *state, const char *name, int class, int type, unsigned char *answer,   \
			int len),                                                             \
		(state, name, class, type, answer, len))                                      \
	X(int, res_nsearch,                                                                   \
		(void *state, const char *name, int class, int type, unsigned char *answer,   \
			int len),                                                             \
		(state, name, class, type, answer, len))                                      \
	X(int, res_nquerydomain,                                                              \
		(void *state, const char *name, const char *domain, int class, int type,      \
			unsigned char *answer, int len),                                      \
		(state, name, domain, class, type, answer, len))                              \
	X(int, res_nsend,                                                                     \
		(void *state, const unsigned char *query, int query_len,                      \
			unsigned char *answer, int len),                                      \
		(state, query, query_len, answer, len))

#define PRELOAD_EXEC_CALLS(X)                                                                  \
	X(int, execve,                                                                         \
		(const char *path, char *const argv[], char *const envp[]),                    \
		(path, argv, envp))                                                            \
	X(int, execv, (const char *path, char *const argv[]), (path, argv))                    \
	X(int, execvp, (const char *name, char *const argv[]), (name, argv))                   \
	X(int, execvpe,                                                                        \
		(const char *name, char *const argv[], char *const envp[]),                    \
		(name, argv, envp))                                                            \
	X(int, fexecve, (int fd, char *const argv[], char *const envp[]), (fd, argv, envp))    \
	X(int, execveat,                                                                       \
		(int fd, const char *path, char *const argv[], char *const envp[], int flags), \
		(fd, path, argv, envp, flags))                                                 \
	X(int, posix_spawn,                                                                    \
		(pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,     \
			const posix_spawnattr_t *attributes, char *const argv[],               \
			char *const envp[]),                                                   \
		(pid, path, actions, attributes, argv, envp))                                  \
	X(int, posix_spawnp,                                                                   \
		(pid_t * pid, const char *name, const posix_spawn_file_actions_t *actions,     \
			const posix_spawnattr_t *attributes, char *const argv[],               \
			char *const envp[]),                                                   \
		(pid, name, actions, attributes, argv, envp))                                  \
	X(int, system, (const char *command), (command))                                       \
	X(FILE *, popen, (const char *command, const char *mode), (command, mode))

#define PRELOAD_ALIASES(X)                                                                     \
	X(int, fcntl64, fcntl, (int fd, int command, void *argument), (fd, command, argument)) \
	X(int, __fcntl, fcntl, (int fd, int command, void *argument), (fd, command, argument)) \
	X(int, __connect, connect,                                                             \
		(int fd, const struct sockaddr *address, socklen_t len),                       \
		(fd, address, len))                                                            \
	X(ssize_t, __send, send,                                                               \
		(int fd, const void *data, size_t len, int flags),                             \
		(fd, data, len, flags))                                                        \
	X(ssize_t, __read, read, (int fd, void *buffer, size_t len), (fd, buffer, len))        \
	X(ssize_t, __write, write, (int fd, const void *data, size_t len), (fd, data, len))    \
	X(int, __close, close, (int fd), (fd))                                                 \
	X(int, __dup2, dup2, (int fd, int to), (fd, to))                                       \
	X(int, __poll, poll,                                                                   \
		(struct pollfd * fds, nfds_t n, int timeout_ms),                               \
		(fds, n, timeout_ms))                                                          \
	X(int, __select, select,                                                               \
		(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout),     \
		(n, in, out, except, timeout))                                                 \
	X(int, __res_query, res_query,                                                         \
		(const char *name, int class, int type, unsigned char *answer, int len),       \
		(name, class, type, answer, len))                                              \
	X(int, __res_search, res_search,                                                       \
		(const char *name, int class, int type, unsigned char *answer, int len),       \
		(name, class, type, answer, len))                                              \
	X(int, __res_querydomain, res_querydomain,                                             \
		(const char *name, const char *domain, int class, int type,                    \
			unsigned char *answer, int len),                                       \
		(name, domain, class, type, answer, len))                                      \
	X(int, __res_send, res_send,                                                           \
		(const unsigned char *query, int query_len, unsigned char *answer, int len),   \
		(query, query_len, answer, len))                                               \
	X(int, __res_nquery, res_nquery,                                                       \
		(void *state, const char *name, int class, int type, unsigned char *answer,    \
			int len),                                                              \
		(state, name, class, type, answer, len))                                       \
	X(int, __res_nsearch, res_nsearch,                                                     \
		(void *state, const char *name, int class, int type, unsigned char *answer,    \
			int len),                                                              \
		(state, name, class, type, answer, len))                                       \
	X(int, __res_nquerydomain, res_nquerydomain,                                           \
		(void *state, const char *name, const char *domain, int class, int type,       \
			unsigned char *answer, int len),                                       \
		(state, name, domain, class, type, answer, len))                               \
	X(int, __res_nsend, res_nsend,                                                         \
		(void *state, const unsigned char *query, int query_len,                       \
			unsigned char *answer, int len),                                       \
		(state, query, query_len, answer, len))

#define PRELOAD_CHECKED(X)                                                      \
	X(ssize_t, __read_chk, read,                                            \
		(int fd, void *buffer, size_t len, size_t size),                \
		(fd, buffer, len),                                              \
		size,                                                           \
		len)                                                            \
	X(ssize_t, __recv_chk, recv,                                            \
		(int fd, void *buffer, size_t len, size_t size, int flags),     \
		(fd, buffer, len, flags),                                       \
		size,                                                           \
		len)                                                            \
	X(ssize_t, __recvfrom_chk, recvfrom,                                    \
		(int fd, void *buffer, size_t len, size_t size, int flags,      \
			struct sockaddr *address, socklen_t *address_len),      \
		(fd, buffer, len, flags, address, address_len),                 \
		size,                                                           \
		len)                                                            \
	X(int, __poll_chk, poll,                                                \
		(struct pollfd * fds, nfds_t n, int timeout_ms, size_t size),   \
		(fds, n, timeout_ms),                                           \
		size / sizeof(*fds),                                            \
		n)                                                              \
	X(int, __ppoll_chk, ppoll,                                              \
		(struct pollfd * fds, nfds_t n, const struct timespec *timeout, \
			const sigset_t *mask, size_t size),                     \
		(fds, n, timeout, mask),                                        \
		size / sizeof(*fds),                                            \
		n)

#define PRELOAD_CALLS(X)            \
	PRELOAD_SOCKET_CALLS(X)     \
	PRELOAD_DATA_CALLS(X)       \
	PRELOAD_DESCRIPTOR_CALLS(X) \
	PRELOAD_READY_CALLS(X)      \
	PRELOAD_NAME_CALLS(X)       \
	PRELOAD_EXEC_CALLS(X)

#define PRELOAD_DECLARE(type, name, parameters, arguments) type preload_##name parameters;
PRELOAD_CALLS(PRELOAD_DECLARE)
#undef PRELOAD_DECLARE

#endif
