/* SPDX-License-Identifier: MIT */
/* What the conformance suite's agents of C are made of: agent.c, and whose calls it makes. */
#ifndef TESTS_CONFORMANCE_AGENT_H
#define TESTS_CONFORMANCE_AGENT_H

#include <netdb.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define ARGS_MAX    8
#define DESCRIPTORS 1024

struct json_object;

struct bytes {
	unsigned char *data;
	size_t len;
};

/* One command while it is carried out. */
struct call {
	struct json_object *command;
	struct json_object *args[ARGS_MAX];
	size_t n_args;
	int fd;
	struct json_object *value; /* what comes out */
	const char *mistake;	   /* not 0: what is wrong with the command */
	int64_t start_us;	   /* when its arguments had been made */
};

/* -1 with errno, or 0 with call->value. */
struct agent_call {
	const char *name;
	int (*run)(struct call *call);
};

struct agent_constant {
	const char *name;
	int64_t value;
};

/*
 * The calls of an API, which return what the kernel's do. Each has the time that
 * was set last with @set_timeout: -1 is for ever, 0 does not wait.
 */
struct agent_api {
	void (*begin)(void);
	int (*socket)(int domain, int type, int protocol);
	int (*bind)(int fd, const struct sockaddr *address, socklen_t len);
	int (*listen)(int fd, int backlog);
	int (*accept)(int fd, struct sockaddr *address, socklen_t *len);
	int (*connect)(int fd, const struct sockaddr *address, socklen_t len);
	ssize_t (*send)(int fd, const void *data, size_t len, int flags);
	int (*sendall)(int fd, const void *data, size_t len);
	ssize_t (*sendto)(int fd, const void *data, size_t len, int flags,
		const struct sockaddr *address, socklen_t address_len);
	ssize_t (*recvfrom)(int fd, void *data, size_t size, int flags, struct sockaddr *address,
		socklen_t *len);
	int (*close)(int fd);
	int (*shutdown)(int fd, int how);
	int (*getsockname)(int fd, struct sockaddr *address, socklen_t *len);
	int (*getpeername)(int fd, struct sockaddr *address, socklen_t *len);
	int (*setsockopt)(int fd, int level, int option, const void *value, socklen_t len);
	int (*getsockopt)(int fd, int level, int option, void *value, socklen_t *len);
	int (*poll)(struct pollfd *fds, nfds_t n, int timeout_ms);
	int (*get_state)(int fd, int *state);	  /* getsocketsta()'s numbers */
	int (*get_acked)(int fd, int64_t *acked); /* in bytes */
	int (*set_timeout)(int fd, int ms);
	int (*getaddrinfo)(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **result);
	void (*freeaddrinfo)(struct addrinfo *list);
	const char *(*gai_strerror)(int error);
	/* What only this API has; a row without a name ends each. */
	const struct agent_call *calls;
	const struct agent_constant *constants;
};

extern const struct agent_api api;

/* ---- what agent.c has for their calls ---- */

/* Argument @i: data, to be freed by the caller. */
struct bytes call_bytes(struct call *call, size_t i);
int64_t call_int(struct call *call, size_t i, int64_t otherwise);
struct json_object *bytes_value(const unsigned char *data, size_t len);

#endif
