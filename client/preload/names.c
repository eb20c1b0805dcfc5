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
 * The name of an address is asked of the name servers (reverse.c), as is what
 * the resolver's own calls ask for (res.c): the daemon looks names up only.
 */
#include "client/preload/calls.h"

#include "client/preload/linux_errno.h"
#include "client/preload/places.h"
#include "client/preload/reverse.h"
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

static const void *ip_of(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET6)
		return &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	return &((const struct sockaddr_in *)(const void *)address)->sin_addr;
}

static bool is_whole(const struct sockaddr *address, socklen_t len)
{
	return len >= (address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						      : sizeof(struct sockaddr_in));
}

/*
 * Puts the address' name into @host. Returns 0, EAI_NONAME (there is none),
 * EAI_AGAIN, EAI_FAIL or EAI_OVERFLOW.
 */
static int find_name(const struct sockaddr *address, socklen_t len, char *host, socklen_t host_len)
{
	char name[REVERSE_NAME_MAX] = LOCALHOST;
	int why = 0;

	if (!places_is_loopback(address, len))
		why = reverse_look_up(address->sa_family, ip_of(address), name, sizeof(name));
	if (why)
		return why == TRY_AGAIN ? EAI_AGAIN : why == NO_RECOVERY ? EAI_FAIL
									 : EAI_NONAME;
	if (strlen(name) >= host_len)
		return EAI_OVERFLOW;
	strcpy(host, name);
	return 0;
}

int preload_getnameinfo(const struct sockaddr *address, socklen_t len, char *host,
	socklen_t host_len, char *service, socklen_t service_len, int flags)
{
	bool wants_name = host && host_len > 0 && !(flags & NI_NUMERICHOST);
	int r;

	if (!address || len < sizeof(address->sa_family) ||
		(address->sa_family != AF_INET && address->sa_family != AF_INET6) ||
		!is_whole(address, len))
		return getnameinfo(address, len, host, host_len, service, service_len, flags);
	if (wants_name) {
		r = find_name(address, len, host, host_len);
		if (r == EAI_OVERFLOW || (r != 0 && flags & NI_NAMEREQD))
			return r;
		if (r == 0 && (!service || service_len == 0))
			return 0;
		if (r == 0) {
			host = NULL;
			host_len = 0;
		}
	}
	return getnameinfo(address, len, host, host_len, service, service_len,
		(flags & ~NI_NAMEREQD) | NI_NUMERICHOST);
}
