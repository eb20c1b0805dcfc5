/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * TS 27.007 4 and V.250 5.7: values are numbers or strings in quotation marks,
 * in which commas mean nothing. White space around values and brackets around
 * lists of them are taken off; modems differ in both.
 */
#include "netif/modem/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Cuts one field out of the buffer; returns where the next begins, or NULL. */
static char *cut_field(struct fields *f, char *at)
{
	char *start, *end, *next;

	while (is_space(*at) || *at == '(')
		at++;
	f->is_quoted[f->n] = *at == '"';
	if (f->is_quoted[f->n]) {
		start = ++at;
		end = strchr(start, '"');
		if (!end)
			end = start + strlen(start);
		next = strchr(*end ? end + 1 : end, ',');
	} else {
		start = at;
		next = strchr(start, ',');
		end = next ? next : start + strlen(start);
		while (end > start && (is_space(end[-1]) || end[-1] == ')'))
			end--;
	}
	f->text[f->n++] = start;
	if (next)
		next++;
	*end = '\0';
	return next;
}

bool fields_parse(struct fields *f, const char *line, const char *prefix)
{
	size_t skip = prefix ? strlen(prefix) : 0;
	char *at = f->buffer;

	f->n = 0;
	if (skip && strncmp(line, prefix, skip) != 0)
		return false;
	line += skip;
	if (strlen(line) >= sizeof(f->buffer))
		return false;
	strcpy(f->buffer, line);
	while (at && f->n < FIELDS_MAX)
		at = cut_field(f, at);
	return true;
}

bool fields_number(const struct fields *f, unsigned int i, long *number)
{
	char *end;

	if (i >= f->n || f->is_quoted[i] || !*f->text[i])
		return false;
	errno = 0;
	*number = strtol(f->text[i], &end, 10);
	return !errno && !*end;
}

const char *fields_text(const struct fields *f, unsigned int i)
{
	return i < f->n ? f->text[i] : "";
}
