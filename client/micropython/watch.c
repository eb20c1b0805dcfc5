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
 * The scheduler's functions run between two instructions of the main thread.
 * One that sleeps is woken by SIGURG, whose handler does nothing: its system
 * call ends, MicroPython runs what is scheduled and goes on sleeping. The signal
 * may come just before the call, so it is sent again until the function ran.
 *
 * The thread is not one of MicroPython's: it touches neither its heap nor its
 * state but for the scheduler, which is made for that. It ends with the process.
 *
 * Threads of scripts run without a common lock, so the dict has one; interrupts
 * are held meanwhile. Storing may start the collector, so a finalizer must not
 * come here; it need not: what it closes nobody holds, not even the dict.
 */
#include "usocket_mp.h"

#include "py/mphal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define RETRY_MS       10
#define EVENTS_AT_ONCE 16

/* Made by the first callback. */
MP_REGISTER_ROOT_POINTER(mp_obj_t usocket_watched);

/* Of the dict and of starting. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int epoll_fd = -1;
static pid_t epoll_pid;		/* the thread does not live on in a child */
static atomic_uint n_scheduled; /* what has not run yet */

static void enter(void)
{
	usocket_script_hold_interrupts();
	pthread_mutex_lock(&lock);
}

static void leave(void)
{
	pthread_mutex_unlock(&lock);
	usocket_script_release_interrupts();
}

/* The pair (socket, callback) of a descriptor, or MP_OBJ_NULL. */
static mp_obj_t find(mp_obj_t number)
{
	mp_obj_t watched = MP_STATE_VM(usocket_watched);
	mp_map_elem_t *entry;

	if (watched == MP_OBJ_NULL)
		return MP_OBJ_NULL;
	entry = mp_map_lookup(mp_obj_dict_get_map(watched), number, MP_MAP_LOOKUP);
	return entry ? entry->value : MP_OBJ_NULL;
}

/* In the interpreter: something has arrived at a descriptor. */
static mp_obj_t on_scheduled(mp_obj_t number)
{
	mp_obj_t found, *pair;
	size_t n;

	atomic_fetch_sub(&n_scheduled, 1);
	enter();
	found = find(number);
	leave();
	if (found == MP_OBJ_NULL)
		return mp_const_none;
	mp_obj_get_array(found, &n, &pair);
	return mp_call_function_1(pair[1], pair[0]);
}
static MP_DEFINE_CONST_FUN_OBJ_1(on_scheduled_obj, on_scheduled);

static void schedule(int fd)
{
	atomic_fetch_add(&n_scheduled, 1);
	while (!mp_sched_schedule(MP_OBJ_FROM_PTR(&on_scheduled_obj), MP_OBJ_NEW_SMALL_INT(fd))) {
		kill(getpid(), SIGURG);
		usleep(RETRY_MS * 1000);
	}
}

static void *watch(void *arg)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int fd = (int)(intptr_t)arg, i, n;

	for (;;) {
		n = epoll_wait(fd, events, EVENTS_AT_ONCE,
			atomic_load(&n_scheduled) > 0 ? RETRY_MS : -1);
		for (i = 0; i < n; i++)
			schedule(events[i].data.fd);
		/* The main thread gets it if it can. */
		if (atomic_load(&n_scheduled) > 0)
			kill(getpid(), SIGURG);
	}
	return NULL;
}

static void on_signal(int number)
{
	(void)number;
}

/* Without SA_RESTART: system calls end. */
static void catch_signal(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigemptyset(&action.sa_mask);
	sigaction(SIGURG, &action, NULL);
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
	int error;

	if (epoll_pid == getpid())
		return epoll_fd;
	if (epoll_fd >= 0)
		close(epoll_fd);
	atomic_store(&n_scheduled, 0);
	catch_signal();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		return -errno;
	error = start_thread(epoll_fd);
	if (error) {
		close(epoll_fd);
		epoll_fd = -1;
		return error;
	}
	epoll_pid = getpid();
	return epoll_fd;
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
	mp_obj_t number = MP_OBJ_NEW_SMALL_INT(fd);

	if (find(number) == MP_OBJ_NULL)
		return;
	mp_map_lookup(mp_obj_dict_get_map(MP_STATE_VM(usocket_watched)), number,
		MP_MAP_LOOKUP_REMOVE_IF_FOUND);
	if (epoll_pid == getpid())
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static int keep(int fd, mp_obj_t pair)
{
	nlr_buf_t nlr;

	if (nlr_push(&nlr) != 0)
		return -ENOMEM;
	if (MP_STATE_VM(usocket_watched) == MP_OBJ_NULL)
		MP_STATE_VM(usocket_watched) = mp_obj_new_dict(0);
	mp_obj_dict_store(MP_STATE_VM(usocket_watched), MP_OBJ_NEW_SMALL_INT(fd), pair);
	nlr_pop();
	return add(fd);
}

void mp_watch_forget(struct mp_usocket *s)
{
	enter();
	drop(usocket_script_fileno(&s->script));
	leave();
}

void mp_watch_set(struct mp_usocket *s, mp_obj_t callback)
{
	mp_obj_t pair[2] = { MP_OBJ_FROM_PTR(s), callback };
	mp_obj_t kept = mp_obj_new_tuple(2, pair);
	int error = 0, fd;

	enter();
	fd = usocket_script_fileno(&s->script);
	if (fd < 0)
		error = -EBADF;
	else if (callback != mp_const_none)
		error = keep(fd, kept);
	if (error || callback == mp_const_none)
		drop(fd);
	leave();
	if (error)
		mp_raise_result(error);
}
