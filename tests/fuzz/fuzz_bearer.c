/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what mmcli and scripts print. What is accepted must be usable.
 */
#include "netif/bearer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *copy_of(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

static void expect_usable(const struct bearer *bearer)
{
	const struct link_parameters *p = &bearer->parameters;

	if (p->n_addresses6 > TABLE_LINK_ADDRESSES6 || p->n_dns > TABLE_LINK_DNS ||
		p->address4.port > 32 || (p->mtu > 0 && p->mtu < LINK_MTU_MIN))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char paths[BEARERS_MAX][BEARER_PATH_MAX], error[96];
	struct bearer bearer;
	char *text = copy_of(data, size);

	if (bearer_list(text, paths) > BEARERS_MAX)
		abort();
	free(text);
	text = copy_of(data, size);
	if (bearer_read_mmcli(&bearer, text, error, sizeof(error)) == 0)
		expect_usable(&bearer);
	free(text);
	text = copy_of(data, size);
	if (bearer_read_script(&bearer, text, error, sizeof(error)) == 0)
		expect_usable(&bearer);
	free(text);
	return 0;
}
