/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A daemon that was killed leaves its path behind, so a path alone says
 * nothing: what counts is whether somebody answers. Two daemons that start at
 * once could both find a dead path and both replace it, hence the lock file
 * beside it: who holds the lock may look, replace and serve; the kernel drops
 * the lock with its holder. A path can also be served without a lock (by
 * systemd), so the path is tried as well.
 *
 * The permissions are in place when the path appears: they are set by umask
 * while it is bound.
 */
#include "daemon/rendezvous.h"

#include "netif/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG	   64
#define LOCK_TRIES 10

static int make_folder(const char *path)
{
	char copy[sizeof(((struct rendezvous *)0)->path)];
	const mode_t mode = geteuid() == 0 ? 0755 : 0700;
	char *folder;

	strcpy(copy, path);
	folder = dirname(copy);
	if (mkdir(folder, mode) < 0 && errno != EEXIST) {
		int error = -errno;

		log_error("cannot make the folder %s: %s", folder, strerror(-error));
		return error;
	}
	return 0;
}

/* Whether @fd is still the file at @name: its last holder may have removed it. */
static bool is_at(int fd, const char *name)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(name, &there) == 0 &&
		ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* Returns the locked file, -EAGAIN if it was removed meanwhile, or -errno. */
static int try_lock(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int error;

	if (fd < 0) {
		error = -errno;
		log_error("cannot make %s: %s", name, strerror(-error));
		return error;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		error = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	else if (!is_at(fd, name))
		error = -EAGAIN;
	else
		return fd;
	close(fd);
	return error;
}

static int take_lock(const char *path)
{
	char name[sizeof(((struct rendezvous *)0)->path) + 8];
	int r = -EAGAIN;

	snprintf(name, sizeof(name), "%s.lock", path);
	for (int i = 0; r == -EAGAIN && i < LOCK_TRIES; i++)
		r = try_lock(name);
	return r;
}

static void fill_name(struct sockaddr_un *un, const char *path)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
}

/* The process that serves @path: 0 if nobody, -1 if it cannot be told. */
static pid_t who_serves(const struct rendezvous_place *place)
{
	struct sockaddr_un un;
	struct ucred peer = { .pid = -1 };
	socklen_t len = sizeof(peer);
	int fd = socket(AF_UNIX, place->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	pid_t pid = -1;

	if (fd < 0)
		return -1;
	fill_name(&un, place->path);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		if (errno == ECONNREFUSED || errno == ENOENT)
			pid = 0;
	} else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0) {
		pid = peer.pid;
	}
	close(fd);
	return pid;
}

static int report_other(const char *path, pid_t pid)
{
	if (pid > 0)
		log_error("another usocketd (pid %d) is serving %s", (int)pid, path);
	else
		log_error("another usocketd is serving %s, or starting to", path);
	return -EADDRINUSE;
}

/* Makes sure that nothing is at the path. */
static int clear_path(const struct rendezvous_place *place)
{
	const char *path = place->path;
	struct stat st;
	pid_t pid;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode)) {
		log_error("%s is in the way: it is not a socket", path);
		return -EEXIST;
	}
	pid = who_serves(place);
	if (pid != 0)
		return report_other(path, pid);
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_path(int fd, const struct rendezvous_place *place)
{
	struct sockaddr_un un;
	mode_t mask;
	int r;

	fill_name(&un, place->path);
	mask = umask(~place->mode & 0777);
	r = bind(fd, (struct sockaddr *)&un, sizeof(un));
	if (r < 0)
		r = -errno;
	umask(mask);
	if (r < 0)
		return r;
	if (place->group != (gid_t)-1 && chown(place->path, (uid_t)-1, place->group) < 0)
		return -errno;
	return listen(fd, BACKLOG) < 0 ? -errno : 0;
}

static int make_socket(struct rendezvous *rendezvous, const struct rendezvous_place *place)
{
	int fd = socket(AF_UNIX, place->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	r = bind_path(fd, place);
	if (r == 0 && lstat(place->path, &st) < 0)
		r = -errno;
	if (r < 0) {
		log_error("cannot listen at %s: %s", place->path, strerror(-r));
		close(fd);
		return r;
	}
	rendezvous->device = st.st_dev;
	rendezvous->inode = st.st_ino;
	strcpy(rendezvous->path, place->path);
	return fd;
}

int rendezvous_listen(struct rendezvous *rendezvous, const struct rendezvous_place *place)
{
	int r;

	*rendezvous = (struct rendezvous){ .lock = -1 };
	r = make_folder(place->path);
	if (r < 0)
		return r;
	r = take_lock(place->path);
	if (r == -EADDRINUSE)
		return report_other(place->path, who_serves(place));
	if (r < 0)
		return r;
	rendezvous->lock = r;
	r = clear_path(place);
	if (r == 0)
		r = make_socket(rendezvous, place);
	if (r < 0)
		rendezvous_close(rendezvous);
	return r;
}

static void remove_path(const struct rendezvous *rendezvous)
{
	char lock[sizeof(rendezvous->path) + 8];
	struct stat st;

	if (lstat(rendezvous->path, &st) == 0 && st.st_dev == rendezvous->device &&
		st.st_ino == rendezvous->inode)
		unlink(rendezvous->path);
	snprintf(lock, sizeof(lock), "%s.lock", rendezvous->path);
	unlink(lock);
}

void rendezvous_close(struct rendezvous *rendezvous)
{
	if (rendezvous->path[0] != '\0')
		remove_path(rendezvous);
	if (rendezvous->lock >= 0)
		close(rendezvous->lock);
	*rendezvous = (struct rendezvous){ .lock = -1 };
}
