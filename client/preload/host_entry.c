/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The gethostby calls (netdb.h), on getaddrinfo. An entry lies in one buffer:
 * name, then the list of aliases (empty), the list of addresses, the
 * addresses. The calls without a buffer of the caller's share one, as libc's
 * do.
 */
#include "client/preload/calls.h"

#include "client/preload/reverse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SHARED_SIZE 4096
#define LOCALHOST   "localhost"

/* What an entry is made of. */
struct facts {
	const char *name;
	int family;
	const struct addrinfo *list; /* of the family only */
	const void *address;	     /* instead of the list */
};

static struct {
	struct hostent entry;
	alignas(max_align_t) char buffer[SHARED_SIZE];
} shared;

static int length_of(int family)
{
	return family == AF_INET6 ? 16 : 4;
}

static const void *ip_of(const struct addrinfo *info)
{
	if (info->ai_family == AF_INET6)
		return &((const struct sockaddr_in6 *)(const void *)info->ai_addr)->sin6_addr;
	return &((const struct sockaddr_in *)(const void *)info->ai_addr)->sin_addr;
}

static size_t count(const struct facts *facts)
{
	size_t n = facts->address ? 1 : 0;

	for (const struct addrinfo *i = facts->list; i; i = i->ai_next)
		n++;
	return n;
}

/* Returns 0 or ERANGE. */
static int build(const struct facts *facts, struct hostent *entry, char *buffer, size_t size)
{
	size_t n = count(facts), length = (size_t)length_of(facts->family), i = 0;
	size_t gap = -(uintptr_t)buffer % alignof(char *);
	size_t pointers = (n + 2) * sizeof(char *), name = strlen(facts->name) + 1;
	char **slots, *bytes;

	if (size < gap + pointers + n * length + name)
		return ERANGE;
	slots = (char **)(void *)(buffer + gap);
	bytes = buffer + gap + pointers;
	slots[0] = NULL;
	entry->h_aliases = slots;
	entry->h_addr_list = slots + 1;
	for (const struct addrinfo *info = facts->list; info; info = info->ai_next, i++) {
		entry->h_addr_list[i] = bytes;
		memcpy(bytes, ip_of(info), length);
		bytes += length;
	}
	if (facts->address) {
		entry->h_addr_list[i++] = bytes;
		memcpy(bytes, facts->address, length);
		bytes += length;
	}
	entry->h_addr_list[i] = NULL;
	entry->h_name = memcpy(bytes, facts->name, name);
	entry->h_addrtype = facts->family;
	entry->h_length = (int)length;
	return 0;
}

static int host_error(int error)
{
	switch (error) {
	case EAI_NONAME:
	case EAI_FAMILY:
		return HOST_NOT_FOUND;
	case EAI_AGAIN:
		return TRY_AGAIN;
	case EAI_SYSTEM:
	case EAI_MEMORY:
		return NETDB_INTERNAL;
	default:
		return NO_RECOVERY;
	}
}

int preload_gethostbyname2_r(const char *name, int family, struct hostent *entry, char *buffer,
	size_t len, struct hostent **result, int *error)
{
	struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM };
	struct facts facts = { .name = name, .family = family };
	struct addrinfo *list;
	int r;

	*result = NULL;
	hints.ai_flags = AI_CANONNAME;
	r = preload_getaddrinfo(name, NULL, &hints, &list);
	if (r != 0) {
		h_errno = *error = host_error(r);
		return r == EAI_SYSTEM ? errno : r == EAI_MEMORY ? ENOMEM
								 : 0;
	}
	facts.list = list;
	if (list->ai_canonname)
		facts.name = list->ai_canonname;
	r = build(&facts, entry, buffer, len);
	freeaddrinfo(list);
	h_errno = *error = r ? NETDB_INTERNAL : NETDB_SUCCESS;
	if (r == 0)
		*result = entry;
	else
		errno = r;
	return r;
}

int preload_gethostbyname_r(const char *name, struct hostent *entry, char *buffer, size_t len,
	struct hostent **result, int *error)
{
	return preload_gethostbyname2_r(name, AF_INET, entry, buffer, len, result, error);
}

struct hostent *preload_gethostbyname2(const char *name, int family)
{
	struct hostent *result;

	preload_gethostbyname2_r(name, family, &shared.entry, shared.buffer,
		sizeof(shared.buffer), &result, &h_errno);
	return result;
}

struct hostent *preload_gethostbyname(const char *name)
{
	return preload_gethostbyname2(name, AF_INET);
}

static bool is_loopback(const void *address, int family)
{
	if (family == AF_INET)
		return *(const uint8_t *)address == 127;
	return memcmp(address, &in6addr_loopback, sizeof(in6addr_loopback)) == 0;
}

int preload_gethostbyaddr_r(const void *address, socklen_t len, int family, struct hostent *entry,
	char *buffer, size_t size, struct hostent **result, int *error)
{
	struct facts facts = { .name = LOCALHOST, .family = family, .address = address };
	char name[REVERSE_NAME_MAX];
	int r;

	*result = NULL;
	/* Like libc's, for callers that look there too. */
	h_errno = *error = HOST_NOT_FOUND;
	if ((family != AF_INET && family != AF_INET6) || len != (socklen_t)length_of(family))
		return 0;
	if (!is_loopback(address, family)) {
		h_errno = *error = reverse_look_up(family, address, name, sizeof(name));
		if (*error)
			return 0;
		facts.name = name;
	}
	r = build(&facts, entry, buffer, size);
	h_errno = *error = r ? NETDB_INTERNAL : NETDB_SUCCESS;
	if (r == 0)
		*result = entry;
	return r;
}

struct hostent *preload_gethostbyaddr(const void *address, socklen_t len, int family)
{
	struct hostent *result;

	preload_gethostbyaddr_r(address, len, family, &shared.entry, shared.buffer,
		sizeof(shared.buffer), &result, &h_errno);
	return result;
}
