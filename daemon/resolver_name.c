/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Names that differ only in case or in a final dot are the same name, so all
 * tables hold the normalized form. Letters, digits, hyphen and underscore are
 * taken, as is usual; internationalized names come in their ASCII form. No
 * top-level domain is a number (RFC 3696 2), so nobody is asked for what looks
 * like an address but is none, such as 1.2.3 or 01.2.3.4.
 */
#include "daemon/resolver_name.h"

#include <errno.h>
#include <string.h>

#define NAME_MAX_   253
#define LABEL_MAX   63
#define HEADER_SIZE 12

static bool is_host_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

int resolver_name_normalize(const char *name, char out[RESOLVER_NAME_SIZE])
{
	size_t len = strlen(name);
	size_t label = 0;

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > NAME_MAX_)
		return -EINVAL;
	out[len] = '\0';
	for (size_t i = 0; i < len; i++) {
		char c = fold(name[i]);

		if (c == '.' && label > 0)
			label = 0;
		else if (!is_host_character(c) || ++label > LABEL_MAX)
			return -EINVAL;
		out[i] = c;
	}
	if (label == 0 || strspn(out + len - label, "0123456789") >= label)
		return -EINVAL;
	return 0;
}

bool resolver_name_is_localhost(const char *name)
{
	static const char suffix[] = ".localhost";
	size_t len = strlen(name);

	if (strcmp(name, suffix + 1) == 0)
		return true;
	return len > strlen(suffix) && strcmp(name + len - strlen(suffix), suffix) == 0;
}

int resolver_name_parse_reply(const uint8_t *reply, size_t len, uint8_t *rcode,
	char out[RESOLVER_NAME_SIZE])
{
	char name[RESOLVER_NAME_SIZE];
	size_t in = HEADER_SIZE, n = 0;

	/* A response (QR) with one question. */
	if (len < HEADER_SIZE || !(reply[2] & 0x80) || reply[4] != 0 || reply[5] != 1)
		return -EBADMSG;
	while (in < len && reply[in] != 0) {
		size_t label = reply[in++];

		/* A question's name comes first: nothing to point back at. */
		if (label > LABEL_MAX || label > len - in || n + label + 1 > NAME_MAX_ + 1)
			return -EBADMSG;
		memcpy(name + n, reply + in, label);
		n += label;
		name[n++] = '.';
		in += label;
	}
	if (in >= len)
		return -EBADMSG;
	name[n] = '\0';
	if (strlen(name) != n || resolver_name_normalize(name, out) < 0)
		return -EBADMSG;
	*rcode = reply[3] & 0x0f;
	return 0;
}
