/* SPDX-License-Identifier: MIT */
/*
 * What the bindings of script languages share: sockets with one time-out for
 * each call, reads and lines that lose nothing, addresses as text, options and
 * constants by the names scripts know. A binding only gives this its
 * language's shapes; what the calls mean is decided here, once.
 *
 * For makers of bindings. Programs in C use usocket.h.
 *
 * Results, where nothing else is said: 0 or more is success; below 0 is -errno
 * with Linux' numbers, as usocket.h lists them. -EINTR: a signal handler ran.
 * Run the language's own handlers, then make the same call again with the same
 * struct usocket_script_call and the same buffers: it goes on where it was. To
 * give up instead, push back what call->done counts with usocket_script_unread().
 *
 * Threads: calls may be made from any thread, also several at once on one
 * socket; each is whole in itself. No lock is held while a call waits, so an
 * interpreter's lock has to be released around them, and usocket_script_close()
 * wakes what other threads wait for: those calls return -EBADF. After fork()
 * both processes have the socket.
 */
#ifndef USOCKET_SCRIPT_H
#define USOCKET_SCRIPT_H

#include <usocket.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- life --------------------------------------------------------------- */

/*
 * One socket, in the binding's own storage; it must not be moved. Closed until
 * open, adopt or accept succeeds, and again after close.
 */
struct usocket_script {
	uint64_t opaque[16];
};

/* sizeof(struct usocket_script), for bindings that cannot include this. */
size_t usocket_script_size(void);

/* Makes @s a closed socket. Before anything else; never on an open one. */
void usocket_script_init(struct usocket_script *s);

/*
 * Creates a socket, close-on-exec, blocking.
 * @protocol  as usocket_socket(), or -1: what fits the type
 * An open one is closed first. Errors as usocket_socket().
 */
int usocket_script_open(struct usocket_script *s, int family, int type, int protocol);

/*
 * Takes over a descriptor that is a usocket; with O_NONBLOCK its time-out is 0.
 * On failure the descriptor stays the caller's.
 */
int usocket_script_adopt(struct usocket_script *s, int fd);

/*
 * Closes; a second time is 0 too. Frees what was pushed back. As finalizer the
 * same: nothing else has to be freed.
 */
int usocket_script_close(struct usocket_script *s);

/* Closed afterwards, but the descriptor is open and the caller's. It, or -1. */
int usocket_script_detach(struct usocket_script *s);

/* The descriptor, -1 when closed. */
int usocket_script_fileno(const struct usocket_script *s);

/* As given to open, or found by adopt; protocol: never -1. */
int usocket_script_family(const struct usocket_script *s);
int usocket_script_type(const struct usocket_script *s);
int usocket_script_protocol(const struct usocket_script *s);

/* ---- time --------------------------------------------------------------- */

/* A time-out: nanoseconds, 0: non-blocking, or this: wait. */
#define USOCKET_SCRIPT_WAIT INT64_C(-1)

/*
 * Seconds to a time-out, rounded up: what is not 0 never becomes 0. Calls wait
 * whole milliseconds, at least one.
 * -EINVAL: negative or not a number; -ERANGE: beyond 10^9 s.
 */
int usocket_script_timeout(double seconds, int64_t *timeout_ns);

/*
 * The socket's time-out, for calls that begin from now on; also sets or clears
 * O_NONBLOCK, for those who use the descriptor by other means. -EBADF: closed.
 */
int usocket_script_settimeout(struct usocket_script *s, int64_t timeout_ns);
int usocket_script_gettimeout(const struct usocket_script *s, int64_t *timeout_ns);

/*
 * One call of a script: its deadline, and how far it has come. When the time is
 * over calls return -ETIMEDOUT; what would wait with time-out 0, -EAGAIN.
 */
struct usocket_script_call {
	int64_t deadline_ns; /* CLOCK_MONOTONIC; 0: do not wait; -1: for ever */
	size_t done;	     /* bytes that have been sent or received */
	uint32_t begun;	     /* not 0: what to do first has been done */
	uint32_t reserved;
};

/* Begins a call with the socket's time-out, or with one of its own. */
void usocket_script_begin(struct usocket_script_call *call, const struct usocket_script *s);
void usocket_script_begin_timeout(struct usocket_script_call *call, int64_t timeout_ns);

/* 1 if the call had a time-out and it is over. */
int usocket_script_timed_out(const struct usocket_script_call *call);

/*
 * What is left as the timeout_ms of usocket.h's calls: -1, 0, or milliseconds
 * rounded up.
 */
int usocket_script_left_ms(const struct usocket_script_call *call);

/* ---- addresses and names ------------------------------------------------ */

struct usocket_script_address {
	struct sockaddr_storage storage;
	socklen_t len; /* 0: none */
};

/* Host, '%', scope and NUL. */
#define USOCKET_SCRIPT_HOST_MAX 64

/*
 * Where an address is made from.
 * @host      a literal of the socket's family ("fe80::1%1" with its scope), "":
 *            the wildcard, "<broadcast>" (IPv4), else a name
 * @port      0..65535
 * @flowinfo, @scope  IPv6 only, else 0
 */
struct usocket_script_endpoint {
	const char *host;
	uint32_t port;
	uint32_t flowinfo;
	uint32_t scope;
};

/*
 * Makes an address of the socket's family. Literals need no daemon. A name is
 * looked up inside the call's deadline; a non-blocking call waits for it as
 * long as the daemon's own limit (default 15 s).
 * Returns 0, -errno, or the number of a resolver error without its sign
 * (2: no such name, 3: no server answers, 4: servers failed).
 */
int usocket_script_address(const struct usocket_script *s, struct usocket_script_call *call,
	const struct usocket_script_endpoint *endpoint,
	struct usocket_script_address *address);

/*
 * Writes the host's text, "" for none, to @host, which has
 * USOCKET_SCRIPT_HOST_MAX bytes. Returns the port, or -1 if there is no address.
 */
int usocket_script_address_text(const struct usocket_script_address *address, char *host);

/*
 * Looks a name up inside the call's deadline. @host NULL or "": the wildcard.
 * @hints as usocket_getaddrinfo(); type 0 counts as SOCK_STREAM. With family
 * AF_UNSPEC IPv4 comes first while a link has IPv4: scripts take the first
 * entry and pair it with AF_INET; @daemon_order not 0: as the daemon says
 * (RFC 6724). A service that is not digits or a known name: 8.
 * Returns as usocket_script_address(). Freed with usocket_freeaddrinfo().
 */
int usocket_script_getaddrinfo(struct usocket_script_call *call, const char *host,
	const char *service, const struct addrinfo *hints, int daemon_order,
	struct addrinfo **result);

/* Entry @i of a result: its address. Returns its family, 0 past the end. */
int usocket_script_entry(const struct addrinfo *result, unsigned int i,
	struct usocket_script_address *address);

/* ---- connections -------------------------------------------------------- */

int usocket_script_bind(struct usocket_script *s, const struct usocket_script_address *address);
int usocket_script_listen(struct usocket_script *s, int backlog);

/* What a script's listen() without a number means. */
#define USOCKET_SCRIPT_BACKLOG 8

/*
 * Takes the next connection into @accepted, a closed socket, which is blocking
 * whatever the listener is. @address may be NULL.
 */
int usocket_script_accept(struct usocket_script *s, struct usocket_script_call *call,
	struct usocket_script *accepted,
	struct usocket_script_address *address);

/* Non-blocking: -EINPROGRESS. After -ETIMEDOUT it can be called anew. */
int usocket_script_connect(struct usocket_script *s, struct usocket_script_call *call,
	const struct usocket_script_address *address);

/*
 * The same to an endpoint that may be a name, all inside the call's deadline.
 * Non-blocking with a name: -EINPROGRESS at once; a name that cannot be
 * resolved is EHOSTUNREACH in SO_ERROR then (but a raw socket, or any with a
 * daemon too old for that, waits for the name).
 * Returns as usocket_script_address().
 */
int usocket_script_connect_to(struct usocket_script *s, struct usocket_script_call *call,
	const struct usocket_script_endpoint *endpoint);

/* Dissolves what connect did to a datagram or raw socket. */
int usocket_script_disconnect(struct usocket_script *s);

int usocket_script_shutdown(struct usocket_script *s, int how);
int usocket_script_getsockname(struct usocket_script *s, struct usocket_script_address *address);
int usocket_script_getpeername(struct usocket_script *s, struct usocket_script_address *address);

/* ---- data --------------------------------------------------------------- */

/*
 * Sending. Three ends of one operation; a datagram socket sends one datagram.
 *
 * write    all of it, or non-blocking what fits. Returns the count, short if
 *          the time was over or an error came after some bytes (which the next
 *          call reports then).
 * send     waits until something fits and queues that. Returns the count.
 * sendall  all of it; non-blocking all or nothing. Returns 0 or an error, at
 *          which call->done bytes have been queued.
 *
 * Of @flags MSG_DONTWAIT counts as time-out 0. None raises SIGPIPE.
 */
ssize_t usocket_script_write(struct usocket_script *s, struct usocket_script_call *call,
	const void *data, size_t len);
ssize_t usocket_script_send(struct usocket_script *s, struct usocket_script_call *call,
	const void *data, size_t len, int flags);
int usocket_script_sendall(struct usocket_script *s, struct usocket_script_call *call,
	const void *data, size_t len, int flags);
ssize_t usocket_script_sendto(struct usocket_script *s, struct usocket_script_call *call,
	const void *data, size_t len, int flags,
	const struct usocket_script_address *address);

/*
 * Bytes that the library allocated; all zero is none. Those of a call that
 * returned -EINTR are its progress. Freed with usocket_script_bytes_free(),
 * which also empties it.
 */
struct usocket_script_bytes {
	char *data;
	size_t len;
	size_t size; /* allocated */
};

void usocket_script_bytes_free(struct usocket_script_bytes *bytes);

/*
 * Receives what is there, at most @len bytes. A stream with @len 0 returns 0 at
 * once. @flags: MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL. @address may be NULL; on
 * TCP it is the peer's.
 */
ssize_t usocket_script_recv(struct usocket_script *s, struct usocket_script_call *call,
	void *buffer, size_t len, int flags,
	struct usocket_script_address *address);

/*
 * The same for a @len of the script's choice: memory grows with what arrives,
 * not with what was asked for. Returns the length.
 */
ssize_t usocket_script_recv_bytes(struct usocket_script *s, struct usocket_script_call *call,
	size_t len, int flags, struct usocket_script_bytes *bytes,
	struct usocket_script_address *address);

/*
 * Reads until there are @limit bytes (SIZE_MAX: no limit) or the stream ends,
 * and returns the count, 0 at the end. When the time is over, it would block
 * or an error comes, the part that was read is the result, and an error is left
 * for the next call; without a part that is the result. A datagram socket: one
 * datagram.
 */
ssize_t usocket_script_read(struct usocket_script *s, struct usocket_script_call *call,
	size_t limit, struct usocket_script_bytes *bytes);

/* The same into the caller's memory. */
ssize_t usocket_script_readinto(struct usocket_script *s, struct usocket_script_call *call,
	void *buffer, size_t len);

/*
 * Reads a line with its newline, at most @limit bytes; at the end of the stream
 * what is left. Of a stream no byte beyond the line leaves the descriptor. When
 * the time is over: -ETIMEDOUT, and the part stays in the socket, so that the
 * next call goes on there. Non-blocking: the part, or -EAGAIN.
 */
ssize_t usocket_script_readline(struct usocket_script *s, struct usocket_script_call *call,
	size_t limit, struct usocket_script_bytes *bytes);

/*
 * Puts bytes back, in front of all that is still to be received.
 * Returns 0 or -ENOMEM.
 */
int usocket_script_unread(struct usocket_script *s, const void *data, size_t len);

/* How many bytes have been put back or are part of a line: receivable at once,
 * though poll(2) does not know. */
size_t usocket_script_pending(const struct usocket_script *s);

/* ---- readiness ---------------------------------------------------------- */

/* One of what is polled: a socket, or (NULL) any descriptor. */
struct usocket_script_poll {
	struct usocket_script *socket;
	int fd;
	short events;
	short revents; /* closed sockets: POLLNVAL */
};

/* poll(2) as usocket_poll(), for sockets with what is pending in them too. */
int usocket_script_poll(struct usocket_script_poll *polls, size_t n,
	struct usocket_script_call *call);

/* ---- options and states ------------------------------------------------- */

/*
 * Names that scripts know and their values: families, types, protocols, levels,
 * and options with numbers of their own, which no system uses (Linux', lwIP's
 * and QuecPython's collide). @i from 0; NULL past the end.
 */
const char *usocket_script_constant_name(unsigned int i);
int usocket_script_constant_value(unsigned int i);

/* 1 if @option is the number of one of those options. */
int usocket_script_is_option(int option);

/*
 * For numbers of the constants the level is not looked at. Others go to
 * usocket_setsockopt() with their level, but for setting at SOL_SOCKET, where a
 * hard-coded number most likely is another system's: -ENOPROTOOPT, and one line
 * on standard error says so. At most 1024 bytes of @value.
 * SO_ERROR tells and clears what an earlier call had left for the next one.
 */
int usocket_script_setsockopt(struct usocket_script *s, int level, int option,
	const void *value, socklen_t len);
int usocket_script_getsockopt(struct usocket_script *s, int level, int option, void *value,
	socklen_t *len);

/* 1 if the numbers are TCP_INFO, which bindings give as named values. */
int usocket_script_is_tcp_info(int level, int option);

/* The socket's record in the table; not TCP: -ENOPROTOOPT with @tcp not 0. */
int usocket_script_info(struct usocket_script *s, int tcp, struct usocket_socket_info *info);

/* Quectel's calls; -1 for closed sockets and what is not TCP. */
int usocket_script_getsocketsta(const struct usocket_script *s);
int64_t usocket_script_getsendacksize(const struct usocket_script *s);

/* ---- links -------------------------------------------------------------- */

/* Something that a link's record tells, by the name that scripts look for. */
struct usocket_script_fact {
	int64_t number; /* unless is_text */
	uint8_t is_text;
	uint8_t is_known; /* else scripts get None, or nil */
	char key[22];
	char text[128];
};

/*
 * What there is beside the names, state, addresses and signal of a link:
 * reason, ladder step, and what a modem has said. @index from 0.
 * @size  of *@link, as for usocket_next_link(), which has filled it in
 * Returns 1, or 0 past the end.
 */
int usocket_script_link_fact(const struct usocket_link_info *link, size_t size, int index,
	struct usocket_script_fact *fact);

/*
 * Controls a link, as usocket_link_up() and its like: @action is "up", "down" or
 * "reset", else -EINVAL; and as usocket_link_set(). Where the daemon has given no
 * sentence, *@why is what usocket_script_error() tells.
 */
int usocket_script_link_control(const char *link, const char *action,
	struct usocket_refusal *why);
int usocket_script_link_set(const char *link, const char *key, const char *value, int redial,
	struct usocket_refusal *why);

/* ---- interrupts --------------------------------------------------------- */

/*
 * For interpreters whose handler of SIGINT leaves by longjmp(3), which must not
 * happen inside this library. From the first call to the second, in this
 * thread, a SIGINT only ends what waits, with -EINTR; the second runs the
 * interpreter's handler if one came, and so may not return. They nest.
 */
void usocket_script_hold_interrupts(void);
void usocket_script_release_interrupts(void);

/* ---- errors ------------------------------------------------------------- */

/*
 * Writes what to tell of @result: -errno, or a resolver error's number. Says
 * where the daemon was looked for and how to start it, which versions do not
 * fit, which group a user needs (@for_session not 0: the call was one that
 * needs a session). Returns the number a script sees in args[0]: errno, or the
 * resolver error with its sign.
 */
int usocket_script_error(int result, int for_session, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
