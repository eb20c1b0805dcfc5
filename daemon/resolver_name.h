/* SPDX-License-Identifier: MIT */
/*
 * Host names as the resolver's tables use them, and as they stand in DNS
 * messages.
 */
#ifndef DAEMON_RESOLVER_NAME_H
#define DAEMON_RESOLVER_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 253 characters, RFC 1035 2.3.4, with NUL; rounded up. */
#define RESOLVER_NAME_SIZE 256

/*
 * Checks lengths and characters, folds letters to lower case and takes the
 * final dot off. Returns 0, or -EINVAL if no host can have such a name.
 */
int resolver_name_normalize(const char *name, char out[RESOLVER_NAME_SIZE]);

/* "localhost" and what ends in ".localhost" (RFC 6761 6.3), normalized. */
bool resolver_name_is_localhost(const char *name);

/*
 * Reads response code and (normalized) question out of a DNS reply. Returns
 * 0, or -EBADMSG if it is no reply to one question.
 */
int resolver_name_parse_reply(const uint8_t *reply, size_t len, uint8_t *rcode,
	char out[RESOLVER_NAME_SIZE]);

#endif
