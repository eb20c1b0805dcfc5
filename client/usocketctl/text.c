/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Names in the tables are what programs call themselves, so they may hold
 * anything: bytes that would move a terminal's cursor, or that are no UTF-8.
 * One scanner tells the length of the next harmless character; what it refuses
 * is escaped, or replaced where the output is JSON (which escapes control
 * characters itself).
 */
#include "client/usocketctl/text.h"

#include "usocket.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#define KIB    1024.0
#define C1_END 0xa0

/*
 * Length of the UTF-8 character at @text, *@code its number; 0 if there is
 * none (RFC 3629: shortest form, no surrogates).
 */
static size_t decode(const unsigned char *text, size_t len, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t i, n = text[0] < 0x80 ? 1 : text[0] >= 0xf0 ? 4
		: text[0] >= 0xe0			   ? 3
							   : 2;

	*code = text[0];
	if (n == 1)
		return 1;
	if (n > len || text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	*code = text[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (text[i] & 0x3f);
	}
	if (*code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000))
		return 0;
	return n;
}

static int is_control(uint32_t code)
{
	return code < ' ' || (code >= 0x7f && code < C1_END) ||
		/* Line and paragraph separators, and what reverses the direction. */
		(code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

char *text_escape(char *out, size_t size, const char *text, size_t len)
{
	const unsigned char *in = (const unsigned char *)text;
	size_t used = 0, i, n;

	len = strnlen(text, len);
	for (i = 0; i < len; i += n) {
		uint32_t code;
		char piece[5];

		n = decode(in + i, len - i, &code);
		if (n == 0 || is_control(code)) {
			n = 1;
			snprintf(piece, sizeof(piece), "\\x%02x", in[i]);
		} else if (code == '\\') {
			strcpy(piece, "\\\\");
		} else {
			memcpy(piece, in + i, n);
			piece[n] = '\0';
		}
		if (used + strlen(piece) >= size)
			break;
		strcpy(out + used, piece);
		used += strlen(piece);
	}
	out[used] = '\0';
	return out;
}

char *text_utf8(char *out, size_t size, const char *text, size_t len)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t used = 0, i, n;

	len = strnlen(text, len);
	for (i = 0; i < len; i += n) {
		const char *piece = text + i;
		uint32_t code;
		size_t piece_len;

		n = decode((const unsigned char *)text + i, len - i, &code);
		piece_len = n;
		if (n == 0) {
			n = 1;
			piece = replacement;
			piece_len = strlen(replacement);
		}
		if (used + piece_len >= size)
			break;
		memcpy(out + used, piece, piece_len);
		used += piece_len;
	}
	out[used] = '\0';
	return out;
}

char *text_bytes(char out[TEXT_NUMBER_MAX], uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes / KIB;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(out, TEXT_NUMBER_MAX, "%" PRIu64 " B", bytes);
		return out;
	}
	/* What would be rounded to 1024.0 is 1.0 of the next unit. */
	while (value >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= KIB;
		unit++;
	}
	snprintf(out, TEXT_NUMBER_MAX, "%.1f %s", value, units[unit]);
	return out;
}

char *text_duration(char out[TEXT_NUMBER_MAX], uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s < 60)
		snprintf(out, TEXT_NUMBER_MAX, "%" PRIu64 " s", s);
	else if (s < 3600)
		snprintf(out, TEXT_NUMBER_MAX, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, TEXT_NUMBER_MAX, "%" PRIu64 " h %" PRIu64 " min", s / 3600,
			s / 60 % 60);
	else
		snprintf(out, TEXT_NUMBER_MAX, "%" PRIu64 " d %" PRIu64 " h", s / 86400,
			s / 3600 % 24);
	return out;
}

char *text_rtt(char out[TEXT_NUMBER_MAX], uint32_t us)
{
	if (us == 0)
		snprintf(out, TEXT_NUMBER_MAX, "-");
	else if (us < 1000)
		snprintf(out, TEXT_NUMBER_MAX, "%" PRIu32 " us", us);
	else if (us < 1000000)
		snprintf(out, TEXT_NUMBER_MAX, "%.1f ms", us / 1e3);
	else
		snprintf(out, TEXT_NUMBER_MAX, "%.3f s", us / 1e6);
	return out;
}

char *text_ip(char out[TEXT_ADDRESS_MAX], const struct usocket_address *address)
{
	size_t len;

	if (address->family == AF_UNSPEC ||
		!inet_ntop(address->family, address->ip, out, TEXT_ADDRESS_MAX)) {
		snprintf(out, TEXT_ADDRESS_MAX, "-");
		return out;
	}
	len = strlen(out);
	if (address->scope != 0)
		snprintf(out + len, TEXT_ADDRESS_MAX - len, "%%%" PRIu32, address->scope);
	return out;
}

/* A port's name, or its number, or "*". */
static void port_text(char *out, size_t size, uint16_t port, const char *service)
{
	struct servent entry, *found = NULL;
	char strings[1024];

	if (port == 0) {
		snprintf(out, size, "*");
		return;
	}
	if (service)
		getservbyport_r(htons(port), service, &entry, strings, sizeof(strings), &found);
	if (found)
		text_escape(out, size, found->s_name, strlen(found->s_name));
	else
		snprintf(out, size, "%u", port);
}

char *text_endpoint(char out[TEXT_ADDRESS_MAX], const struct usocket_address *address,
	int family, const char *service)
{
	struct usocket_address any = { .family = (uint16_t)family };
	char ip[TEXT_ADDRESS_MAX], port[32];

	if (address->family == AF_UNSPEC)
		address = &any;
	text_ip(ip, address);
	port_text(port, sizeof(port), address->port, service);
	snprintf(out, TEXT_ADDRESS_MAX, address->family == AF_INET6 ? "[%.64s]:%s" : "%.64s:%s",
		ip, port);
	return out;
}
