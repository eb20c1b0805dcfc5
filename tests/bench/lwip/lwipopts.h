/* SPDX-License-Identifier: MIT */
/* lwIP as its own sockets API has it, for bench: a thread of its own, large windows. */
#ifndef USOCKETD_TESTS_BENCH_LWIPOPTS_H
#define USOCKETD_TESTS_BENCH_LWIPOPTS_H

#define NO_SYS			    0
#define LWIP_SOCKET		    1
#define LWIP_NETCONN		    1
#define LWIP_COMPAT_SOCKETS	    0
#define LWIP_POSIX_SOCKETS_IO_NAMES 0
#define LWIP_TIMEVAL_PRIVATE	    0
#define LWIP_TCPIP_CORE_LOCKING	    1
#define LWIP_SO_RCVTIMEO	    1
#define LWIP_IPV6		    0
#define LWIP_ARP		    0
#define LWIP_ETHERNET		    0
#define LWIP_STATS		    0
#define MEM_LIBC_MALLOC		    1
#define MEMP_MEM_MALLOC		    1
#define MEM_ALIGNMENT		    8
#define TCP_MSS			    1460
#define LWIP_WND_SCALE		    1
#define TCP_RCV_SCALE		    4
#define TCP_WND			    (128 * TCP_MSS)
#define TCP_SND_BUF		    (128 * TCP_MSS)
#define TCP_SND_QUEUELEN	    (4 * TCP_SND_BUF / TCP_MSS)
#define TCP_SNDLOWAT		    (8 * TCP_MSS)
#define TCP_OVERSIZE		    TCP_MSS
#define TCPIP_MBOX_SIZE		    128
#define DEFAULT_TCP_RECVMBOX_SIZE   128
#define DEFAULT_UDP_RECVMBOX_SIZE   128
#define DEFAULT_ACCEPTMBOX_SIZE	    64
#define MEMP_NUM_NETCONN	    64
#define SYS_LIGHTWEIGHT_PROT	    1

#endif
