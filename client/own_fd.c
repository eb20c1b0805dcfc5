/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Programs count on getting the lowest free numbers, and some close every
 * descriptor they do not know. So ours are moved out of the way, and device
 * and inode are noted: sockets, pipes and queues have an inode of their own
 * each, so a number that stands for something else now is noticed, and never
 * written to or closed.
 *
 * For a number so high the kernel makes the process's table of descriptors larger. If
 * there are other threads, it first waits until none of them can be reading the old one,
 * 10 to 20 ms; so the table is made large enough when the library is loaded, which in
 * nearly all programs is before there are any.
 */
#include "client/own_fd.h"

#include "client/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where ours start, unless the limit is lower: select(2) ends at 1024. */
#define LOWEST_NUMBER 512
/* How far below a low limit they start. */
#define ROOM_BELOW_LIMIT 32

static int lowest_number(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
		limit.rlim_cur >= LOWEST_NUMBER + ROOM_BELOW_LIMIT)
		return LOWEST_NUMBER;
	if (limit.rlim_cur <= 2 * ROOM_BELOW_LIMIT)
		return 0;
	return (int)limit.rlim_cur - ROOM_BELOW_LIMIT;
}

int own_fd_adopt(struct own_fd *own, int fd)
{
	struct stat st;
	int moved;

	if (fstat(fd, &st) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	moved = fcntl(fd, F_DUPFD_CLOEXEC, lowest_number());
	if (moved >= 0)
		close(fd);
	else if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
		moved = fd;
	own->fd = moved;
	own->device = st.st_dev;
	own->inode = st.st_ino;
	return 0;
}

bool own_fd_intact(const struct own_fd *own)
{
	struct stat st;

	return own->fd >= 0 && fstat(own->fd, &st) == 0 &&
		st.st_dev == own->device && st.st_ino == own->inode;
}

void own_fd_close(struct own_fd *own)
{
	if (own_fd_intact(own))
		close(own->fd);
	own->fd = -1;
}

__attribute__((constructor)) static void own_fd_load(void)
{
	int fd, high;

	if (!is_only_thread())
		return;
	/* Any descriptor will do. */
	fd = eventfd(0, EFD_CLOEXEC);
	high = fcntl(fd, F_DUPFD_CLOEXEC, lowest_number());
	if (high >= 0)
		close(high);
	if (fd >= 0)
		close(fd);
}
