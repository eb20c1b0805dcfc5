/* SPDX-License-Identifier: MIT */
/*
 * Values as people read them. Each function writes to the caller's buffer and
 * returns it.
 */
#ifndef CLIENT_USOCKETCTL_TEXT_H
#define CLIENT_USOCKETCTL_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct usocket_address;

/* Room for a number with its unit. */
#define TEXT_NUMBER_MAX 32
/* Room for "[address%scope]:service". */
#define TEXT_ADDRESS_MAX 128
/* Room for @n bytes, each escaped. */
#define TEXT_ESCAPED_MAX(n) (4 * (n) + 1)

/*
 * Copies @text, of at most @len bytes, with what could do harm to a terminal
 * (control characters, bytes that are not UTF-8) as \xNN and \ as \\.
 */
char *text_escape(char *out, size_t size, const char *text, size_t len);

/* The same length of @text, with U+FFFD for what is not UTF-8: for JSON. */
char *text_utf8(char *out, size_t size, const char *text, size_t len);

/* "17 B", "1.5 KiB", "2.0 GiB" */
char *text_bytes(char out[TEXT_NUMBER_MAX], uint64_t bytes);

/* "0 s", "45 s", "3 min 20 s", "5 h 2 min", "12 d 4 h" */
char *text_duration(char out[TEXT_NUMBER_MAX], uint64_t ms);

/* "350 us", "12.3 ms", "1.250 s"; "-" for 0, which is unknown */
char *text_rtt(char out[TEXT_NUMBER_MAX], uint32_t us);

/* The address alone, IPv6 with its scope if it has one; "-" for none. */
char *text_ip(char out[TEXT_ADDRESS_MAX], const struct usocket_address *address);

/*
 * "10.0.2.15:80", "[::1]:80"; "*" for port 0; with @service ("tcp" or "udp")
 * the port's name if it has one. An address that is none is @family's wildcard.
 */
char *text_endpoint(char out[TEXT_ADDRESS_MAX], const struct usocket_address *address,
	int family, const char *service);

#endif
