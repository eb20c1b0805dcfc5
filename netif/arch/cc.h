/* SPDX-License-Identifier: MIT */
/*
 * What lwIP needs to know of compiler and platform: Linux, gcc or clang. The
 * functions are in netif/stack.c.
 */
#ifndef NETIF_ARCH_CC_H
#define NETIF_ARCH_CC_H

#include "netif/checksum.h"
#include "netif/heap.h"

#include <endian.h>
#include <stdint.h>
#include <stdlib.h> /* heap.h: what it gives mixes with calloc */

/* Else lwIP calls functions of its own for it. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define lwip_htons(x) ((uint16_t)__builtin_bswap16(x))
#define lwip_htonl(x) ((uint32_t)__builtin_bswap32(x))
#endif
/* The system's htons and others stay what <arpa/inet.h> says. */
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS 1
/* errno values come from <errno.h>. */
#define LWIP_ERRNO_STDINCLUDE 1

void stack_diagnose(const char *format, ...) __attribute__((format(printf, 1, 2)));
void stack_assert_failed(const char *message, const char *file, int line)
	__attribute__((noreturn));
/* 32 bits from the kernel's generator. */
uint32_t stack_random(void);

#define LWIP_PLATFORM_DIAG(x)	stack_diagnose x
#define LWIP_PLATFORM_ASSERT(x) stack_assert_failed(x, __FILE__, __LINE__)
#define LWIP_RAND()		stack_random()

#endif
