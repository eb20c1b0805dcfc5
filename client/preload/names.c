/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Names are looked up by the daemon, never by libc: its queries would leave by
 * the kernel's route. libc is asked only where it needs no query: literals in
 * all their old forms, no name at all, services. "localhost" is loopback
 * (RFC 6761 6.3). Lists from the daemon have the blocks that freeaddrinfo()
 * expects, so it needs no wrapper.
 *
 * There are no queries for the name of an address: those calls answer with the
 * number, or say that there is none. The resolver's own calls (res_query and
 * its relatives) would send by themselves, so they fail.
 */
#include "client/preload/calls.h"

#include "client/preload/linux_errno.h"
#include "client/preload/places.h"
#include "client/usocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LOCALHOST "localhost"

static bool is_localhost(const char *name)
{
	size_t len = strlen(name), suffix = sizeof(LOCALHOST) - 1;

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len < suffix || strncasecmp(name + len - suffix, LOCALHOST, suffix) != 0)
		return false;
	return len == suffix || name[len - suffix - 1] == '.';
}

/* As libc takes them: also 127.1 and fe80::1%eth0. */
static bool is_literal(const char *name)
{
	struct in6_addr ipv6;
	struct in_addr ipv4;
	char copy[INET6_ADDRSTRLEN];
	size_t len = strcspn(name, "%");

	if (inet_aton(name, &ipv4))
		return true;
	if (len >= sizeof(copy))
		return false;
	memcpy(copy, name, len);
	copy[len] = '\0';
	return inet_pton(AF_INET6, copy, &ipv6) == 1;
}

/* No name in libc's words, which means loopback without AI_PASSIVE. */
static int look_up_localhost(const char *node, const char *service, struct addrinfo *hints,
	struct addrinfo **result)
{
	bool canonical = hints->ai_flags & AI_CANONNAME;
	int r;

	hints->ai_flags &= ~(AI_CANONNAME | AI_PASSIVE);
	/* Without a service libc wants a name. */
	r = getaddrinfo(NULL, service ? service : "0", hints, result);
	if (r == 0 && canonical) {
		(*result)->ai_canonname = strdup(node);
		if (!(*result)->ai_canonname) {
			freeaddrinfo(*result);
			return EAI_MEMORY;
		}
	}
	return r;
}

int preload_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
	struct addrinfo **result)
{
	struct addrinfo asked = { .ai_flags = AI_V4MAPPED | AI_ADDRCONFIG };

	if (hints)
		asked = *hints;
	/* The kernel's interfaces say nothing about our links. */
	asked.ai_flags &= ~(AI_ADDRCONFIG | AI_IDN | AI_CANONIDN);
	if (!node || asked.ai_flags & AI_NUMERICHOST || is_literal(node))
		return getaddrinfo(node, service, &asked, result);
	if (is_localhost(node))
		return look_up_localhost(node, service, &asked, result);
	return usocket_getaddrinfo(node, service, &asked, result);
}

/* It would ask in a thread of libc's. */
int preload_getaddrinfo_a(int mode, struct gaicb **list, int n, struct sigevent *event)
{
	(void)mode;
	(void)list;
	(void)n;
	(void)event;
	places_log("getaddrinfo_a: refused, not provided");
	errno = ENOSYS;
	return EAI_SYSTEM;
}

int preload_getnameinfo(const struct sockaddr *address, socklen_t len, char *host,
	socklen_t host_len, char *service, socklen_t service_len, int flags)
{
	bool local = host && host_len > 0 && !(flags & NI_NUMERICHOST) &&
		places_is_loopback(address, len);

	if (address && address->sa_family != AF_INET && address->sa_family != AF_INET6)
		return getnameinfo(address, len, host, host_len, service, service_len, flags);
	if (local) {
		if (host_len < sizeof(LOCALHOST))
			return EAI_OVERFLOW;
		strcpy(host, LOCALHOST);
		host = NULL;
		host_len = 0;
		if (!service || service_len == 0)
			return 0;
	} else if (flags & NI_NAMEREQD) {
		return EAI_NONAME;
	}
	return getnameinfo(address, len, host, host_len, service, service_len,
		(flags & ~NI_NAMEREQD) | NI_NUMERICHOST);
}

/* ---- resolver ----------------------------------------------------------- */

static int no_resolver(const char *call)
{
	places_log("%s: refused, not provided", call);
	h_errno = NO_RECOVERY;
	return linux_fail(ECONNREFUSED);
}

int preload_res_query(const char *name, int class, int type, unsigned char *answer, int len)
{
	(void)name, (void)class, (void)type, (void)answer, (void)len;
	return no_resolver("res_query");
}

int preload_res_search(const char *name, int class, int type, unsigned char *answer, int len)
{
	(void)name, (void)class, (void)type, (void)answer, (void)len;
	return no_resolver("res_search");
}

int preload_res_querydomain(const char *name, const char *domain, int class, int type,
	unsigned char *answer, int len)
{
	(void)name, (void)domain, (void)class, (void)type, (void)answer, (void)len;
	return no_resolver("res_querydomain");
}

int preload_res_send(const unsigned char *query, int query_len, unsigned char *answer, int len)
{
	(void)query, (void)query_len, (void)answer, (void)len;
	return no_resolver("res_send");
}

int preload_res_nquery(void *state, const char *name, int class, int type, unsigned char *answer,
	int len)
{
	(void)state, (void)name, (void)class, (void)type, (void)answer, (void)len;
	return no_resolver("res_nquery");
}

int preload_res_nsearch(void *state, const char *name, int class, int type, unsigned char *answer,
	int len)
{
	(void)state, (void)name, (void)class, (void)type, (void)answer, (void)len;
	return no_resolver("res_nsearch");
}

int preload_res_nquerydomain(void *state, const char *name, const char *domain, int class, int type,
	unsigned char *answer, int len)
{
	(void)state, (void)name, (void)domain, (void)class, (void)type, (void)answer, (void)len;
	return no_resolver("res_nquerydomain");
}

int preload_res_nsend(void *state, const unsigned char *query, int query_len, unsigned char *answer,
	int len)
{
	(void)state, (void)query, (void)query_len, (void)answer, (void)len;
	return no_resolver("res_nsend");
}
