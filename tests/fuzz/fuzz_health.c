/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what passive health reads of packets. The first byte says which
 * way the packet goes.
 */
#include "netif/health.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct address gateway4 = { .family = ADDRESS_IPV4, .ip = { 10, 0, 0, 1 } };
	const struct address gateway6 = { .family = ADDRESS_IPV6, .ip = { 0xfe, 0x80, [15] = 1 } };
	struct health health;
	uint8_t *copy;

	if (size == 0)
		return 0;
	/* Of exactly this size: a read past its end shows. */
	copy = malloc(size);
	memcpy(copy, data, size);
	health_begin(&health, &gateway4, &gateway6);
	if (copy[0] & 1)
		health_received(&health, copy + 1, size - 1);
	else if (health_sent(&health, copy + 1, size - 1, 1000) && health.n_counted != 1)
		abort();
	free(copy);
	return 0;
}
