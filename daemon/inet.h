/* SPDX-License-Identifier: MIT */
/*
 * Between struct address and lwIP: conversion, routes, which addresses are
 * ours, and lwIP's errors as errnos.
 */
#ifndef DAEMON_INET_H
#define DAEMON_INET_H

#include "proto/address.h"

#include <lwip/err.h>
#include <lwip/ip_addr.h>
#include <stdbool.h>

struct netif;
struct usocketd;

/*
 * The IP of @a for lwIP, its scope turned into a netif's zone. An address
 * without family gives the "any" of both families.
 */
void inet_to_lwip(const struct usocketd *daemon, const struct address *a, ip_addr_t *ip);

/*
 * The same for where a socket that is bound to @local sends: what is IPv4 but
 * has to go through NAT64 comes as IPv6.
 */
void inet_destination(const struct usocketd *daemon, const struct address *local,
	const struct address *to, ip_addr_t *ip);

/*
 * The address of ours that a socket shows which talks IPv4 through NAT64 (RFC
 * 7335); @as_v6 as below.
 */
struct address inet_nat64_local(uint16_t port, bool as_v6);

/* And back, with @port; @as_v6: IPv4 as IPv4-mapped, for AF_INET6 sockets. */
struct address inet_from_lwip(const struct usocketd *daemon, const ip_addr_t *ip, uint16_t port,
	bool as_v6);

/*
 * The netif a packet to @remote would take from @local (may be any).
 * NULL: no route, or its link is down.
 */
struct netif *inet_route(const ip_addr_t *local, const ip_addr_t *remote);

/*
 * inet_route() has found none from @local (may be any): wakes a link that dials
 * on demand. Returns true if it makes sense to wait for it.
 */
bool inet_dial(struct usocketd *daemon, const ip_addr_t *local);

/* The "any" address of a pcb of @type (IPADDR_TYPE_). */
const ip_addr_t *inet_any(u8_t type);

/* Whether a netif has this address (any counts as ours). */
bool inet_is_ours(const ip_addr_t *ip);

/* Whether binding to @a, which is ours, ties a socket to one link. */
bool inet_is_of_link(const struct address *a);

/* Limited or a netif's directed broadcast. */
bool inet_is_broadcast(const ip_addr_t *ip);

/* The netif of a link by its index + 1; NULL if there is none. */
struct netif *inet_netif_of(const struct usocketd *daemon, uint32_t link);

/* Index of the netif's link + 1 as the table has it; 0: loopback or none. */
uint32_t inet_link_of(const struct usocketd *daemon, const struct netif *netif);

/* -errno for what an lwIP call returned; 0 for ERR_OK. */
int inet_error(err_t err);

#endif
