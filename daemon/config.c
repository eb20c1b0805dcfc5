/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * inih takes the files apart; this file feeds it and says where things stand.
 * inih's handler may be built without line numbers and its parser reports
 * only the first error, so the reader that hands it the lines counts them,
 * looks for what inih would trip over, complains with file and line, and
 * hands on an empty line instead. It also strips indentation, which inih
 * would take for the continuation of the line before.
 *
 * A file is never half used: all errors of all files are logged, then loading
 * fails as a whole. Files are read in order, a later one overriding an
 * earlier one; within one file, a section or a key that comes twice is an
 * error, as it is most likely a mistake.
 *
 * Sections [link NAME] belong to the links, which know their drivers' keys.
 */
#include "daemon/config.h"

#include "daemon/config_keys.h"
#include "netif/link.h"
#include "proto/protocol.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB		 UINT64_C(1048576)
#define LINK_PREFIX	 "link "
#define LINK_NAME_MAX	 (TABLE_NAME_MAX - 1)
#define PLACE_MAX	 256
#define SECTIONS_MAX	 64 /* in one file */
#define SECTION_NAME_MAX 50 /* inih's own bound, with NUL */

static const struct limits default_limits = {
	.session = {
		[RESOURCE_SESSION] = 1,
		[RESOURCE_SOCKET] = 1024,
		[RESOURCE_LOOKUP] = 32,
		[RESOURCE_WATCH] = 8,
		[RESOURCE_QUEUED] = 64 * MIB,
	},
	.user = {
		[RESOURCE_SESSION] = 128,
		[RESOURCE_SOCKET] = 4096,
		[RESOURCE_LOOKUP] = 256,
		[RESOURCE_WATCH] = 64,
		[RESOURCE_QUEUED] = 256 * MIB,
	},
};

static const struct config default_config = {
	.socket_mode = 0666,
	.socket_group = (gid_t)-1,
	.log_level = LOG_LEVEL_NOTICE,
	.queues = true,
	.sockets_max = 4096,
	.sessions_max = 256,
	.raw_group = (gid_t)-1,
	.control_group = (gid_t)-1,
	.low_ports = true,
	.connect_timeout_s = 75,
	.linger_s = 20,
	.embryonic_max = 200,
	.receive_buffer = 65536,
	.resolve_timeout_s = 15,
	.cache_entries = 512,
	.hosts = "/etc/hosts",
};

/* A section of the file being read. */
struct section {
	char name[SECTION_NAME_MAX];
	unsigned int line;
};

/* Where each link's first section begins, "file:line". */
struct link_places {
	char of[CONFIG_LINKS_MAX][PLACE_MAX];
};

/* One file being read. */
struct reader {
	struct config *config;
	struct link_places *places;
	FILE *stream;
	const char *path;
	unsigned int line;
	char *text; /* getline()'s */
	size_t text_size;
	struct section sections[SECTIONS_MAX];
	unsigned int n_sections;
	unsigned int key_lines[CONFIG_KEYS_MAX]; /* 0: not seen yet */
	unsigned int n_errors;
};

/*
 * Each message has a budget of its own: whoever has written a long file with
 * many mistakes wants to see them all.
 */
static void __attribute__((format(printf, 3, 4)))
report(const struct reader *reader, enum log_level level, const char *format, ...)
{
	struct log_site site = { 0 };
	char text[512];
	va_list args;

	if (level > log_level())
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_write(&site, level, "%s:%u: %s", reader->path, reader->line, text);
}

#define report_error(reader, ...)                               \
	do {                                                    \
		(reader)->n_errors++;                           \
		report((reader), LOG_LEVEL_ERROR, __VA_ARGS__); \
	} while (0)

#define report_ignored(reader, ...)                               \
	do {                                                      \
		(reader)->config->n_ignored++;                    \
		report((reader), LOG_LEVEL_WARNING, __VA_ARGS__); \
	} while (0)

static bool is_link_section(const char *section)
{
	return strncmp(section, LINK_PREFIX, strlen(LINK_PREFIX)) == 0;
}

static bool is_link_name(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= LINK_NAME_MAX &&
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

/* ---- links ---------------------------------------------------------------- */

static struct link *find_link(struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->n_links; i++) {
		if (strcmp(link_name(config->links[i]), name) == 0)
			return config->links[i];
	}
	return NULL;
}

static struct link *find_or_add_link(struct reader *reader, const char *name)
{
	struct config *config = reader->config;
	struct link *link = find_link(config, name);

	if (link)
		return link;
	if (config->n_links == CONFIG_LINKS_MAX) {
		report_error(reader, "more than %d links", CONFIG_LINKS_MAX);
		return NULL;
	}
	link = link_new(name);
	if (!link) {
		report_error(reader, "out of memory");
		return NULL;
	}
	snprintf(reader->places->of[config->n_links], sizeof(reader->places->of[0]), "%s:%u",
		reader->path, reader->line);
	config->links[config->n_links++] = link;
	return link;
}

/* ---- lines, before inih sees them ---------------------------------------- */

static void note_section(struct reader *reader, const char *name)
{
	struct section *section;

	for (unsigned int i = 0; i < reader->n_sections; i++) {
		if (strcmp(reader->sections[i].name, name) == 0) {
			report_error(reader, "section [%s] appears twice, first in line %u", name,
				reader->sections[i].line);
			return;
		}
	}
	if (reader->n_sections == SECTIONS_MAX) {
		report_error(reader, "more than %d sections", SECTIONS_MAX);
		return;
	}
	section = &reader->sections[reader->n_sections++];
	snprintf(section->name, sizeof(section->name), "%s", name);
	section->line = reader->line;
}

/* Returns whether inih can read the line "[name]". */
static bool check_section(struct reader *reader, const char *line)
{
	char name[SECTION_NAME_MAX];
	const char *end = strchr(line, ']');
	size_t len = end ? (size_t)(end - line - 1) : 0;

	if (!end || len >= sizeof(name)) {
		report_error(reader, "expected '[section]', of at most %d characters",
			SECTION_NAME_MAX - 1);
		return false;
	}
	memcpy(name, line + 1, len);
	name[len] = '\0';
	note_section(reader, name);
	if (is_link_section(name)) {
		if (is_link_name(name + strlen(LINK_PREFIX)))
			find_or_add_link(reader, name + strlen(LINK_PREFIX));
		else
			report_error(reader,
				"a link's name is 1 to %d of the characters a-z, 0-9, _ and -",
				LINK_NAME_MAX);
	} else if (!config_keys_has_section(name)) {
		report_ignored(reader, "unknown section [%s] is ignored", name);
	}
	return true;
}

static bool check_line(struct reader *reader, const char *line, size_t len, size_t room)
{
	if (strlen(line) != len) {
		report_error(reader, "the line holds a NUL byte");
		return false;
	}
	if (len > room) {
		report_error(reader, "the line is longer than %zu bytes", room);
		return false;
	}
	if (*line == '\0' || *line == '#' || *line == ';')
		return true;
	if (*line == '[')
		return check_section(reader, line);
	if (!strpbrk(line, "=:")) {
		report_error(reader, "expected 'key = value'");
		return false;
	}
	return true;
}

/* inih's reader: as fgets(), and no line is ever cut in two. */
static char *read_line(char *out, int size, void *arg)
{
	struct reader *reader = arg;
	ssize_t n = getline(&reader->text, &reader->text_size, reader->stream);
	char *line = reader->text;
	size_t len;

	if (n < 0)
		return NULL;
	len = (size_t)n;
	reader->line++;
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		line[--len] = '\0';
	if (reader->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		len -= 3;
	}
	while (*line == ' ' || *line == '\t') {
		line++;
		len--;
	}
	if (!check_line(reader, line, len, (size_t)size - 3)) {
		line[0] = '\0';
		len = 0;
	}
	memcpy(out, line, len);
	strcpy(out + len, "\n");
	return out;
}

/* ---- keys, as inih hands them back --------------------------------------- */

static void set_link_key(struct reader *reader, const char *name, const char *key,
	const char *value)
{
	char error[CONFIG_EXPECTED_MAX] = "wrong value";
	struct link *link;
	int r;

	link = find_link(reader->config, name);
	if (!link)
		return; /* reported with its section */
	r = link_set(link, key, value, error, sizeof(error));
	if (r == -ENOENT)
		report_ignored(reader, "unknown key '%s' is ignored", key);
	else if (r < 0)
		report_error(reader, "%s = %s: %s", key, value, error);
}

static void set_key(struct reader *reader, const char *section, const char *name,
	const char *value)
{
	char expected[CONFIG_EXPECTED_MAX];
	int key = config_keys_find(section, name);

	if (key < 0) {
		report_ignored(reader, "unknown key '%s' in [%s] is ignored", name, section);
		return;
	}
	if (reader->key_lines[key] != 0) {
		report_error(reader, "'%s' is given twice, first in line %u", name,
			reader->key_lines[key]);
		return;
	}
	reader->key_lines[key] = reader->line;
	if (config_keys_set(reader->config, key, value, expected) < 0)
		report_error(reader, "%s = %s: expected %s", name, value, expected);
}

static void take_pair(struct reader *reader, const char *section, const char *name,
	const char *value)
{
	if (is_link_section(section))
		set_link_key(reader, section + strlen(LINK_PREFIX), name, value);
	else if (section[0] == '\0')
		report_error(reader, "'%s' is in no section", name);
	else if (config_keys_has_section(section))
		set_key(reader, section, name, value);
}

#if INI_HANDLER_LINENO
static int on_pair(void *arg, const char *section, const char *name, const char *value,
	int line)
{
	(void)line;
	take_pair(arg, section, name, value);
	return 1;
}
#else
static int on_pair(void *arg, const char *section, const char *name, const char *value)
{
	take_pair(arg, section, name, value);
	return 1;
}
#endif

/* ---- files ---------------------------------------------------------------- */

static int read_stream(struct config *config, struct link_places *places, FILE *stream,
	const char *path)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	reader->config = config;
	reader->places = places;
	reader->stream = stream;
	reader->path = path;
	r = ini_parse_stream(read_line, reader, on_pair, reader);
	if (r > 0 && reader->n_errors == 0) {
		reader->line = (unsigned int)r;
		report_error(reader, "expected 'key = value' or '[section]'");
	}
	if (ferror(stream)) {
		report_error(reader, "cannot be read: %s", strerror(errno));
	}
	r = reader->n_errors > 0 || r < 0 ? -EINVAL : 0;
	free(reader->text);
	free(reader);
	return r;
}

static int read_file(struct config *config, struct link_places *places, const char *path)
{
	FILE *stream = fopen(path, "re");
	int r;

	if (!stream)
		return -errno;
	r = read_stream(config, places, stream, path);
	fclose(stream);
	return r;
}

static int is_drop_in(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 &&
		strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_drop_in(struct config *config, struct link_places *places, const char *folder,
	const char *name)
{
	char path[PATH_MAX];
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
		log_error("%s/%s: the path is too long", folder, name);
		return -ENAMETOOLONG;
	}
	r = read_file(config, places, path);
	if (r < 0 && r != -EINVAL)
		log_error("%s: %s", path, strerror(-r));
	return r;
}

static int read_drop_ins(struct config *config, struct link_places *places, const char *path)
{
	char folder[PATH_MAX];
	struct dirent **entries;
	int n, result = 0;

	if (snprintf(folder, sizeof(folder), "%s.d", path) >= (int)sizeof(folder))
		return 0;
	n = scandir(folder, &entries, is_drop_in, by_name);
	if (n < 0 && errno != ENOENT && errno != ENOTDIR) {
		log_error("%s: %s", folder, strerror(errno));
		return -EINVAL;
	}
	for (int i = 0; i < n; i++) {
		if (read_drop_in(config, places, folder, entries[i]->d_name) < 0)
			result = -EINVAL;
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return result;
}

static int check_links(const struct config *config, const struct link_places *places)
{
	char error[CONFIG_EXPECTED_MAX];
	int result = 0;

	for (uint32_t i = 0; i < config->n_links; i++) {
		if (link_check(config->links[i], error, sizeof(error)) < 0) {
			log_error("%s: [link %s]: %s", places->of[i],
				link_name(config->links[i]), error);
			result = -EINVAL;
		}
	}
	return result;
}

/* ---- public --------------------------------------------------------------- */

static int default_socket(char *path, size_t size)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int n;

	if (geteuid() == 0 || !runtime || runtime[0] != '/')
		n = snprintf(path, size, "%s", PROTOCOL_SOCKET_PATH);
	else
		n = snprintf(path, size, "%s/%s/%s", runtime, PROTOCOL_SOCKET_DIR,
			PROTOCOL_SOCKET_NAME);
	return n < (int)size ? 0 : -ENAMETOOLONG;
}

int config_init(struct config *config)
{
	*config = default_config;
	config->limits = default_limits;
	return default_socket(config->socket, sizeof(config->socket));
}

void config_fini(struct config *config)
{
	for (uint32_t i = 0; i < config->n_links; i++)
		link_free(config->links[i]);
	config->n_links = 0;
}

int config_load(struct config *config, const char *path, bool required)
{
	struct link_places places;
	int result = read_file(config, &places, path);

	if (result == -ENOENT && !required)
		result = 0;
	else if (result < 0 && result != -EINVAL)
		log_error("%s: %s", path, strerror(-result));
	if (read_drop_ins(config, &places, path) < 0)
		result = -EINVAL;
	if (result == 0)
		result = check_links(config, &places);
	return result;
}

int config_add_default_link(struct config *config)
{
	char error[CONFIG_EXPECTED_MAX];
	struct link *link;
	int r;

	if (config->n_links > 0)
		return 0;
	link = link_new(CONFIG_DEFAULT_LINK);
	if (!link)
		return -ENOMEM;
	r = link_set(link, "driver", "slirp", error, sizeof(error));
	if (r == 0)
		r = link_check(link, error, sizeof(error));
	if (r < 0) {
		link_free(link);
		return r == -ENOMEM ? r : -ENODEV;
	}
	config->links[config->n_links++] = link;
	return 0;
}

void config_reload(struct config *config, const struct config *fresh)
{
	config->log_level = fresh->log_level;
	config->limits = fresh->limits;
	config->sessions_max = fresh->sessions_max;
	config->raw_group = fresh->raw_group;
	config->control_group = fresh->control_group;
	config->low_ports = fresh->low_ports;
	config->connect_timeout_s = fresh->connect_timeout_s;
	config->linger_s = fresh->linger_s;
	config->embryonic_max = fresh->embryonic_max;
	config->receive_buffer = fresh->receive_buffer;
	memcpy(config->servers, fresh->servers, sizeof(config->servers));
	config->n_servers = fresh->n_servers;
	config->resolve_timeout_s = fresh->resolve_timeout_s;
	config->cache_entries = fresh->cache_entries;
	memcpy(config->hosts, fresh->hosts, sizeof(config->hosts));
	memcpy(config->socks_users, fresh->socks_users, sizeof(config->socks_users));
}
