/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Scripts give addresses as host and port. Literals are read here and need no
 * daemon; anything else is a name, which the daemon looks up. A link-local
 * address keeps its scope in the host's text ("fe80::1%1"), so that what one
 * call returned another call takes.
 *
 * A look-up that a signal interrupted is asked again: the daemon has its answer
 * or is still at it.
 */
#include "client/script/script.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_MAX UINT16_MAX

_Static_assert(USOCKET_SCRIPT_HOST_MAX >= INET6_ADDRSTRLEN + 11, "address, % and scope");

static void make_ipv4(struct usocket_script_address *address, struct in_addr ip,
	const struct usocket_script_endpoint *endpoint)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)endpoint->port),
		.sin_addr = ip,
	};

	memcpy(&address->storage, &sin, sizeof(sin));
	address->len = sizeof(sin);
}

static void make_ipv6(struct usocket_script_address *address, struct in6_addr ip,
	const struct usocket_script_endpoint *endpoint, uint32_t scope)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)endpoint->port),
		.sin6_flowinfo = htonl(endpoint->flowinfo),
		.sin6_addr = ip,
		.sin6_scope_id = endpoint->scope ? endpoint->scope : scope,
	};

	memcpy(&address->storage, &sin6, sizeof(sin6));
	address->len = sizeof(sin6);
}

/* True if the host was a literal of the family, or empty: the wildcard. */
static bool parse_literal(struct usocket_script_address *address, int family,
	const struct usocket_script_endpoint *endpoint)
{
	struct in_addr ip4 = { .s_addr = htonl(INADDR_ANY) };
	struct in6_addr ip6 = IN6ADDR_ANY_INIT;
	const char *host = endpoint->host;

	if (family == AF_INET6) {
		if (host[0] != '\0' && inet_pton(AF_INET6, host, &ip6) != 1)
			return false;
		make_ipv6(address, ip6, endpoint, 0);
		return true;
	}
	if (strcmp(host, "<broadcast>") == 0)
		ip4.s_addr = htonl(INADDR_BROADCAST);
	else if (host[0] != '\0' && inet_pton(AF_INET, host, &ip4) != 1)
		return false;
	make_ipv4(address, ip4, endpoint);
	return true;
}

bool script_is_name(const struct usocket_script *s, const struct usocket_script_endpoint *endpoint)
{
	struct usocket_script_address address;

	return endpoint->port <= PORT_MAX &&
		!parse_literal(&address, script_of(s)->family, endpoint);
}

/* Returns as usocket_script_address(). */
static int look_up(const struct usocket_script_call *call, const char *host, const char *service,
	const struct addrinfo *hints, struct addrinfo **result)
{
	int timeout_ms = usocket_script_left_ms(call);
	bool is_over = call->deadline_ns > 0 && timeout_ms == 0;
	int rc = usocket_getaddrinfo_timeout(host, service, hints, result, timeout_ms);

	if (rc == 0)
		return 0;
	*result = NULL;
	if (rc == EAI_MEMORY)
		return -ENOMEM;
	if (rc != EAI_SYSTEM)
		return -rc;
	return is_over && errno == EAGAIN ? -ETIMEDOUT : -errno;
}

int usocket_script_address(const struct usocket_script *s, struct usocket_script_call *call,
	const struct usocket_script_endpoint *endpoint,
	struct usocket_script_address *address)
{
	const struct script *script = script_of(s);
	struct addrinfo hints = { .ai_family = script->family, .ai_socktype = script->type };
	struct usocket_script_call patient = *call;
	struct addrinfo *result;
	int rc;

	if (endpoint->port > PORT_MAX)
		return -EINVAL;
	if (script_fd(s) < 0)
		return -EBADF;
	if (parse_literal(address, script->family, endpoint))
		return 0;
	/* A non-blocking call waits for the name; the daemon bounds that. */
	if (call->deadline_ns == 0)
		usocket_script_begin_timeout(&patient, USOCKET_SCRIPT_WAIT);
	rc = look_up(&patient, endpoint->host, NULL, &hints, &result);
	if (rc != 0)
		return rc;
	if (script->family == AF_INET6) {
		const struct sockaddr_in6 *sin6 = (const void *)result->ai_addr;

		make_ipv6(address, sin6->sin6_addr, endpoint, sin6->sin6_scope_id);
	} else {
		const struct sockaddr_in *sin = (const void *)result->ai_addr;

		make_ipv4(address, sin->sin_addr, endpoint);
	}
	usocket_freeaddrinfo(result);
	return 0;
}

int usocket_script_address_text(const struct usocket_script_address *address, char *host)
{
	const struct sockaddr_in *sin = (const void *)&address->storage;
	const struct sockaddr_in6 *sin6 = (const void *)&address->storage;
	size_t len;

	host[0] = '\0';
	if (address->len == 0)
		return -1;
	switch (address->storage.ss_family) {
	case AF_INET:
		inet_ntop(AF_INET, &sin->sin_addr, host, USOCKET_SCRIPT_HOST_MAX);
		return ntohs(sin->sin_port);
	case AF_INET6:
		inet_ntop(AF_INET6, &sin6->sin6_addr, host, USOCKET_SCRIPT_HOST_MAX);
		len = strlen(host);
		if (sin6->sin6_scope_id != 0)
			snprintf(host + len, USOCKET_SCRIPT_HOST_MAX - len, "%%%u",
				sin6->sin6_scope_id);
		return ntohs(sin6->sin6_port);
	default:
		return -1;
	}
}

/* ---- getaddrinfo ------------------------------------------------------------- */

static bool some_link_has_ipv4(void)
{
	struct usocket_link_info link;
	uint32_t cursor = 0;

	while (usocket_next_link(&cursor, &link, sizeof(link)) == 1)
		if (link.state >= USOCKET_LINK_UP && link.address4.family == AF_INET)
			return true;
	return false;
}

static bool has_ipv4(const struct addrinfo *entries)
{
	while (entries && entries->ai_family != AF_INET)
		entries = entries->ai_next;
	return entries != NULL;
}

/* Moves the IPv4 entries to the front; each kind keeps its order. */
static struct addrinfo *ipv4_first(struct addrinfo *entries)
{
	struct addrinfo *ipv4 = NULL, **ipv4_end = &ipv4, *others = NULL, **others_end = &others;

	for (; entries; entries = entries->ai_next) {
		struct addrinfo ***end = entries->ai_family == AF_INET ? &ipv4_end : &others_end;

		**end = entries;
		*end = &entries->ai_next;
	}
	*others_end = NULL;
	*ipv4_end = others;
	return ipv4;
}

/* The service in digits that are no port: "70000". */
static bool is_bad_port(const char *service)
{
	size_t digits = service ? strspn(service, "0123456789") : 0;

	return service && service[digits] == '\0' &&
		(digits == 0 || digits > 5 || strtol(service, NULL, 10) > PORT_MAX);
}

int usocket_script_getaddrinfo(struct usocket_script_call *call, const char *host,
	const char *service, const struct addrinfo *hints, int daemon_order,
	struct addrinfo **result)
{
	struct addrinfo wanted = *hints;
	int rc;

	*result = NULL;
	if (is_bad_port(service))
		return -EAI_SERVICE;
	if (wanted.ai_socktype == 0)
		wanted.ai_socktype = SOCK_STREAM;
	if (!host || host[0] == '\0') {
		host = NULL;
		wanted.ai_flags |= AI_PASSIVE;
		if (wanted.ai_family == AF_UNSPEC)
			wanted.ai_family = AF_INET;
	}
	rc = look_up(call, host, service, &wanted, result);
	if (rc == 0 && !daemon_order && wanted.ai_family == AF_UNSPEC && has_ipv4(*result) &&
		(*result)->ai_family != AF_INET && some_link_has_ipv4())
		*result = ipv4_first(*result);
	return rc;
}

int usocket_script_entry(const struct addrinfo *result, unsigned int i,
	struct usocket_script_address *address)
{
	for (; result && i > 0; i--)
		result = result->ai_next;
	if (!result)
		return 0;
	memset(&address->storage, 0, sizeof(address->storage));
	memcpy(&address->storage, result->ai_addr, result->ai_addrlen);
	address->len = result->ai_addrlen;
	return result->ai_family;
}
