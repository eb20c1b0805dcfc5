/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A small table of slots, each a UDP or TCP connection of lwIP. c-ares sees
 * numbers far above any descriptor, so a number that strays into a system
 * call does no harm.
 *
 * lwIP's callbacks only store what has come and make one event active; from
 * that event, with neither lwIP nor c-ares on the stack, c-ares is told which
 * sockets are ready, again and again while they are: readiness is by level.
 *
 * Source ports are random, and sockets are connected, so lwIP drops what does
 * not come from the server's address and port. c-ares closes its sockets when
 * no query is left; the next query has a new port.
 *
 * A server that belongs to a link is asked from that link's address, so that
 * the question cannot leave by another. Only in connect is the server known,
 * so the pcb is made there.
 */
#include "daemon/resolver_io.h"

#include "daemon/inet.h"
#include "daemon/usocketd.h"
#include "netif/route.h"

#include <errno.h>
#include <event2/event.h>
#include <lwip/pbuf.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>

#define SLOTS	64
#define FD_BASE 0x40000000
/* Datagrams that wait for c-ares, and the largest that is taken. */
#define DATAGRAMS_MAX 256
#define DATAGRAM_MAX  4096
/* Fixed part of a DNS message, and the bit in it that tells an answer. */
#define DNS_HEADER_SIZE 12
#define DNS_FLAGS_AT	2
#define DNS_QR		0x80
/* Dynamic ports, RFC 6335 section 6. */
#define PORT_FIRST 49152
#define PORT_COUNT (65536 - PORT_FIRST)
#define BIND_TRIES 16

enum slot_kind {
	SLOT_FREE,
	SLOT_UDP,
	SLOT_TCP,
};

struct slot {
	struct resolver_io *io;
	enum slot_kind kind;
	struct udp_pcb *udp; /* NULL: not connected yet */
	struct tcp_pcb *tcp; /* NULL: not connected yet, or lwIP has ended it */
	struct address server;
	struct pbuf *queue[DATAGRAMS_MAX]; /* UDP: in order of arrival */
	size_t n_queued;
	struct pbuf *stream;	      /* TCP: not read yet */
	bool connected;		      /* TCP */
	bool finished;		      /* TCP: no more will come */
	int error;		      /* TCP: positive errno, 0: none */
	bool blocked;		      /* TCP: the send buffer was full */
	bool wants_read, wants_write; /* c-ares does */
};

struct resolver_io {
	struct resolver_io_params params;
	struct event *pump;
	struct slot slots[SLOTS];
};

/* ---- readiness ------------------------------------------------------------- */

static void wake(struct slot *slot)
{
	event_active(slot->io->pump, EV_READ, 0);
}

static bool is_readable(const struct slot *slot)
{
	if (slot->kind == SLOT_UDP)
		return slot->n_queued > 0;
	return slot->stream || slot->finished || slot->error != 0;
}

static bool is_writable(const struct slot *slot)
{
	if (slot->kind == SLOT_UDP)
		return true;
	return slot->error != 0 || (slot->connected && !slot->blocked);
}

static bool is_due(const struct slot *slot)
{
	if (slot->kind == SLOT_FREE)
		return false;
	return (slot->wants_read && is_readable(slot)) ||
		(slot->wants_write && is_writable(slot));
}

static ares_socket_t slot_fd(const struct slot *slot)
{
	return (ares_socket_t)(FD_BASE + (slot - slot->io->slots));
}

static struct slot *slot_of(struct resolver_io *io, ares_socket_t fd)
{
	if (fd < FD_BASE || fd >= FD_BASE + SLOTS || io->slots[fd - FD_BASE].kind == SLOT_FREE)
		return NULL;
	return &io->slots[fd - FD_BASE];
}

static void on_pump(evutil_socket_t fd, short events, void *arg)
{
	struct resolver_io *io = arg;
	const struct resolver_io_params *params = &io->params;

	(void)fd;
	(void)events;
	for (int i = 0; i < SLOTS; i++) {
		struct slot *slot = &io->slots[i];
		bool read = slot->wants_read && is_readable(slot);
		bool write = slot->wants_write && is_writable(slot);

		if (!is_due(slot))
			continue;
		params->ready(read ? slot_fd(slot) : ARES_SOCKET_BAD,
			write ? slot_fd(slot) : ARES_SOCKET_BAD, params->arg);
		if (is_due(slot))
			wake(slot);
	}
}

/* ---- lwIP's callbacks ------------------------------------------------------- */

/* c-ares 1.18 takes a question that is sent back for an answer with nothing. */
static bool is_answer(const struct pbuf *p)
{
	return p->tot_len >= DNS_HEADER_SIZE && p->tot_len <= DATAGRAM_MAX &&
		(pbuf_get_at(p, DNS_FLAGS_AT) & DNS_QR);
}

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
	u16_t port)
{
	struct slot *slot = arg;

	(void)pcb;
	(void)from;
	(void)port;
	if (slot->n_queued == DATAGRAMS_MAX || !is_answer(p)) {
		pbuf_free(p);
		return;
	}
	slot->queue[slot->n_queued++] = p;
	wake(slot);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
	struct slot *slot = arg;

	(void)pcb;
	(void)error;
	slot->connected = true;
	wake(slot);
	return ERR_OK;
}

static err_t on_stream(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	struct slot *slot = arg;

	(void)pcb;
	(void)error;
	if (!p)
		slot->finished = true;
	else if (slot->stream && slot->stream->tot_len > UINT16_MAX - p->tot_len)
		return ERR_MEM; /* lwIP keeps it and offers it again */
	else if (slot->stream)
		pbuf_cat(slot->stream, p);
	else
		slot->stream = p;
	wake(slot);
	return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	struct slot *slot = arg;

	(void)pcb;
	(void)len;
	slot->blocked = false;
	wake(slot);
	return ERR_OK;
}

static void on_tcp_error(void *arg, err_t error)
{
	struct slot *slot = arg;

	slot->tcp = NULL;
	slot->error = -inet_error(error);
	wake(slot);
}

/* ---- making and ending ------------------------------------------------------ */

static uint16_t random_port(void)
{
	uint16_t bits = 0;

	if (getrandom(&bits, sizeof(bits), 0) != sizeof(bits))
		return 0; /* lwIP picks one, at random too */
	return (uint16_t)(PORT_FIRST + bits % PORT_COUNT);
}

/* Where @server is on its link, which may have to be by way of NAT64. */
static void resolve_way(const struct slot *slot, ip_addr_t *ip)
{
	static const struct address any;
	const struct usocketd *daemon = slot->io->params.daemon;
	const struct netif *netif = inet_netif_of(daemon, slot->server.scope);
	ip6_addr_t mapped;

	if (!netif) {
		inet_destination(daemon, &any, &slot->server, ip);
		return;
	}
	inet_to_lwip(daemon, &slot->server, ip);
	if (IP_IS_V4_VAL(*ip) && route_map4(netif, ip_2_ip4(ip), &mapped))
		ip_addr_copy_from_ip6(*ip, mapped);
}

/* The address to ask @server from: its link's, or any. NULL: it has none. */
static const ip_addr_t *local_for(const struct slot *slot, const ip_addr_t *server)
{
	const struct usocketd *daemon = slot->io->params.daemon;
	const ip_addr_t *local;
	struct netif *netif;

	if (slot->server.scope == 0)
		return inet_any(IP_GET_TYPE(server));
	netif = inet_netif_of(daemon, slot->server.scope);
	local = netif ? ip_netif_get_local_ip(netif, server) : NULL;
	return local && !ip_addr_isany(local) ? local : NULL;
}

static err_t bind_slot(struct slot *slot, const ip_addr_t *local)
{
	err_t error = ERR_USE;

	for (int i = 0; i < BIND_TRIES && error == ERR_USE; i++) {
		uint16_t port = random_port();

		error = slot->udp ? udp_bind(slot->udp, local, port)
				  : tcp_bind(slot->tcp, local, port);
	}
	return error;
}

static void open_udp(struct slot *slot, uint8_t type)
{
	slot->udp = udp_new_ip_type(type);
	if (slot->udp)
		udp_recv(slot->udp, on_datagram, slot);
}

static void open_tcp(struct slot *slot, uint8_t type)
{
	slot->tcp = tcp_new_ip_type(type);
	if (!slot->tcp)
		return;
	tcp_arg(slot->tcp, slot);
	tcp_recv(slot->tcp, on_stream);
	tcp_sent(slot->tcp, on_sent);
	tcp_err(slot->tcp, on_tcp_error);
}

static void close_tcp(struct tcp_pcb *pcb)
{
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_err(pcb, NULL);
	if (tcp_close(pcb) != ERR_OK)
		tcp_abort(pcb);
}

static void close_slot(struct slot *slot)
{
	struct resolver_io *io = slot->io;

	if (slot->udp)
		udp_remove(slot->udp);
	if (slot->tcp)
		close_tcp(slot->tcp);
	for (size_t i = 0; i < slot->n_queued; i++)
		pbuf_free(slot->queue[i]);
	if (slot->stream)
		pbuf_free(slot->stream);
	memset(slot, 0, sizeof(*slot));
	slot->io = io;
}

/* ---- what c-ares calls; errors as the system calls give them ------------------ */

static int fail(int error)
{
	errno = error;
	return -1;
}

static ares_socket_t io_socket(int domain, int type, int protocol, void *arg)
{
	struct resolver_io *io = arg;
	struct slot *slot = io->slots;

	(void)domain;
	(void)protocol;
	while (slot < io->slots + SLOTS && slot->kind != SLOT_FREE)
		slot++;
	if (slot == io->slots + SLOTS)
		return fail(EMFILE);
	slot->kind = type == SOCK_STREAM ? SLOT_TCP : SLOT_UDP;
	return slot_fd(slot);
}

static int io_close(ares_socket_t fd, void *arg)
{
	struct slot *slot = slot_of(arg, fd);

	if (!slot)
		return fail(EBADF);
	close_slot(slot);
	return 0;
}

/* c-ares knows no scopes of its own servers. */
static void add_scope(const struct resolver_io_params *params, struct address *server)
{
	for (size_t i = 0; i < params->n_servers; i++) {
		struct address candidate = params->servers[i];

		candidate.scope = server->scope;
		if (address_ip_equal(&candidate, server)) {
			server->scope = params->servers[i].scope;
			return;
		}
	}
}

static int open_slot(struct slot *slot, const ip_addr_t *server)
{
	const ip_addr_t *local = local_for(slot, server);
	uint8_t type = IP_GET_TYPE(server);

	if (!local)
		return -ENETUNREACH;
	if (slot->kind == SLOT_TCP)
		open_tcp(slot, type);
	else
		open_udp(slot, type);
	if ((!slot->udp && !slot->tcp) || bind_slot(slot, local) != ERR_OK)
		return -ENOBUFS;
	return 0;
}

static int io_connect(ares_socket_t fd, const struct sockaddr *sa, ares_socklen_t len, void *arg)
{
	struct resolver_io *io = arg;
	struct slot *slot = slot_of(io, fd);
	ip_addr_t ip;
	err_t error;
	int r;

	if (!slot)
		return fail(EBADF);
	if (address_from_sockaddr(&slot->server, sa, (socklen_t)len) < 0)
		return fail(EAFNOSUPPORT);
	add_scope(&io->params, &slot->server);
	resolve_way(slot, &ip);
	r = open_slot(slot, &ip);
	if (r < 0)
		return fail(-r);
	if (slot->kind == SLOT_UDP)
		error = udp_connect(slot->udp, &ip, slot->server.port);
	else
		error = tcp_connect(slot->tcp, &ip, slot->server.port, on_connected);
	if (error != ERR_OK)
		return fail(-inet_error(error));
	return slot->kind == SLOT_UDP ? 0 : fail(EINPROGRESS);
}

static ares_ssize_t receive_datagram(struct slot *slot, void *buf, size_t len)
{
	const struct resolver_io_params *params = &slot->io->params;
	struct pbuf *p;
	u16_t n;

	if (slot->n_queued == 0)
		return fail(EWOULDBLOCK);
	p = slot->queue[0];
	slot->n_queued--;
	memmove(slot->queue, slot->queue + 1, slot->n_queued * sizeof(slot->queue[0]));
	n = pbuf_copy_partial(p, buf, (u16_t)(len < DATAGRAM_MAX ? len : DATAGRAM_MAX), 0);
	pbuf_free(p);
	params->reply(buf, n, params->arg);
	return n;
}

static ares_ssize_t receive_stream(struct slot *slot, void *buf, size_t len)
{
	u16_t n;

	if (!slot->stream) {
		if (slot->error != 0)
			return fail(slot->error);
		return slot->finished ? 0 : fail(EWOULDBLOCK);
	}
	n = pbuf_copy_partial(slot->stream, buf, (u16_t)(len < UINT16_MAX ? len : UINT16_MAX), 0);
	slot->stream = pbuf_free_header(slot->stream, n);
	if (slot->tcp)
		tcp_recved(slot->tcp, n);
	return n;
}

static ares_ssize_t io_recvfrom(ares_socket_t fd, void *buf, size_t len, int flags,
	struct sockaddr *from, ares_socklen_t *from_len, void *arg)
{
	struct slot *slot = slot_of(arg, fd);
	socklen_t room;

	(void)flags;
	if (!slot)
		return fail(EBADF);
	if (from && from_len) {
		room = (socklen_t)*from_len;
		address_to_sockaddr(&slot->server, from, &room);
		*from_len = (ares_socklen_t)room;
	}
	if (slot->kind == SLOT_UDP)
		return receive_datagram(slot, buf, len);
	return receive_stream(slot, buf, len);
}

static size_t gathered_size(const struct iovec *vec, int n)
{
	size_t size = 0;

	for (int i = 0; i < n; i++)
		size += vec[i].iov_len;
	return size;
}

static ares_ssize_t send_datagram(struct slot *slot, const struct iovec *vec, int n)
{
	size_t size = gathered_size(vec, n);
	struct pbuf *p;
	u16_t offset = 0;
	err_t error;

	if (!slot->udp)
		return fail(ENOTCONN);
	if (size > DATAGRAM_MAX)
		return fail(EMSGSIZE);
	p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)size, PBUF_RAM);
	if (!p)
		return fail(ENOBUFS);
	for (int i = 0; i < n; i++) {
		pbuf_take_at(p, vec[i].iov_base, (u16_t)vec[i].iov_len, offset);
		offset = (u16_t)(offset + vec[i].iov_len);
	}
	error = udp_send(slot->udp, p);
	pbuf_free(p);
	return error == ERR_OK ? (ares_ssize_t)size : fail(-inet_error(error));
}

/* Gives lwIP what it has room for; returns how much. */
static size_t write_piece(struct tcp_pcb *pcb, const struct iovec *piece)
{
	size_t len = piece->iov_len;

	if (len > tcp_sndbuf(pcb))
		len = tcp_sndbuf(pcb);
	if (len > UINT16_MAX)
		len = UINT16_MAX;
	if (len == 0 || tcp_write(pcb, piece->iov_base, (u16_t)len, TCP_WRITE_FLAG_COPY) != ERR_OK)
		return 0;
	return len;
}

/* Sends what fits; a short count is an answer like any other. */
static ares_ssize_t send_stream(struct slot *slot, const struct iovec *vec, int n)
{
	size_t sent = 0;

	if (!slot->tcp)
		return fail(slot->error != 0 ? slot->error : EPIPE);
	if (!slot->connected)
		return fail(EWOULDBLOCK);
	for (int i = 0; i < n; i++) {
		size_t len = write_piece(slot->tcp, &vec[i]);

		sent += len;
		if (len < vec[i].iov_len)
			break;
	}
	slot->blocked = sent < gathered_size(vec, n);
	tcp_output(slot->tcp);
	return sent > 0 ? (ares_ssize_t)sent : fail(EWOULDBLOCK);
}

static ares_ssize_t io_sendv(ares_socket_t fd, const struct iovec *vec, int n, void *arg)
{
	struct slot *slot = slot_of(arg, fd);

	if (!slot)
		return fail(EBADF);
	return slot->kind == SLOT_UDP ? send_datagram(slot, vec, n) : send_stream(slot, vec, n);
}

static const struct ares_socket_functions functions = {
	.asocket = io_socket,
	.aclose = io_close,
	.aconnect = io_connect,
	.arecvfrom = io_recvfrom,
	.asendv = io_sendv,
};

/* ---- public ------------------------------------------------------------------ */

int resolver_io_new(struct resolver_io **out, const struct resolver_io_params *params)
{
	struct resolver_io *io = calloc(1, sizeof(*io));

	if (!io)
		return -ENOMEM;
	io->params = *params;
	for (int i = 0; i < SLOTS; i++)
		io->slots[i].io = io;
	io->pump = event_new(params->daemon->base, -1, 0, on_pump, io);
	if (!io->pump) {
		free(io);
		return -ENOMEM;
	}
	*out = io;
	return 0;
}

void resolver_io_free(struct resolver_io *io)
{
	if (!io)
		return;
	for (int i = 0; i < SLOTS; i++)
		close_slot(&io->slots[i]);
	event_free(io->pump);
	free(io);
}

const struct ares_socket_functions *resolver_io_functions(void)
{
	return &functions;
}

void resolver_io_set_interest(struct resolver_io *io, ares_socket_t fd, int readable,
	int writable)
{
	struct slot *slot = slot_of(io, fd);

	if (!slot)
		return;
	slot->wants_read = readable;
	slot->wants_write = writable;
	if (is_due(slot))
		wake(slot);
}
