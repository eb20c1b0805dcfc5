/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The words are one datagram to the control socket, from an abstract address
 * that the system chooses, and the answer is waited for a while. That is all a
 * script needs that is to switch the modem's power.
 */
#include "tests/modem-sim/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_S 5
#define TEXT_MAX 512

static int fail(const char *path)
{
	fprintf(stderr, "modem-sim: %s: %s\n", path, strerror(errno));
	return 1;
}

static int talk(int fd, const char *path, const char *text)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX }, own = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = ANSWER_S };
	char answer[TEXT_MAX];
	ssize_t n;

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (bind(fd, (struct sockaddr *)&own, sizeof(own.sun_family)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
		sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return fail(path);
	n = recv(fd, answer, sizeof(answer) - 1, 0);
	if (n < 0)
		return fail(path);
	answer[n] = '\0';
	puts(answer);
	return strncmp(answer, "error", 5) == 0;
}

int control_tell(const char *path, char **words)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[TEXT_MAX] = "";
	size_t len = 0;
	int status;

	for (; *words && len < sizeof(text); words++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len ? " " : "",
			*words);
	if (fd < 0)
		return fail(path);
	status = talk(fd, path, text);
	close(fd);
	return status;
}
