/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Sockets with a callback are in a dict, by descriptor, that the collector
 * knows. A thread of its own, started with the first of them, waits for all
 * with epoll(7), edge-triggered: each arrival is told once, whatever the
 * callback does with it. The thread knows descriptors only, never objects: it
 * puts a number into MicroPython's scheduler, whose function finds the socket
 * in the dict, or nothing more. When the scheduler is full the thread tries
 * again a little later.
 *
 * The thread is not one of MicroPython's: it touches neither its heap nor its
 * state but for the scheduler, which is made for that. It ends with the process.
 */
#include "usocket_mp.h"

#include "py/mphal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

#define RETRY_US       10000
#define EVENTS_AT_ONCE 16

/* Made by the first callback; protected as MicroPython's own objects are. */
MP_REGISTER_ROOT_POINTER(mp_obj_t usocket_watched);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of starting */
static int epoll_fd = -1;
static pid_t epoll_pid; /* the thread does not live on in a child */

/* In the interpreter: something has arrived at a descriptor. */
static mp_obj_t on_scheduled(mp_obj_t number)
{
	mp_obj_t watched = MP_STATE_VM(usocket_watched);
	mp_map_elem_t *entry;
	mp_obj_t *pair;
	size_t n;

	if (watched == MP_OBJ_NULL)
		return mp_const_none;
	entry = mp_map_lookup(mp_obj_dict_get_map(watched), number, MP_MAP_LOOKUP);
	if (!entry)
		return mp_const_none;
	mp_obj_get_array(entry->value, &n, &pair);
	return mp_call_function_1(pair[1], pair[0]);
}
static MP_DEFINE_CONST_FUN_OBJ_1(on_scheduled_obj, on_scheduled);

static void *watch(void *arg)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int fd = (int)(intptr_t)arg, i, n;

	for (;;) {
		n = epoll_wait(fd, events, EVENTS_AT_ONCE, -1);
		for (i = 0; i < n; i++) {
			mp_obj_t number = MP_OBJ_NEW_SMALL_INT(events[i].data.fd);

			while (!mp_sched_schedule(MP_OBJ_FROM_PTR(&on_scheduled_obj), number))
				usleep(RETRY_US);
		}
	}
	return NULL;
}

/* With all signals blocked: they are the interpreter's. Returns 0 or -errno. */
static int start_thread(int fd)
{
	pthread_t thread;
	pthread_attr_t attributes;
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attributes, watch, (void *)(intptr_t)fd);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -error;
}

/* Returns the epoll descriptor, or -errno. */
static int start(void)
{
	int error = 0;

	pthread_mutex_lock(&lock);
	if (epoll_pid != getpid()) {
		if (epoll_fd >= 0)
			close(epoll_fd);
		epoll_fd = epoll_create1(EPOLL_CLOEXEC);
		error = epoll_fd < 0 ? -errno : start_thread(epoll_fd);
		if (error && epoll_fd >= 0) {
			close(epoll_fd);
			epoll_fd = -1;
		}
		epoll_pid = error ? 0 : getpid();
	}
	pthread_mutex_unlock(&lock);
	return error ? error : epoll_fd;
}

static int add(int fd)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDHUP | EPOLLET,
		.data.fd = fd,
	};
	int epoll = start();

	if (epoll < 0)
		return epoll;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0)
		return 0;
	/* Again: what is there already is told anew, as of a new callback. */
	return errno == EEXIST && epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : -errno;
}

static void drop(int fd)
{
	mp_obj_t watched = MP_STATE_VM(usocket_watched);
	mp_obj_t number = MP_OBJ_NEW_SMALL_INT(fd);

	if (watched == MP_OBJ_NULL || fd < 0 ||
		!mp_map_lookup(mp_obj_dict_get_map(watched), number, MP_MAP_LOOKUP_REMOVE_IF_FOUND))
		return;
	if (epoll_pid == getpid())
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void mp_watch_forget(struct mp_usocket *s)
{
	if (MP_STATE_VM(usocket_watched) != MP_OBJ_NULL)
		drop(usocket_script_fileno(&s->script));
}

void mp_watch_set(struct mp_usocket *s, mp_obj_t callback)
{
	mp_obj_t pair[2] = { MP_OBJ_FROM_PTR(s), callback };
	int fd, error;

	MP_HELD(fd, usocket_script_fileno(&s->script));
	if (fd < 0)
		mp_raise_OSError(EBADF);
	if (callback == mp_const_none) {
		drop(fd);
		return;
	}
	if (MP_STATE_VM(usocket_watched) == MP_OBJ_NULL)
		MP_STATE_VM(usocket_watched) = mp_obj_new_dict(0);
	mp_obj_dict_store(MP_STATE_VM(usocket_watched), MP_OBJ_NEW_SMALL_INT(fd),
		mp_obj_new_tuple(2, pair));
	MP_HELD(error, add(fd));
	if (error) {
		drop(fd);
		mp_raise_result(error);
	}
}
