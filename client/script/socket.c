/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A socket owns its descriptor from open, adopt or accept until close or
 * detach. The descriptor is forgotten before it is closed, so that no other
 * thread begins a call on a number that may be somebody else's next; the
 * library wakes those that are in one.
 *
 * One lock guards all sockets of the process: it is held for a few
 * instructions, and it is taken around fork(), so that no child finds it
 * taken for ever.
 */
#include "client/script/script.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

void script_lock(void)
{
	pthread_mutex_lock(&lock);
}

void script_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

static void watch_forks(void)
{
	pthread_atfork(script_lock, script_unlock, script_unlock);
}

int script_fd(const struct usocket_script *s)
{
	int fd;

	script_lock();
	fd = script_of(s)->fd;
	script_unlock();
	return fd;
}

size_t usocket_script_size(void)
{
	return sizeof(struct usocket_script);
}

void usocket_script_init(struct usocket_script *s)
{
	pthread_once(&fork_once, watch_forks);
	memset(s, 0, sizeof(*s));
	script_of(s)->fd = -1;
	script_of(s)->timeout_ns = USOCKET_SCRIPT_WAIT;
}

/* Takes everything out of @s, which is closed then. Returns the descriptor. */
static int take_descriptor(struct usocket_script *s)
{
	struct script *script = script_of(s);
	int fd;

	script_lock();
	fd = script->fd;
	script->fd = -1;
	script->deferred_error = 0;
	script->identity = (struct usocket_identity){ 0 };
	buffer_fini(&script->pushback);
	script_unlock();
	return fd;
}

static void put_descriptor(struct usocket_script *s, const struct script *found)
{
	script_lock();
	*script_of(s) = *found;
	script_unlock();
}

int usocket_script_open(struct usocket_script *s, int family, int type, int protocol)
{
	struct script opened = {
		.family = family,
		.type = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC),
		.protocol = protocol,
		.timeout_ns = type & SOCK_NONBLOCK ? 0 : USOCKET_SCRIPT_WAIT,
	};

	usocket_script_close(s);
	/* Quectel's default protocol, TCP, is no protest against SOCK_DGRAM. */
	opened.fd = usocket_socket(family, type | SOCK_CLOEXEC, protocol < 0 ? 0 : protocol);
	if (opened.fd < 0)
		return -errno;
	if (protocol < 0)
		opened.protocol = opened.type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	put_descriptor(s, &opened);
	return 0;
}

static int get_int_option(int fd, int option, int *value)
{
	socklen_t len = sizeof(*value);

	return usocket_getsockopt(fd, SOL_SOCKET, option, value, &len);
}

int usocket_script_adopt(struct usocket_script *s, int fd)
{
	struct script found = { .fd = fd, .timeout_ns = USOCKET_SCRIPT_WAIT };
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || get_int_option(fd, SO_DOMAIN, &found.family) < 0 ||
		get_int_option(fd, SO_TYPE, &found.type) < 0 ||
		get_int_option(fd, SO_PROTOCOL, &found.protocol) < 0)
		return -errno;
	if (flags & O_NONBLOCK)
		found.timeout_ns = 0;
	usocket_script_close(s);
	put_descriptor(s, &found);
	return 0;
}

int usocket_script_close(struct usocket_script *s)
{
	int fd = take_descriptor(s);

	if (fd >= 0 && usocket_close(fd) < 0)
		return -errno;
	return 0;
}

int usocket_script_detach(struct usocket_script *s)
{
	return take_descriptor(s);
}

int usocket_script_fileno(const struct usocket_script *s)
{
	return script_fd(s);
}

int usocket_script_family(const struct usocket_script *s)
{
	return script_of(s)->family;
}

int usocket_script_type(const struct usocket_script *s)
{
	return script_of(s)->type;
}

int usocket_script_protocol(const struct usocket_script *s)
{
	return script_of(s)->protocol;
}

/* O_NONBLOCK is for those who use the descriptor by other means. */
static int apply_timeout(int fd, int64_t timeout_ns)
{
	int flags = fcntl(fd, F_GETFL);
	int wanted = timeout_ns == USOCKET_SCRIPT_WAIT ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;

	if (flags < 0 || (flags != wanted && fcntl(fd, F_SETFL, wanted) < 0))
		return -errno;
	return 0;
}

int usocket_script_settimeout(struct usocket_script *s, int64_t timeout_ns)
{
	int fd;

	if (timeout_ns < 0)
		timeout_ns = USOCKET_SCRIPT_WAIT;
	script_lock();
	fd = script_of(s)->fd;
	if (fd >= 0)
		script_of(s)->timeout_ns = timeout_ns;
	script_unlock();
	return fd < 0 ? -EBADF : apply_timeout(fd, timeout_ns);
}

int usocket_script_gettimeout(const struct usocket_script *s, int64_t *timeout_ns)
{
	int fd;

	script_lock();
	fd = script_of(s)->fd;
	*timeout_ns = script_of(s)->timeout_ns;
	script_unlock();
	return fd < 0 ? -EBADF : 0;
}
