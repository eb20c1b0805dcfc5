/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The settings are read once, when the library is loaded: some programs empty
 * their environment later. Nothing changes them after, so they need no lock.
 *
 * A denied prefix counts before a kernel one, the longer of two kernel ones
 * makes no difference. The unspecified address as a destination means this
 * host, as everywhere on Linux: it is loopback.
 *
 * The log is opened for each line, since programs close what they do not know;
 * a line is one write, so several processes can share the file.
 */
#include "client/preload/places.h"

#include "client/preload/prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct prefixes {
	struct prefix *list;
	size_t n;
};

static struct {
	struct prefixes denied;
	struct prefixes kernel;
	bool loopback_in_stack;
	bool allow_others;
	char log[PATH_MAX]; /* empty: none */
} places;

static const struct prefix loopbacks[] = {
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127 }, 104 },
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 128 },
};

static const struct prefix wildcards[] = {
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 128 },
	{ { 0 }, 128 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int load_prefixes(struct prefixes *prefixes, const char *name)
{
	const char *text = getenv(name);

	while (text && *text) {
		unsigned int len = (unsigned int)strcspn(text, ",");
		struct prefix *list = realloc(prefixes->list,
			(prefixes->n + 1) * sizeof(*prefixes->list));

		if (!list)
			return -ENOMEM;
		prefixes->list = list;
		if (prefix_parse(&list[prefixes->n], text, len) < 0)
			return -EINVAL;
		prefixes->n++;
		text += len + (text[len] == ',');
	}
	return 0;
}

int places_load(void)
{
	const char *loopback = getenv(PLACES_LOOPBACK_ENV);
	const char *others = getenv(PLACES_OTHERS_ENV);
	const char *log = getenv(PLACES_LOG_ENV);
	int r = load_prefixes(&places.denied, PLACES_DENY_ENV);

	if (r == 0)
		r = load_prefixes(&places.kernel, PLACES_KERNEL_ENV);
	places.loopback_in_stack = loopback && strcmp(loopback, PLACES_LOOPBACK_STACK) == 0;
	places.allow_others = others && strcmp(others, PLACES_OTHERS_KERNEL) == 0;
	if (log && strlen(log) < sizeof(places.log))
		strcpy(places.log, log);
	return r;
}

static bool get_ip(const struct sockaddr *address, socklen_t len, uint8_t ip[16])
{
	if (!address || len < sizeof(address->sa_family))
		return false;
	if (address->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		prefix_map_ipv4(ip, &((const struct sockaddr_in *)(const void *)address)->sin_addr);
		return true;
	}
	/* RFC 2133 had it without the scope. */
	if (address->sa_family == AF_INET6 &&
		len >= offsetof(struct sockaddr_in6, sin6_scope_id)) {
		memcpy(ip, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
		return true;
	}
	return false;
}

static bool contains(const struct prefix *list, size_t n, const uint8_t ip[16])
{
	for (size_t i = 0; i < n; i++)
		if (prefix_contains(&list[i], ip))
			return true;
	return false;
}

enum place places_of(const struct sockaddr *address, socklen_t len)
{
	uint8_t ip[16];

	if (!get_ip(address, len, ip))
		return PLACE_STACK;
	if (contains(places.denied.list, places.denied.n, ip))
		return PLACE_DENIED;
	if (!places.loopback_in_stack &&
		(contains(loopbacks, COUNT(loopbacks), ip) ||
			contains(wildcards, COUNT(wildcards), ip)))
		return PLACE_KERNEL;
	return contains(places.kernel.list, places.kernel.n, ip) ? PLACE_KERNEL : PLACE_STACK;
}

bool places_allow_others(void)
{
	return places.allow_others;
}

bool places_is_loopback(const struct sockaddr *address, socklen_t len)
{
	uint8_t ip[16];

	return get_ip(address, len, ip) && contains(loopbacks, COUNT(loopbacks), ip);
}

bool places_is_wildcard(const struct sockaddr *address, socklen_t len)
{
	uint8_t ip[16];

	return get_ip(address, len, ip) && contains(wildcards, COUNT(wildcards), ip);
}

void places_log(const char *format, ...)
{
	int error = errno, fd, n, more;
	char line[512];
	va_list list;

	if (!*places.log)
		return;
	n = snprintf(line, sizeof(line), "%s[%d]: ", program_invocation_short_name, getpid());
	if (n > 0 && (size_t)n < sizeof(line) - 1) {
		va_start(list, format);
		more = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, list);
		va_end(list);
		n = (size_t)(n + more) < sizeof(line) - 1 ? n + more : (int)sizeof(line) - 2;
		line[n++] = '\n';
		fd = open(places.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
		if (fd >= 0) {
			/* A log that cannot be written is no reason to stop. */
			if (write(fd, line, (size_t)n) < 0)
				n = 0;
			close(fd);
		}
	}
	errno = error;
}

void places_log_address(const char *call, const struct sockaddr *address, const char *text)
{
	char ip[INET6_ADDRSTRLEN] = "?";
	uint16_t port = 0;

	if (!*places.log)
		return;
	if (address && address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;

		inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
		port = ntohs(in6->sin6_port);
	} else if (address && address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
		port = ntohs(in->sin_port);
	}
	places_log("%s %s port %u: %s", call, ip, port, text);
}
