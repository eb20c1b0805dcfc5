/* SPDX-License-Identifier: MIT */
/*
 * libusocket: sockets in the TCP/IP stack of usocketd.
 *
 * Every call has the shape, the return values and the errno values (Linux
 * numbers) of its POSIX namesake, so a program ports by renaming. What differs
 * is said at the call. There is nothing to set up: the first call finds the
 * daemon, and each process, also after fork(), finds its own way to it.
 *
 * A usocket is a file descriptor: poll(2), select(2), epoll(7), dup(2),
 * fork(2), execve(2), fcntl(2), passing it to another process with SCM_RIGHTS
 * and, for a connected TCP socket, plain read(2) and write(2) work on it. On
 * UDP and raw sockets only the calls below transfer data: their descriptors
 * carry a header with each datagram. Close a usocket with usocket_close();
 * plain close(2) works too, but does not wake the calls that other threads are
 * blocked in.
 *
 * All calls may be made from any thread, and from signal handlers, at any time.
 * Calls that wait are cancellation points and end with EINTR when a signal
 * handler has run, as signal(7) says for sockets: those without a time-out go
 * on if the handlers have SA_RESTART (all that the program has installed: which
 * one ran cannot be told).
 *
 * Errors that every call may give:
 *   EBADF         fd is not open, or another thread closed it meanwhile
 *   ENOTSOCK      fd is not a usocket
 *   ENODEV        there is no daemon (new sockets, look-ups, tables);
 *                 usocket_socket_path() says where one was looked for
 *   EACCES        the daemon's socket may not be used by this user
 *   ECONNABORTED  the daemon this socket belonged to has ended
 *   EPROTONOSUPPORT  library and daemon have no protocol version in common;
 *                 usocket_versions() tells both
 *   ETIMEDOUT     the daemon did not answer a request in 5 s
 *   EPROTO        the daemon's answer made no sense
 */
#ifndef USOCKET_H
#define USOCKET_H

#include <netdb.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct addrinfo;

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sockets ------------------------------------------------------------ */

/*
 * Creates a socket. It has the lowest free descriptor number.
 *
 * @domain    AF_INET or AF_INET6
 * @type      SOCK_STREAM, SOCK_DGRAM or SOCK_RAW, with SOCK_NONBLOCK and
 *            SOCK_CLOEXEC or'ed in as wanted
 * @protocol  0, or IPPROTO_TCP, IPPROTO_UDP where they fit the type, or the
 *            protocol number of a raw socket (0 is EPROTONOSUPPORT there).
 *            For stream and datagram USOCKET_IPPROTO_TCP_SER and
 *            USOCKET_TCP_CUSTOMIZE_PORT (Quectel's) count as 0
 *
 * Returns the descriptor, or -1: EAFNOSUPPORT, EINVAL (type), EPROTONOSUPPORT,
 * EPERM (raw sockets without the right), EMFILE (the process's descriptors, or
 * its cap in the daemon), ENFILE, ENOBUFS (stack full), ENODEV.
 * A link that is down is no error here: connect or send decides.
 */
int usocket_socket(int domain, int type, int protocol);

/* Protocol numbers of Quectel's scripts; they choose nothing. */
#define USOCKET_IPPROTO_TCP_SER	   7
#define USOCKET_TCP_CUSTOMIZE_PORT 8

/*
 * Closes the descriptor. Other holders (dup, fork, SCM_RIGHTS) keep the
 * socket. Calls that threads of this process are blocked in on this number
 * return -1, EBADF. Never waits for the network: TCP delivers what is queued
 * and ends by itself (SO_LINGER with time 0: resets at once); unread received
 * data makes it a reset (RFC 9293 3.10.4, RFC 2525 2.17).
 * Returns 0, or -1: EBADF.
 */
int usocket_close(int fd);

/*
 * Gives the socket its local address. The wildcard address works with the link
 * down; port 0 takes a free one from 49152..65535 (RFC 6056), which
 * usocket_getsockname() shows.
 * Errors: EADDRINUSE (also by another process), EADDRNOTAVAIL (no link has it),
 * EINVAL (bound before, connected, address too short), EAFNOSUPPORT, EACCES
 * (port below 1024, if the daemon's configuration reserves them).
 */
int usocket_bind(int fd, const struct sockaddr *address, socklen_t len);

/*
 * Makes a TCP socket accept connections; an unbound one gets a free port.
 * @backlog  connections that wait to be accepted; clamped to 1..255. A second
 *           call changes it. SYNs beyond it are dropped and counted.
 * Errors: EOPNOTSUPP (not TCP), EINVAL (connected or connecting), EADDRINUSE.
 */
int usocket_listen(int fd, int backlog);

/*
 * Connects. TCP: RFC 9293 3.5. UDP and raw: sets the peer, at once; datagrams
 * of others are dropped from then on; AF_UNSPEC dissolves it. TCP with
 * AF_UNSPEC gives up a connect in progress.
 *
 * Non-blocking (O_NONBLOCK): -1, EINPROGRESS; POLLOUT when done, the result in
 * SO_ERROR or from a second usocket_connect(). With SO_SNDTIMEO: EINPROGRESS
 * when the time is over, the connect goes on. EINTR: it goes on too.
 *
 * Errors: ECONNREFUSED (RST in answer to SYN), ETIMEDOUT (no answer; the
 * daemon's limit, default 75 s), EHOSTUNREACH (no link is up; see
 * usocket_set_wait_link()), EISCONN (connected or listening), EALREADY
 * (under way, also when SO_SNDTIMEO is over again), EINVAL (port 0), EAFNOSUPPORT, EACCES (policy),
 * EADDRNOTAVAIL (no local port free). A socket whose connect failed can be
 * connected again.
 */
int usocket_connect(int fd, const struct sockaddr *address, socklen_t len);

/*
 * Takes the next connection. The new socket is blocking, without time-outs and
 * not close-on-exec, whatever the listener is. A connection that its peer has
 * reset meanwhile is skipped unless it had delivered data. Of several
 * processes that accept on one listener exactly one gets each connection.
 * @address, @len as accept(2); both may be NULL.
 * Returns the descriptor, or -1: EAGAIN (non-blocking, or SO_RCVTIMEO over),
 * EINVAL (not listening), EOPNOTSUPP (not TCP), EMFILE, EINTR.
 */
int usocket_accept(int fd, struct sockaddr *address, socklen_t *len);

/* The same; @flags are SOCK_NONBLOCK and SOCK_CLOEXEC, others EINVAL. */
int usocket_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);

/*
 * Local and remote address, from shared memory: no request, no waiting.
 * An unbound socket has the wildcard address and port 0.
 * Errors: EINVAL (*len negative), ENOTCONN (usocket_getpeername: no peer).
 */
int usocket_getsockname(int fd, struct sockaddr *address, socklen_t *len);
int usocket_getpeername(int fd, struct sockaddr *address, socklen_t *len);

/*
 * Ends one direction or both: SHUT_RD, SHUT_WR (sends FIN after what is
 * queued), SHUT_RDWR. On a listener SHUT_RD ends it: blocked accepts return
 * EINVAL. Errors: ENOTCONN, EINVAL (how).
 */
int usocket_shutdown(int fd, int how);

/* ---- data --------------------------------------------------------------- */

/*
 * Send. Blocking sends wait until all of a stream's bytes are queued, as
 * Linux does; interrupted or timed out in the middle they return the count.
 * A datagram goes out whole or not at all, an empty one as exactly one.
 *
 * @flags  MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE (a hint); MSG_OOB is EOPNOTSUPP.
 * The destination of usocket_sendto() and msg_name is ignored on TCP. Control
 * messages of sendmsg: SOL_SOCKET ones are ignored, others EINVAL.
 *
 * Errors: EAGAIN (non-blocking, or SO_SNDTIMEO over), ENOTCONN (TCP never
 * connected), EDESTADDRREQ (no destination), ECONNRESET, ETIMEDOUT,
 * ECONNABORTED, ECONNREFUSED (connected UDP: port unreachable), each once, then
 * EPIPE (with SIGPIPE unless MSG_NOSIGNAL or not TCP; also of a reset that comes
 * after the peer's end), EHOSTUNREACH (no link is up; but see
 * usocket_set_wait_link()), EACCES (broadcast without SO_BROADCAST), EMSGSIZE
 * (more than 65507 bytes; 65487 over IPv6), EINVAL (port 0), EAFNOSUPPORT, EINTR.
 */
ssize_t usocket_send(int fd, const void *data, size_t len, int flags);
ssize_t usocket_sendto(int fd, const void *data, size_t len, int flags,
	const struct sockaddr *address, socklen_t address_len);
ssize_t usocket_sendmsg(int fd, const struct msghdr *message, int flags);

/*
 * Receive. Returns as soon as anything is there, at most @len bytes; 0 is the
 * end of a stream, or an empty datagram. What of a datagram does not fit is
 * lost (MSG_TRUNC in msg_flags; with MSG_TRUNC in @flags the full length is
 * returned).
 *
 * @flags  MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, MSG_WAITALL (streams: wait until
 *         @len bytes, the end, an error or the deadline); MSG_OOB is EINVAL.
 * usocket_recvfrom() on TCP fills in the peer's address.
 * recvmsg gives no control messages.
 *
 * Errors: EAGAIN (non-blocking, or SO_RCVTIMEO over), ENOTCONN (TCP never
 * connected), and once, after the data that came before: ECONNRESET, ETIMEDOUT
 * (retransmission or keep-alive given up), ECONNABORTED (our address went
 * away, or the daemon ended), ECONNREFUSED, EHOSTUNREACH, ENETUNREACH (ICMP for
 * connected UDP, RFC 1122 4.1.3.3), then 0; EINTR.
 */
ssize_t usocket_recv(int fd, void *buffer, size_t len, int flags);
ssize_t usocket_recvfrom(int fd, void *buffer, size_t len, int flags,
	struct sockaddr *address, socklen_t *address_len);
ssize_t usocket_recvmsg(int fd, struct msghdr *message, int flags);

/* ---- the same with a deadline ------------------------------------------- */

/*
 * For script bindings: one deadline for the whole call, whatever O_NONBLOCK
 * and SO_*TIMEO say.
 *
 * @timeout_ms  -1 waits; 0 does not wait: EAGAIN (connect: EINPROGRESS);
 *              > 0 milliseconds: ETIMEDOUT when they are over.
 *
 * A call that timed out has lost nothing: bytes received stay in the socket.
 * None of these raises SIGPIPE. A signal handler ends them with EINTR; call
 * again with the time that is left.
 */

/*
 * When the time is over the attempt is given up (a late SYN-ACK is answered by
 * RST) and the socket can be connected again. After EINTR the connect goes on:
 * usocket_connect_wait() continues. Called while one is under way: EALREADY.
 */
int usocket_connect_timeout(int fd, const struct sockaddr *address, socklen_t len,
	int timeout_ms);

/*
 * Starts a connect to a host name and never waits, whatever O_NONBLOCK says: the
 * daemon looks the name up and tries its addresses of the socket's family one
 * after the other, in the resolver's order, until one takes the connection.
 * Each has an equal share of the time that is left of the daemon's limit for a
 * connect. It ends as other connects do: POLLOUT, the result in SO_ERROR or
 * from usocket_connect_wait(). EHOSTUNREACH: no such name, no address of the
 * family, or nobody to ask (see usocket_set_wait_link()); else the error of the
 * last address.
 * UDP: the peer is set when the name is known; until then the socket has none
 * (an earlier one is given up), is not writable, and sends wait or give EAGAIN,
 * those to an explicit destination too. usocket_connect() with AF_UNSPEC gives
 * it up.
 * A literal needs no look-up: as usocket_connect_timeout() without waiting, so
 * a UDP socket is connected at once.
 *
 * @name  at most 255 bytes
 * @port  1..65535, host byte order
 * Returns 0 (UDP and a literal), or -1: EINPROGRESS, EALREADY (a connect is
 * under way), EISCONN, EINVAL (port 0, NULL), ENAMETOOLONG, EMFILE (too many
 * look-ups of this process or user), EOPNOTSUPP (raw socket, or a daemon too
 * old to know this request), and for literals as usocket_connect().
 */
int usocket_connect_name(int fd, const char *name, uint16_t port);

/*
 * Waits for a connect that is under way, with the same ending. @timeout_ms 0:
 * EINPROGRESS while it is. Returns 0 also if it was connected before; -1,
 * ENOTCONN if there was no attempt or its error has been taken before.
 * Not for raw sockets (EOPNOTSUPP).
 */
int usocket_connect_wait(int fd, int timeout_ms);

/* @flags as usocket_accept4(). */
int usocket_accept_timeout(int fd, struct sockaddr *address, socklen_t *len, int flags,
	int timeout_ms);

/*
 * Waits until some bytes can be queued and queues what fits: 1..@len, or -1.
 * A datagram whole. On a stream @len 0 returns 0 at once.
 */
ssize_t usocket_send_timeout(int fd, const void *data, size_t len, int flags, int timeout_ms);

/*
 * Queues all @len bytes. *@sent (may be NULL) is how many were, also on
 * failure. @timeout_ms 0: all or, if the socket's buffer cannot take all of it
 * now, nothing: EAGAIN. A datagram socket sends one datagram.
 * Returns 0 or -1.
 */
int usocket_sendall_timeout(int fd, const void *data, size_t len, int flags, int timeout_ms,
	size_t *sent);

ssize_t usocket_sendto_timeout(int fd, const void *data, size_t len, int flags,
	const struct sockaddr *address, socklen_t address_len,
	int timeout_ms);
ssize_t usocket_sendmsg_timeout(int fd, const struct msghdr *message, int flags,
	int timeout_ms);
ssize_t usocket_recv_timeout(int fd, void *buffer, size_t len, int flags, int timeout_ms);
ssize_t usocket_recvfrom_timeout(int fd, void *buffer, size_t len, int flags,
	struct sockaddr *address, socklen_t *address_len,
	int timeout_ms);
ssize_t usocket_recvmsg_timeout(int fd, struct msghdr *message, int flags, int timeout_ms);

/* ---- options ------------------------------------------------------------ */

/*
 * Options with Linux' levels and numbers, values as on Linux:
 *
 * SOL_SOCKET    SO_ERROR (get; clears), SO_TYPE, SO_DOMAIN, SO_PROTOCOL,
 *               SO_ACCEPTCONN (get), SO_REUSEADDR, SO_KEEPALIVE, SO_BROADCAST,
 *               SO_LINGER, SO_RCVBUF, SO_SNDBUF, SO_RCVTIMEO, SO_SNDTIMEO,
 *               SO_RCVLOWAT and SO_SNDLOWAT (1 only), SO_OOBINLINE (a hint: 1,
 *               urgent data always is in line, RFC 6093)
 * IPPROTO_TCP   TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL (1..32767 s),
 *               TCP_KEEPCNT (1..127), TCP_USER_TIMEOUT (ms, RFC 5482: how long
 *               data may stay unacknowledged, a connect take, and keep-alive
 *               probes go on, until ETIMEDOUT; 0: the stack's own limits),
 *               TCP_INFO (get; what is known: state, rtt, retransmits, unacked,
 *               bytes), TCP_MAXSEG (get), TCP_QUICKACK (a hint without effect)
 * IPPROTO_IP    IP_TTL, IP_TOS, IP_MULTICAST_TTL, IP_MULTICAST_LOOP,
 *               IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP (ip_mreq or ip_mreqn),
 *               IP_MULTICAST_IF (in_addr, ip_mreq or ip_mreqn), IP_MTU (get)
 * IPPROTO_IPV6  IPV6_V6ONLY, IPV6_UNICAST_HOPS, IPV6_TCLASS,
 *               IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, IPV6_JOIN_GROUP,
 *               IPV6_LEAVE_GROUP, IPV6_MULTICAST_IF (interface: link index + 1),
 *               IPV6_MTU (get)
 * SOL_USOCKET   below
 *
 * Errors: ENOPROTOOPT for any other level or option and for options of another
 * socket type, EINVAL (value out of range, length too short), EFAULT (NULL),
 * EDOM, EADDRNOTAVAIL (membership: no such group joined; IP_MULTICAST_IF: no such
 * interface), ENODEV (membership, IPV6_MULTICAST_IF: no such interface),
 * EADDRINUSE (joined already), ENOBUFS.
 */
int usocket_setsockopt(int fd, int level, int option, const void *value, socklen_t len);
int usocket_getsockopt(int fd, int level, int option, void *value, socklen_t *len);

/* Level of this library's own options; collides with none of Linux'. */
#define SOL_USOCKET 0x7573

/*
 * Quectel's TCP_KEEPALIVE: int, minutes of silence after which probes start;
 * 1..120, 0 switches keep-alive off, else EINVAL. Then a probe each 25 s, the
 * third without answer ends the connection (ETIMEDOUT). Not TCP: ENOPROTOOPT.
 */
#define USOCKET_SO_KEEPALIVE_MINUTES 1

/*
 * int, 0 or 1, default 0: this socket's connects and sends wait for a link
 * inside their time instead of failing with EHOSTUNREACH.
 */
#define USOCKET_SO_WAIT_LINK 2

/* ---- readiness ---------------------------------------------------------- */

/*
 * poll(2) for sets that may contain other descriptors too. Readiness of a
 * usocket differs from what plain poll(2) says in three things, which are as
 * kernel sockets have them here: POLLHUP on a TCP socket that is not connected,
 * POLLERR while an error is pending, no POLLOUT on a listener.
 */
int usocket_poll(struct pollfd *fds, nfds_t n_fds, int timeout_ms);

/*
 * For those who poll by other means (epoll, select): takes what poll(2) said
 * of @fd in @revents, returns what usocket_poll() would have said.
 * @fd may be any descriptor.
 */
short usocket_adjust_events(int fd, short revents);

/* ---- names -------------------------------------------------------------- */

/*
 * getaddrinfo(3) by the daemon's resolver: literals without a query, the
 * daemon's hosts file, DNS through the link. Result is freed with
 * usocket_freeaddrinfo(), never with freeaddrinfo(3). Without a socket type in
 * @hints there is one entry for each of stream, datagram and raw. Order: first
 * what a link can reach, IPv6 before IPv4 there (RFC 6724 6, shortened).
 * IPv4 literals are strict dotted quads (no inet_aton forms).
 *
 * Returns 0 or a negative EAI_ number:
 *   -2 EAI_NONAME   no such name, or no address of the family
 *   -3 EAI_AGAIN    no name server answers, or no link
 *   -4 EAI_FAIL     name servers failed
 *   -8 EAI_SERVICE  no such service or port
 *   -11 EAI_SYSTEM  see errno (ENODEV: no daemon)
 *   -1 EAI_BADFLAGS, -6 EAI_FAMILY, -7 EAI_SOCKTYPE, -10 EAI_MEMORY
 * Bounded by the daemon (default 15 s).
 */
int usocket_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
	struct addrinfo **result);

/*
 * With a deadline: EAI_SYSTEM and errno ETIMEDOUT when it is over; @timeout_ms
 * 0 answers only what needs no query, else errno EAGAIN. EINTR as the others.
 */
int usocket_getaddrinfo_timeout(const char *node, const char *service,
	const struct addrinfo *hints, struct addrinfo **result,
	int timeout_ms);
void usocket_freeaddrinfo(struct addrinfo *result);
const char *usocket_gai_strerror(int error);

/*
 * The same without waiting, for event loops. start returns 0 with *@lookup set,
 * or an EAI_ number with it NULL. The descriptor becomes readable when the result
 * is there (at once for literals); it stays the look-up's. finish frees the look-up
 * and returns what usocket_getaddrinfo() would; but EAI_SYSTEM with errno
 * EAGAIN, the look-up kept, if it is not done yet. cancel frees it too.
 */
struct usocket_lookup;
int usocket_lookup_start(const char *node, const char *service, const struct addrinfo *hints,
	struct usocket_lookup **lookup);
int usocket_lookup_fd(const struct usocket_lookup *lookup);
int usocket_lookup_finish(struct usocket_lookup *lookup, struct addrinfo **result);
void usocket_lookup_cancel(struct usocket_lookup *lookup);

/* ---- the link ----------------------------------------------------------- */

/*
 * Waits until some link is up. Returns 0, or -1: EAGAIN (@timeout_ms 0 and none
 * is), ETIMEDOUT, EINTR, ENODEV.
 */
int usocket_wait_link(int timeout_ms);

/*
 * Whether this process's connects and sends wait for a link, inside their time,
 * instead of failing with EHOSTUNREACH: 0 or 1. The default is the environment
 * variable USOCKET_WAIT_LINK ("1"), else 0. usocket_wait_link_default() tells.
 */
void usocket_set_wait_link(int on);
int usocket_wait_link_default(void);

/* ---- what shared memory shows ------------------------------------------- */

/*
 * The socket's identity, unique in this daemon's life; what usocketctl shows.
 * Returns 0 with errno EBADF or ENOTSOCK if @fd is no usocket.
 */
uint64_t usocket_id(int fd);

/* The same, unique in all daemons' lives. Nobody's: all zero. */
struct usocket_identity {
	uint64_t daemon; /* of this run of it */
	uint64_t id;	 /* as usocket_id() */
};

/* -1: EBADF, or ENOTSOCK if @fd is no usocket; @identity is undefined then. */
int usocket_identify(int fd, struct usocket_identity *identity);

/*
 * Quectel's getsocketsta(): the TCP state by number. 0 CLOSED, 1 LISTEN,
 * 2 SYN_SENT, 3 SYN_RCVD, 4 ESTABLISHED, 5 FIN_WAIT_1, 6 FIN_WAIT_2,
 * 7 CLOSE_WAIT, 8 CLOSING, 9 LAST_ACK, 10 TIME_WAIT. -1 (and errno) for a
 * closed descriptor, UDP or raw. 0 also if the daemon has ended.
 */
int usocket_getsocketsta(int fd);

/*
 * The same for programs that ask often and keep the socket's identity with its
 * descriptor: read from memory, without asking the kernel whose @fd is. While the
 * daemon has that socket, it is that socket's state, whatever @fd is.
 */
int usocket_getsocketsta_of(int fd, const struct usocket_identity *identity);

/*
 * Bytes of this connection's data that the peer has acknowledged so far.
 * -1: ENOTCONN, or not TCP (EOPNOTSUPP).
 */
int64_t usocket_getsendacksize(int fd);

/* An address in the tables; ready for inet_ntop(family, ip, ...). */
struct usocket_address {
	uint16_t family; /* AF_INET, AF_INET6; AF_UNSPEC: none */
	uint16_t port;	 /* host byte order */
	uint16_t prefix; /* length in bits, addresses of links only */
	uint16_t reserved;
	uint32_t scope; /* IPv6 link-local: link index + 1 */
	uint8_t ip[16]; /* network order; IPv4 in the first four */
};

/* One socket of any process, as the daemon published it last. */
struct usocket_socket_info {
	uint64_t id;
	uint8_t type;	  /* SOCK_STREAM, SOCK_DGRAM, SOCK_RAW */
	uint8_t protocol; /* IANA number */
	uint8_t state;	  /* as usocket_getsocketsta(); 0 if not TCP */
	uint8_t family;	  /* AF_INET, AF_INET6 */
	uint32_t flags;	  /* enum usocket_info_flag */
	int32_t error;	  /* pending errno, 0: none */
	uint32_t pid;	  /* of the creator */
	uint32_t uid;
	uint32_t link; /* index of its link + 1, 0: none */
	char program[32];
	struct usocket_address local;
	struct usocket_address remote;
	uint64_t bytes_received;  /* payload */
	uint64_t bytes_sent;	  /* payload, handed to the stack */
	uint64_t bytes_acked;	  /* payload, acknowledged by the peer */
	uint32_t receive_queue;	  /* bytes; listener: connections waiting */
	uint32_t send_queue;	  /* bytes unacknowledged; listener: backlog */
	uint32_t rtt_us;	  /* smoothed, 0: unknown */
	uint32_t retransmissions; /* segments */
	uint32_t drops;		  /* datagrams; listener: SYNs */
	uint32_t reserved;
	uint64_t created_ns; /* CLOCK_MONOTONIC */
};

enum usocket_info_flag {
	USOCKET_INFO_CONNECTING = 1 << 0,
	USOCKET_INFO_BROADCAST = 1 << 1,
	USOCKET_INFO_ORPHAN = 1 << 2, /* closed by all; TCP is finishing */
	USOCKET_INFO_BOUND = 1 << 3,
	USOCKET_INFO_WAS_CONNECTED = 1 << 4,
	USOCKET_INFO_FIN_RECEIVED = 1 << 5,
};

enum usocket_link_state {
	USOCKET_LINK_DOWN,
	USOCKET_LINK_OPENING,
	USOCKET_LINK_SIM,
	USOCKET_LINK_REGISTERING,
	USOCKET_LINK_DIALING,
	USOCKET_LINK_NEGOTIATING,
	USOCKET_LINK_UP,
	USOCKET_LINK_DEGRADED,
};

/* Why a link is in its state; usocket_link_reason_name() has a word for each. */
enum usocket_link_reason {
	USOCKET_REASON_NONE,	/* nothing has happened yet, or all is well */
	USOCKET_REASON_COMMAND, /* asked for by a person or program */
	USOCKET_REASON_CONFIGURATION,
	USOCKET_REASON_SYSTEM, /* the host: memory, rights, what is not installed */
	USOCKET_REASON_DEVICE, /* port or interface is not there, or has gone */
	USOCKET_REASON_DEVICE_BUSY,
	USOCKET_REASON_HELPER, /* the daemon's helper crashed or hung */
	USOCKET_REASON_SILENT, /* the modem does not answer */
	USOCKET_REASON_MODEM,  /* the modem refuses a command */
	USOCKET_REASON_SIM_MISSING,
	USOCKET_REASON_SIM_PIN, /* needed, wrong, or too few tries are left */
	USOCKET_REASON_SIM_PUK,
	USOCKET_REASON_SIM,	     /* it fails, or asks for another code */
	USOCKET_REASON_REGISTRATION, /* no network in time */
	USOCKET_REASON_ROAMING,	     /* only foreign networks, and they are not allowed */
	USOCKET_REASON_BARRED,	     /* the network denies registration */
	USOCKET_REASON_DIAL,	     /* the call or the bearer was refused */
	USOCKET_REASON_AUTHENTICATION,
	USOCKET_REASON_ADDRESS, /* none was given */
	USOCKET_REASON_CARRIER,
	USOCKET_REASON_PEER, /* the network ended the connection */
	USOCKET_REASON_PEER_SILENT,
	USOCKET_REASON_TIMEOUT,
	USOCKET_REASON_NO_DATA, /* connected, but nothing comes back */
	USOCKET_REASON_IDLE,	/* hung up, or not dialed: nobody uses it */
};

/* How a try begins; each includes what is above it. */
enum usocket_link_step {
	USOCKET_STEP_REDIAL,
	USOCKET_STEP_PDP,
	USOCKET_STEP_RADIO,
	USOCKET_STEP_RESET, /* of the modem */
	USOCKET_STEP_POWER, /* the configured power script */
};

#define USOCKET_LINK_ADDRESSES6 3
#define USOCKET_LINK_DNS	4
#define USOCKET_LINK_DROPS	9
#define USOCKET_SIGNAL_UNKNOWN	INT16_MIN
#define USOCKET_MODEM_UNKNOWN	(-1)

/* Bits of usocket_link_info's is_default. */
#define USOCKET_DEFAULT_IPV4 1
#define USOCKET_DEFAULT_IPV6 2

/* One link. */
struct usocket_link_info {
	uint32_t index;
	uint8_t state; /* enum usocket_link_state */
	/* USOCKET_DEFAULT_: what is not bound leaves by this link, by family. */
	uint8_t is_default;
	uint8_t n_addresses6;
	uint8_t n_dns;
	char name[16];
	char driver[16];
	char cause[96];			 /* of the latest change of state */
	uint64_t since_ns;		 /* CLOCK_MONOTONIC of it */
	uint32_t mtu;			 /* bytes */
	uint32_t restarts;		 /* of the helper or device */
	struct usocket_address address4; /* AF_UNSPEC: none */
	struct usocket_address gateway4;
	struct usocket_address addresses6[USOCKET_LINK_ADDRESSES6];
	struct usocket_address gateway6;
	struct usocket_address dns[USOCKET_LINK_DNS];
	uint64_t packets_received, bytes_received;
	uint64_t packets_sent, bytes_sent;
	uint64_t send_drops;			      /* packets the device did not take */
	uint64_t drops[USOCKET_LINK_DROPS];	      /* usocket_drop_name() */
	char operator_name[32];			      /* 3GPP TS 27.007 +COPS; empty: unknown */
	char radio[16];				      /* access technology; empty: unknown */
	int16_t rssi_dbm, rsrp_dbm, rsrq_db, sinr_db; /* or SIGNAL_UNKNOWN */
	uint32_t metric;			      /* as configured: the lowest goes first */
	uint32_t rank;				      /* among the links that can send, from 1;
							 0: it cannot */
	struct usocket_address nat64;		      /* prefix of NAT64; AF_UNSPEC: none */
	uint8_t reason;				      /* enum usocket_link_reason */
	uint8_t step;				      /* enum usocket_link_step, the latest */
	uint8_t is_refused;			      /* not tried again before something changes */
	/* What a modem tells; or MODEM_UNKNOWN, texts: empty. 3GPP TS 27.007. */
	int8_t sim_status;	   /* QuecPython's: 0 none, 1 ready, 2 PIN, 3 PUK, ... */
	int8_t registration;	   /* <stat> of +CEREG and its like */
	int8_t voice_registration; /* <stat> of +CREG */
	int8_t access_technology;  /* <AcT> of +COPS */
	int8_t functionality;	   /* <fun> of +CFUN */
	int8_t ip_type;		   /* asked for: 0 IPv4, 1 IPv6, 2 both */
	int8_t authentication;	   /* offered: 0 none, 1 PAP, 2 CHAP, 3 both */
	uint8_t reserved[2];
	uint32_t redials;     /* tries since the start, but for the first */
	uint64_t retry_ns;    /* CLOCK_MONOTONIC of the next try, 0: none is due */
	int32_t reject_cause; /* of the registration */
	int32_t area_code;    /* <lac> or <tac> */
	int64_t cell_id;      /* <ci> */
	char operator_id[8];  /* MCC and MNC, digits */
	char manufacturer[32];
	char model[32];
	char firmware[48];
	char imei[20];
	char imsi[16];
	char iccid[24];
	char apn[104]; /* asked for */
	uint32_t reserved2;
};

/*
 * Records of the tables. @size is sizeof(*info) of the caller: later versions
 * append members, and at most that many bytes are written; members that this
 * library does not know are set to 0.
 *
 * usocket_socket_info: of one descriptor. 0, or -1: ENOENT if its record is
 * gone.
 * The next functions iterate: *@cursor starts at 0 and is theirs. They return
 * 1 with *@info filled in, 0 at the end, -1 with errno (ENODEV).
 */
int usocket_socket_info(int fd, struct usocket_socket_info *info, size_t size);
int usocket_next_socket(uint32_t *cursor, struct usocket_socket_info *info, size_t size);
int usocket_next_link(uint32_t *cursor, struct usocket_link_info *info, size_t size);

/* What a link has come to. */
struct usocket_link_event {
	uint32_t index; /* as in usocket_link_info */
	uint8_t state;	/* enum usocket_link_state */
	uint8_t reason; /* enum usocket_link_reason */
	uint8_t is_refused;
	uint8_t reserved;
	char name[16]; /* empty: not known any more */
	char cause[96];
};

/*
 * Subscribes to changes of the links' states. Returns a descriptor, close-on-exec
 * and non-blocking, that is readable while there are events, the first ones being
 * the present state of each link; so nothing can happen unseen between a look and
 * the subscription. It ends with close(2). Errors: ENODEV, EMFILE (too many of
 * this process or user), EOPNOTSUPP (the daemon has no events).
 */
int usocket_watch_links(void);

/*
 * Takes the next event off such a descriptor. @size is sizeof(*event). Never
 * waits. Returns 1, or 0: none yet; or -1: ENODEV (the subscription is over: the
 * daemon has ended, or the events were left lying until there was no room for
 * more; subscribe again), EINVAL (no such descriptor), EPROTO.
 */
int usocket_watch_next(int fd, struct usocket_link_event *event, size_t size);

/* ---- control of links ---------------------------------------------------- */

/*
 * For root, the daemon's own user and the members of the group that its
 * configuration names (control_group); EPERM for others. @link is a link's name,
 * as in usocket_link_info. Where a daemon refuses, it says why in a sentence:
 * it goes to *@why, which may be NULL; empty: errno says it all.
 *
 * All return 0, or a descriptor, or -1: EPERM, EINVAL (no such link, key or
 * value), EOPNOTSUPP (the link has no modem, or the daemon is too old to know
 * the request), ENAMETOOLONG, and those of every call.
 */
struct usocket_refusal {
	char text[256];
};

/*
 * up: a link that is down is tried at once, whatever it was down for.
 * down: it goes down and stays so until up. reset: it goes down and comes up
 * again, its device restarted. What becomes of sockets is as at any failure of
 * the link. None of them waits for the link: see usocket_watch_links().
 */
int usocket_link_up(const char *link, struct usocket_refusal *why);
int usocket_link_down(const char *link, struct usocket_refusal *why);
int usocket_link_reset(const char *link, struct usocket_refusal *why);

/*
 * Sets a key of the link's configuration, as in usocketd.conf(5), until the
 * daemon ends; only some can be set this way.
 * @redial  not 0: the link is brought down and up with it now, a refused one too;
 *          0: it counts from the next try on
 */
int usocket_link_set(const char *link, const char *key, const char *value, int redial,
	struct usocket_refusal *why);

/* A line of a link's log, or of the answer to an AT command. */
struct usocket_link_line {
	uint64_t time_ms; /* of the log: since 1970 */
	uint8_t level;	  /* of the log: as syslog(3), 3 error to 7 debug */
	uint8_t is_final; /* of AT: the result: "OK", "ERROR", "+CME ERROR: 10", "timeout" */
	uint8_t reserved[6];
	char text[400];
};

/*
 * The last lines of what went on at the link: its states, the AT dialogue, PPP;
 * without PIN, passwords and most of the digits of IMSI and IMEI.
 * @follow  not 0: and those that are yet to come
 * Returns a descriptor for usocket_link_next_line(), close-on-exec and
 * non-blocking, that is readable while there are lines or the end.
 */
int usocket_link_log(const char *link, int follow, struct usocket_refusal *why);

/*
 * Sends an AT command of up to 255 characters to the link's modem. Its answer
 * comes line by line from the descriptor that is returned, the result last;
 * closing it earlier lets the command go on. Refused (EINVAL) is what would take
 * the line away from the link, such as ATD. EALREADY: another is under way;
 * EHOSTUNREACH: the modem has no AT channel now.
 */
int usocket_link_at(const char *link, const char *command, struct usocket_refusal *why);

/*
 * Takes the next line off such a descriptor. @size is sizeof(*line). Never waits.
 * Returns 1, or 0: none yet; or -1: ENODATA (the end), EINVAL (no such
 * descriptor), EPROTO.
 */
int usocket_link_next_line(int fd, struct usocket_link_line *line, size_t size);

/* "ESTABLISHED", "up", "sim-missing" and so on; "?" for numbers out of range. */
const char *usocket_state_name(int state);
const char *usocket_link_state_name(int state);
const char *usocket_link_reason_name(int reason);
const char *usocket_link_step_name(int step);
const char *usocket_drop_name(int drop);

/* ---- the daemon --------------------------------------------------------- */

/* Room for whom the resolver asks. */
#define USOCKET_NAME_SERVERS 4

struct usocket_name_server {
	struct usocket_address address; /* port 0: the usual one, 53 */
	uint32_t link;			/* index + 1 of the link it is of; 0: of none */
	uint32_t reserved;
};

struct usocket_status {
	char version[32];
	char lwip_version[32];
	uint64_t uptime_ms;
	uint32_t daemon_pid;
	uint32_t sessions, sessions_max;
	uint32_t sockets, sockets_max;
	uint32_t lookups;
	uint64_t requests;
	uint64_t malformed;
	uint64_t clients_dropped;
	uint64_t cache_hits, cache_misses;
	uint32_t cache_entries;
	uint32_t sessions_without_queue;
	uint64_t syn_dropped;
	/* Whom the resolver would ask now: the configuration's, else the best link's. */
	uint32_t n_name_servers;
	uint32_t reserved;
	struct usocket_name_server name_servers[USOCKET_NAME_SERVERS];
};

/* Asks the daemon. @size as above. Returns 0 or -1. */
int usocket_status(struct usocket_status *status, size_t size);

/* Protocol versions, of this library and of the daemon met last. */
struct usocket_versions {
	uint32_t library_min, library_max;
	uint32_t daemon_min, daemon_max; /* 0: none met yet */
	uint32_t in_use;		 /* 0: no session */
	char daemon[32];		 /* its program version */
};

/* Tells them without connecting. */
void usocket_versions(struct usocket_versions *versions, size_t size);

/* Connects to the daemon if that has not happened. Returns 0 or -1. */
int usocket_open_session(void);

/*
 * Writes the path where the daemon is looked for first: what
 * usocket_set_socket_path() set, else $USOCKETD_SOCKET, else, for an ordinary
 * user, $XDG_RUNTIME_DIR/usocketd/usocketd.sock, and after that
 * /run/usocketd/usocketd.sock. Returns its length like snprintf(3).
 */
int usocket_socket_path(char *path, size_t size);

/*
 * Names the daemon's socket for sessions opened from now on; NULL: as before.
 * Returns 0, or -1: ENAMETOOLONG.
 */
int usocket_set_socket_path(const char *path);

#ifdef __cplusplus
}
#endif

#endif
