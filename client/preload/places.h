/* SPDX-License-Identifier: MIT */
/*
 * Which addresses are whose, and the other settings that usocket-run hands over.
 */
#ifndef CLIENT_PRELOAD_PLACES_H
#define CLIENT_PRELOAD_PLACES_H

#include <stdbool.h>
#include <sys/socket.h>

/* The environment between usocket-run and the library. */
#define PLACES_DENY_ENV	    "USOCKET_RUN_DENY"
#define PLACES_KERNEL_ENV   "USOCKET_RUN_KERNEL"
#define PLACES_LOOPBACK_ENV "USOCKET_RUN_LOOPBACK"
#define PLACES_LOG_ENV	    "USOCKET_RUN_LOG"
#define PLACES_OTHERS_ENV   "USOCKET_RUN_OTHERS"
#define PLACES_ACK_ENV	    "USOCKET_RUN_ACK"

/* PLACES_LOOPBACK_ENV's value that puts loopback into the stack. */
#define PLACES_LOOPBACK_STACK "stack"

/* PLACES_OTHERS_ENV's value that lets run what cannot be preloaded. */
#define PLACES_OTHERS_KERNEL "kernel"

enum place {
	PLACE_STACK,
	PLACE_KERNEL,
	PLACE_DENIED,
};

/* Reads the environment. Returns 0 or -EINVAL, -ENOMEM. */
int places_load(void);

/*
 * Where @address leads to. What is no internet address, or too short for one, is
 * the stack's, which will say so.
 */
enum place places_of(const struct sockaddr *address, socklen_t len);

/* Whether programs that cannot be preloaded may be started. */
bool places_allow_others(void);

/* 127/8 or ::1. */
bool places_is_loopback(const struct sockaddr *address, socklen_t len);
/* 0.0.0.0 or ::. */
bool places_is_wildcard(const struct sockaddr *address, socklen_t len);

/* One line to the log, if there is one. Keeps errno. */
void places_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with an address: "connect 10.0.0.1 port 80: TEXT". */
void places_log_address(const char *call, const struct sockaddr *address, const char *text);

#endif
