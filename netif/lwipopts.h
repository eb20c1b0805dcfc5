/* SPDX-License-Identifier: MIT */
/*
 * lwIP as usocketd uses it: the raw API in one thread, both IP versions, the
 * libc's allocator. What is not named here has lwIP's default (lwip/opt.h).
 */
#ifndef NETIF_LWIPOPTS_H
#define NETIF_LWIPOPTS_H

/* ---- one thread, no operating system layer --------------------------------- */

#define NO_SYS		     1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET	     0
#define LWIP_NETCONN	     0
#define LWIP_NETIF_API	     0
/* timers.c, on libevent: an idle daemon must not wake. */
#define LWIP_TIMERS	   1
#define LWIP_TIMERS_CUSTOM 1

/* ---- memory: heap.c; limits are the daemon's ------------------------------- */

#define MEM_CUSTOM_ALLOCATOR 1
#define MEM_CUSTOM_MALLOC    heap_alloc
#define MEM_CUSTOM_CALLOC    calloc
#define MEM_CUSTOM_FREE	     heap_free
#define MEMP_MEM_MALLOC	     1
#define MEM_ALIGNMENT	     8
/* Pools do not exist; these only satisfy lwIP's consistency checks. */
#define MEMP_NUM_PBUF		4096
#define MEMP_NUM_RAW_PCB	4096
#define MEMP_NUM_UDP_PCB	4096
#define MEMP_NUM_TCP_PCB	4096
#define MEMP_NUM_TCP_PCB_LISTEN 4096
#define MEMP_NUM_TCP_SEG	65535
#define PBUF_POOL_SIZE		4096

/* ---- IP -------------------------------------------------------------------- */

#define LWIP_IPV4		      1
#define LWIP_IPV6		      1
#define LWIP_ICMP		      1
#define LWIP_RAW		      1
#define LWIP_UDP		      1
#define LWIP_TCP		      1
#define LWIP_DNS		      0 /* c-ares */
#define LWIP_DHCP		      1 /* dhcp_client.c */
#define LWIP_AUTOIP		      0
#define LWIP_ACD		      0
#define LWIP_DHCP_DOES_ACD_CHECK      0
#define LWIP_DHCP_PROVIDE_DNS_SERVERS 0
/* DNS servers and MTU: dhcp_client.c reads them. */
#define DHCP_ADD_EXTRA_REQUEST_OPTIONS , 6, 26
#define IP_FORWARD		       0
#define LWIP_IPV6_FORWARD	       0
#define IP_OPTIONS_ALLOWED	       1 /* they have passed ingress.c */
#define IP_FRAG			       1
#define LWIP_IPV6_FRAG		       1
/*
 * Fragments are put together before lwIP sees them (reassembly.c), so that
 * what it sees has been checked as a whole.
 */
#define IP_REASSEMBLY		       0
#define LWIP_IPV6_REASS		       0
#define IPV6_FRAG_COPYHEADER	       1 /* asserted on 64-bit */
#define LWIP_BROADCAST_PING	       0
#define LWIP_MULTICAST_PING	       0
#define LWIP_IGMP		       1
#define LWIP_IPV6_MLD		       1
#define LWIP_MULTICAST_TX_OPTIONS      1

#define LWIP_ARP		       1
#define ARP_TABLE_SIZE		       64
#define ARP_QUEUEING		       1
#define ARP_QUEUE_LEN		       16
#define LWIP_ETHERNET		       1
#define ETHARP_TABLE_MATCH_NETIF       1

#define LWIP_IPV6_NUM_ADDRESSES	       4 /* link-local and three others */
#define LWIP_IPV6_SCOPES	       1
#define LWIP_IPV6_AUTOCONFIG	       0 /* autoconf.c */
#define LWIP_IPV6_SEND_ROUTER_SOLICIT  0
#define LWIP_IPV6_ADDRESS_LIFETIMES    1
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS  1
#define LWIP_ND6_QUEUEING	       1
#define MEMP_NUM_ND6_QUEUE	       64
#define LWIP_ND6_NUM_NEIGHBORS	       32
#define LWIP_ND6_NUM_DESTINATIONS      64
#define LWIP_ND6_ALLOW_RA_UPDATES      1
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 0
#define LWIP_IPV6_DHCP6		       0

/* ---- netifs ---------------------------------------------------------------- */

/* loopback.c has its own: lwIP's copies into unbounded lists. */
#define LWIP_HAVE_LOOPIF	       0
#define LWIP_NETIF_LOOPBACK	       0
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1
#define LWIP_NUM_NETIF_CLIENT_DATA     0
#define LWIP_CHECKSUM_CTRL_PER_NETIF   1
/* checksum.c: lwIP adds two bytes at a time. */
#define LWIP_CHKSUM checksum_add

/* ---- TCP ------------------------------------------------------------------- */

/*
 * The most that is ever offered; what a connection uses follows from its
 * netif's MTU (1460 and 1440 on 1500). Large for loopback and large TUNs.
 */
#define TCP_MSS			   16344
#define TCP_CALCULATE_EFF_SEND_MSS 1
#define LWIP_WND_SCALE		   1
/* A fast link's bandwidth-delay product, twice: 200 Mbit/s, 40 ms. It is no memory. */
#define TCP_RCV_SCALE		 5
#define TCP_WND			 (2000 * 1024)
#define TCP_SND_BUF		 (512 * 1024)
#define TCP_SND_QUEUELEN	 4096 /* pbufs */
#define TCP_WND_UPDATE_THRESHOLD (16 * 1024)
/* Unused without sockets; the default does not fit such an MSS. */
#define TCP_SNDLOWAT 1
/* Small writes gather in what one segment of 1500 bytes holds. */
#define TCP_OVERSIZE		   1460
#define TCP_QUEUE_OOSEQ		   1
#define TCP_OOSEQ_MAX_BYTES	   TCP_WND
#define TCP_OOSEQ_MAX_PBUFS	   2048
#define LWIP_TCP_SACK_OUT	   1
#define LWIP_TCP_MAX_SACK_NUM	   4
#define LWIP_TCP_TIMESTAMPS	   0
#define LWIP_TCP_KEEPALIVE	   1
#define TCP_LISTEN_BACKLOG	   1
#define TCP_DEFAULT_LISTEN_BACKLOG 0xff
#define LWIP_TCP_PCB_NUM_EXT_ARGS  4
#define LWIP_TCP_RTO_TIME	   1000 /* ms, RFC 6298 2.1 */
/* The daemon's own limit (connect_timeout, 600 s at most) ends a connect. */
#define TCP_SYNMAXRTX	 12
#define TCP_MSL		 30000 /* ms: 60 s of TIME-WAIT, as Linux */
#define SO_REUSE	 1
#define SO_REUSE_RXTOALL 1

/* ---- debugging and statistics ---------------------------------------------- */

#define LWIP_STATS	   1
#define LWIP_STATS_LARGE   1
#define MEM_STATS	   0
#define MEMP_STATS	   0
#define SYS_STATS	   0
#define LINK_STATS	   0
#define LWIP_STATS_DISPLAY 0

/* ---- hooks, declared in netif/hooks.h -------------------------------------- */

#define LWIP_HOOK_FILENAME "netif/hooks.h"
#define LWIP_HOOK_TCP_ISN  isn_make
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, optlen, opt1len, opt2, p) \
	hook_tcp_in(pcb, hdr, opt1len, p)
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, hdr, pcb, opts) \
	hook_tcp_out((struct tcp_pcb *)(pcb), hdr, opts)
#define LWIP_HOOK_IP4_ROUTE_SRC route_ip4
#define LWIP_HOOK_IP6_ROUTE	route_ip6
#define LWIP_HOOK_ND6_GET_GW	route_gateway6

#endif
