/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: messages of rtnetlink.
 */
#include "netif/interface.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct interface interface = { .index = 1 };
	/* Of exactly this size: a read past its end shows. */
	uint8_t *copy = malloc(size ? size : 1);

	if (size)
		memcpy(copy, data, size);
	interface_take(&interface, "w", copy, size);
	interface_is_concerned("w", 1, copy, size);
	if (interface.kernel_address.family != ADDRESS_NONE &&
		address_is_any(&interface.kernel_address))
		abort();
	free(copy);
	return 0;
}
