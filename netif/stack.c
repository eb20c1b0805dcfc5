/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Brings lwIP up and down and gives it what its port needs: clock, random
 * numbers, a place for its complaints. lwIP keeps its state in statics and
 * cannot be initialised twice, so lwip_init() runs once a process and
 * stack_init() after stack_fini() only starts timers and loopback again.
 *
 * An assertion of lwIP that fails is a bug here or in the ingress stage, and
 * lwIP's lists can no longer be trusted: the process ends and is started again
 * by its supervisor.
 */
#include "netif/stack.h"

#include "netif/isn.h"
#include "netif/log.h"
#include "netif/loopback.h"
#include "netif/pmtu.h"
#include "netif/reassembly.h"
#include "netif/stack_private.h"
#include "netif/tcp_front.h"
#include "netif/timers.h"

#include "lwip/init.h"
#include "lwip/sys.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static struct {
	bool initialised;    /* lwip_init() has run */
	int address_changes; /* nested begin calls */
	uint32_t random[64];
	size_t n_random; /* left in random */
} stack;

const char *stack_version(void)
{
	return LWIP_VERSION_STRING;
}

uint64_t stack_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* lwIP's clock, milliseconds; it copes with the overflow. */
u32_t sys_now(void)
{
	return (u32_t)(stack_now_ns() / 1000000);
}

static void random_fill(void *buf, size_t len)
{
	ssize_t n;

	do {
		n = getrandom(buf, len, 0);
	} while (n < 0 && errno == EINTR);
	/* 256 bytes or fewer come whole once the kernel's pool is ready. */
	if (n != (ssize_t)len) {
		log_error("The kernel gives no random numbers: %s", strerror(errno));
		abort();
	}
}

uint32_t stack_random(void)
{
	uint32_t value;

	if (stack.n_random == 0) {
		random_fill(stack.random, sizeof(stack.random));
		stack.n_random = sizeof(stack.random) / sizeof(stack.random[0]);
	}
	value = stack.random[--stack.n_random];
	stack.random[stack.n_random] = 0;
	return value;
}

void stack_diagnose(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text[strcspn(text, "\r\n")] = '\0';
	log_debug("lwIP: %s", text);
}

void stack_assert_failed(const char *message, const char *file, int line)
{
	log_error("lwIP: assertion failed: %s (%s:%d)", message, file, line);
	abort();
}

int stack_init(struct event_base *base)
{
	int error;

	error = timers_init(base);
	if (error)
		return error;
	if (!stack.initialised) {
		uint8_t secret[ISN_SECRET_SIZE];

		random_fill(secret, sizeof(secret));
		isn_init(secret);
		lwip_init();
		stack.initialised = true;
	}
	error = loopback_init(base);
	if (error)
		timers_fini();
	return error;
}

void stack_fini(void)
{
	loopback_fini();
	tcp_front_fini();
	reassembly_fini();
	pmtu_fini();
	timers_fini();
}

void stack_multicast_changed(void)
{
	timers_groups_changed();
}

void stack_loop_back(struct pbuf *p)
{
	loopback_take(p, NULL);
}

void stack_address_change_begin(void)
{
	stack.address_changes++;
}

void stack_address_change_end(void)
{
	assert(stack.address_changes > 0);
	stack.address_changes--;
}

bool stack_address_changing(void)
{
	return stack.address_changes > 0;
}
