/* SPDX-License-Identifier: MIT */
/*
 * An IP address with port, in the one form that channels, the connection
 * table and both sides' code use; conversions to sockaddr, text and protobuf.
 */
#ifndef PROTO_ADDRESS_H
#define PROTO_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum address_family {
	ADDRESS_NONE = 0,
	ADDRESS_IPV4 = 4,
	ADDRESS_IPV6 = 6,
};

struct address {
	uint8_t family;	  /* enum address_family */
	uint8_t reserved; /* 0 */
	uint16_t port;	  /* host byte order */
	uint32_t scope;	  /* IPv6 link-local: link index + 1; else 0 */
	uint8_t ip[16];	  /* network order; IPv4 in the first four */
};
_Static_assert(sizeof(struct address) == 24, "address layout");

/* Room for "[ipv6%scope]:port" and its NUL. */
#define ADDRESS_TEXT_MAX 72

typedef struct _usp_Address usp_Address;

/*
 * Returns 0, -EAFNOSUPPORT for a family that is neither AF_INET nor AF_INET6,
 * -EINVAL if @len is too short for the family.
 */
int address_from_sockaddr(struct address *a, const struct sockaddr *sa, socklen_t len);

/*
 * Fills at most *@len bytes of @sa, as getsockname(2) does, and sets *@len to
 * the full length. An address without family gives AF_UNSPEC.
 */
void address_to_sockaddr(const struct address *a, struct sockaddr *sa, socklen_t *len);

/* Returns 0, or -EINVAL when lengths and family do not fit together. */
int address_from_proto(struct address *a, const usp_Address *p);
void address_to_proto(const struct address *a, usp_Address *p);

/* Parses a literal: strict dotted quad, or IPv6 with optional %scope number. */
int address_parse_ip(struct address *a, const char *text);

/* Writes "1.2.3.4:80", "[::1]:80" or "-"; returns @text. */
const char *address_text(const struct address *a, char text[ADDRESS_TEXT_MAX]);
/* The same without port. */
const char *address_ip_text(const struct address *a, char text[ADDRESS_TEXT_MAX]);

bool address_ip_equal(const struct address *a, const struct address *b);
bool address_is_any(const struct address *a);
bool address_is_loopback(const struct address *a);
bool address_is_multicast(const struct address *a);
/* IPv6 fe80::/10 only: the addresses that need a scope. */
bool address_is_link_local(const struct address *a);
/* IPv4-mapped IPv6 (RFC 4291 2.5.5.2). */
bool address_is_v4_mapped(const struct address *a);
/* IPv4 to its mapped form and back; others unchanged. */
struct address address_map_v4(const struct address *a);
struct address address_unmap_v4(const struct address *a);

#endif
