/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Bulk traffic allocates and frees a few hundred blocks of the size of a segment
 * in every turn of the loop. The C library joins such blocks when they are freed
 * and cuts them again, and returns the end of its heap to the system as soon as
 * 128 KB of it are free, only to fetch the same pages, cleared, a moment later.
 * So what lwIP frees stays in lists by size, up to CACHE_MAX bytes of it, and the
 * heap keeps HEAP_KEPT. When traffic has been quiet for a while, all of this is
 * given back: an idle daemon is as small as one that has just started.
 *
 * Blocks are the C library's own and know their size. The lists are last in, first
 * out, as what was freed last is still in the processor's cache.
 *
 * With AddressSanitizer there are no lists: it shall see each use after free.
 */
#include "netif/heap.h"

#include <malloc.h>
#include <stdlib.h>

#define CACHE_MAX	(1u << 20)
#define HEAP_KEPT	(8 << 20)
#define MMAP_FROM	(1 << 20) /* bytes; such blocks are mapped, each by itself */
#define CLASS_SIZE	64
#define CACHED_SIZE_MAX 2048
#define N_CLASSES	(CACHED_SIZE_MAX / CLASS_SIZE + 1)

#if defined(__SANITIZE_ADDRESS__)
#define IS_CACHED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_CACHED 0
#endif
#endif
#ifndef IS_CACHED
#define IS_CACHED 1
#endif

struct block {
	struct block *next;
};

static struct {
	struct block *free[N_CLASSES]; /* by how many times CLASS_SIZE they hold */
	size_t n_bytes;
} cache;

void heap_init(void)
{
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
}

void *heap_alloc(size_t size)
{
	size_t class = (size + CLASS_SIZE - 1) / CLASS_SIZE;
	struct block *block;

	if (!IS_CACHED || class >= N_CLASSES)
		return malloc(size);
	block = cache.free[class];
	if (!block)
		return malloc(class * CLASS_SIZE);
	cache.free[class] = block->next;
	cache.n_bytes -= class * CLASS_SIZE;
	return block;
}

void heap_free(void *p)
{
	size_t class = IS_CACHED ? malloc_usable_size(p) / CLASS_SIZE : 0;
	struct block *block = p;

	if (class == 0 || class >= N_CLASSES || cache.n_bytes + class * CLASS_SIZE > CACHE_MAX) {
		free(p);
		return;
	}
	block->next = cache.free[class];
	cache.free[class] = block;
	cache.n_bytes += class * CLASS_SIZE;
}

void heap_rest(void)
{
	size_t class;

	for (class = 0; class < N_CLASSES; class ++) {
		while (cache.free[class]) {
			struct block *block = cache.free[class];

			cache.free[class] = block->next;
			free(block);
		}
	}
	cache.n_bytes = 0;
	malloc_trim(0);
}
