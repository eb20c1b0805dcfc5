/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Two columns. What is too long for the first has a line of its own.
 */
#include "tests/modem-sim/help.h"

#include <stdio.h>
#include <string.h>

#define COLUMN 26

void help_print(const char *what, const char *text)
{
	int len = (int)strlen(what);

	printf("  %s", what);
	if (len >= COLUMN)
		putchar('\n');
	printf("%*s", len < COLUMN ? COLUMN - len : COLUMN + 2, "");
	for (; *text; text++) {
		putchar(*text);
		if (*text == '\n')
			printf("%*s", COLUMN + 2, "");
	}
	putchar('\n');
}
