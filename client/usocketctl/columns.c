/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Cells are kept as they come, in one array; printing measures them first.
 * Lines never end in blanks: what is aligned left in the last column is not
 * filled up. Widths count characters of UTF-8, not bytes. Nothing depends on
 * the terminal, so a pipe gets the same.
 */
#include "client/usocketctl/columns.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct columns {
	struct column *columns; /* owned */
	size_t n_columns;
	char **cells; /* owned, and each of them */
	size_t n_cells;
	size_t size; /* cells there is room for */
	bool failed; /* out of memory: a cell is missing */
};

struct columns *columns_new(const struct column *columns, size_t n)
{
	struct columns *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->columns = malloc(n * sizeof(*columns));
	if (!c->columns) {
		free(c);
		return NULL;
	}
	memcpy(c->columns, columns, n * sizeof(*columns));
	c->n_columns = n;
	return c;
}

void columns_free(struct columns *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < c->n_cells; i++)
		free(c->cells[i]);
	free(c->cells);
	free(c->columns);
	free(c);
}

static bool make_room(struct columns *c)
{
	size_t size = c->size ? 2 * c->size : 64;
	char **cells;

	if (c->n_cells < c->size)
		return true;
	cells = realloc(c->cells, size * sizeof(*cells));
	if (!cells)
		return false;
	c->cells = cells;
	c->size = size;
	return true;
}

void columns_add(struct columns *c, const char *format, ...)
{
	va_list args;
	char *cell;
	int rc;

	va_start(args, format);
	rc = vasprintf(&cell, format, args);
	va_end(args);
	if (rc < 0) {
		c->failed = true;
		return;
	}
	if (!make_room(c)) {
		free(cell);
		c->failed = true;
		return;
	}
	c->cells[c->n_cells++] = cell;
}

static size_t text_width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		if (((unsigned char)*text & 0xc0) != 0x80)
			n++;
	return n;
}

static size_t column_width(const struct columns *c, size_t column, bool rows_only)
{
	size_t i, width = rows_only ? 0 : text_width(c->columns[column].title);

	for (i = column; i < c->n_cells; i += c->n_columns)
		if (text_width(c->cells[i]) > width)
			width = text_width(c->cells[i]);
	return width;
}

static void print_blanks(size_t n, FILE *out)
{
	while (n-- > 0)
		putc(' ', out);
}

static void print_cell(const struct columns *c, size_t column, const char *text, size_t width,
	FILE *out)
{
	size_t blanks = width - text_width(text);

	if (column > 0)
		print_blanks(2, out);
	if (c->columns[column].align == COLUMN_RIGHT)
		print_blanks(blanks, out);
	fputs(text, out);
	if (column + 1 == c->n_columns)
		putc('\n', out);
	else if (c->columns[column].align == COLUMN_LEFT)
		print_blanks(blanks, out);
}

int columns_print(const struct columns *c, bool rows_only, FILE *out)
{
	size_t i, n_cells = c->n_cells - c->n_cells % c->n_columns;
	size_t *widths;

	if (c->failed)
		return -ENOMEM;
	widths = malloc(c->n_columns * sizeof(*widths));
	if (!widths)
		return -ENOMEM;
	for (i = 0; i < c->n_columns; i++)
		widths[i] = column_width(c, i, rows_only);
	for (i = 0; i < c->n_columns && !rows_only; i++)
		print_cell(c, i, c->columns[i].title, widths[i], out);
	for (i = 0; i < n_cells; i++)
		print_cell(c, i % c->n_columns, c->cells[i], widths[i % c->n_columns], out);
	free(widths);
	return 0;
}
