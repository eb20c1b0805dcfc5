/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A command line of V.250 is AT and then any number of commands: basic ones, a
 * letter (or & and a letter) and a number, follow each other directly; extended
 * ones begin with a sign and end with a semicolon. Walking it that way finds a
 * dial command wherever it stands, and none in the text of another.
 *
 * Only what would take the line itself away from the link is refused: calls,
 * profiles, the line's own settings, multiplexer, and what asks for more input.
 * Reading such a setting does no harm.
 */
#include "netif/link.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define CALLS	 "calls are the link's: see usocketctl link up and down"
#define PROFILES "profiles change how the modem answers; usocketctl link reset restarts it"
#define LINE	 "how the line works is the link's: see baud, flow and cmux in usocketd.conf(5)"
#define INPUT	 "the command asks for more input, which cannot be given here"

struct harm {
	const char *name; /* in capitals */
	const char *why;
};

static const struct harm basic[] = {
	{ "A", CALLS },
	{ "D", CALLS },
	{ "H", CALLS },
	{ "O", CALLS },
	{ "Z", PROFILES },
	{ "&F", PROFILES },
	{ "E", PROFILES },
	{ "Q", PROFILES },
	{ "V", PROFILES },
	{ "&K", LINE },
};

static const struct harm extended[] = {
	{ "+CMUX", LINE },
	{ "+IPR", LINE },
	{ "+ICF", LINE },
	{ "+IFC", LINE },
	{ "+CGDATA", CALLS },
	{ "+CMGS", INPUT },
	{ "+CMGW", INPUT },
	{ "+CMGC", INPUT },
};

static const char *find(const struct harm *rows, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(rows[i].name) == len && strncasecmp(rows[i].name, name, len) == 0)
			return rows[i].why;
	}
	return NULL;
}

#define FIND(rows, name, len) find(rows, sizeof(rows) / sizeof((rows)[0]), name, len)

/* To the semicolon that ends an extended command, not one inside a text. */
static const char *skip_extended(const char *c)
{
	bool is_quoted = false;

	for (; *c && (is_quoted || *c != ';'); c++)
		is_quoted ^= *c == '"';
	return *c ? c + 1 : c;
}

static const char *check_extended(const char *c)
{
	size_t len = 1 + strspn(c + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789!%-./:_");
	const char *after = c + len + strspn(c + len, " ");

	if (*after == '?' || (after[0] == '=' && after[1] == '?'))
		return NULL;
	return FIND(extended, c, len);
}

const char *link_at_harm(const char *command)
{
	const char *c = command, *why = NULL;

	if (strncasecmp(c, "AT", 2) != 0)
		return NULL;
	for (c += 2; *c && !why;) {
		if (isalpha((unsigned char)*c) || (*c == '&' && isalpha((unsigned char)c[1]))) {
			size_t len = *c == '&' ? 2 : 1;

			why = FIND(basic, c, len);
			c += len;
		} else if (strchr("+#$%^*!@\\", *c)) {
			why = check_extended(c);
			c = skip_extended(c);
		} else {
			c++;
		}
	}
	return why;
}
