/* SPDX-License-Identifier: MIT */
/*
 * lwIP's hooks that usocketd fills; lwIP's own files include this one.
 */
#ifndef NETIF_HOOKS_H
#define NETIF_HOOKS_H

#include "lwip/err.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/ip_addr.h"

struct netif;
struct pbuf;
struct tcp_hdr;
struct tcp_pcb;

/* isn.c */
u32_t isn_make(const ip_addr_t *local_ip, u16_t local_port,
	const ip_addr_t *remote_ip, u16_t remote_port);

/* route.c */
struct netif *route_ip4(const ip4_addr_t *src, const ip4_addr_t *dest);
struct netif *route_ip6(const ip6_addr_t *src, const ip6_addr_t *dest);
const ip6_addr_t *route_gateway6(struct netif *netif, const ip6_addr_t *dest);

/* tcp_hooks.c */
err_t hook_tcp_in(struct tcp_pcb *pcb, const struct tcp_hdr *header, u16_t n_options,
	const struct pbuf *data);
u32_t *hook_tcp_out(struct tcp_pcb *pcb, const struct tcp_hdr *header, u32_t *options);

/* tcp_lso.c, in place of what lwIP calls for a packet that is longer than the MTU. */
err_t hook_ip4_frag(struct pbuf *p, struct netif *netif, const ip4_addr_t *dest);
err_t hook_ip6_frag(struct pbuf *p, struct netif *netif, const ip6_addr_t *dest);
#define ip4_frag(p, netif, dest) hook_ip4_frag(p, netif, dest)
#define ip6_frag(p, netif, dest) hook_ip6_frag(p, netif, dest)

#endif
