/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A look every two seconds, and only while a link waits for its device: cheap,
 * and right where inotify is not, since udev takes the whole directory away
 * with the last device in it. A device that went and came back between two
 * looks shows by its node, which the kernel has made anew.
 */
#include "netif/device_watch.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_S 2

static struct device_identity look(const char *path)
{
	struct device_identity identity;
	struct stat status;

	/* Compared as bytes. */
	memset(&identity, 0, sizeof(identity));
	if (stat(path, &status) != 0)
		return identity;
	identity.fs = status.st_dev;
	identity.inode = status.st_ino;
	identity.device = status.st_rdev;
	return identity;
}

static bool is_there(const struct device_identity *identity)
{
	return identity->inode != 0;
}

static void arm(struct device_watch *watch)
{
	const struct timeval t = { .tv_sec = LOOK_S };

	event_add(watch->timer, &t);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct device_watch *watch = arg;
	struct device_identity now = look(watch->path);
	bool is_new = is_there(&now) && memcmp(&now, &watch->known, sizeof(now)) != 0;

	(void)fd;
	(void)what;
	watch->known = now;
	if (!is_new) {
		arm(watch);
		return;
	}
	watch->path = NULL;
	watch->appeared(watch->arg);
}

int device_watch_init(struct device_watch *watch, struct event_base *base,
	device_watch_fn appeared, void *arg)
{
	memset(watch, 0, sizeof(*watch));
	watch->appeared = appeared;
	watch->arg = arg;
	watch->timer = evtimer_new(base, on_timer, watch);
	return watch->timer ? 0 : -ENOMEM;
}

void device_watch_fini(struct device_watch *watch)
{
	if (watch->timer)
		event_free(watch->timer);
	watch->timer = NULL;
	watch->path = NULL;
}

void device_watch_start(struct device_watch *watch, const char *path)
{
	watch->path = path;
	watch->known = look(path);
	arm(watch);
}

void device_watch_stop(struct device_watch *watch)
{
	watch->path = NULL;
	event_del(watch->timer);
}
