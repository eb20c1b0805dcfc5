/* SPDX-License-Identifier: MIT */
/*
 * Fetches a page through usocketd and prints it: an ordinary sockets program
 * with "usocket_" before each call.
 *
 *	cc fetch.c $(pkg-config --cflags --libs libusocket) -o fetch
 *	./fetch HOST [PORT [PATH]]
 */
#include <usocket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Whole milliseconds for connecting, and for each answer. */
#define LIMIT_MS 30000

/* There has to be a daemon; who runs the program can see to that. */
static int find_daemon(void)
{
	char path[256];

	if (usocket_open_session() == 0)
		return 0;
	usocket_socket_path(path, sizeof(path));
	fprintf(stderr, "fetch: no usocketd at %s: %s\n", path, strerror(errno));
	return -1;
}

static int connect_to(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *a;
	int error, fd = -1;

	error = usocket_getaddrinfo(host, port, &hints, &list);
	if (error) {
		fprintf(stderr, "fetch: %s: %s\n", host,
			error == EAI_SYSTEM ? strerror(errno) : usocket_gai_strerror(error));
		return -1;
	}
	for (a = list; a && fd < 0; a = a->ai_next) {
		fd = usocket_socket(a->ai_family, a->ai_socktype, a->ai_protocol);
		if (fd >= 0 &&
			usocket_connect_timeout(fd, a->ai_addr, a->ai_addrlen, LIMIT_MS) < 0) {
			usocket_close(fd);
			fd = -1;
		}
	}
	if (fd < 0)
		fprintf(stderr, "fetch: cannot connect to %s: %s\n", host, strerror(errno));
	usocket_freeaddrinfo(list);
	return fd;
}

static int print_answer(int fd)
{
	char buffer[4096];
	ssize_t n;

	while ((n = usocket_recv_timeout(fd, buffer, sizeof(buffer), 0, LIMIT_MS)) > 0)
		fwrite(buffer, 1, (size_t)n, stdout);
	if (n < 0)
		perror("fetch: receiving");
	return n < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *host = argc > 1 ? argv[1] : "example.com";
	const char *port = argc > 2 ? argv[2] : "80";
	const char *path = argc > 3 ? argv[3] : "/";
	char request[1024];
	int fd, len, status = 1;

	if (find_daemon() < 0)
		return 1;
	len = snprintf(request, sizeof(request),
		"GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host);
	if (len < 0 || (size_t)len >= sizeof(request)) {
		fprintf(stderr, "fetch: host or path is too long\n");
		return 2;
	}
	fd = connect_to(host, port);
	if (fd < 0)
		return 1;
	if (usocket_sendall_timeout(fd, request, (size_t)len, 0, LIMIT_MS, NULL) == 0)
		status = print_answer(fd);
	else
		perror("fetch: sending");
	usocket_close(fd);
	return status;
}
