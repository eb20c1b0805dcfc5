/* SPDX-License-Identifier: MIT */
/*
 * load: the client and peer of the integration tests. One program, many
 * commands; with -k the same commands run on the kernel's own sockets, so one
 * side of a test checks the other with the same code.
 */
#ifndef TESTS_INTEGRATION_LOAD_H
#define TESTS_INTEGRATION_LOAD_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* The calls of one kind of socket. */
struct transport {
	int (*socket)(int domain, int type, int protocol);
	int (*close)(int fd);
	int (*bind)(int fd, const struct sockaddr *address, socklen_t len);
	int (*listen)(int fd, int backlog);
	int (*connect)(int fd, const struct sockaddr *address, socklen_t len);
	int (*accept)(int fd, struct sockaddr *address, socklen_t *len);
	int (*getsockname)(int fd, struct sockaddr *address, socklen_t *len);
	int (*shutdown)(int fd, int how);
	ssize_t (*send)(int fd, const void *data, size_t len, int flags);
	ssize_t (*recv)(int fd, void *buffer, size_t len, int flags);
	ssize_t (*sendto)(int fd, const void *data, size_t len, int flags,
		const struct sockaddr *address, socklen_t address_len);
	ssize_t (*recvfrom)(int fd, void *buffer, size_t len, int flags,
		struct sockaddr *address, socklen_t *address_len);
	int (*setsockopt)(int fd, int level, int option, const void *value, socklen_t len);
	int (*getsockopt)(int fd, int level, int option, void *value, socklen_t *len);
	int (*poll)(struct pollfd *fds, nfds_t n_fds, int timeout_ms);
};

/* What the command runs on; set once, before it. */
extern const struct transport *net;

/* "name=value" words of the command line. */
struct args {
	int n;
	char **words;
};

struct endpoint {
	struct sockaddr_storage address;
	socklen_t len;
};

const char *arg_text(const struct args *args, const char *name, const char *fallback);
int64_t arg_number(const struct args *args, const char *name, int64_t fallback);
/* @host is an IPv4 or IPv6 address; anything else ends the program. */
void endpoint_set(struct endpoint *out, const char *host, int64_t port);
/* From "host" and "port". */
void arg_endpoint(const struct args *args, struct endpoint *out);

/* Ends the program with status 1; @what is followed by errno's text. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *what, ...);
/* Ends the program with status 1 if @true_one is false. */
#define require(true_one, ...)            \
	do {                              \
		if (!(true_one))          \
			die(__VA_ARGS__); \
	} while (0)
/* One line for the script that waits for it. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
/* Waits for a line from the script; false at the end of its input. */
bool wait_for_line(void);

/*
 * Bytes that tell where in which stream they belong: the byte at @offset of
 * the stream @seed. Check returns the index of the first wrong byte, @len if
 * there is none.
 */
void pattern_fill(uint8_t *bytes, size_t len, uint64_t offset, uint64_t seed);
size_t pattern_check(const uint8_t *bytes, size_t len, uint64_t offset, uint64_t seed);

/* Helpers on top of net; they end the program when something fails. */
int open_connected(const struct endpoint *peer);
int open_bound(const struct endpoint *local, int type);
int open_listener(const struct endpoint *local, int backlog);
uint16_t local_port(int fd);
void set_nonblocking(int fd);
void send_all(int fd, const void *bytes, size_t len);
/* Receives exactly @len bytes. */
void receive_all(int fd, void *bytes, size_t len);
/* Sends @len patterned bytes to an echo server and checks what comes back. */
void exchange(int fd, size_t len, uint64_t seed);

/* The commands; each returns the program's exit status. */
int load_stream(const struct args *args);
int load_many(const struct args *args);
int load_echo(const struct args *args);
int load_hold(const struct args *args);
int load_datagrams(const struct args *args);
int load_reflect(const struct args *args);
int load_group(const struct args *args);
int load_ping(const struct args *args);
int load_fork(const struct args *args);
int load_exec(const struct args *args);
int load_inherit(const struct args *args);
int load_hand_over(const struct args *args);
int load_take_over(const struct args *args);
int load_dup(const struct args *args);
int load_threads(const struct args *args);
int load_alone(const struct args *args);
int load_bereaved(const struct args *args);

#endif
