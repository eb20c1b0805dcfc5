/* SPDX-License-Identifier: MIT */
/*
 * lwIP as usocket-modem uses it: PPP over serial lines, and what that cannot
 * do without. No packet ever reaches its IP layer.
 */
#ifndef NETIF_MODEM_LWIPOPTS_H
#define NETIF_MODEM_LWIPOPTS_H

#define NO_SYS		     1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET	     0
#define LWIP_NETCONN	     0
#define LWIP_NETIF_API	     0
/* pppline.c, on libevent: an idle helper must not wake. */
#define LWIP_TIMERS	   1
#define LWIP_TIMERS_CUSTOM 1

#define MEM_LIBC_MALLOC	   1
#define MEMP_MEM_MALLOC	   1
#define MEM_ALIGNMENT	   8

#define LWIP_IPV4	   1
#define LWIP_IPV6	   1
#define LWIP_ARP	   0
#define LWIP_ETHERNET	   0
#define LWIP_ICMP	   0
#define LWIP_RAW	   0
#define LWIP_UDP	   0
#define LWIP_TCP	   0
/* IPV6CP wants the addresses of a netif, and nothing below. */
#define LWIP_ICMP6		      0
#define LWIP_IPV6_MLD		      0
#define LWIP_IPV6_AUTOCONFIG	      0
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define LWIP_IPV6_NUM_ADDRESSES	      1
#define LWIP_IPV6_FRAG		      0
#define LWIP_IPV6_REASS		      0
#define LWIP_IPV6_SCOPES	      0
#define IP_REASSEMBLY		      0
#define IP_FRAG			      0
#define IP_FORWARD		      0
#define LWIP_STATS		      0
/* Makes IPCP ask for name servers; dns.c is not compiled, see pppline.c. */
#define LWIP_DNS	 1
#define LWIP_DNS_SECURE	 0

#define PPP_SUPPORT	 1
#define PPPOS_SUPPORT	 1
#define PPPOE_SUPPORT	 0
#define PPPOL2TP_SUPPORT 0
#define PPP_IPV4_SUPPORT 1
#define PPP_IPV6_SUPPORT 1
#define PAP_SUPPORT	 1
#define CHAP_SUPPORT	 1
#define MSCHAP_SUPPORT	 0
#define EAP_SUPPORT	 0
#define CCP_SUPPORT	 0
#define MPPE_SUPPORT	 0
#define VJ_SUPPORT	 0
#define LQR_SUPPORT	 0
#ifndef PPP_SERVER
#define PPP_SERVER 0
#endif
/* Ours, in pppline.c: lwIP's asks even while packets arrive. */
#define LCP_ECHOINTERVAL 0
/* Peers lose the first request while they switch to data. */
#define FSM_DEFTIMEOUT	  2
#define UPAP_DEFTIMEOUT	  3
#define PBUF_POOL_BUFSIZE 1600

#endif
