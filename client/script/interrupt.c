/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An interpreter whose SIGINT handler raises its exception by longjmp(3), as
 * MicroPython's does on Unix, would jump out of the middle of this library: out
 * of a lock, out of a list that the caller's stack frame is part of. So while
 * a thread holds interrupts SIGINT is blocked, but for the library's waits, which
 * let it in in one step with their beginning (ppoll(2)): there it is only noted
 * and ends the wait with EINTR, as any handler does. The interpreter's own
 * handler runs when the thread lets go, where nothing is under way.
 *
 * For that this handler stands in front of the interpreter's. Interpreters
 * install theirs anew now and then (MicroPython for each line of its prompt), so
 * each hold looks whose is installed. A SIGINT that is ignored, or kills, is
 * left alone.
 */
#include "client/guard.h"
#include "client/interrupts.h"
#include "client/usocket_script.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* The handler finds these at a fixed place: it must not allocate them. */
#define THREAD_STATE static _Thread_local __attribute__((tls_model("initial-exec")))

THREAD_STATE volatile sig_atomic_t held; /* depth */
THREAD_STATE volatile sig_atomic_t came;
THREAD_STATE sigset_t blocked_before;

static void (*volatile interpreter_handler)(int);
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the installed one */

static void on_interrupt(int signal)
{
	if (held > 0)
		came = 1;
	else if (interpreter_handler)
		interpreter_handler(signal);
}

static int is_interpreters(const struct sigaction *action)
{
	return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN &&
		action->sa_handler != on_interrupt && !(action->sa_flags & SA_SIGINFO);
}

static void stand_in_front(void)
{
	struct sigaction action;
	struct guard guard;

	if (sigaction(SIGINT, NULL, &action) < 0 || !is_interpreters(&action))
		return;
	guard_enter(&guard);
	pthread_mutex_lock(&lock);
	if (sigaction(SIGINT, NULL, &action) == 0 && is_interpreters(&action)) {
		interpreter_handler = action.sa_handler;
		action.sa_handler = on_interrupt;
		action.sa_flags &= ~SA_RESTART;
		sigaction(SIGINT, &action, NULL);
	}
	pthread_mutex_unlock(&lock);
	guard_leave(&guard);
}

void usocket_script_hold_interrupts(void)
{
	sigset_t interrupt;

	/* In this order: until then the interpreter's may jump out of here. */
	if (held == 0) {
		stand_in_front();
		sigemptyset(&interrupt);
		sigaddset(&interrupt, SIGINT);
		pthread_sigmask(SIG_BLOCK, &interrupt, &blocked_before);
		interrupts_set_mask(&blocked_before);
	}
	held++;
}

void usocket_script_release_interrupts(void)
{
	bool is_noted = came;

	if (held == 0 || --held > 0)
		return;
	came = 0;
	interrupts_set_mask(NULL);
	/* Not a call of the handler: it counts on SIGINT being blocked, as the
	 * kernel does it. Either comes out of here with the old mask. */
	if (is_noted)
		pthread_kill(pthread_self(), SIGINT);
	pthread_sigmask(SIG_SETMASK, &blocked_before, NULL);
}
