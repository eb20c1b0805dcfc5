/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * struct address is a plain value: nothing here allocates or keeps state, and
 * every function may be called from any thread. IPv4 addresses occupy the
 * first four bytes of ip[], the rest is zero, so that two addresses of one
 * family can be compared and copied whole.
 */
#include "proto/address.h"

#include "proto/usocket.pb.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static size_t ip_size(uint8_t family)
{
	switch (family) {
	case ADDRESS_IPV4:
		return 4;
	case ADDRESS_IPV6:
		return 16;
	}
	return 0;
}

int address_from_sockaddr(struct address *a, const struct sockaddr *sa, socklen_t len)
{
	struct address out = { 0 };
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (len < sizeof(sa->sa_family))
		return -EINVAL;
	switch (sa->sa_family) {
	case AF_INET:
		if (len < sizeof(in))
			return -EINVAL;
		memcpy(&in, sa, sizeof(in));
		out.family = ADDRESS_IPV4;
		out.port = ntohs(in.sin_port);
		memcpy(out.ip, &in.sin_addr, 4);
		break;
	case AF_INET6:
		if (len < sizeof(in6))
			return -EINVAL;
		memcpy(&in6, sa, sizeof(in6));
		out.family = ADDRESS_IPV6;
		out.port = ntohs(in6.sin6_port);
		out.scope = in6.sin6_scope_id;
		memcpy(out.ip, &in6.sin6_addr, 16);
		break;
	default:
		return -EAFNOSUPPORT;
	}
	*a = out;
	return 0;
}

static socklen_t fill_sockaddr(const struct address *a, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	switch (a->family) {
	case ADDRESS_IPV4:
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip, 4);
		return sizeof(*in);
	case ADDRESS_IPV6:
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(a->port);
		in6->sin6_scope_id = a->scope;
		memcpy(&in6->sin6_addr, a->ip, 16);
		return sizeof(*in6);
	}
	ss->ss_family = AF_UNSPEC;
	return sizeof(ss->ss_family);
}

void address_to_sockaddr(const struct address *a, struct sockaddr *sa, socklen_t *len)
{
	struct sockaddr_storage ss;
	socklen_t full = fill_sockaddr(a, &ss);

	memcpy(sa, &ss, *len < full ? *len : full);
	*len = full;
}

int address_from_proto(struct address *a, const usp_Address *p)
{
	struct address out = { .scope = p->scope };

	if (p->port > UINT16_MAX)
		return -EINVAL;
	switch (p->family) {
	case usp_FAMILY_ANY:
		out.family = ADDRESS_NONE;
		break;
	case usp_FAMILY_IPV4:
		out.family = ADDRESS_IPV4;
		break;
	case usp_FAMILY_IPV6:
		out.family = ADDRESS_IPV6;
		break;
	default:
		return -EINVAL;
	}
	if (p->ip.size != 0 && p->ip.size != ip_size(out.family))
		return -EINVAL;
	if (p->scope != 0 && out.family != ADDRESS_IPV6)
		return -EINVAL;
	out.port = (uint16_t)p->port;
	memcpy(out.ip, p->ip.bytes, p->ip.size);
	*a = out;
	return 0;
}

void address_to_proto(const struct address *a, usp_Address *p)
{
	*p = (usp_Address)usp_Address_init_zero;
	p->family = (usp_Family)a->family;
	p->port = a->port;
	p->scope = a->scope;
	p->ip.size = (pb_size_t)ip_size(a->family);
	memcpy(p->ip.bytes, a->ip, p->ip.size);
}

static int parse_scope(const char *text, uint32_t *scope)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || value > UINT32_MAX)
		return -EINVAL;
	*scope = (uint32_t)value;
	return 0;
}

int address_parse_ip(struct address *a, const char *text)
{
	struct address out = { 0 };
	char ip[INET6_ADDRSTRLEN];
	const char *percent = strchr(text, '%');
	size_t len = percent ? (size_t)(percent - text) : strlen(text);

	if (len >= sizeof(ip))
		return -EINVAL;
	memcpy(ip, text, len);
	ip[len] = '\0';
	if (!percent && inet_pton(AF_INET, ip, out.ip) == 1) {
		out.family = ADDRESS_IPV4;
	} else if (inet_pton(AF_INET6, ip, out.ip) == 1) {
		out.family = ADDRESS_IPV6;
		if (percent && parse_scope(percent + 1, &out.scope) < 0)
			return -EINVAL;
	} else {
		return -EINVAL;
	}
	*a = out;
	return 0;
}

const char *address_ip_text(const struct address *a, char text[ADDRESS_TEXT_MAX])
{
	char ip[INET6_ADDRSTRLEN];

	switch (a->family) {
	case ADDRESS_IPV4:
		inet_ntop(AF_INET, a->ip, text, ADDRESS_TEXT_MAX);
		break;
	case ADDRESS_IPV6:
		inet_ntop(AF_INET6, a->ip, ip, sizeof(ip));
		if (a->scope != 0)
			snprintf(text, ADDRESS_TEXT_MAX, "%s%%%u", ip, a->scope);
		else
			snprintf(text, ADDRESS_TEXT_MAX, "%s", ip);
		break;
	default:
		snprintf(text, ADDRESS_TEXT_MAX, "-");
	}
	return text;
}

const char *address_text(const struct address *a, char text[ADDRESS_TEXT_MAX])
{
	char ip[ADDRESS_TEXT_MAX];

	address_ip_text(a, ip);
	switch (a->family) {
	case ADDRESS_IPV4:
		snprintf(text, ADDRESS_TEXT_MAX, "%.15s:%u", ip, a->port);
		break;
	case ADDRESS_IPV6:
		snprintf(text, ADDRESS_TEXT_MAX, "[%.60s]:%u", ip, a->port);
		break;
	default:
		snprintf(text, ADDRESS_TEXT_MAX, "-");
	}
	return text;
}

bool address_ip_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && a->scope == b->scope &&
		memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool address_is_any(const struct address *a)
{
	static const uint8_t zero[16];

	return a->family == ADDRESS_NONE || memcmp(a->ip, zero, sizeof(zero)) == 0;
}

bool address_is_loopback(const struct address *a)
{
	static const uint8_t loopback6[16] = { [15] = 1 };

	switch (a->family) {
	case ADDRESS_IPV4:
		return a->ip[0] == 127;
	case ADDRESS_IPV6:
		return memcmp(a->ip, loopback6, sizeof(loopback6)) == 0;
	}
	return false;
}

bool address_is_multicast(const struct address *a)
{
	switch (a->family) {
	case ADDRESS_IPV4:
		return (a->ip[0] & 0xf0) == 0xe0;
	case ADDRESS_IPV6:
		return a->ip[0] == 0xff;
	}
	return false;
}

bool address_is_link_local(const struct address *a)
{
	return a->family == ADDRESS_IPV6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

bool address_is_v4_mapped(const struct address *a)
{
	return a->family == ADDRESS_IPV6 &&
		memcmp(a->ip, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

struct address address_map_v4(const struct address *a)
{
	struct address out = *a;

	if (a->family != ADDRESS_IPV4)
		return out;
	out.family = ADDRESS_IPV6;
	memcpy(out.ip, mapped_prefix, sizeof(mapped_prefix));
	memcpy(out.ip + sizeof(mapped_prefix), a->ip, 4);
	return out;
}

struct address address_unmap_v4(const struct address *a)
{
	struct address out = *a;

	if (!address_is_v4_mapped(a))
		return out;
	out.family = ADDRESS_IPV4;
	out.scope = 0;
	memset(out.ip, 0, sizeof(out.ip));
	memcpy(out.ip, a->ip + sizeof(mapped_prefix), 4);
	return out;
}
