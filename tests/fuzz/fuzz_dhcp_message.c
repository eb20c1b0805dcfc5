/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: DHCP messages. The input is what follows the fixed part's
 * beginning, so that it need not be guessed.
 */
#include "netif/dhcp_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t head[] = { 2, 1, 6 };
	struct dhcp_message message;
	/* Of exactly this size: a read past its end shows. */
	uint8_t *copy = malloc(sizeof(head) + size);

	memcpy(copy, head, sizeof(head));
	if (size)
		memcpy(copy + sizeof(head), data, size);
	if (sizeof(head) + size > 240)
		memcpy(copy + 236, "\x63\x82\x53\x63", 4);
	if (dhcp_message_parse(&message, copy, sizeof(head) + size) == 0 &&
		message.n_dns > DHCP_MESSAGE_DNS)
		abort();
	free(copy);
	return 0;
}
