/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The file is kept as a hash from name to addresses and read again when its
 * path, inode, size or time of change is another, which is looked at before
 * each look-up. Lines that make no sense are skipped, as every resolver does;
 * what is beyond the bounds is skipped too, with one log line.
 */
#include "daemon/resolver_hosts.h"

#include "daemon/resolver_name.h"
#include "netif/hash.h"
#include "netif/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_SIZE_MAX (4 * 1024 * 1024)
#define HOSTS_MAX     65536

struct host {
	char name[RESOLVER_NAME_SIZE];
	char canonical[RESOLVER_NAME_SIZE]; /* of its first line */
	struct address addresses[RESOLVER_ADDRESSES_MAX];
	size_t n_addresses;
	UT_hash_handle hh;
};

struct resolver_hosts {
	struct host *by_name;
	char path[PATH_MAX];
	struct stat seen; /* st_ino 0: there was no file */
};

static void clear(struct resolver_hosts *hosts)
{
	struct host *host, *next;

	HASH_ITER(hh, hosts->by_name, host, next) {
		HASH_DEL(hosts->by_name, host);
		free(host);
	}
}

static struct host *find_or_add(struct resolver_hosts *hosts, const char *name,
	const char *canonical)
{
	struct host *host;

	HASH_FIND_STR(hosts->by_name, name, host);
	if (host || HASH_COUNT(hosts->by_name) >= HOSTS_MAX)
		return host;
	host = calloc(1, sizeof(*host));
	if (!host)
		return NULL;
	strcpy(host->name, name);
	strcpy(host->canonical, canonical);
	HASH_ADD_STR(hosts->by_name, name, host);
	return host;
}

static void add_address(struct host *host, const struct address *address)
{
	for (size_t i = 0; i < host->n_addresses; i++) {
		if (address_ip_equal(&host->addresses[i], address))
			return;
	}
	if (host->n_addresses < RESOLVER_ADDRESSES_MAX)
		host->addresses[host->n_addresses++] = *address;
}

/* "address name [name...] [# comment]"; the first name is the canonical one. */
static void read_line(struct resolver_hosts *hosts, char *line)
{
	char canonical[RESOLVER_NAME_SIZE] = "";
	char name[RESOLVER_NAME_SIZE];
	struct address address;
	struct host *host;
	char *word, *save;

	line[strcspn(line, "#\r\n")] = '\0';
	word = strtok_r(line, " \t", &save);
	if (!word || address_parse_ip(&address, word) < 0)
		return;
	while ((word = strtok_r(NULL, " \t", &save))) {
		if (resolver_name_normalize(word, name) < 0)
			continue;
		if (canonical[0] == '\0')
			strcpy(canonical, name);
		host = find_or_add(hosts, name, canonical);
		if (host)
			add_address(host, &address);
	}
}

static void read_file(struct resolver_hosts *hosts, const char *path)
{
	FILE *stream = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (!stream)
		return;
	while (getline(&line, &size, stream) >= 0)
		read_line(hosts, line);
	free(line);
	fclose(stream);
	if (HASH_COUNT(hosts->by_name) >= HOSTS_MAX)
		log_warning("%s holds more than %d names: the rest is ignored", path, HOSTS_MAX);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
		a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

struct resolver_hosts *resolver_hosts_new(void)
{
	return calloc(1, sizeof(struct resolver_hosts));
}

void resolver_hosts_free(struct resolver_hosts *hosts)
{
	if (!hosts)
		return;
	clear(hosts);
	free(hosts);
}

void resolver_hosts_refresh(struct resolver_hosts *hosts, const char *path)
{
	struct stat st = { 0 };

	if (path[0] != '\0' && (stat(path, &st) < 0 || !S_ISREG(st.st_mode)))
		st = (struct stat){ 0 };
	if (strcmp(path, hosts->path) == 0 && same_file(&st, &hosts->seen))
		return;
	clear(hosts);
	snprintf(hosts->path, sizeof(hosts->path), "%s", path);
	hosts->seen = st;
	if (st.st_size > FILE_SIZE_MAX)
		log_warning("%s is larger than %d bytes: it is ignored", path, FILE_SIZE_MAX);
	else if (st.st_ino != 0)
		read_file(hosts, path);
}

static void copy_family(const struct host *host, enum address_family family,
	struct resolver_answer *answer)
{
	for (size_t i = 0; i < host->n_addresses; i++) {
		if (host->addresses[i].family == family)
			answer->addresses[answer->n_addresses++] = host->addresses[i];
	}
}

bool resolver_hosts_find(const struct resolver_hosts *hosts, const char *name,
	enum address_family family, struct resolver_answer *answer)
{
	const struct host *host;

	HASH_FIND_STR(hosts->by_name, name, host);
	if (!host)
		return false;
	memset(answer, 0, sizeof(*answer));
	strcpy(answer->canonical, host->canonical);
	if (family != ADDRESS_IPV6)
		copy_family(host, ADDRESS_IPV4, answer);
	if (family != ADDRESS_IPV4)
		copy_family(host, ADDRESS_IPV6, answer);
	return answer->n_addresses > 0;
}
