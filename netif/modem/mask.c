/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A secret is known by its place, not by its value, so that a log never has
 * one that this program was not told about: everything behind the "=" of the
 * commands that carry PINs or passwords, wherever in the line they are, and
 * every long row of digits.
 */
#include "netif/modem/mask.h"

#include <stdio.h>
#include <string.h>

#define DIGITS_SECRET 14 /* as many in a row, or more */
#define DIGITS_SHOWN  5	 /* country and network of an IMSI */

/* In commands and their echoes, and where a modem reads them out again. */
static const char *const secrets[] = {
	"+CPIN=",
	"+CGAUTH=",
	"+CGAUTH:",
	"+CLCK=",
	"+CPWD=",
	"+QICSGP=",
	"+QICSGP:",
	"#PDPAUTH=",
	"#PDPAUTH:",
	"+UAUTHREQ=",
	"+UAUTHREQ:",
	"$QCPDPP=",
	"$QCPDPP:",
	"^AUTHDATA=",
	"^AUTHDATA:",
};

static void mask_digits(char *text)
{
	while (*text) {
		size_t n = strspn(text, "0123456789");

		if (n >= DIGITS_SECRET)
			memset(text + DIGITS_SHOWN, '*', n - DIGITS_SHOWN);
		text += n;
		text += strcspn(text, "0123456789");
	}
}

/* Length of the line up to its first secret, or -1. */
static int find_secret(const char *line)
{
	int first = -1;

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		const char *at = strcasestr(line, secrets[i]);
		int len = at ? (int)(at - line + (ptrdiff_t)strlen(secrets[i])) : -1;

		if (len >= 0 && (first < 0 || len < first))
			first = len;
	}
	return first;
}

void mask_line(char *out, size_t size, const char *line)
{
	int len = find_secret(line);

	if (len >= 0)
		snprintf(out, size, "%.*s****", len, line);
	else
		snprintf(out, size, "%s", line);
	mask_digits(out);
}
