/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A UNIX socket's peer is told by the kernel (SO_PEERCRED). A TCP connection's
 * is another socket of this machine: the kernel lists all of them with their
 * owners in /proc/net/tcp and tcp6 (proc(5)), the addresses as hexadecimal
 * words in host byte order, and so for UDP. These files are there in every
 * kernel, which the faster socket diagnosis is not.
 */
#include "daemon/socks_peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* "0100007F" or 32 digits, ":", four digits. */
static bool read_endpoint(struct address *out, const char *text)
{
	unsigned int port, words[4];
	int n;

	memset(out, 0, sizeof(*out));
	n = sscanf(text, "%8x%8x%8x%8x:%4x", &words[0], &words[1], &words[2], &words[3], &port);
	if (n == 5) {
		out->family = ADDRESS_IPV6;
	} else if (sscanf(text, "%8x:%4x", &words[0], &port) == 2) {
		out->family = ADDRESS_IPV4;
	} else {
		return false;
	}
	out->port = (uint16_t)port;
	memcpy(out->ip, words, out->family == ADDRESS_IPV6 ? 16 : 4);
	*out = address_unmap_v4(out);
	return true;
}

struct owner_query {
	struct address local, remote; /* the owner's view; remote none: not looked at */
	bool any_local;		      /* bound to all addresses will do */
	uid_t uid;		      /* the answer */
};

static bool fits(const struct owner_query *query, const struct address *local,
	const struct address *remote)
{
	if (local->port != query->local.port)
		return false;
	if (!address_ip_equal(local, &query->local) &&
		!(query->any_local && address_is_any(local)))
		return false;
	return query->remote.family == ADDRESS_NONE ||
		(remote->port == query->remote.port && address_ip_equal(remote, &query->remote));
}

static bool line_fits(struct owner_query *query, const char *line)
{
	char local_text[64], remote_text[64];
	struct address local, remote;
	unsigned int uid;

	/* sl: local remote state tx:rx timer:when retransmissions uid ... */
	if (sscanf(line, " %*d: %63s %63s %*x %*x:%*x %*x:%*x %*x %u", local_text, remote_text,
		    &uid) != 3)
		return false;
	if (!read_endpoint(&local, local_text) || !read_endpoint(&remote, remote_text) ||
		!fits(query, &local, &remote))
		return false;
	query->uid = uid;
	return true;
}

/* Returns 0, -ENOENT or -errno. */
static int find_owner(struct owner_query *query, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[512];
	int r = -ENOENT;

	if (!file)
		return -errno;
	while (r != 0 && fgets(line, sizeof(line), file)) {
		if (line_fits(query, line))
			r = 0;
	}
	fclose(file);
	return r;
}

/* An IPv4 peer may have an IPv6 socket. */
static int find_owner_in(struct owner_query *query, const char *path, const char *path6)
{
	int r = -ENOENT;

	if (query->local.family == ADDRESS_IPV4)
		r = find_owner(query, path);
	return r == 0 ? 0 : find_owner(query, path6);
}

static int endpoint(int fd, int (*ask)(int, struct sockaddr *, socklen_t *), struct address *out)
{
	struct sockaddr_storage storage;
	socklen_t len = sizeof(storage);
	int r;

	if (ask(fd, (struct sockaddr *)&storage, &len) < 0)
		return -errno;
	r = address_from_sockaddr(out, (struct sockaddr *)&storage, len);
	if (r == 0)
		*out = address_unmap_v4(out);
	return r;
}

int socks_peer_of_stream(struct socks_peer *peer, int fd)
{
	struct owner_query query = { 0 };
	struct ucred credentials;
	socklen_t len = sizeof(credentials);
	int domain, r;
	socklen_t domain_len = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) < 0)
		return -errno;
	if (domain == AF_UNIX) {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) < 0)
			return -errno;
		*peer = (struct socks_peer){ credentials.pid, credentials.uid };
		return 0;
	}
	r = endpoint(fd, getpeername, &query.local);
	if (r == 0)
		r = endpoint(fd, getsockname, &query.remote);
	if (r == 0)
		r = find_owner_in(&query, "/proc/net/tcp", "/proc/net/tcp6");
	*peer = (struct socks_peer){ 0, query.uid };
	return r;
}

int socks_peer_of_datagram(uid_t *uid, const struct address *local)
{
	struct owner_query query = { .local = *local, .any_local = true };
	int r = find_owner_in(&query, "/proc/net/udp", "/proc/net/udp6");

	*uid = query.uid;
	return r;
}
