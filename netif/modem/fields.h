/* SPDX-License-Identifier: MIT */
/*
 * The fields of an AT response line: numbers and strings, separated by commas.
 */
#ifndef NETIF_MODEM_FIELDS_H
#define NETIF_MODEM_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#define FIELDS_MAX	24
#define FIELDS_TEXT_MAX 512

/* Pointers into itself: not to be copied. */
struct fields {
	unsigned int n;
	const char *text[FIELDS_MAX];
	bool is_quoted[FIELDS_MAX];
	char buffer[FIELDS_TEXT_MAX];
};

/*
 * Takes the line apart, behind @prefix ("+CREG:"; NULL: from its start). False
 * if it has another prefix or is too long; fields beyond the last are left out.
 */
bool fields_parse(struct fields *f, const char *line, const char *prefix);

/* Field @i as a decimal number; false if it is none. */
bool fields_number(const struct fields *f, unsigned int i, long *number);

/* Field @i as text, "" if there is none. */
const char *fields_text(const struct fields *f, unsigned int i);

#endif
