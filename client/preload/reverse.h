/* SPDX-License-Identifier: MIT */
/*
 * The names of addresses.
 */
#ifndef CLIENT_PRELOAD_REVERSE_H
#define CLIENT_PRELOAD_REVERSE_H

#include <stddef.h>

/* Room for any name. */
#define REVERSE_NAME_MAX 1025

/*
 * Asks the resolver's name servers what the address @ip of @family is called (RFC 1035
 * 3.5, RFC 3596 2.5). Returns 0, or the h_errno.
 */
int reverse_look_up(int family, const void *ip, char *name, size_t size);

#endif
