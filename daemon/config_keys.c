/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Each key is a row: section, name, parser, where its value goes in struct
 * config, and the least and greatest value where there is a range. A parser
 * writes the target only if the whole value is right, and otherwise says what
 * it expects, so a message can be made without knowing the key.
 */
#include "daemon/config_keys.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIB	     UINT64_C(1024)
#define MIB	     (KIB * 1024)
#define GIB	     (MIB * 1024)
#define QUEUED_RANGE (64 * KIB), (64 * GIB)

struct key_row;

typedef int (*parse_fn)(const struct key_row *row, const char *value, void *target,
	char expected[CONFIG_EXPECTED_MAX]);

struct key_row {
	const char *section;
	const char *name;
	parse_fn parse;
	size_t offset;	   /* in struct config */
	uint64_t min, max; /* of numbers; max: size of a path's buffer */
};

static int __attribute__((format(printf, 2, 3)))
expect(char expected[CONFIG_EXPECTED_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(expected, CONFIG_EXPECTED_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

/* Digits and nothing else; returns what follows them, NULL if there are none. */
static const char *parse_digits(const char *text, int base, uint64_t *out)
{
	char *end;
	unsigned long long value;

	if (!isdigit((unsigned char)*text))
		return NULL;
	errno = 0;
	value = strtoull(text, &end, base);
	if (errno != 0)
		return NULL;
	*out = value;
	return end;
}

static int parse_number(const struct key_row *row, const char *value, uint64_t *out)
{
	const char *rest = parse_digits(value, 10, out);

	if (!rest || *rest != '\0' || *out < row->min || *out > row->max)
		return -EINVAL;
	return 0;
}

static int parse_u32(const struct key_row *row, const char *value, void *target,
	char expected[CONFIG_EXPECTED_MAX])
{
	uint64_t number;

	if (parse_number(row, value, &number) < 0)
		return expect(expected, "a number from %llu to %llu",
			(unsigned long long)row->min, (unsigned long long)row->max);
	*(uint32_t *)target = (uint32_t)number;
	return 0;
}

static int parse_u64(const struct key_row *row, const char *value, void *target,
	char expected[CONFIG_EXPECTED_MAX])
{
	uint64_t number;

	if (parse_number(row, value, &number) < 0)
		return expect(expected, "a number from %llu to %llu",
			(unsigned long long)row->min, (unsigned long long)row->max);
	*(uint64_t *)target = number;
	return 0;
}

static uint64_t size_unit(const char *suffix)
{
	if (suffix[0] == '\0')
		return 1;
	if (suffix[1] != '\0')
		return 0;
	switch (toupper((unsigned char)suffix[0])) {
	case 'K':
		return KIB;
	case 'M':
		return MIB;
	case 'G':
		return GIB;
	}
	return 0;
}

static int parse_size_number(const struct key_row *row, const char *value, uint64_t *out,
	char expected[CONFIG_EXPECTED_MAX])
{
	uint64_t number, unit = 0;
	const char *rest = parse_digits(value, 10, &number);

	if (rest)
		unit = size_unit(rest);
	if (unit == 0 || number > row->max / unit || number * unit < row->min)
		return expect(expected, "bytes from %llu to %llu, or with K, M or G appended",
			(unsigned long long)row->min, (unsigned long long)row->max);
	*out = number * unit;
	return 0;
}

static int parse_size(const struct key_row *row, const char *value, void *target,
	char expected[CONFIG_EXPECTED_MAX])
{
	return parse_size_number(row, value, target, expected);
}

static int parse_size_u32(const struct key_row *row, const char *value, void *target,
	char expected[CONFIG_EXPECTED_MAX])
{
	uint64_t number;

	if (parse_size_number(row, value, &number, expected) < 0)
		return -EINVAL;
	*(uint32_t *)target = (uint32_t)number;
	return 0;
}

static int parse_bool(const struct key_row *row, const char *value, void *target,
	char expected[CONFIG_EXPECTED_MAX])
{
	(void)row;
	if (strcmp(value, "yes") == 0 || strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*(bool *)target = true;
	else if (strcmp(value, "no") == 0 || strcmp(value, "false") == 0 ||
		strcmp(value, "0") == 0)
		*(bool *)target = false;
	else
		return expect(expected, "yes or no");
	return 0;
}

static int parse_level(const struct key_row *row, const char *value, void *target,
	char expected[CONFIG_EXPECTED_MAX])
{
	(void)row;
	if (log_parse_level(value, target) < 0)
		return expect(expected, "error, warning, notice, info or debug");
	return 0;
}

static int parse_mode(const struct key_row *row, const char *value, void *target,
	char expected[CONFIG_EXPECTED_MAX])
{
	uint64_t mode;
	const char *rest = parse_digits(value, 8, &mode);

	(void)row;
	if (!rest || *rest != '\0' || mode > 0777)
		return expect(expected, "an octal file mode such as 0660");
	*(mode_t *)target = (mode_t)mode;
	return 0;
}

static int parse_group(const struct key_row *row, const char *value, void *target,
	char expected[CONFIG_EXPECTED_MAX])
{
	uint64_t number;
	const char *rest = parse_digits(value, 10, &number);
	const struct group *group;

	(void)row;
	if (rest && *rest == '\0' && number < UINT32_MAX) {
		*(gid_t *)target = (gid_t)number;
		return 0;
	}
	group = getgrnam(value);
	if (!group)
		return expect(expected, "the name or number of a group of this system");
	*(gid_t *)target = group->gr_gid;
	return 0;
}

static int parse_socket_path(const struct key_row *row, const char *value, void *target,
	char expected[CONFIG_EXPECTED_MAX])
{
	if (value[0] != '/' || strlen(value) >= row->max)
		return expect(expected, "an absolute path of at most %llu bytes",
			(unsigned long long)row->max - 1);
	strcpy(target, value);
	return 0;
}

static int parse_path_or_none(const struct key_row *row, const char *value, void *target,
	char expected[CONFIG_EXPECTED_MAX])
{
	if (value[0] == '\0' || strcmp(value, "none") == 0) {
		*(char *)target = '\0';
		return 0;
	}
	if (value[0] != '/' || strlen(value) >= row->max)
		return expect(expected, "an absolute path of at most %llu bytes, or none",
			(unsigned long long)row->max - 1);
	strcpy(target, value);
	return 0;
}

/* Splits "[ip]:port", "ip:port" (IPv4) or "ip", in place. */
static int split_port(char *text, char **ip, uint16_t *port)
{
	char *colon = strchr(text, ':');
	uint64_t number;
	const char *rest;

	*ip = text;
	*port = 0;
	if (*text == '[') {
		char *bracket = strchr(text, ']');

		if (!bracket)
			return -EINVAL;
		*ip = text + 1;
		*bracket = '\0';
		colon = bracket + 1;
		if (*colon == '\0')
			return 0;
		if (*colon != ':')
			return -EINVAL;
	} else if (!colon || strchr(colon + 1, ':')) {
		return 0;
	}
	*colon = '\0';
	rest = parse_digits(colon + 1, 10, &number);
	if (!rest || *rest != '\0' || number < 1 || number > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)number;
	return 0;
}

/* Port 0: none was given. */
static int parse_endpoint(char *text, struct address *out)
{
	char *ip;
	uint16_t port;

	if (split_port(text, &ip, &port) < 0 || address_parse_ip(out, ip) < 0)
		return -EINVAL;
	out->port = port;
	return 0;
}

/* Longest value that lists something. */
#define LIST_TEXT_MAX 1024

/*
 * Parses the words of @value, between commas and blanks, into items of @size
 * bytes. Returns how many there are, at most @max, or -EINVAL.
 */
static int parse_list(const char *value, int (*parse)(char *word, void *item), void *items,
	size_t size, int max)
{
	char copy[LIST_TEXT_MAX];
	char *word, *rest = copy;
	int n = 0;

	if (strlen(value) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, value);
	while ((word = strsep(&rest, ", \t"))) {
		if (*word == '\0')
			continue;
		if (n == max || parse(word, (char *)items + (size_t)n * size) < 0)
			return -EINVAL;
		n++;
	}
	return n;
}

static int parse_server(char *text, void *item)
{
	struct address *out = item;

	if (parse_endpoint(text, out) < 0 || address_is_any(out) || address_is_multicast(out))
		return -EINVAL;
	return 0;
}

/* Sets servers and n_servers, which follows them. */
static int parse_servers(const struct key_row *row, const char *value, void *target,
	char expected[CONFIG_EXPECTED_MAX])
{
	struct config *config = (struct config *)((char *)target - row->offset);
	struct address servers[CONFIG_SERVERS_MAX];
	int n = parse_list(value, parse_server, servers, sizeof(servers[0]), CONFIG_SERVERS_MAX);

	if (n < 0)
		return expect(expected,
			"up to %d addresses, separated by commas, each with :PORT if not 53",
			CONFIG_SERVERS_MAX);
	memcpy(config->servers, servers, (size_t)n * sizeof(servers[0]));
	config->n_servers = (uint32_t)n;
	return 0;
}

/* Port 1080 is that of the registry (RFC 1928 section 3). */
static int parse_socks_place(char *text, void *item)
{
	struct config_socks_place *out = item;

	memset(out, 0, sizeof(*out));
	if (text[0] == '/') {
		if (strlen(text) >= sizeof(out->path))
			return -EINVAL;
		strcpy(out->path, text);
		return 0;
	}
	if (parse_endpoint(text, &out->address) < 0 || !address_is_loopback(&out->address))
		return -EINVAL;
	if (out->address.port == 0)
		out->address.port = 1080;
	return 0;
}

/* Sets socks and n_socks, which follows them. */
static int parse_socks(const struct key_row *row, const char *value, void *target,
	char expected[CONFIG_EXPECTED_MAX])
{
	struct config *config = (struct config *)((char *)target - row->offset);
	struct config_socks_place places[CONFIG_SOCKS_MAX];
	int n = parse_list(value, parse_socks_place, places, sizeof(places[0]), CONFIG_SOCKS_MAX);

	if (n < 0)
		return expect(expected,
			"up to %d of: a loopback address (127.0.0.1:1080, [::1]:1080), an "
			"absolute path of at most %zu bytes; separated by commas",
			CONFIG_SOCKS_MAX, sizeof(places[0].path) - 1);
	memcpy(config->socks, places, (size_t)n * sizeof(places[0]));
	config->n_socks = (uint32_t)n;
	return 0;
}

#define SIZE_OF(member)	      sizeof(((struct config *)0)->member)
#define AT(member)	      offsetof(struct config, member)
#define PER_SESSION(resource) AT(limits.session) + sizeof(uint64_t) * (resource)
#define PER_USER(resource)    AT(limits.user) + sizeof(uint64_t) * (resource)

static const struct key_row keys[] = {
	{ "daemon", "socket", parse_socket_path, AT(socket), 0, SIZE_OF(socket) },
	{ "daemon", "socket_mode", parse_mode, AT(socket_mode), 0, 0 },
	{ "daemon", "socket_group", parse_group, AT(socket_group), 0, 0 },
	{ "daemon", "log_level", parse_level, AT(log_level), 0, 0 },
	{ "daemon", "queues", parse_bool, AT(queues), 0, 0 },
	{ "daemon", "sockets_max", parse_u32, AT(sockets_max), 16, 65536 },
	{ "limits", "sessions", parse_u32, AT(sessions_max), 1, 65536 },
	{ "limits", "sessions_per_user", parse_u64, PER_USER(RESOURCE_SESSION), 1, 65536 },
	{ "limits", "sockets_per_session", parse_u64, PER_SESSION(RESOURCE_SOCKET), 0, 65536 },
	{ "limits", "sockets_per_user", parse_u64, PER_USER(RESOURCE_SOCKET), 0, 65536 },
	{ "limits", "lookups_per_session", parse_u64, PER_SESSION(RESOURCE_LOOKUP), 0, 4096 },
	{ "limits", "lookups_per_user", parse_u64, PER_USER(RESOURCE_LOOKUP), 0, 4096 },
	{ "limits", "watches_per_session", parse_u64, PER_SESSION(RESOURCE_WATCH), 0, 4096 },
	{ "limits", "watches_per_user", parse_u64, PER_USER(RESOURCE_WATCH), 0, 4096 },
	{ "limits", "queued_per_session", parse_size, PER_SESSION(RESOURCE_QUEUED), QUEUED_RANGE },
	{ "limits", "queued_per_user", parse_size, PER_USER(RESOURCE_QUEUED), QUEUED_RANGE },
	{ "limits", "raw_group", parse_group, AT(raw_group), 0, 0 },
	{ "limits", "control_group", parse_group, AT(control_group), 0, 0 },
	{ "limits", "low_ports", parse_bool, AT(low_ports), 0, 0 },
	{ "tcp", "connect_timeout", parse_u32, AT(connect_timeout_s), 1, 600 },
	{ "tcp", "linger", parse_u32, AT(linger_s), 1, 600 },
	{ "tcp", "embryonic_max", parse_u32, AT(embryonic_max), 1, 200 },
	{ "udp", "receive_buffer", parse_size_u32, AT(receive_buffer), 2 * KIB, 4 * MIB },
	{ "resolver", "servers", parse_servers, AT(servers), 0, 0 },
	{ "resolver", "timeout", parse_u32, AT(resolve_timeout_s), 1, 600 },
	{ "resolver", "cache_entries", parse_u32, AT(cache_entries), 0, 65536 },
	{ "resolver", "hosts", parse_path_or_none, AT(hosts), 0, PATH_MAX },
	{ "socks", "listen", parse_socks, AT(socks), 0, 0 },
	{ "socks", "users", parse_path_or_none, AT(socks_users), 0, PATH_MAX },
};

#define N_KEYS ((int)(sizeof(keys) / sizeof(keys[0])))
_Static_assert(N_KEYS <= CONFIG_KEYS_MAX, "more keys than config.c has room for");

bool config_keys_has_section(const char *section)
{
	for (int i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].section, section) == 0)
			return true;
	}
	return false;
}

int config_keys_find(const char *section, const char *name)
{
	for (int i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
			return i;
	}
	return -ENOENT;
}

int config_keys_set(struct config *config, int key, const char *value,
	char expected[CONFIG_EXPECTED_MAX])
{
	const struct key_row *row = &keys[key];

	return row->parse(row, value, (char *)config + row->offset, expected);
}
