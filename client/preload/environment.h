/* SPDX-License-Identifier: MIT */
/*
 * What a program that this one starts needs in its environment, so that it has
 * the library too.
 */
#ifndef CLIENT_PRELOAD_ENVIRONMENT_H
#define CLIENT_PRELOAD_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Remembers it, when the library is loaded. Returns 0 or -ENOMEM. */
int environment_load(void);

/* The library's path, or NULL if nobody preloaded it. */
const char *environment_library(void);

/*
 * Whether @list, which may be NULL, has all that is needed. These three may be
 * called in a child of vfork() and in signal handlers.
 */
bool environment_is_whole(char *const list[]);
/* How many bytes environment_complete() needs. */
size_t environment_room(char *const list[]);
/* @list with what is missing, in @room; the strings stay where they are. */
char *const *environment_complete(char *const list[], void *room);

/* The same for this process' own, where libc passes that on by itself. */
void environment_restore(void);

#endif
