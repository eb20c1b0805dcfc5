/* SPDX-License-Identifier: MIT */
/*
 * Unreachable messages of ICMP and ICMPv6, passed up to the socket they are
 * about. lwIP drops them.
 */
#ifndef DAEMON_ICMP_ERROR_H
#define DAEMON_ICMP_ERROR_H

struct icmp_error;
struct socket_registry;

/* Starts listening. Returns 0 or -errno. */
int icmp_error_new(struct icmp_error **out, struct socket_registry *registry);
void icmp_error_free(struct icmp_error *icmp);

#endif
