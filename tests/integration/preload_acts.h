/* SPDX-License-Identifier: MIT */
/* What the acts of preload_acts.c stand on, and those of them that are elsewhere. */
#ifndef TESTS_INTEGRATION_PRELOAD_ACTS_H
#define TESTS_INTEGRATION_PRELOAD_ACTS_H

#include <netinet/in.h>
#include <stdint.h>

#define HERE   "10.9.0.2"
#define SILENT "10.9.0.66"
/* Nobody answers for it either. */
#define SILENT_NAME "silent.test"

/* Ends the program with a line that says what is not so. */
#define MUST(what) must(!!(what), #what, __FILE__, __LINE__)
void must(int good, const char *what, const char *file, int line);

struct sockaddr_in address_of(const char *ip, uint16_t port);
struct sockaddr_in name_of(int fd);
int bound(int type, const char *ip);
int listening(const char *ip);
int connect_to(int fd, struct sockaddr_in to);
void make_pair(int pair[2]);
/* Five bytes from one to the other. */
void talk(int from, int to);
/* A connection and two datagram sockets are made, used and closed. */
void use_new_ones(void);
int count_descriptors(void);

/* preload_waits.c */
void act_call_in_handler(void);
void act_cancel(void);
void act_interrupt(void);
void act_jump(void);
void act_restart(void);

#endif
