/* SPDX-License-Identifier: MIT */
/*
 * A table of text whose columns are as wide as what is in them.
 */
#ifndef CLIENT_USOCKETCTL_COLUMNS_H
#define CLIENT_USOCKETCTL_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum column_align {
	COLUMN_LEFT,
	COLUMN_RIGHT,
};

struct column {
	const char *title;
	enum column_align align;
};

struct columns;

/*
 * A table of @n columns; the array @columns is copied, its titles are not.
 * NULL: no memory.
 */
struct columns *columns_new(const struct column *columns, size_t n);
void columns_free(struct columns *c);

/* Adds the next cell: a row's from left to right, then the next row's. */
__attribute__((format(printf, 2, 3))) void columns_add(struct columns *c, const char *format, ...);

/*
 * Prints the titles, unless @rows_only, and the complete rows. Returns 0, or
 * -ENOMEM if a cell could not be kept.
 */
int columns_print(const struct columns *c, bool rows_only, FILE *out);

#endif
