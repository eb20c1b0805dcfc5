/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A secret is known by its place, not by its value, so that a log never has
 * one that this program was not told about: everything behind the "=" of the
 * commands that carry PINs or passwords, and every long row of digits.
 */
#include "netif/modem/mask.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DIGITS_SECRET 14 /* as many in a row, or more */
#define DIGITS_SHOWN  5	 /* country and network of an IMSI */

static const char *const secret_commands[] = {
	"AT+CPIN=",
	"AT+CGAUTH=",
	"AT+CLCK=",
	"AT+CPWD=",
	"AT+QICSGP=",
	"AT#PDPAUTH=",
	"AT+UAUTHREQ=",
	"AT$QCPDPP=",
	"AT^AUTHDATA=",
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

void mask_line(char *out, size_t size, const char *line)
{
	for (size_t i = 0; i < sizeof(secret_commands) / sizeof(secret_commands[0]); i++) {
		size_t len = strlen(secret_commands[i]);

		if (strncasecmp(line, secret_commands[i], len) == 0) {
			snprintf(out, size, "%.*s****", (int)len, line);
			return;
		}
	}
	snprintf(out, size, "%s", line);
	mask_digits(out);
}
