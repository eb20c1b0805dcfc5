/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what SOCKS clients send. A parser never asks for more than the
 * longest message, and what it reads are texts and addresses that hold.
 */
#include "daemon/socks_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_missing(int missing, size_t size)
{
	check(missing <= 0 || size + (size_t)missing <= SOCKS_MESSAGE_MAX ||
		size > SOCKS_MESSAGE_MAX);
}

static void check_target(const struct socks_target *target)
{
	check(memchr(target->name, '\0', sizeof(target->name)) != NULL);
	check(target->name[0] == '\0' || target->address.family == ADDRESS_NONE);
	check(!address_is_v4_mapped(&target->address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct socks_greeting greeting;
	struct socks_login login;
	struct socks_request request;
	struct socks_target target;
	/* Of exactly this size: a read past its end shows. */
	uint8_t *copy = malloc(size ? size : 1);
	ssize_t header;
	int missing;

	if (size)
		memcpy(copy, data, size);
	check_missing(socks_parse_greeting(&greeting, copy, size), size);
	missing = socks_parse_login(&login, copy, size);
	check_missing(missing, size);
	if (missing == 0)
		check(login.name_len <= 255 && login.password_len <= 255 &&
			login.name[login.name_len] == '\0' &&
			login.password[login.password_len] == '\0');
	missing = socks_parse_request(&request, copy, size);
	check_missing(missing, size);
	if (missing == 0)
		check_target(&request.target);
	header = socks_parse_datagram(&target, copy, size);
	if (header >= 0) {
		check((size_t)header <= size);
		check_target(&target);
	}
	free(copy);
	return 0;
}
