/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The library has one errno for a daemon that cannot be reached. The reason is
 * found out here, after the fact, by trying the socket once more.
 */
#include "client/usocketctl/report.h"

#include "client/usocketctl/ctl.h"
#include "client/usocketctl/text.h"

#include "usocket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define PATH_SHOWN 256

/* The errno of connecting to @path now; 0 if that works. */
static int probe(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int error = 0;
	int fd;

	if (strlen(path) >= sizeof(un.sun_path))
		return ENAMETOOLONG;
	strcpy(un.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
		error = errno;
	close(fd);
	return error;
}

static int report_unreachable(void)
{
	char path[PATH_SHOWN], shown[TEXT_ESCAPED_MAX(PATH_SHOWN)];
	int error;

	usocket_socket_path(path, sizeof(path));
	error = probe(path);
	fprintf(stderr, "usocketctl: cannot reach usocketd at %s: %s\n",
		text_escape(shown, sizeof(shown), path, sizeof(path)),
		error ? strerror(error) : "it does not answer");
	fputs("Is it running? Start it with \"systemctl start usocketd\", or run \"usocketd\".\n"
	      "If its socket is elsewhere, name it with --socket or in $USOCKETD_SOCKET.\n",
		stderr);
	return CTL_EXIT_UNREACHABLE;
}

static int report_denied(void)
{
	char path[PATH_SHOWN], shown[TEXT_ESCAPED_MAX(PATH_SHOWN)];

	usocket_socket_path(path, sizeof(path));
	fprintf(stderr,
		"usocketctl: not permitted to use usocketd at %s\n"
		"Is this user in the group that the daemon's socket belongs to?\n",
		text_escape(shown, sizeof(shown), path, sizeof(path)));
	return CTL_EXIT_DENIED;
}

static int report_versions(void)
{
	struct usocket_versions v;

	usocket_versions(&v, sizeof(v));
	fprintf(stderr,
		"usocketctl: usocketd %.32s speaks protocol versions %u to %u, "
		"this program %u to %u: install the same release of both\n",
		v.daemon, v.daemon_min, v.daemon_max, v.library_min, v.library_max);
	return CTL_EXIT_FAILED;
}

int report_error(int error)
{
	switch (error) {
	case ENODEV:
	case ETIMEDOUT:
	case ECONNABORTED:
		return report_unreachable();
	case EACCES:
	case EPERM:
		return report_denied();
	case EPROTONOSUPPORT:
		return report_versions();
	default:
		fprintf(stderr, "usocketctl: %s\n", strerror(error));
		return CTL_EXIT_FAILED;
	}
}

int report_refusal(int error, const struct usocket_refusal *why)
{
	char shown[TEXT_ESCAPED_MAX(sizeof(why->text))];

	if (why->text[0] == '\0' && error == EOPNOTSUPP) {
		fputs("usocketctl: this usocketd is too old to know the command\n", stderr);
		return CTL_EXIT_FAILED;
	}
	if (why->text[0] == '\0')
		return report_error(error);
	fprintf(stderr, "usocketctl: %s\n",
		text_escape(shown, sizeof(shown), why->text, sizeof(why->text)));
	return error == EPERM ? CTL_EXIT_DENIED : CTL_EXIT_FAILED;
}

int report_lookup(const char *name, int result, int error)
{
	char shown[TEXT_ESCAPED_MAX(256)];

	if (result == EAI_SYSTEM)
		return report_error(error);
	fprintf(stderr, "usocketctl: %s: %s\n",
		text_escape(shown, sizeof(shown), name, strlen(name)),
		usocket_gai_strerror(result));
	return CTL_EXIT_FAILED;
}
