/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Most calls succeed at once and never get past the first attempt. One that
 * must wait enters itself into a list, with a waker: a datagram socket that is
 * connected to itself, which it polls beside its descriptor. usocket_close()
 * marks all entries of its number, sends to their wakers, and waits until they
 * have left the list before it closes, so no attempt ever runs on a number
 * that has been given to somebody else meanwhile. shutdown(2) would wake them
 * too, but also end the socket for other processes that hold it.
 *
 * Wakers are pooled: there are as many as calls ever waited at the same time.
 * An eventfd would do as well, if it could be told from other eventfds when a
 * program has closed ours and got its number again (own_fd.c).
 *
 * Cancellation takes the entry out by a cleanup handler. fork() leaves the
 * child only the entries of the thread that called it.
 */
#include "client/waiting.h"

#include "client/guard.h"
#include "client/interrupts.h"
#include "client/own_fd.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* How long a close waits for the calls it has woken. */
#define LEAVE_S 1
/* A descriptor that was ready at once so often in a row, with nothing to be
 * had, is left alone for IDLE_MS: no fault of the daemon's makes us spin. */
#define IDLE_TURNS 16
#define IDLE_MS	   10
#define AT_ONCE_NS 1000000
/* How often a call that could get no waker looks whether it was closed. */
#define BLIND_MS 100

struct waker {
	struct own_fd socket;
	struct waker *next; /* of the idle ones */
};

/* On the stack of the waiting call; the list's until it leaves. */
struct waiter {
	LIST_ENTRY(waiter) link;
	int fd;
	pthread_t thread;
	atomic_bool ended;   /* by waiting_end() */
	struct waker *waker; /* NULL: could not be had */
};

static struct {
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t left;  /* an ended one has left */
	LIST_HEAD(, waiter) waiters;
	struct waker *idle;
	atomic_uint n_waiters; /* readable without the lock */
} registry = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void registry_lock(struct guard *guard)
{
	guard_enter(guard);
	pthread_mutex_lock(&registry.lock);
}

static void registry_unlock(const struct guard *guard)
{
	pthread_mutex_unlock(&registry.lock);
	guard_leave(guard);
}

static void waker_free(struct waker *waker)
{
	own_fd_close(&waker->socket);
	free(waker);
}

/* A datagram socket whose peer is itself: nobody else can send to it. */
static int open_self(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(un);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	/* A name of the kernel's choice (unix(7), autobind). */
	if (bind(fd, (struct sockaddr *)&un, sizeof(un.sun_family)) == 0 &&
		getsockname(fd, (struct sockaddr *)&un, &len) == 0 &&
		connect(fd, (struct sockaddr *)&un, len) == 0)
		return fd;
	close(fd);
	return -EIO;
}

static struct waker *waker_new(void)
{
	struct waker *waker = calloc(1, sizeof(*waker));
	int fd = waker ? open_self() : -1;

	if (fd >= 0 && own_fd_adopt(&waker->socket, fd) == 0)
		return waker;
	free(waker);
	return NULL;
}

static struct waker *waker_get(void)
{
	struct waker *waker;

	while ((waker = registry.idle) != NULL) {
		registry.idle = waker->next;
		if (own_fd_intact(&waker->socket))
			return waker;
		waker_free(waker);
	}
	return waker_new();
}

static void waker_put(struct waker *waker, bool woken)
{
	char byte;

	if (!waker)
		return;
	if (!own_fd_intact(&waker->socket)) {
		waker_free(waker);
		return;
	}
	while (woken && recv(waker->socket.fd, &byte, sizeof(byte), MSG_DONTWAIT) > 0)
		;
	waker->next = registry.idle;
	registry.idle = waker;
}

static void waiter_enter(struct waiter *waiter, int fd)
{
	struct guard guard;

	waiter->fd = fd;
	waiter->thread = pthread_self();
	atomic_init(&waiter->ended, false);
	registry_lock(&guard);
	waiter->waker = waker_get();
	LIST_INSERT_HEAD(&registry.waiters, waiter, link);
	atomic_fetch_add(&registry.n_waiters, 1);
	registry_unlock(&guard);
}

static void waiter_leave(void *arg)
{
	struct waiter *waiter = arg;
	struct guard guard;

	registry_lock(&guard);
	LIST_REMOVE(waiter, link);
	atomic_fetch_sub(&registry.n_waiters, 1);
	waker_put(waiter->waker, waiter->ended);
	if (waiter->ended)
		pthread_cond_broadcast(&registry.left);
	registry_unlock(&guard);
}

/* Signals that a thread brings upon itself never interrupt a wait. */
static bool is_own_doing(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL ||
		signal == SIGTRAP || signal == SIGABRT || signal == SIGSYS;
}

/*
 * Whether every handler that may have run has SA_RESTART: then Linux would
 * have gone on waiting. poll(2) does not say which one it was; where they
 * differ the call ends.
 */
static bool handlers_restart(void)
{
	struct sigaction action;

	for (int i = 1; i < NSIG; i++) {
		if (is_own_doing(i) || sigaction(i, NULL, &action) < 0)
			continue;
		if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN &&
			!(action.sa_flags & SA_RESTART))
			return false;
	}
	return true;
}

/* signal(7): only plain calls without a time-out go on. */
static int interrupted(const struct waiting *w)
{
	if (w->deadline.restarts && w->deadline.until_ns == DEADLINE_NEVER && handlers_restart())
		return 0;
	return -EINTR;
}

/*
 * Returns 0 when it is worth another attempt. The time counts also for calls
 * that get on with their work without ever having to wait.
 */
static int waiter_poll(const struct waiter *waiter, const struct waiting *w, bool idle)
{
	struct pollfd p[2] = {
		{ .fd = idle ? -1 : w->poll_fd, .events = w->events },
		{ .fd = waiter->waker ? waiter->waker->socket.fd : -1, .events = POLLIN },
	};
	int left_ms = time_left_ms(w->deadline.until_ns);
	int slice_ms = idle ? IDLE_MS : waiter->waker ? -1
						      : BLIND_MS;
	bool sliced = slice_ms >= 0 && (left_ms < 0 || slice_ms < left_ms);
	int n = left_ms == 0 ? 0 : interrupts_poll(p, 2, sliced ? slice_ms : left_ms);

	if (atomic_load(&waiter->ended) || p[0].revents & POLLNVAL)
		return -EBADF;
	if (n < 0)
		return errno == EINTR ? interrupted(w) : -ENOMEM;
	return n == 0 && !sliced ? w->deadline.error : 0;
}

static ssize_t waiter_run(struct waiter *waiter, const struct waiting *w, attempt_fn attempt,
	void *arg)
{
	unsigned int n_turns = 0;
	ssize_t r;

	do {
		int64_t start_ns = time_now_ns();

		r = waiter_poll(waiter, w, n_turns >= IDLE_TURNS);
		if (r < 0)
			return r;
		n_turns = time_now_ns() - start_ns < AT_ONCE_NS ? n_turns + 1 : 0;
		r = attempt(arg);
		if (r == WAITING_MORE)
			n_turns = 0;
	} while (r == -EAGAIN || r == WAITING_MORE);
	return r;
}

ssize_t waiting_run(struct waiting *w, attempt_fn attempt, void *arg)
{
	struct waiter waiter;
	ssize_t r = attempt(arg);

	if (r != -EAGAIN && r != WAITING_MORE)
		return r;
	deadline_resolve(&w->deadline, w->fd);
	if (deadline_is_now(&w->deadline))
		return w->deadline.error;
	waiter_enter(&waiter, w->fd);
	pthread_cleanup_push(waiter_leave, &waiter);
	r = waiter_run(&waiter, w, attempt, arg);
	pthread_cleanup_pop(1);
	return r;
}

static void waiter_end(struct waiter *waiter)
{
	atomic_store(&waiter->ended, true);
	if (waiter->waker && own_fd_intact(&waiter->waker->socket))
		send(waiter->waker->socket.fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Marks and wakes the waits on @fd; false if other threads have none. */
static bool end_others(int fd)
{
	struct waiter *waiter;
	bool others = false;

	LIST_FOREACH(waiter, &registry.waiters, link) {
		if (waiter->fd != fd)
			continue;
		if (!atomic_load(&waiter->ended))
			waiter_end(waiter);
		/* A signal handler may close what its own thread waits for. */
		if (!pthread_equal(waiter->thread, pthread_self()))
			others = true;
	}
	return others;
}

void waiting_end(int fd)
{
	struct timespec until;
	struct guard guard;

	if (atomic_load(&registry.n_waiters) == 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LEAVE_S;
	registry_lock(&guard);
	while (end_others(fd))
		if (pthread_cond_timedwait(&registry.left, &registry.lock, &until) != 0)
			break;
	registry_unlock(&guard);
}

/* Of the thread that forks, which holds the lock. */
static struct guard fork_guard;

static void on_fork_prepare(void)
{
	struct guard guard;

	registry_lock(&guard);
	fork_guard = guard;
}

static void on_fork_parent(void)
{
	struct guard guard = fork_guard;

	registry_unlock(&guard);
}

static void init_condition(void)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&registry.left, &attributes);
	pthread_condattr_destroy(&attributes);
}

/* The sockets of wakers are shared with the parent now: none may be used. */
static void on_fork_child(void)
{
	struct waiter *waiter, *next;
	struct waker *waker;

	for (waiter = LIST_FIRST(&registry.waiters); waiter; waiter = next) {
		next = LIST_NEXT(waiter, link);
		if (waiter->waker)
			waker_free(waiter->waker);
		waiter->waker = NULL;
		if (pthread_equal(waiter->thread, pthread_self()))
			continue;
		LIST_REMOVE(waiter, link);
		atomic_fetch_sub(&registry.n_waiters, 1);
	}
	while ((waker = registry.idle) != NULL) {
		registry.idle = waker->next;
		waker_free(waker);
	}
	init_condition();
	on_fork_parent();
}

__attribute__((constructor)) static void waiting_load(void)
{
	init_condition();
	pthread_atfork(on_fork_prepare, on_fork_parent, on_fork_child);
}
