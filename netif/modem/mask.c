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

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_SECRET 14 /* as many in a row, or more */
#define DIGITS_SHOWN  5	 /* country and network of an IMSI */

static const struct secret {
	const char *command;
	bool is_read_out; /* the modem shows it again: "+CGAUTH: 1,2,..." */
} secrets[] = {
	{ "+CPIN", false },
	{ "+CPIN2", false },
	{ "+CLCK", false },
	{ "+CPWD", false },
	{ "+CGAUTH", true },
	/* Quectel, SIMCom, Telit, u-blox, Qualcomm, Huawei */
	{ "+QICSGP", true },
	{ "+CSTT", true },
	{ "#PDPAUTH", true },
	{ "#SGACT", false },
	{ "#USERID", true },
	{ "#PASSW", true },
	{ "+UAUTHREQ", true },
	{ "+UPSD", true },
	{ "$QCPDPP", true },
	{ "^AUTHDATA", true },
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

/* Length of @line up to the value of this command, or -1. */
static int find_value(const char *line, const struct secret *secret)
{
	const char *at = line;

	while ((at = strcasestr(at, secret->command))) {
		at += strlen(secret->command);
		/* Modems take blanks there. */
		at += strspn(at, " ");
		if (*at == '=' || (*at == ':' && secret->is_read_out))
			return (int)(at + 1 - line);
	}
	return -1;
}

/* Length of @line up to its first secret, or -1. */
static int find_secret(const char *line)
{
	int first = -1;

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		int len = find_value(line, &secrets[i]);

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
