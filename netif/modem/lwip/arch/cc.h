/* SPDX-License-Identifier: MIT */
/*
 * What lwIP needs to know of compiler and platform in usocket-modem. The
 * functions are in netif/modem/pppline.c.
 */
#ifndef NETIF_MODEM_ARCH_CC_H
#define NETIF_MODEM_ARCH_CC_H

#include <endian.h>
#include <stdint.h>

#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS 1
#define LWIP_ERRNO_STDINCLUDE		      1

void ppp_assert_failed(const char *message, const char *file, int line)
	__attribute__((noreturn));
uint32_t ppp_random(void);

#define LWIP_PLATFORM_DIAG(x)	((void)0)
#define LWIP_PLATFORM_ASSERT(x) ppp_assert_failed(x, __FILE__, __LINE__)
#define LWIP_RAND()		ppp_random()

#endif
