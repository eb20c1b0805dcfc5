/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The servers are those that the daemon's resolver would ask. A socket to one of a
 * link's is bound to the link's address, so that it leaves by that link. Datagram sockets are
 * connected: nobody else's answer gets in; and an answer must have the query's
 * number and question (RFC 5452 9.1).
 *
 * Sockets live as long as a message is waited for, and nothing is kept.
 */
#include "client/preload/dns.h"

#include "client/usocket.h"

#include <arpa/nameser.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DNS_PORT 53
/* A name takes at least one byte, type and class four. */
#define QUESTION_MIN   5
#define TYPE_AND_CLASS 4

struct server {
	struct sockaddr_storage remote, local;
	socklen_t len; /* of both */
	bool has_local;
};

struct message {
	const unsigned char *query;
	size_t len, question_len;
	unsigned char *answer;
	size_t size;
	const struct dns_manner *manner;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- servers ------------------------------------------------------------ */

static bool is_link_local(const struct usocket_address *address)
{
	return IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)(const void *)address->ip);
}

static socklen_t to_sockaddr(const struct usocket_address *address, uint16_t port,
	struct sockaddr_storage *out)
{
	struct sockaddr_in6 *in6 = (void *)out;
	struct sockaddr_in *in = (void *)out;

	memset(out, 0, sizeof(*out));
	out->ss_family = address->family;
	if (address->family == AF_INET6) {
		in6->sin6_port = htons(port);
		in6->sin6_scope_id = address->scope;
		memcpy(&in6->sin6_addr, address->ip, sizeof(in6->sin6_addr));
		return sizeof(*in6);
	}
	in->sin_port = htons(port);
	memcpy(&in->sin_addr, address->ip, sizeof(in->sin_addr));
	return sizeof(*in);
}

/* Returns 0, or -1: there is none. */
static int find_link(uint32_t index, struct usocket_link_info *link)
{
	uint32_t cursor = 0;

	while (usocket_next_link(&cursor, link, sizeof(*link)) == 1)
		if (link->index == index)
			return 0;
	return -1;
}

/* The link's address that the server is talked to from, or NULL: the stack's choice. */
static const struct usocket_address *own_address(const struct usocket_link_info *link,
	const struct usocket_address *server)
{
	if (server->family == AF_INET)
		return link->address4.family == AF_INET ? &link->address4 : NULL;
	for (unsigned int i = 0; i < link->n_addresses6; i++)
		if (is_link_local(&link->addresses6[i]) == is_link_local(server))
			return &link->addresses6[i];
	return NULL;
}

static struct server make_server(const struct usocket_name_server *of)
{
	const struct usocket_address *address = &of->address;
	const struct usocket_address *own = NULL;
	struct usocket_link_info link;
	struct server server;

	if (of->link > 0 && find_link(of->link - 1, &link) == 0)
		own = own_address(&link, address);
	server.len = to_sockaddr(address, address->port ? address->port : DNS_PORT,
		&server.remote);
	server.has_local = own != NULL;
	if (own)
		to_sockaddr(own, 0, &server.local);
	return server;
}

static unsigned int find_servers(struct server servers[USOCKET_NAME_SERVERS])
{
	struct usocket_status status;

	if (usocket_status(&status, sizeof(status)) < 0)
		return 0;
	for (unsigned int i = 0; i < status.n_name_servers; i++)
		servers[i] = make_server(&status.name_servers[i]);
	return status.n_name_servers;
}

static int open_socket(const struct server *server, int type, int wait_ms)
{
	int fd = usocket_socket(server->remote.ss_family, type | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -errno;
	if ((!server->has_local ||
		    usocket_bind(fd, (const struct sockaddr *)&server->local, server->len) == 0) &&
		usocket_connect_timeout(fd, (const struct sockaddr *)&server->remote, server->len,
			wait_ms) == 0)
		return fd;
	error = errno;
	usocket_close(fd);
	return -error;
}

/* ---- messages ----------------------------------------------------------- */

static unsigned int n_questions(const unsigned char *message)
{
	return (unsigned int)message[4] << 8 | message[5];
}

/* How long the one question of a query is; 0: it has none. */
static size_t measure_question(const unsigned char *query, size_t len)
{
	size_t at = HFIXEDSZ;

	if (len < HFIXEDSZ + QUESTION_MIN || n_questions(query) != 1)
		return 0;
	while (at < len && query[at] != 0)
		at += (size_t)query[at] + 1;
	at += 1 + TYPE_AND_CLASS;
	return at <= len ? at - HFIXEDSZ : 0;
}

/* Names may come back in other letters' cases; types and classes may not. */
static bool is_same_question(const unsigned char *a, const unsigned char *b, size_t len)
{
	size_t name = len - TYPE_AND_CLASS;

	for (size_t i = 0; i < name; i++)
		if (tolower(a[i]) != tolower(b[i]))
			return false;
	return memcmp(a + name, b + name, TYPE_AND_CLASS) == 0;
}

/* @n bytes of it are there. A failure may leave the question out. */
static bool is_answer(const struct message *m, size_t n)
{
	const unsigned char *answer = m->answer;

	/* The QR bit tells it from a query. */
	if (n < HFIXEDSZ || !(answer[2] & 0x80) || memcmp(answer, m->query, 2) != 0)
		return false;
	if (n_questions(answer) == 0)
		return dns_code(answer) != NOERROR;
	return n >= HFIXEDSZ + m->question_len &&
		is_same_question(answer + HFIXEDSZ, m->query + HFIXEDSZ, m->question_len);
}

static int ask_by_udp(const struct message *m, const struct server *server)
{
	int fd = open_socket(server, SOCK_DGRAM, m->manner->wait_ms), error = ETIMEDOUT;
	int64_t end_ms = now_ms() + m->manner->wait_ms, left;
	ssize_t n = -1;

	if (fd < 0)
		return fd;
	if (usocket_send_timeout(fd, m->query, m->len, 0, m->manner->wait_ms) < 0) {
		error = errno;
		usocket_close(fd);
		return -error;
	}
	while ((left = end_ms - now_ms()) > 0) {
		n = usocket_recv_timeout(fd, m->answer, m->size, 0, (int)left);
		if (n >= 0 && is_answer(m, (size_t)n))
			break;
		if (n < 0)
			error = errno;
		if (n < 0 && error != EINTR)
			break;
		n = -1;
	}
	usocket_close(fd);
	return n < 0 ? -(error == EINTR ? ETIMEDOUT : error) : (int)n;
}

/* All @len bytes, in the time. Returns 0 or -errno. */
static int receive_all(int fd, unsigned char *to, size_t len, int64_t end_ms)
{
	size_t done = 0;

	while (done < len) {
		int64_t left = end_ms - now_ms();
		ssize_t n;

		if (left <= 0)
			return -ETIMEDOUT;
		n = usocket_recv_timeout(fd, to + done, len - done, 0, (int)left);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/*
 * RFC 1035 4.2.2: the length goes before the message; RFC 7766 8: with it, as there
 * are servers that read them at once.
 */
static int send_with_length(const struct message *m, int fd)
{
	unsigned char *whole = malloc(m->len + 2);
	int r;

	if (!whole)
		return -ENOMEM;
	whole[0] = (unsigned char)(m->len >> 8);
	whole[1] = (unsigned char)m->len;
	memcpy(whole + 2, m->query, m->len);
	r = usocket_sendall_timeout(fd, whole, m->len + 2, 0, m->manner->wait_ms, NULL);
	r = r < 0 ? -errno : 0;
	free(whole);
	return r;
}

static int exchange_by_tcp(const struct message *m, int fd, int64_t end_ms)
{
	int r = send_with_length(m, fd);
	unsigned char length[2];
	size_t n, kept;

	if (r < 0)
		return r;
	r = receive_all(fd, length, sizeof(length), end_ms);
	if (r < 0)
		return r;
	n = (size_t)length[0] << 8 | length[1];
	kept = n < m->size ? n : m->size;
	r = receive_all(fd, m->answer, kept, end_ms);
	if (r < 0)
		return r;
	if (!is_answer(m, kept))
		return -EBADMSG;
	if (kept < n)
		m->answer[2] |= 0x02;
	return (int)n;
}

static int ask_by_tcp(const struct message *m, const struct server *server)
{
	int64_t end_ms = now_ms() + m->manner->wait_ms;
	int fd = open_socket(server, SOCK_STREAM, m->manner->wait_ms), r;

	if (fd < 0)
		return fd;
	r = exchange_by_tcp(m, fd, end_ms);
	usocket_close(fd);
	return r;
}

static int ask(const struct message *m, const struct server *server)
{
	int r;

	if (m->manner->by_tcp)
		return ask_by_tcp(m, server);
	r = ask_by_udp(m, server);
	if (r < 0 || !dns_is_truncated(m->answer) || m->manner->takes_truncated)
		return r;
	return ask_by_tcp(m, server);
}

static bool is_helpful(const struct message *m)
{
	unsigned int code = dns_code(m->answer);

	return code != SERVFAIL && code != NOTIMP && code != REFUSED;
}

int dns_exchange(const unsigned char *query, size_t len, unsigned char *answer, size_t size,
	const struct dns_manner *manner)
{
	struct message m = {
		.query = query,
		.len = len,
		.answer = answer,
		.size = size,
		.manner = manner,
	};
	struct server servers[USOCKET_NAME_SERVERS];
	unsigned int n = find_servers(servers);
	int error = -ECONNREFUSED;

	if (len > UINT16_MAX || size < HFIXEDSZ || len < HFIXEDSZ)
		return -EINVAL;
	m.question_len = measure_question(query, len);
	if (m.question_len == 0)
		return -EINVAL;
	for (unsigned int i = 0; i < n * (unsigned int)manner->n_tries; i++) {
		int r = ask(&m, &servers[i % n]);

		/* The last one's failure is what there is to say. */
		if (r >= 0 && (is_helpful(&m) || i + 1 == n * (unsigned int)manner->n_tries))
			return r;
		error = r < 0 ? r : -ECONNREFUSED;
	}
	return error;
}
