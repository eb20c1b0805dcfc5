/* SPDX-License-Identifier: MIT */
/* The benchmark's traffic: what its client, its server and its measures share. */
#ifndef USOCKETD_TESTS_BENCH_TRAFFIC_H
#define USOCKETD_TESTS_BENCH_TRAFFIC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define TRAFFIC_MAGIC  0x62656e63u
#define TRAFFIC_BUFFER (256 * 1024)
/* The last byte of a sink's data; all others are 0. */
#define TRAFFIC_LAST 1

enum traffic_op {
	TRAFFIC_OP_SOURCE, /* the server sends until the time or @limit is reached */
	TRAFFIC_OP_SINK,   /* it takes all and answers TRAFFIC_LAST with the count */
	TRAFFIC_OP_ECHO,   /* it answers each @size bytes with as many */
	TRAFFIC_OP_ONCE,   /* it answers one such request and closes */
};

/* What a client says first on a connection. Host byte order: one machine. */
struct traffic_header {
	uint32_t magic;
	uint32_t op;
	uint32_t size;
	uint32_t time_ms;
	uint64_t limit; /* bytes, of a ping requests; 0: none */
	char congestion[16];
};

/* Either libusocket's calls or the kernel's. */
struct traffic_calls {
	int (*socket)(int domain, int type, int protocol);
	int (*close)(int fd);
	int (*bind)(int fd, const struct sockaddr *address, socklen_t len);
	int (*listen)(int fd, int backlog);
	int (*connect)(int fd, const struct sockaddr *address, socklen_t len);
	int (*accept)(int fd, struct sockaddr *address, socklen_t *len);
	ssize_t (*send)(int fd, const void *data, size_t len, int flags);
	ssize_t (*recv)(int fd, void *data, size_t len, int flags);
	int (*setsockopt)(int fd, int level, int option, const void *value, socklen_t len);
};

struct traffic_options {
	const struct traffic_calls *calls;
	struct sockaddr_storage address;
	socklen_t address_len;
	struct traffic_header header;
	int type; /* SOCK_STREAM or SOCK_DGRAM */
	int n_streams;
};

extern const struct traffic_calls traffic_kernel;
extern const struct traffic_calls traffic_usocket;

/* Ends the program with what @what failed with. */
void traffic_fail(const char *what) __attribute__((noreturn));
double traffic_now(void); /* seconds, monotonic */
double traffic_cpu(void); /* seconds this process has computed */
void traffic_pin_congestion(int fd, const char *name);

/* A connection to the server that has been told the header. */
int traffic_open(const struct traffic_options *options);
void traffic_send_all(const struct traffic_calls *calls, int fd, const void *data, size_t len);
void traffic_recv_all(const struct traffic_calls *calls, int fd, void *data, size_t len);

/* The measures. Each prints one line of JSON. */
void traffic_bulk(const struct traffic_options *options);
void traffic_ping(const struct traffic_options *options);
void traffic_many(const struct traffic_options *options);
void traffic_connects(const struct traffic_options *options);

/* The servers: for ever. */
void traffic_serve(const struct traffic_options *options) __attribute__((noreturn));
void traffic_answer(const struct traffic_options *options) __attribute__((noreturn));

#endif
