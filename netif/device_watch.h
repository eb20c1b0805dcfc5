/* SPDX-License-Identifier: MIT */
/*
 * Tells when a device's node has come, or has come back as another one.
 */
#ifndef NETIF_DEVICE_WATCH_H
#define NETIF_DEVICE_WATCH_H

#include <sys/types.h>

struct event;
struct event_base;

/* From the loop, once a start; the watch has been stopped. */
typedef void (*device_watch_fn)(void *arg);

/* What tells one node from another; all zero: there is none. */
struct device_identity {
	dev_t fs;
	ino_t inode;
	dev_t device;
};

/* Embedded in its owner. */
struct device_watch {
	struct event *timer; /* NULL: not initialised */
	const char *path;    /* the owner's; NULL: not started */
	struct device_identity known;
	device_watch_fn appeared;
	void *arg;
};

/* Returns 0 or -ENOMEM. */
int device_watch_init(struct device_watch *watch, struct event_base *base,
	device_watch_fn appeared, void *arg);
void device_watch_fini(struct device_watch *watch);

/*
 * Looks at @path, which may be a symbolic link, from now on every two seconds:
 * `appeared` is called when something is there that was not there before.
 */
void device_watch_start(struct device_watch *watch, const char *path);
void device_watch_stop(struct device_watch *watch);

#endif
