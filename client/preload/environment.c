/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A program may give those that it starts an environment of their own, or have
 * emptied its own: without LD_PRELOAD they would have the kernel's sockets, and
 * without the settings they might reach what is denied. What there was when the
 * library was loaded is kept as "NAME=value", and what of it a new environment
 * lacks is added. A setting that is there stays, whatever it says; LD_PRELOAD
 * must have the library among what it names, else that is appended.
 *
 * An environment is completed on the caller's stack: a child of vfork() has its
 * parent's memory and must not allocate any.
 */
#include "client/preload/environment.h"

#include "client/preload/places.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

#define PRELOAD_ENV "LD_PRELOAD"

static const char *const names[] = {
	PRELOAD_ENV,
	PLACES_DENY_ENV,
	PLACES_KERNEL_ENV,
	PLACES_LOOPBACK_ENV,
	PLACES_LOG_ENV,
	PLACES_OTHERS_ENV,
	"USOCKETD_SOCKET",
	"USOCKET_WAIT_LINK",
};

#define N_KEPT (sizeof(names) / sizeof(names[0]))

static struct {
	char *entries[N_KEPT]; /* "NAME=value"; NULL: was not set */
	const char *library;   /* as the dynamic linker was told; NULL: it was not */
} kept;

static char *make_entry(const char *name, const char *value)
{
	size_t len = strlen(name);
	char *entry = malloc(len + strlen(value) + sizeof("="));

	if (!entry)
		return NULL;
	strcpy(entry, name);
	entry[len] = '=';
	strcpy(entry + len + 1, value);
	return entry;
}

/* Whether one of the paths in @list, separated as ld.so(8) says, is @path. */
static bool lists_path(const char *list, const char *path)
{
	size_t len = strlen(path);

	while (*list) {
		size_t n = strcspn(list, ": ");

		if (n == len && memcmp(list, path, n) == 0)
			return true;
		list += n + (list[n] != '\0');
	}
	return false;
}

int environment_load(void)
{
	const char *preloaded = getenv(PRELOAD_ENV);
	Dl_info own;

	for (size_t i = 0; i < N_KEPT; i++) {
		const char *value = getenv(names[i]);

		if (!value)
			continue;
		kept.entries[i] = make_entry(names[i], value);
		if (!kept.entries[i])
			return -ENOMEM;
	}
	if (preloaded && dladdr(&kept, &own) && lists_path(preloaded, own.dli_fname))
		kept.library = own.dli_fname;
	return 0;
}

const char *environment_library(void)
{
	return kept.library;
}

static bool has_name(const char *entry, const char *name)
{
	size_t len = strlen(name);

	return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

static const char *find_entry(char *const list[], const char *name)
{
	for (; list && *list; list++)
		if (has_name(*list, name))
			return *list;
	return NULL;
}

static bool has_library(const char *entry)
{
	return lists_path(entry + sizeof(PRELOAD_ENV), kept.library);
}

/* Of names[0], which is LD_PRELOAD, its being there is not enough. */
static bool is_missing(char *const list[], size_t i)
{
	return kept.entries[i] && !find_entry(list, names[i]);
}

bool environment_is_whole(char *const list[])
{
	const char *preload = find_entry(list, PRELOAD_ENV);

	if (!kept.library)
		return true;
	for (size_t i = 0; i < N_KEPT; i++)
		if (is_missing(list, i))
			return false;
	return has_library(preload);
}

static size_t count(char *const list[])
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

static size_t extended_size(const char *entry)
{
	return strlen(entry) + sizeof(":") + strlen(kept.library);
}

size_t environment_room(char *const list[])
{
	const char *preload = find_entry(list, PRELOAD_ENV);
	size_t pointers = (count(list) + N_KEPT + 1) * sizeof(char *);

	return pointers + (preload ? extended_size(preload) : 0);
}

/* "LD_PRELOAD=theirs:ours" */
static char *extend(char *to, const char *entry)
{
	char *end = to;

	strcpy(end, entry);
	end += strlen(end);
	if (end > to + sizeof(PRELOAD_ENV))
		*end++ = ':';
	strcpy(end, kept.library);
	return to;
}

char *const *environment_complete(char *const list[], void *room)
{
	size_t n = count(list), n_all = 0;
	char **all = room, *extended = (char *)(all + n + N_KEPT + 1);

	for (size_t i = 0; i < n; i++)
		all[n_all++] = has_name(list[i], PRELOAD_ENV) && !has_library(list[i])
			? extend(extended, list[i])
			: list[i];
	for (size_t i = 0; i < N_KEPT; i++)
		if (is_missing(list, i))
			all[n_all++] = kept.entries[i];
	all[n_all] = NULL;
	return all;
}

void environment_restore(void)
{
	const char *preload = find_entry(environ, PRELOAD_ENV);
	char *list;

	if (environment_is_whole(environ))
		return;
	for (size_t i = 0; i < N_KEPT; i++)
		if (is_missing(environ, i))
			putenv(kept.entries[i]);
	if (!preload || has_library(preload))
		return;
	list = malloc(extended_size(preload));
	if (list)
		setenv(PRELOAD_ENV, extend(list, preload) + sizeof(PRELOAD_ENV), 1);
	free(list);
}
