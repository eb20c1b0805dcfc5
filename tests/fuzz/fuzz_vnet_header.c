/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: offload headers and the frames behind them, of raw IP and of
 * Ethernet.
 */
#include "netif/vnet_header.h"

#include "netif/ingress.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_at(const uint8_t *data, size_t size, size_t ip_at)
{
	size_t len = size - VNET_HEADER_SIZE;
	/* Of exactly this size: a read past its end shows. */
	uint8_t *frame = malloc(len ? len : 1);
	struct vnet_frame out;
	int r;

	if (len)
		memcpy(frame, data + VNET_HEADER_SIZE, len);
	r = vnet_header_read(data, frame, len, ip_at, &out);
	/* What is counted is never less than what came. */
	if (out.n_packets < 1 || out.n_bytes < len || (r != 0 && out.is_verified))
		abort();
	/* Only a checksum is written, and not where it is left out. */
	if (out.is_verified && len && memcmp(frame, data + VNET_HEADER_SIZE, len) != 0)
		abort();
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < VNET_HEADER_SIZE || size - VNET_HEADER_SIZE > UINT16_MAX)
		return 0;
	read_at(data, size, 0);
	read_at(data, size, INGRESS_ETHERNET_HEADER);
	return 0;
}
