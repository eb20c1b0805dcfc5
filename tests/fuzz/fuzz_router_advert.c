/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: router advertisements. What is read must be what a host may use.
 */
#include "netif/router_advert.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct router_advert advert;
	/* Of exactly this size: a read past its end shows. */
	uint8_t *copy = malloc(size ? size : 1);

	if (size)
		memcpy(copy, data, size);
	if (router_advert_parse(&advert, copy, size) == 0) {
		if (advert.n_prefixes > ROUTER_ADVERT_PREFIXES || advert.n_dns > ROUTER_ADVERT_DNS)
			abort();
		for (int i = 0; i < advert.n_prefixes; i++) {
			if (advert.prefixes[i].preferred_s > advert.prefixes[i].valid_s)
				abort();
		}
	}
	free(copy);
	return 0;
}
