/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Numbers of constants.c are translated. Programs that take their numbers from
 * their language's own socket module (asyncio, ssl) are served as well: a
 * number that is none of ours goes to the library with its level. But not for
 * setting at SOL_SOCKET, where a script's hard-coded number most likely is
 * another system's: that is ENOPROTOOPT, and a line says so.
 */
#include "client/script/script.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#define OPTION_VALUE_MAX 1024

struct option_call {
	int level, option;
	void *value;
	socklen_t len;
};

static ssize_t do_setsockopt(int fd, void *argument, int timeout_ms)
{
	struct option_call *call = argument;

	(void)timeout_ms;
	return usocket_setsockopt(fd, call->level, call->option, call->value, call->len);
}

static ssize_t do_getsockopt(int fd, void *argument, int timeout_ms)
{
	struct option_call *call = argument;

	(void)timeout_ms;
	return usocket_getsockopt(fd, call->level, call->option, call->value, &call->len);
}

static int refuse(int level, int option)
{
	fprintf(stderr,
		"usocket: setsockopt: unknown option %d (level %d): use the names of the module\n",
		option, level);
	return -ENOPROTOOPT;
}

int usocket_script_setsockopt(struct usocket_script *s, int level, int option,
	const void *value, socklen_t len)
{
	char copy[OPTION_VALUE_MAX];
	struct option_call call = { .level = level, .option = option, .value = copy };
	bool is_foreign = script_option_translate(&call.level, &call.option) < 0;
	int rc;

	if (script_fd(s) < 0)
		return -EBADF;
	if (is_foreign && level == SOL_SOCKET)
		return refuse(level, option);
	if (len > sizeof(copy))
		return -EINVAL;
	memcpy(copy, value, len);
	call.len = len;
	rc = (int)script_request(s, do_setsockopt, &call);
	return rc == -ENOPROTOOPT && is_foreign ? refuse(level, option) : rc;
}

/* An error that a call left for the next one is the pending one. */
static bool take_deferred(struct usocket_script *s, const struct option_call *call)
{
	int error;

	if (call->level != SOL_SOCKET || call->option != SO_ERROR || call->len < sizeof(error))
		return false;
	error = script_take_error(s);
	if (error == 0)
		return false;
	memcpy(call->value, &error, sizeof(error));
	return true;
}

int usocket_script_getsockopt(struct usocket_script *s, int level, int option, void *value,
	socklen_t *len)
{
	struct option_call call = { .level = level, .option = option, .value = value, .len = *len };
	int rc = 0;

	if (script_fd(s) < 0)
		return -EBADF;
	script_option_translate(&call.level, &call.option);
	if (take_deferred(s, &call))
		call.len = sizeof(int);
	else
		rc = (int)script_request(s, do_getsockopt, &call);
	if (rc >= 0)
		*len = call.len;
	return rc;
}

int usocket_script_is_tcp_info(int level, int option)
{
	script_option_translate(&level, &option);
	return level == IPPROTO_TCP && option == TCP_INFO;
}

static ssize_t do_socket_info(int fd, void *argument, int timeout_ms)
{
	(void)timeout_ms;
	return usocket_socket_info(fd, argument, sizeof(struct usocket_socket_info));
}

int usocket_script_info(struct usocket_script *s, int tcp, struct usocket_socket_info *info)
{
	if (script_fd(s) < 0)
		return -EBADF;
	if (tcp && !script_is_stream(s))
		return -ENOPROTOOPT;
	return (int)script_request(s, do_socket_info, info);
}

/* The descriptor, -1 when closed, and whose it is: asked for once in its life. */
static int identify(const struct usocket_script *s, struct usocket_identity *identity)
{
	struct script *script = script_of(s);
	int fd;

	script_lock();
	fd = script->fd;
	if (fd >= 0 && script->identity.daemon == 0 &&
		usocket_identify(fd, &script->identity) < 0)
		script->identity = (struct usocket_identity){ 0 };
	*identity = script->identity;
	script_unlock();
	return fd;
}

int usocket_script_getsocketsta(const struct usocket_script *s)
{
	struct usocket_identity identity;
	int fd = identify(s, &identity);

	return fd < 0 ? -1 : usocket_getsocketsta_of(fd, &identity);
}

int64_t usocket_script_getsendacksize(const struct usocket_script *s)
{
	int fd = script_fd(s);

	return fd < 0 ? -1 : usocket_getsendacksize(fd);
}
