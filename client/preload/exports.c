/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The symbols that the dynamic linker finds before libc's, made from the
 * table. They have other names in C, since libc's headers declare the real
 * ones with attributes and unions that no table can repeat.
 *
 * syscall() with the number of a call in the table does what that call does:
 * programs use it to get around what an old libc lacks. The calls that start a
 * program take its arguments one by one too.
 */
#include "client/preload/exports.h"

#include "client/preload/calls.h"
#include "client/preload/kernel_calls.h"

#include <alloca.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

#define EXPORT_CALL(type, name, parameters, arguments)       \
	EXPORT type export_##name parameters __asm__(#name); \
	EXPORT type export_##name parameters                 \
	{                                                    \
		return preload_##name arguments;             \
	}
PRELOAD_CALLS(EXPORT_CALL)

#define EXPORT_ALIAS(type, alias, name, parameters, arguments) \
	EXPORT type export_##alias parameters __asm__(#alias); \
	EXPORT type export_##alias parameters                  \
	{                                                      \
		return preload_##name arguments;               \
	}
PRELOAD_ALIASES(EXPORT_ALIAS)

/* libc's says "buffer overflow detected" and aborts. */
extern void __chk_fail(void) __attribute__((noreturn));

#define EXPORT_CHECKED(type, checked, name, parameters, arguments, room, wanted) \
	EXPORT type export_##checked parameters __asm__(#checked);               \
	EXPORT type export_##checked parameters                                  \
	{                                                                        \
		if ((wanted) > (room))                                           \
			__chk_fail();                                            \
		return preload_##name arguments;                                 \
	}
PRELOAD_CHECKED(EXPORT_CHECKED)

#define AS_INT(i)  ((int)a[i])
#define AS_SIZE(i) ((size_t)a[i])
#define AS_PTR(i)  ((void *)a[i])

/* X(call, its arguments): those whose raw call means what libc's does. */
#define RAW_CALLS(X)                                                                         \
	X(socket, (AS_INT(0), AS_INT(1), AS_INT(2)))                                         \
	X(connect, (AS_INT(0), AS_PTR(1), (socklen_t)a[2]))                                  \
	X(bind, (AS_INT(0), AS_PTR(1), (socklen_t)a[2]))                                     \
	X(listen, (AS_INT(0), AS_INT(1)))                                                    \
	X(accept, (AS_INT(0), AS_PTR(1), AS_PTR(2)))                                         \
	X(accept4, (AS_INT(0), AS_PTR(1), AS_PTR(2), AS_INT(3)))                             \
	X(getsockname, (AS_INT(0), AS_PTR(1), AS_PTR(2)))                                    \
	X(getpeername, (AS_INT(0), AS_PTR(1), AS_PTR(2)))                                    \
	X(getsockopt, (AS_INT(0), AS_INT(1), AS_INT(2), AS_PTR(3), AS_PTR(4)))               \
	X(setsockopt, (AS_INT(0), AS_INT(1), AS_INT(2), AS_PTR(3), (socklen_t)a[4]))         \
	X(shutdown, (AS_INT(0), AS_INT(1)))                                                  \
	X(sendto, (AS_INT(0), AS_PTR(1), AS_SIZE(2), AS_INT(3), AS_PTR(4), (socklen_t)a[5])) \
	X(recvfrom, (AS_INT(0), AS_PTR(1), AS_SIZE(2), AS_INT(3), AS_PTR(4), AS_PTR(5)))     \
	X(sendmsg, (AS_INT(0), AS_PTR(1), AS_INT(2)))                                        \
	X(recvmsg, (AS_INT(0), AS_PTR(1), AS_INT(2)))                                        \
	X(sendmmsg, (AS_INT(0), AS_PTR(1), (unsigned int)a[2], AS_INT(3)))                   \
	X(recvmmsg, (AS_INT(0), AS_PTR(1), (unsigned int)a[2], AS_INT(3), AS_PTR(4)))        \
	X(read, (AS_INT(0), AS_PTR(1), AS_SIZE(2)))                                          \
	X(write, (AS_INT(0), AS_PTR(1), AS_SIZE(2)))                                         \
	X(readv, (AS_INT(0), AS_PTR(1), AS_INT(2)))                                          \
	X(writev, (AS_INT(0), AS_PTR(1), AS_INT(2)))                                         \
	X(close, (AS_INT(0)))                                                                \
	X(close_range, ((unsigned int)a[0], (unsigned int)a[1], AS_INT(2)))                  \
	X(dup, (AS_INT(0)))                                                                  \
	X(dup3, (AS_INT(0), AS_INT(1), AS_INT(2)))                                           \
	X(fcntl, (AS_INT(0), AS_INT(1), AS_PTR(2)))                                          \
	X(ioctl, (AS_INT(0), (unsigned long)a[1], AS_PTR(2)))                                \
	X(pidfd_getfd, (AS_INT(0), AS_INT(1), (unsigned int)a[2]))                           \
	X(execve, (AS_PTR(0), AS_PTR(1), AS_PTR(2)))                                         \
	X(execveat, (AS_INT(0), AS_PTR(1), AS_PTR(2), AS_PTR(3), AS_INT(4)))                 \
	X(epoll_ctl, (AS_INT(0), AS_INT(1), AS_INT(2), AS_PTR(3)))                           \
	X(epoll_pwait, (AS_INT(0), AS_PTR(1), AS_INT(2), AS_INT(3), AS_PTR(4)))              \
	X(epoll_pwait2, (AS_INT(0), AS_PTR(1), AS_INT(2), AS_PTR(3), AS_PTR(4)))

#define RAW_CASE(name, arguments) \
	case SYS_##name:          \
		return preload_##name arguments;

EXPORT long export_syscall(long number, ...) __asm__("syscall");
EXPORT long export_syscall(long number, ...)
{
	va_list list;
	long a[6];

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	switch (number) {
		RAW_CALLS(RAW_CASE)
		/* Newer machines have only dup3, ppoll and epoll_pwait. */
#ifdef SYS_dup2
		RAW_CASE(dup2, (AS_INT(0), AS_INT(1)))
#endif
#ifdef SYS_poll
		RAW_CASE(poll, (AS_PTR(0), (nfds_t)a[1], AS_INT(2)))
#endif
#ifdef SYS_epoll_wait
		RAW_CASE(epoll_wait, (AS_INT(0), AS_PTR(1), AS_INT(2), AS_INT(3)))
#endif
	default:
		return kernel_syscall(number, a);
	}
}

/* ---- arguments one by one ----------------------------------------------- */

static size_t count_arguments(const char *first, va_list list)
{
	size_t n = 0;

	for (; first; first = va_arg(list, const char *))
		n++;
	return n;
}

/* Up to the NULL, which it takes too. */
static void take_arguments(const char **argv, const char *first, va_list *list)
{
	for (; first; first = va_arg(*list, const char *))
		*argv++ = first;
	*argv = NULL;
}

/*
 * Sets @argv, on the caller's stack, since it may be a child of vfork(); @list is
 * then behind the NULL, and the caller's to end.
 */
#define TAKE_ARGUMENTS(argv, first, list)                                              \
	do {                                                                           \
		va_start(list, first);                                                 \
		(argv) = alloca((count_arguments(first, list) + 1) * sizeof(*(argv))); \
		va_end(list);                                                          \
		va_start(list, first);                                                 \
		take_arguments(argv, first, &(list));                                  \
	} while (0)

EXPORT int export_execl(const char *path, const char *first, ...) __asm__("execl");
EXPORT int export_execl(const char *path, const char *first, ...)
{
	const char **argv;
	va_list list;

	TAKE_ARGUMENTS(argv, first, list);
	va_end(list);
	return preload_execv(path, (char *const *)argv);
}

EXPORT int export_execlp(const char *name, const char *first, ...) __asm__("execlp");
EXPORT int export_execlp(const char *name, const char *first, ...)
{
	const char **argv;
	va_list list;

	TAKE_ARGUMENTS(argv, first, list);
	va_end(list);
	return preload_execvp(name, (char *const *)argv);
}

EXPORT int export_execle(const char *path, const char *first, ...) __asm__("execle");
EXPORT int export_execle(const char *path, const char *first, ...)
{
	char *const *envp;
	const char **argv;
	va_list list;

	TAKE_ARGUMENTS(argv, first, list);
	envp = va_arg(list, char *const *);
	va_end(list);
	return preload_execve(path, (char *const *)argv, envp);
}

bool exports_are_first(void)
{
	void *first = dlsym(RTLD_DEFAULT, "socket");
	static const char here;
	Dl_info found, own;

	return first && dladdr(first, &found) && dladdr(&here, &own) &&
		found.dli_fbase == own.dli_fbase;
}
