/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Texts are strerror()'s but where that would mislead: a row of a const table
 * names what writes a better one. Resolver errors are the only negative numbers
 * that a script sees.
 */
#include "client/script/script.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SOCKET_PATH_MAX 256
#define PLAIN_TEXT_MAX	128

typedef void (*text_fn)(char *text, size_t size);

static void text_plain(int error, char *text, size_t size)
{
	char plain[PLAIN_TEXT_MAX];

	/* GNU's, which may return a text of its own. */
	snprintf(text, size, "%s", strerror_r(error, plain, sizeof(plain)));
}

static void text_timed_out(char *text, size_t size)
{
	snprintf(text, size, "timed out");
}

static void text_no_daemon(char *text, size_t size)
{
	char path[SOCKET_PATH_MAX];

	usocket_socket_path(path, sizeof(path));
	snprintf(text, size,
		"cannot reach usocketd at %s: is it running? Start it with "
		"\"systemctl start usocketd\", or run \"usocketd\"",
		path);
}

/* The number is also an ordinary answer to a protocol that does not fit. */
static void text_versions(char *text, size_t size)
{
	struct usocket_versions v;

	usocket_versions(&v, sizeof(v));
	if (v.daemon_min == 0 ||
		(v.daemon_min <= v.library_max && v.library_min <= v.daemon_max)) {
		text_plain(EPROTONOSUPPORT, text, size);
		return;
	}
	snprintf(text, size,
		"usocketd %s speaks protocol versions %u to %u, this library %u to %u: "
		"install the same release of both",
		v.daemon, v.daemon_min, v.daemon_max, v.library_min, v.library_max);
}

static void text_session_access(char *text, size_t size)
{
	char path[SOCKET_PATH_MAX];

	usocket_socket_path(path, sizeof(path));
	snprintf(text, size, "not permitted to use usocketd at %s: is this user in its group?",
		path);
}

static const struct {
	int error;
	bool sessions_only;
	text_fn write;
} texts[] = {
	{ ETIMEDOUT, false, text_timed_out },
	{ ENODEV, false, text_no_daemon },
	{ EPROTONOSUPPORT, false, text_versions },
	{ EACCES, true, text_session_access },
};

int usocket_script_error(int result, int for_session, char *text, size_t size)
{
	int error = -result;
	size_t i;

	if (result > 0) {
		snprintf(text, size, "%s", usocket_gai_strerror(-result));
		return -result;
	}
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].error == error && (for_session || !texts[i].sessions_only)) {
			texts[i].write(text, size);
			return error;
		}
	}
	text_plain(error, text, size);
	return error;
}
