/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Most calls succeed at once and never get past the first attempt. One that
 * must wait enters a waiter into a list, with a datagram socket that is connected
 * to itself, which it polls beside its descriptor. usocket_close() marks all
 * waiters of its number, sends to their sockets, and waits until they have left
 * the list before it closes, so no attempt ever runs on a number that has been
 * given to somebody else meanwhile. A close before the waiter was listed woke
 * nobody, so a call looks once, when it is listed, whether the number is still its
 * socket's. shutdown(2) would wake them too, but also end
 * the socket for other processes that hold it.
 *
 * The only thread of a process needs none: nobody else is there to close anything. A
 * signal handler of its own may, so after one it looks whether the number is still
 * its socket's.
 *
 * Waiters are pooled: there are as many as calls ever waited at the same time.
 * An eventfd would do as well, if it could be told from other eventfds when a
 * program has closed ours and got its number again (own_fd.c).
 *
 * Cancellation takes the waiter out by a cleanup handler. A signal handler that
 * jumps out of the call (siglongjmp, programs' old way to give a call a time-out)
 * leaves it behind. So nothing of it is on the stack, and a thread that waits
 * anew takes back its own waiters from calls that were deeper in the stack than
 * it is now: they cannot be going on. Those on another stack are left alone. What
 * returns to a call whose waiter was taken back all the same, as a program with
 * stacks of its own may do, finds another turn in it and goes without.
 *
 * fork() leaves the child only the waiters of the thread that called it.
 */
#include "client/waiting.h"

#include "client/guard.h"
#include "client/interrupts.h"
#include "client/own_fd.h"
#include "client/threads.h"

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

struct waiter {
	LIST_ENTRY(waiter) link;
	int fd;
	pthread_t thread;
	const char *frame;     /* where in the stack the call is */
	_Atomic uint64_t turn; /* which call's it is; 0: nobody's */
	atomic_bool ended;     /* by waiting_end() */
	struct own_fd waker;   /* none if it could not be had */
};

/* A call's waiter, as long as its turn is the same. */
struct entry {
	struct waiter *waiter; /* NULL: could not be had, or is alone */
	uint64_t turn;
	bool is_alone; /* the process's only thread makes the call */
};

LIST_HEAD(waiters, waiter);

static struct {
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t left;  /* an ended one has left */
	struct waiters waiting;
	struct waiters idle;
	uint64_t n_turns;
	atomic_uint n_waiting; /* readable without the lock */
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

static void open_waker(struct own_fd *waker)
{
	int fd;

	if (own_fd_intact(waker))
		return;
	own_fd_close(waker);
	fd = open_self();
	if (fd >= 0)
		own_fd_adopt(waker, fd);
}

static struct waiter *waiter_get(void)
{
	struct waiter *waiter = LIST_FIRST(&registry.idle);

	if (waiter) {
		LIST_REMOVE(waiter, link);
	} else {
		waiter = calloc(1, sizeof(*waiter));
		if (!waiter)
			return NULL;
		waiter->waker.fd = -1;
	}
	open_waker(&waiter->waker);
	return waiter;
}

/* Takes it out of those that wait. */
static void waiter_put(struct waiter *waiter)
{
	char byte;

	LIST_REMOVE(waiter, link);
	atomic_fetch_sub(&registry.n_waiting, 1);
	if (waiter->ended) {
		pthread_cond_broadcast(&registry.left);
		while (own_fd_intact(&waiter->waker) &&
			recv(waiter->waker.fd, &byte, sizeof(byte), MSG_DONTWAIT) > 0)
			;
	}
	waiter->turn = 0;
	LIST_INSERT_HEAD(&registry.idle, waiter, link);
}

static bool is_on_signal_stack(void)
{
	stack_t stack;

	return sigaltstack(NULL, &stack) < 0 || stack.ss_flags & SS_ONSTACK;
}

/* What this thread has jumped out of. */
static void put_abandoned(const char *frame)
{
	struct waiter *waiter, *next;

	for (waiter = LIST_FIRST(&registry.waiting); waiter; waiter = next) {
		next = LIST_NEXT(waiter, link);
		if (pthread_equal(waiter->thread, pthread_self()) && waiter->frame <= frame &&
			!is_on_signal_stack())
			waiter_put(waiter);
	}
}

/* The number by which usocket_close() finds the wait. */
static int number_of(const struct waiting *w)
{
	return w->holder ? w->holder->fd : -1;
}

static void entry_begin(struct entry *entry, int fd)
{
	const char *frame = __builtin_frame_address(0);
	struct waiter *waiter;
	struct guard guard;

	*entry = (struct entry){ .waiter = NULL };
	registry_lock(&guard);
	put_abandoned(frame);
	waiter = waiter_get();
	if (waiter) {
		waiter->fd = fd;
		waiter->thread = pthread_self();
		waiter->frame = frame;
		waiter->turn = ++registry.n_turns;
		atomic_init(&waiter->ended, false);
		LIST_INSERT_HEAD(&registry.waiting, waiter, link);
		atomic_fetch_add(&registry.n_waiting, 1);
		*entry = (struct entry){ .waiter = waiter, .turn = waiter->turn };
	}
	registry_unlock(&guard);
}

/* NULL: the call has none (any more). */
static struct waiter *waiter_of(const struct entry *entry)
{
	return entry->waiter && entry->waiter->turn == entry->turn ? entry->waiter : NULL;
}

static void entry_end(void *arg)
{
	struct waiter *waiter;
	struct guard guard;

	registry_lock(&guard);
	waiter = waiter_of(arg);
	if (waiter)
		waiter_put(waiter);
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

static bool is_closed(const struct waiting *w)
{
	return w->holder && holder_is_closed(w->holder);
}

/* What a wait that a signal handler interrupted ends with; 0: it goes on. */
static int interrupted_entry(const struct entry *entry, const struct waiting *w)
{
	if (!waiter_of(entry) && is_closed(w))
		return -EBADF;
	return interrupted(w);
}

/*
 * Returns 0 when it is worth another attempt. The time counts also for calls
 * that get on with their work without ever having to wait.
 */
static int entry_poll(const struct entry *entry, const struct waiting *w, bool idle)
{
	const struct waiter *waiter = waiter_of(entry);
	struct pollfd p[2] = {
		{ .fd = idle ? -1 : w->poll_fd, .events = w->events },
		{ .fd = waiter ? waiter->waker.fd : -1, .events = POLLIN },
	};
	int left_ms = time_left_ms(w->deadline.until_ns);
	int slice_ms = idle ? IDLE_MS : p[1].fd >= 0 || entry->is_alone ? -1
									: BLIND_MS;
	bool sliced = slice_ms >= 0 && (left_ms < 0 || slice_ms < left_ms);
	int n = left_ms == 0 ? 0 : interrupts_poll(p, 2, sliced ? slice_ms : left_ms);

	if ((waiter_of(entry) && atomic_load(&waiter->ended)) || p[0].revents & POLLNVAL)
		return -EBADF;
	if (n < 0)
		return errno == EINTR ? interrupted_entry(entry, w) : -ENOMEM;
	return n == 0 && !sliced ? w->deadline.error : 0;
}

static ssize_t entry_run(const struct entry *entry, const struct waiting *w,
	attempt_fn attempt, void *arg)
{
	unsigned int n_turns = 0;
	ssize_t r;

	if (!entry->is_alone && is_closed(w))
		return -EBADF;
	do {
		int64_t start_ns = time_now_ns();

		r = entry_poll(entry, w, n_turns >= IDLE_TURNS);
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
	struct entry entry;
	ssize_t r = attempt(arg);

	if (r != -EAGAIN && r != WAITING_MORE)
		return r;
	deadline_resolve(&w->deadline, number_of(w));
	if (deadline_is_now(&w->deadline))
		return w->deadline.error;
	if (is_only_thread()) {
		entry = (struct entry){ .is_alone = true };
		return entry_run(&entry, w, attempt, arg);
	}
	entry_begin(&entry, number_of(w));
	pthread_cleanup_push(entry_end, &entry);
	r = entry_run(&entry, w, attempt, arg);
	pthread_cleanup_pop(1);
	return r;
}

static void waiter_end(struct waiter *waiter)
{
	atomic_store(&waiter->ended, true);
	if (own_fd_intact(&waiter->waker))
		send(waiter->waker.fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Marks and wakes the waits on @fd; false if other threads have none. */
static bool end_others(int fd)
{
	struct waiter *waiter;
	bool others = false;

	LIST_FOREACH(waiter, &registry.waiting, link) {
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

	if (atomic_load(&registry.n_waiting) == 0)
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

/* The sockets are shared with the parent now: none may be used. */
static void on_fork_child(void)
{
	struct waiter *waiter, *next;

	init_condition();
	for (waiter = LIST_FIRST(&registry.waiting); waiter; waiter = next) {
		next = LIST_NEXT(waiter, link);
		own_fd_close(&waiter->waker);
		if (!pthread_equal(waiter->thread, pthread_self()))
			waiter_put(waiter);
	}
	LIST_FOREACH(waiter, &registry.idle, link)
		own_fd_close(&waiter->waker);
	on_fork_parent();
}

__attribute__((constructor)) static void waiting_load(void)
{
	init_condition();
	pthread_atfork(on_fork_prepare, on_fork_parent, on_fork_child);
}
