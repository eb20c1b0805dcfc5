/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Pure functions over bytes. Every message tells its length in its first few
 * bytes, so a parser asks for those first and then for the rest.
 */
#include "daemon/socks_message.h"

#include <errno.h>
#include <string.h>

#define VERSION	      5
#define LOGIN_VERSION 1

/* RFC 1928 section 5. */
enum address_type {
	TYPE_IPV4 = 1,
	TYPE_NAME = 3,
	TYPE_IPV6 = 4,
};

/* Bytes missing of @whole. */
static int missing(size_t len, size_t whole)
{
	return len < whole ? (int)(whole - len) : 0;
}

int socks_parse_greeting(struct socks_greeting *out, const uint8_t *bytes, size_t len)
{
	memset(out, 0, sizeof(*out));
	if (len > 0 && bytes[0] != VERSION)
		return -EPROTO;
	if (len < 2)
		return missing(len, 2);
	if (bytes[1] == 0)
		return -EPROTO;
	if (missing(len, 2u + bytes[1]) > 0)
		return missing(len, 2u + bytes[1]);
	out->offers_none = memchr(bytes + 2, SOCKS_METHOD_NONE, bytes[1]) != NULL;
	out->offers_password = memchr(bytes + 2, SOCKS_METHOD_PASSWORD, bytes[1]) != NULL;
	return 0;
}

int socks_parse_login(struct socks_login *out, const uint8_t *bytes, size_t len)
{
	size_t name_len, password_len;

	memset(out, 0, sizeof(*out));
	if (len > 0 && bytes[0] != LOGIN_VERSION)
		return -EPROTO;
	if (len < 2)
		return missing(len, 2);
	name_len = bytes[1];
	if (missing(len, 3 + name_len) > 0)
		return missing(len, 3 + name_len);
	password_len = bytes[2 + name_len];
	if (missing(len, 3 + name_len + password_len) > 0)
		return missing(len, 3 + name_len + password_len);
	memcpy(out->name, bytes + 2, name_len);
	memcpy(out->password, bytes + 3 + name_len, password_len);
	out->name_len = name_len;
	out->password_len = password_len;
	return 0;
}

/* The length of type, address and port; 0: the type is unknown. Needs two bytes. */
static size_t target_length(const uint8_t *bytes)
{
	switch (bytes[0]) {
	case TYPE_IPV4:
		return 1 + 4 + 2;
	case TYPE_IPV6:
		return 1 + 16 + 2;
	case TYPE_NAME:
		return 2u + bytes[1] + 2;
	default:
		return 0;
	}
}

/* Of a known type and whole. Returns false for a name that is none. */
static bool read_target(struct socks_target *out, const uint8_t *bytes, size_t len)
{
	out->address.port = (uint16_t)(bytes[len - 2] << 8 | bytes[len - 1]);
	switch (bytes[0]) {
	case TYPE_IPV4:
		out->address.family = ADDRESS_IPV4;
		memcpy(out->address.ip, bytes + 1, 4);
		return true;
	case TYPE_IPV6:
		out->address.family = ADDRESS_IPV6;
		memcpy(out->address.ip, bytes + 1, 16);
		out->address = address_unmap_v4(&out->address);
		return true;
	default:
		memcpy(out->name, bytes + 2, bytes[1]);
		return bytes[1] > 0 && strlen(out->name) == bytes[1];
	}
}

/* A name that is an address in text is that address: some clients send it so. */
static void take_literal(struct socks_target *target)
{
	struct address literal;

	if (target->name[0] == '\0' || address_parse_ip(&literal, target->name) < 0)
		return;
	literal.port = target->address.port;
	target->address = literal;
	target->name[0] = '\0';
}

int socks_parse_request(struct socks_request *out, const uint8_t *bytes, size_t len)
{
	size_t target;

	memset(out, 0, sizeof(*out));
	if (len > 0 && bytes[0] != VERSION)
		return -EPROTO;
	/* Up to the length of a name, or the first byte of an address. */
	if (len < 5)
		return missing(len, 5);
	out->command = bytes[1];
	target = target_length(bytes + 3);
	if (target == 0)
		return 0;
	if (missing(len, 3 + target) > 0)
		return missing(len, 3 + target);
	if (!read_target(&out->target, bytes + 3, target))
		return -EPROTO;
	take_literal(&out->target);
	return 0;
}

ssize_t socks_parse_datagram(struct socks_target *out, const uint8_t *bytes, size_t len)
{
	size_t target;

	memset(out, 0, sizeof(*out));
	/* Two reserved bytes and the number of the fragment, 0 for none. */
	if (len < 5 || bytes[2] != 0)
		return -EPROTO;
	target = target_length(bytes + 3);
	if (target == 0 || missing(len, 3 + target) > 0 ||
		!read_target(out, bytes + 3, target))
		return -EPROTO;
	take_literal(out);
	return (ssize_t)(3 + target);
}

static size_t write_address(uint8_t *out, const struct address *address)
{
	static const struct address none = { .family = ADDRESS_IPV4 };
	struct address a = address_unmap_v4(address);
	size_t ip_len;

	if (a.family == ADDRESS_NONE)
		a = none;
	ip_len = a.family == ADDRESS_IPV4 ? 4 : 16;
	out[0] = a.family == ADDRESS_IPV4 ? TYPE_IPV4 : TYPE_IPV6;
	memcpy(out + 1, a.ip, ip_len);
	out[1 + ip_len] = (uint8_t)(a.port >> 8);
	out[2 + ip_len] = (uint8_t)a.port;
	return 3 + ip_len;
}

size_t socks_write_reply(uint8_t out[SOCKS_HEADER_MAX], enum socks_reply reply,
	const struct address *bound)
{
	out[0] = VERSION;
	out[1] = (uint8_t)reply;
	out[2] = 0;
	return 3 + write_address(out + 3, bound);
}

size_t socks_write_datagram(uint8_t out[SOCKS_HEADER_MAX], const struct address *source)
{
	memset(out, 0, 3);
	return 3 + write_address(out + 3, source);
}

enum socks_reply socks_reply_of(int error)
{
	switch (error) {
	case 0:
		return SOCKS_REPLY_OK;
	case EACCES:
	case EPERM:
		return SOCKS_REPLY_NOT_ALLOWED;
	case ENETUNREACH:
		return SOCKS_REPLY_NETWORK_UNREACHABLE;
	case EHOSTUNREACH:
		return SOCKS_REPLY_HOST_UNREACHABLE;
	case ECONNREFUSED:
		return SOCKS_REPLY_REFUSED;
	case ETIMEDOUT:
		return SOCKS_REPLY_EXPIRED;
	case EAFNOSUPPORT:
	case EINVAL:
		return SOCKS_REPLY_ADDRESS_UNKNOWN;
	default:
		return SOCKS_REPLY_FAILURE;
	}
}
