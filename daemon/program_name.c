/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A name comes from the client and is shown on terminals and in logs by
 * others, so controls (C0, DEL, C1) and bytes that are no UTF-8 are replaced
 * one by one. No state; the input ends with NUL.
 */
#include "daemon/program_name.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_utf8_tail(const unsigned char *text, int n)
{
	for (int i = 0; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return false;
	}
	return true;
}

/* Length of the UTF-8 character at @text, 0 if it is none. */
static int utf8_length(const unsigned char *text)
{
	int n;

	if (text[0] < 0x80)
		return 1;
	if (text[0] >= 0xc2 && text[0] < 0xe0)
		n = 2;
	else if (text[0] >= 0xe0 && text[0] < 0xf0)
		n = 3;
	else if (text[0] >= 0xf0 && text[0] < 0xf5)
		n = 4;
	else
		return 0;
	return is_utf8_tail(text + 1, n - 1) ? n : 0;
}

/* @len is utf8_length()'s. */
static bool is_printable(const unsigned char *text, int len)
{
	if (len == 0 || *text < 0x20 || *text == 0x7f)
		return false;
	/* C1 controls, U+0080 to U+009F. */
	return len != 2 || text[0] != 0xc2 || text[1] >= 0xa0;
}

void program_name_set(char out[TABLE_PROGRAM_MAX], const char *name)
{
	const unsigned char *text = (const unsigned char *)name;
	size_t n = 0;

	while (*text != '\0') {
		int len = utf8_length(text);
		bool printable = is_printable(text, len);
		size_t n_out = printable ? (size_t)len : 1;

		if (n + n_out >= TABLE_PROGRAM_MAX)
			break;
		if (printable)
			memcpy(out + n, text, n_out);
		else
			out[n] = '?';
		n += n_out;
		text += len > 0 ? len : 1;
	}
	out[n] = '\0';
}

void program_name_of_process(char out[TABLE_PROGRAM_MAX], pid_t pid)
{
	char path[48], comm[32];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, comm, sizeof(comm) - 1);
		close(fd);
	}
	if (n > 0 && comm[n - 1] == '\n')
		n--;
	comm[n > 0 ? n : 0] = '\0';
	program_name_set(out, n > 0 ? comm : "?");
}
