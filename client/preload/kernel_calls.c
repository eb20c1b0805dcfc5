/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The library, libusocket in it included, is linked with --wrap for each name
 * of the table: where its sources call NAME they get __wrap_NAME, which is
 * libc's. So no call of ours ever comes back to us, and no source has to think
 * of it. The address of each is kept; finding one twice at once does no harm.
 */
#include "client/preload/kernel_calls.h"

#include "client/preload/calls.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum kernel_call {
#define KERNEL_CALL(type, name, parameters, arguments) KERNEL_CALL_##name,
	PRELOAD_CALLS(KERNEL_CALL)
#undef KERNEL_CALL
	KERNEL_CALL_syscall,
	KERNEL_CALL_COUNT
};

static const char *const names[KERNEL_CALL_COUNT] = {
#define KERNEL_CALL(type, name, parameters, arguments) [KERNEL_CALL_##name] = #name,
	PRELOAD_CALLS(KERNEL_CALL)
#undef KERNEL_CALL
		[KERNEL_CALL_syscall] = "syscall",
};

static _Atomic(void *) found[KERNEL_CALL_COUNT];

/* For what this libc does not have. */
static long is_missing(void)
{
	errno = ENOSYS;
	return -1;
}

static void *find(enum kernel_call call)
{
	void *address = atomic_load_explicit(&found[call], memory_order_relaxed);

	if (address)
		return address;
	address = dlsym(RTLD_NEXT, names[call]);
	if (!address) {
		long (*missing)(void) = is_missing;

		memcpy(&address, &missing, sizeof(address));
	}
	atomic_store_explicit(&found[call], address, memory_order_relaxed);
	return address;
}

void kernel_calls_find(void)
{
	for (int i = 0; i < KERNEL_CALL_COUNT; i++)
		find((enum kernel_call)i);
}

/* A conversion that ISO C does not know and POSIX demands (dlsym(3)). */
#define FUNCTION(type, name, parameters) ((type(*) parameters)find(KERNEL_CALL_##name))

#define WRAP_CALL(type, name, parameters, arguments)               \
	type __wrap_##name parameters;                             \
	type __wrap_##name parameters                              \
	{                                                          \
		return FUNCTION(type, name, parameters) arguments; \
	}
PRELOAD_CALLS(WRAP_CALL)

#define WRAP_ALIAS(type, alias, name, parameters, arguments) \
	type __wrap_##alias parameters;                      \
	type __wrap_##alias parameters                       \
	{                                                    \
		return __wrap_##name arguments;              \
	}
PRELOAD_ALIASES(WRAP_ALIAS)

extern void __chk_fail(void) __attribute__((noreturn));

#define WRAP_CHECKED(type, checked, name, parameters, arguments, room, wanted) \
	type __wrap_##checked parameters;                                      \
	type __wrap_##checked parameters                                       \
	{                                                                      \
		if ((wanted) > (room))                                         \
			__chk_fail();                                          \
		return __wrap_##name arguments;                                \
	}
PRELOAD_CHECKED(WRAP_CHECKED)

long kernel_syscall(long number, const long a[6])
{
	return FUNCTION(long, syscall, (long, ...))(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
