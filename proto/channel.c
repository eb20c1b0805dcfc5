/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The daemon binds its end of each channel to the abstract name
 * "usocketd/INSTANCE/SOCKET", both numbers as 16 hexadecimal digits. The
 * kernel shows the name to whoever holds the other end, and keeps showing it
 * after the daemon's end is closed, so a socket is known by its descriptor
 * alone. The name proves nothing to the daemon: it only helps to find the
 * record; rights come from passing the descriptor itself.
 */
#include "proto/channel.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_PREFIX   "usocketd/"
#define NUMBER_DIGITS 16
/* The leading NUL of an abstract name, prefix, number, slash, number. */
#define NAME_SIZE (1 + sizeof(NAME_PREFIX) - 1 + NUMBER_DIGITS + 1 + NUMBER_DIGITS)

socklen_t channel_name(struct sockaddr_un *un, uint64_t instance, socket_id id)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path + 1, sizeof(un->sun_path) - 1,
		NAME_PREFIX "%016" PRIx64 "/%016" PRIx64, instance, id);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + NAME_SIZE);
}

static int parse_number(const char *text, uint64_t *out)
{
	uint64_t value = 0;

	for (int i = 0; i < NUMBER_DIGITS; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return -ENOTSOCK;
	}
	*out = value;
	return 0;
}

int channel_parse_name(const struct sockaddr_un *un, socklen_t len,
	uint64_t *instance, socket_id *id)
{
	const char *text = un->sun_path + 1;

	if (len != offsetof(struct sockaddr_un, sun_path) + NAME_SIZE)
		return -ENOTSOCK;
	if (un->sun_family != AF_UNIX || un->sun_path[0] != '\0')
		return -ENOTSOCK;
	if (memcmp(text, NAME_PREFIX, sizeof(NAME_PREFIX) - 1) != 0)
		return -ENOTSOCK;
	text += sizeof(NAME_PREFIX) - 1;
	if (text[NUMBER_DIGITS] != '/' || parse_number(text, instance) < 0)
		return -ENOTSOCK;
	return parse_number(text + NUMBER_DIGITS + 1, id);
}

int channel_identify(int fd, uint64_t *instance, socket_id *id)
{
	struct sockaddr_un un;
	socklen_t len = sizeof(un);

	memset(&un, 0, sizeof(un));
	if (getpeername(fd, (struct sockaddr *)&un, &len) < 0)
		return errno == EBADF ? -EBADF : -ENOTSOCK;
	return channel_parse_name(&un, len, instance, id);
}
