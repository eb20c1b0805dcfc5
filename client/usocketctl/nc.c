/* SPDX-License-Identifier: MIT */
/*
 * usocketctl nc
 *
 * Theory of operation
 *
 * Makes one connection, or waits for one, and lets relay.c carry it. A name's
 * addresses are tried one after the other, each with an equal share of the time
 * that is left.
 *
 * The socket must not take the number of a standard descriptor that whoever
 * started this has closed: such numbers get a descriptor first that gives
 * nothing and takes nothing.
 */
#include "client/usocketctl/ctl.h"
#include "client/usocketctl/link_name.h"
#include "client/usocketctl/relay.h"
#include "client/usocketctl/report.h"
#include "client/usocketctl/text.h"

#include "usocket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME_SHOWN 256

struct nc {
	const char *host; /* NULL: any address */
	const char *port; /* number or service */
	int family, type;
	int timeout_ms; /* -1: none */
	int fd;		/* connected, once it is */
	bool has_link;	/* else the routes decide */
	struct usocket_link_info link;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int left_ms(const struct nc *nc, int64_t start_ms)
{
	int64_t left = start_ms + nc->timeout_ms - now_ms();

	if (nc->timeout_ms < 0)
		return -1;
	return left > 0 ? (int)left : 0;
}

/* ---- what went wrong ---------------------------------------------------- */

static bool a_link_is_up(void)
{
	struct usocket_link_info link;
	uint32_t cursor = 0;

	while (usocket_next_link(&cursor, &link, sizeof(link)) == 1)
		if (link.state >= USOCKET_LINK_UP)
			return true;
	return false;
}

static const char *error_text(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "connection refused: nothing listens there";
	case ECONNRESET:
	case EPIPE:
		return "the peer has ended the connection before all was sent or received";
	case ETIMEDOUT:
		return "no answer in time";
	case EHOSTUNREACH:
	case ENETUNREACH:
		return a_link_is_up() ? "no route leads there"
				      : "no link is up; \"usocketctl link\" says why";
	case ECONNABORTED:
		return "connection lost: the link's address has changed, or usocketd has ended";
	case EADDRNOTAVAIL:
		return "no link has that address, or the link has none of this family";
	case EACCES:
		return "the daemon's configuration does not permit it";
	default:
		return strerror(error);
	}
}

/* "usocketctl: @verb HOST port PORT: why" */
static int fail(const struct nc *nc, const char *verb, int error)
{
	char host[TEXT_ESCAPED_MAX(NAME_SHOWN)], port[TEXT_ESCAPED_MAX(NAME_SHOWN)];

	if (error == ENODEV || error == EPROTONOSUPPORT)
		return report_error(error);
	fprintf(stderr, "usocketctl: %s %s port %s: %s\n", verb,
		nc->host ? text_escape(host, sizeof(host), nc->host, NAME_SHOWN) : "any address",
		text_escape(port, sizeof(port), nc->port, NAME_SHOWN), error_text(error));
	return error == EACCES ? CTL_EXIT_DENIED : CTL_EXIT_FAILED;
}

/* ---- connecting --------------------------------------------------------- */

static int look_up(struct nc *nc, int flags, struct addrinfo **entries)
{
	struct addrinfo hints = {
		.ai_family = nc->family,
		.ai_socktype = nc->type,
		.ai_flags = flags,
	};
	int rc = usocket_getaddrinfo_timeout(nc->host, nc->port, &hints, entries, nc->timeout_ms);

	if (rc == 0)
		return CTL_EXIT_OK;
	if (rc == EAI_SYSTEM && (errno == ETIMEDOUT || errno == EAGAIN))
		return fail(nc, "cannot look up", ETIMEDOUT);
	return report_lookup(rc == EAI_SERVICE || !nc->host ? nc->port : nc->host, rc, errno);
}

static bool is_link_local(const struct usocket_address *address)
{
	return IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)(const void *)address->ip);
}

/* A socket leaves by the link whose address it has. Returns 0 or -1. */
static int bind_to_link(const struct usocket_link_info *link, int fd, int family)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (family == AF_INET && link->address4.family == AF_INET) {
		memcpy(&in.sin_addr, link->address4.ip, sizeof(in.sin_addr));
		return usocket_bind(fd, (const struct sockaddr *)&in, sizeof(in));
	}
	for (int i = 0; family == AF_INET6 && i < link->n_addresses6; i++) {
		if (is_link_local(&link->addresses6[i]))
			continue;
		memcpy(&in6.sin6_addr, link->addresses6[i].ip, sizeof(in6.sin6_addr));
		return usocket_bind(fd, (const struct sockaddr *)&in6, sizeof(in6));
	}
	errno = EADDRNOTAVAIL;
	return -1;
}

/* Returns 0 with nc->fd set, or the errno. */
static int try_address(struct nc *nc, const struct addrinfo *entry, int timeout_ms)
{
	int fd = usocket_socket(entry->ai_family, entry->ai_socktype | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return errno;
	if ((!nc->has_link || bind_to_link(&nc->link, fd, entry->ai_family) == 0) &&
		usocket_connect_timeout(fd, entry->ai_addr, entry->ai_addrlen, timeout_ms) == 0) {
		nc->fd = fd;
		return 0;
	}
	error = errno;
	usocket_close(fd);
	return error == EINPROGRESS ? ETIMEDOUT : error;
}

static int n_entries(const struct addrinfo *entry)
{
	int n = 0;

	for (; entry; entry = entry->ai_next)
		n++;
	return n;
}

static int open_connection(struct nc *nc)
{
	int64_t start_ms = now_ms();
	struct addrinfo *entries;
	const struct addrinfo *entry;
	int error = 0, rc = look_up(nc, 0, &entries);

	if (rc != CTL_EXIT_OK)
		return rc;
	for (entry = entries; entry; entry = entry->ai_next) {
		int left = left_ms(nc, start_ms);

		error = try_address(nc, entry, left > 0 ? left / n_entries(entry) + 1 : left);
		if (error == 0)
			break;
	}
	usocket_freeaddrinfo(entries);
	return error == 0 ? CTL_EXIT_OK : fail(nc, "cannot connect to", error);
}

/* ---- listening ---------------------------------------------------------- */

/* A wildcard IPv6 socket takes IPv4 too, unless only one of them is wanted. */
static int open_listener(const struct nc *nc, const struct addrinfo *entry)
{
	int only_v6 = nc->family == AF_INET6, on = 1, error;
	int fd = usocket_socket(entry->ai_family, entry->ai_socktype | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if ((entry->ai_family == AF_INET6 &&
		    usocket_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6)) <
			    0) ||
		usocket_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		usocket_bind(fd, entry->ai_addr, entry->ai_addrlen) < 0 ||
		(nc->type == SOCK_STREAM && usocket_listen(fd, 1) < 0)) {
		error = errno;
		usocket_close(fd);
		return -error;
	}
	return fd;
}

/* The first one to send is the peer from then on. Returns the errno. */
static int take_sender(int fd, int timeout_ms)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	struct sockaddr *sender = (void *)&address;

	if (usocket_recvfrom_timeout(fd, NULL, 0, MSG_PEEK, sender, &len, timeout_ms) < 0 ||
		usocket_connect(fd, sender, len) < 0)
		return errno;
	return 0;
}

/* Returns the errno, with nc->fd set if it is 0. */
static int take_connection(struct nc *nc, int listener)
{
	if (nc->type == SOCK_DGRAM) {
		nc->fd = listener;
		return take_sender(listener, nc->timeout_ms);
	}
	nc->fd = usocket_accept_timeout(listener, NULL, NULL, SOCK_CLOEXEC, nc->timeout_ms);
	return nc->fd < 0 ? errno : 0;
}

/* The entry to listen on: of any address, the one that takes both families. */
static const struct addrinfo *choose(const struct nc *nc, const struct addrinfo *entries)
{
	const struct addrinfo *entry;

	for (entry = entries; entry && !nc->host; entry = entry->ai_next)
		if (entry->ai_family == AF_INET6)
			return entry;
	return entries;
}

static int await_connection(struct nc *nc)
{
	struct addrinfo *entries;
	int error, listener, rc = look_up(nc, AI_PASSIVE, &entries);

	if (rc != CTL_EXIT_OK)
		return rc;
	listener = open_listener(nc, choose(nc, entries));
	usocket_freeaddrinfo(entries);
	if (listener < 0)
		return fail(nc, "cannot listen on", -listener);
	error = take_connection(nc, listener);
	if (nc->fd != listener)
		usocket_close(listener);
	if (error == EAGAIN || error == ETIMEDOUT) {
		fputs("usocketctl: nobody has connected in time\n", stderr);
		return CTL_EXIT_FAILED;
	}
	return error ? fail(nc, "cannot listen on", error) : CTL_EXIT_OK;
}

/* ---- the command -------------------------------------------------------- */

/* Input ends at once; a write to the output fails. */
static int fill_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	return fd < 0 ? -errno : close(fd);
}

static int carry(const struct nc *nc)
{
	switch (relay(nc->fd, nc->type, nc->timeout_ms)) {
	case RELAY_DONE:
		return CTL_EXIT_OK;
	case RELAY_STALLED:
		fputs("usocketctl: gave up with bytes that nobody has taken\n", stderr);
		return CTL_EXIT_FAILED;
	case RELAY_SOCKET_ERROR:
		return fail(nc, "connection with", errno);
	case RELAY_INPUT_ERROR:
		fprintf(stderr, "usocketctl: cannot read standard input: %s\n", strerror(errno));
		return CTL_EXIT_FAILED;
	case RELAY_OUTPUT_ERROR:
		fprintf(stderr, "usocketctl: cannot write standard output: %s\n", strerror(errno));
		return CTL_EXIT_FAILED;
	}
	return CTL_EXIT_FAILED;
}

static int misuse(const char *text)
{
	fprintf(stderr, "usocketctl: %s\nTry 'usocketctl nc --help'.\n", text);
	return CTL_EXIT_USAGE;
}

int ctl_run_nc(const struct ctl_options *options, FILE *out)
{
	bool listens = options->flags & CTL_ACCEPT;
	struct nc nc = {
		.host = options->n_operands == 2 ? options->operands[0] : NULL,
		.port = options->operands[options->n_operands - 1],
		.family = ctl_family(options->flags),
		.type = options->flags & CTL_DATAGRAMS ? SOCK_DGRAM : SOCK_STREAM,
		.timeout_ms = options->flags & CTL_QUIET ? options->timeout_ms : -1,
		.fd = -1,
		.has_link = options->flags & CTL_LINK,
	};
	int rc;

	(void)out;
	if (!nc.host && !listens)
		return misuse("HOST or PORT is missing");
	if (options->flags & CTL_ZERO && (listens || nc.type == SOCK_DGRAM))
		return misuse("-z is for connections that are made, over TCP");
	if (nc.has_link && listens)
		return misuse("--link is for connections that are made; -l takes an ADDRESS");
	if (fill_standard_descriptors() < 0)
		return report_error(errno);
	if (usocket_open_session() < 0)
		return report_error(errno);
	rc = nc.has_link ? link_name_find(options->link, &nc.link) : CTL_EXIT_OK;
	if (rc != CTL_EXIT_OK)
		return rc;
	rc = listens ? await_connection(&nc) : open_connection(&nc);
	if (rc == CTL_EXIT_OK && !(options->flags & CTL_ZERO))
		rc = carry(&nc);
	if (nc.fd >= 0)
		usocket_close(nc.fd);
	return rc;
}
