/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The environment is copied when the library is loaded, because some programs
 * empty it later; a variable that is set then counts before the copy. Whatever
 * the program sets by a call counts before both; a path set earlier is kept,
 * since another thread may be reading it, so there is no lock for fork() to
 * catch. A process with more rights than its user (set-uid and the like) takes
 * nothing from the environment.
 */
#include "client/settings.h"

#include "client/usocket.h"
#include "proto/protocol.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_LINK_ENV	"USOCKET_WAIT_LINK"
#define RUNTIME_DIR_ENV "XDG_RUNTIME_DIR"
#define PATH_SIZE	sizeof(((struct sockaddr_un *)NULL)->sun_path)

struct chosen_path {
	struct chosen_path *older; /* NULL ends the list */
	char path[PATH_SIZE];	   /* empty: none any more */
};

static struct {
	_Atomic(struct chosen_path *) chosen; /* the latest */
	char loaded_socket[PATH_SIZE];	      /* written before any thread starts */
	char loaded_runtime_dir[PATH_SIZE];
	atomic_bool wait_link;
} settings;

static void copy_variable(char *to, const char *name)
{
	const char *value = secure_getenv(name);

	if (value && strlen(value) < PATH_SIZE)
		strcpy(to, value);
}

__attribute__((constructor)) static void settings_load(void)
{
	const char *wait = secure_getenv(WAIT_LINK_ENV);

	copy_variable(settings.loaded_socket, PROTOCOL_SOCKET_ENV);
	copy_variable(settings.loaded_runtime_dir, RUNTIME_DIR_ENV);
	atomic_store(&settings.wait_link, wait && strcmp(wait, "1") == 0);
}

static const char *variable(const char *name, const char *loaded)
{
	const char *now = secure_getenv(name);

	if (now && *now)
		return now;
	return *loaded ? loaded : NULL;
}

int settings_socket_path(unsigned int index, char *path, size_t size)
{
	const char *named = variable(PROTOCOL_SOCKET_ENV, settings.loaded_socket);
	const char *dir = variable(RUNTIME_DIR_ENV, settings.loaded_runtime_dir);
	const struct chosen_path *chosen = atomic_load(&settings.chosen);

	if (chosen && *chosen->path)
		named = chosen->path;
	if (named)
		return index > 0 ? -ENOENT : snprintf(path, size, "%s", named);
	if (dir && getuid() != 0 && index-- == 0)
		return snprintf(path, size, "%s/%s/%s", dir, PROTOCOL_SOCKET_DIR,
			PROTOCOL_SOCKET_NAME);
	return index > 0 ? -ENOENT : snprintf(path, size, "%s", PROTOCOL_SOCKET_PATH);
}

bool settings_wait_link(void)
{
	return atomic_load(&settings.wait_link);
}

int usocket_socket_path(char *path, size_t size)
{
	return settings_socket_path(0, path, size);
}

int usocket_set_socket_path(const char *path)
{
	struct chosen_path *chosen;

	if (path && strlen(path) >= PATH_SIZE) {
		errno = ENAMETOOLONG;
		return -1;
	}
	chosen = calloc(1, sizeof(*chosen));
	if (!chosen)
		return -1;
	strcpy(chosen->path, path ? path : "");
	chosen->older = atomic_load(&settings.chosen);
	while (!atomic_compare_exchange_weak(&settings.chosen, &chosen->older, chosen))
		;
	return 0;
}

void usocket_set_wait_link(int on)
{
	atomic_store(&settings.wait_link, on != 0);
}

int usocket_wait_link_default(void)
{
	return settings_wait_link();
}
