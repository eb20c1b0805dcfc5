/* SPDX-License-Identifier: MIT */
/*
 * The daemon's memory: lwIP's allocator, and what the C library keeps of what
 * is freed. For one thread.
 */
#ifndef NETIF_HEAP_H
#define NETIF_HEAP_H

#include <stddef.h>

/* Sets the C library's allocator up for traffic. Once, before anything else. */
void heap_init(void);

/* As malloc(3) and free(3), and mixable with them. */
void *heap_alloc(size_t size);
void heap_free(void *p);

/* Gives back to the system what nobody uses. Takes long: when all is quiet. */
void heap_rest(void);

#endif
