/* SPDX-License-Identifier: MIT */
/*
 * The power script: a program of the operator's that takes a device's power
 * away and gives it back.
 */
#ifndef NETIF_POWER_H
#define NETIF_POWER_H

#include <stddef.h>

struct event_base;
struct power;

/* The script has ended or was ended; from the loop, the last call. */
typedef void (*power_done_fn)(void *arg);

struct power_params {
	struct event_base *base;
	const char *script; /* absolute path */
	const char *link;   /* its first argument */
	const char *device; /* its second */
	power_done_fn done;
	void *arg;
};

/*
 * Checks the path as the configuration gives it. Returns 0, or -EINVAL with a
 * sentence in @error.
 */
int power_check(const char *script, char *error, size_t size);

/*
 * Starts the script; what it prints goes to the log line by line, and so does
 * its exit status. After 30 s it is killed with all that it has started.
 * Strings of @params are not kept. Returns 0 or -errno.
 */
int power_start(struct power **out, const struct power_params *params);

/* Kills it if it still runs; `done` is not called any more. */
void power_free(struct power *power);

#endif
