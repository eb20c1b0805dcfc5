/* SPDX-License-Identifier: MIT */
#include "client/usocket_script.h"

#include "tests/unit/client_suite.h"

#include <setjmp.h>
#include <stdatomic.h>

static sigjmp_buf away;
static volatile sig_atomic_t n_jumps;

/* As an interpreter's: it does not return. */
static void jump(int signal)
{
	(void)signal;
	n_jumps = n_jumps + 1;
	siglongjmp(away, 1);
}

static void setup_interpreter(void)
{
	struct sigaction action = { .sa_handler = jump };

	n_jumps = 0;
	ck_assert_int_eq(sigaction(SIGINT, &action, NULL), 0);
}

START_TEST(interrupt_while_held_waits_for_release)
{
	volatile int got_past = 0;

	if (sigsetjmp(away, 1) == 0) {
		usocket_script_hold_interrupts();
		raise(SIGINT);
		raise(SIGINT);
		got_past = 1;
		ck_assert_int_eq(n_jumps, 0);
		usocket_script_release_interrupts();
		got_past = 2;
	}
	ck_assert_int_eq(got_past, 1);
	ck_assert_int_eq(n_jumps, 1);
}
END_TEST

START_TEST(interrupt_waits_for_the_outermost_release)
{
	volatile int got_past = 0;

	if (sigsetjmp(away, 1) == 0) {
		usocket_script_hold_interrupts();
		usocket_script_hold_interrupts();
		raise(SIGINT);
		usocket_script_release_interrupts();
		got_past = 1;
		usocket_script_release_interrupts();
		got_past = 2;
	}
	ck_assert_int_eq(got_past, 1);
	ck_assert_int_eq(n_jumps, 1);
}
END_TEST

START_TEST(interrupt_while_not_held_is_the_interpreters)
{
	usocket_script_hold_interrupts();
	usocket_script_release_interrupts();
	usocket_script_release_interrupts(); /* one too many changes nothing */
	if (sigsetjmp(away, 1) == 0)
		raise(SIGINT);
	ck_assert_int_eq(n_jumps, 1);
}
END_TEST

START_TEST(interrupt_finds_a_handler_that_was_installed_anew)
{
	usocket_script_hold_interrupts();
	usocket_script_release_interrupts();
	setup_interpreter();
	if (sigsetjmp(away, 1) == 0) {
		usocket_script_hold_interrupts();
		raise(SIGINT);
		ck_assert_int_eq(n_jumps, 0);
		usocket_script_release_interrupts();
	}
	ck_assert_int_eq(n_jumps, 1);
}
END_TEST

START_TEST(interrupt_that_is_ignored_stays_ignored)
{
	signal(SIGINT, SIG_IGN);
	usocket_script_hold_interrupts();
	raise(SIGINT);
	usocket_script_release_interrupts();
	ck_assert_ptr_eq(signal(SIGINT, SIG_DFL), SIG_IGN);
}
END_TEST

struct nagging {
	pthread_t victim;
	atomic_bool is_over;
};

static void *nag(void *arg)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct nagging *nagging = arg;

	while (!atomic_load(&nagging->is_over)) {
		pthread_kill(nagging->victim, SIGINT);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

START_TEST(interrupt_while_held_ends_a_wait)
{
	struct nagging nagging = { .victim = pthread_self() };
	struct usocket_script_poll polled = { .events = POLLIN };
	struct usocket_script_call call;
	volatile int rc = 0;
	pthread_t thread;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	polled.fd = ends[0];
	usocket_script_begin_timeout(&call, USOCKET_SCRIPT_WAIT);
	if (sigsetjmp(away, 1) == 0) {
		usocket_script_hold_interrupts();
		ck_assert_int_eq(pthread_create(&thread, NULL, nag, &nagging), 0);
		rc = usocket_script_poll(&polled, 1, &call);
		atomic_store(&nagging.is_over, true);
		pthread_join(thread, NULL);
		usocket_script_release_interrupts();
	}
	ck_assert_int_eq(rc, -EINTR);
	ck_assert_int_eq(n_jumps, 1);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* It came when nothing waited yet. */
START_TEST(interrupt_before_a_wait_ends_it)
{
	struct usocket_script_poll polled = { .events = POLLIN };
	struct usocket_script_call call;
	volatile int rc = 0;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	polled.fd = ends[0];
	usocket_script_begin_timeout(&call, USOCKET_SCRIPT_WAIT);
	if (sigsetjmp(away, 1) == 0) {
		usocket_script_hold_interrupts();
		raise(SIGINT);
		/* Its first look does not wait, and lets the signal in. */
		rc = usocket_script_poll(&polled, 1, &call);
		usocket_script_release_interrupts();
	}
	ck_assert_int_eq(rc, -EINTR);
	ck_assert_int_eq(n_jumps, 1);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

static Suite *script_interrupt_suite(void)
{
	Suite *suite = suite_create("script_interrupt");
	TCase *tc = tcase_create("interrupts");

	tcase_add_checked_fixture(tc, setup_interpreter, NULL);
	tcase_add_test(tc, interrupt_while_held_waits_for_release);
	tcase_add_test(tc, interrupt_waits_for_the_outermost_release);
	tcase_add_test(tc, interrupt_while_not_held_is_the_interpreters);
	tcase_add_test(tc, interrupt_finds_a_handler_that_was_installed_anew);
	tcase_add_test(tc, interrupt_that_is_ignored_stays_ignored);
	tcase_add_test(tc, interrupt_while_held_ends_a_wait);
	tcase_add_test(tc, interrupt_before_a_wait_ends_it);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return run_suite(script_interrupt_suite());
}
