/* SPDX-License-Identifier: MIT */
/*
 * Supervision of helpers. This program is its own helper: called by one of the
 * names below, it behaves as that name says.
 */
#include "netif/helper.h"

#include "tests/unit/netif_test.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* More than the daemon takes in one go, and less than a pair holds. */
#define N_LINES	 100
#define FAREWELL "bye"

/* ---- the helper's side ------------------------------------------------------------ */

static void say(const ush_HelperEvent *event)
{
	uint8_t buf[HELPER_MESSAGE_MAX];
	int len = helper_encode_event(event, buf, sizeof(buf));

	if (len < 0 || send(HELPER_FD_MESSAGES, buf, (size_t)len, 0) < 0)
		_exit(9);
}

static void say_ready(void)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;

	event.which_body = ush_HelperEvent_ready_tag;
	event.body.ready.mtu = 1500;
	say(&event);
}

/* Answers pings until the pair is closed; its last packet is a farewell. */
static int good(void)
{
	say_ready();
	for (;;) {
		ush_HelperCommand command = ush_HelperCommand_init_zero;
		ush_HelperEvent event = ush_HelperEvent_init_zero;
		uint8_t buf[HELPER_MESSAGE_MAX];
		ssize_t n = recv(HELPER_FD_MESSAGES, buf, sizeof(buf), 0);

		if (n <= 0)
			return send(HELPER_FD_PACKETS, FAREWELL, sizeof(FAREWELL), 0) < 0;
		if (helper_decode_command(&command, buf, (size_t)n) != 0)
			return 1;
		if (command.which_body != ush_HelperCommand_ping_tag)
			continue;
		event.which_body = ush_HelperEvent_pong_tag;
		event.body.pong.sequence = command.body.ping.sequence;
		say(&event);
	}
}

static int sleep_for_ever(void)
{
	while (pause() < 0)
		;
	return 0;
}

static int hangs(void)
{
	say_ready();
	return sleep_for_ever();
}

static int rubbish(void)
{
	if (send(HELPER_FD_MESSAGES, "\xff\xff\xff\xff", 4, 0) < 0)
		return 1;
	return hangs();
}

static int closes(void)
{
	close(HELPER_FD_MESSAGES);
	return sleep_for_ever();
}

static int fails(void)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;

	event.which_body = ush_HelperEvent_failed_tag;
	snprintf(event.body.failed.cause, sizeof(event.body.failed.cause), "no modem");
	say(&event);
	return 3;
}

/* As fails(), behind many lines for the log. */
static int fails_at_length(void)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;

	event.which_body = ush_HelperEvent_log_tag;
	event.body.log.level = LOG_LEVEL_DEBUG;
	for (int i = 0; i < N_LINES; i++)
		say(&event);
	return fails();
}

/* Says in its exit status which descriptors it has: 3 and 4, and no other. */
static int descriptors(void)
{
	int fd;

	for (fd = 3; fd < 100; fd++) {
		if ((fcntl(fd, F_GETFD) >= 0) != (fd == 3 || fd == 4))
			return fd;
	}
	return 77;
}

static const struct {
	const char *name;
	int (*run)(void);
} helpers[] = {
	{ "good", good },
	{ "hangs", hangs },
	{ "rubbish", rubbish },
	{ "closes", closes },
	{ "fails", fails },
	{ "fails_at_length", fails_at_length },
	{ "descriptors", descriptors },
};

/* ---- the tests ---------------------------------------------------------------------- */

static char dir[] = "/tmp/test_helper.XXXXXX";
static struct helper helper;
static int n_ready, n_failed_events, n_lost;
static char cause[128];

static void on_event(struct helper *h, const ush_HelperEvent *event, void *arg)
{
	ck_assert_ptr_eq(h, &helper);
	ck_assert_ptr_eq(arg, cause);
	if (event->which_body == ush_HelperEvent_ready_tag)
		n_ready++;
	else
		n_failed_events++;
}

static void on_lost(struct helper *h, const char *why, void *arg)
{
	ck_assert_ptr_eq(h, &helper);
	ck_assert_ptr_eq(arg, cause);
	n_lost++;
	snprintf(cause, sizeof(cause), "%s", why);
}

static const struct helper_handlers handlers = { .event = on_event, .lost = on_lost };

static void make_dir(void)
{
	char path[PATH_MAX], self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t i;

	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	ck_assert_ptr_nonnull(mkdtemp(dir));
	for (i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, helpers[i].name);
		ck_assert_int_eq(symlink(self, path), 0);
	}
	setenv("USOCKETD_LIBEXECDIR", dir, 1);
}

static void remove_dir(void)
{
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, helpers[i].name);
		unlink(path);
	}
	rmdir(dir);
}

static void setup(void)
{
	stack_setup();
	make_dir();
}

static void teardown(void)
{
	helper_fini(&helper);
	/* No child is left, not even a dead one. */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	remove_dir();
	stack_teardown();
}

/* How long a helper may take to answer where a test is not about that. */
#define PATIENT_MS 20000

static void start_with(const char *program, uint32_t ping_interval_ms)
{
	struct helper_params params = {
		.base = base,
		.program = program,
		.link = "test",
		.handlers = &handlers,
		.arg = cause,
		.ping_interval_ms = ping_interval_ms,
	};

	helper_init(&helper, &params);
	ck_assert_int_eq(helper_start(&helper), 0);
	ck_assert_int_gt(helper.pid, 0);
}

static void start(const char *program)
{
	start_with(program, PATIENT_MS);
}

static bool is_ready(void *arg)
{
	(void)arg;
	return n_ready > 0;
}

static bool is_lost(void *arg)
{
	(void)arg;
	return n_lost > 0;
}

static bool is_gone(void *arg)
{
	(void)arg;
	return helper.pid == 0;
}

static bool is_pinged_thrice(void *arg)
{
	(void)arg;
	return helper.sequence >= 3 || n_lost > 0;
}

START_TEST(helper_that_answers_lives_on)
{
	start_with("good", 1000);
	ck_assert(run_until(is_ready, NULL, 5000));
	ck_assert(run_until(is_pinged_thrice, NULL, 20000));
	ck_assert_int_eq(n_lost, 0);
}
END_TEST

START_TEST(helper_that_hangs_is_killed)
{
	start_with("hangs", 300);
	ck_assert(run_until(is_lost, NULL, 5000));
	ck_assert_ptr_nonnull(strstr(cause, "does not answer"));
	ck_assert(run_until(is_gone, NULL, 5000));
	ck_assert_int_eq(n_lost, 1);
}
END_TEST

START_TEST(helper_that_sends_rubbish_is_killed)
{
	start("rubbish");
	ck_assert(run_until(is_lost, NULL, 5000));
	ck_assert_ptr_nonnull(strstr(cause, "no message"));
	ck_assert(run_until(is_gone, NULL, 5000));
}
END_TEST

START_TEST(helper_that_closes_its_pair_is_killed)
{
	start("closes");
	ck_assert(run_until(is_lost, NULL, 5000));
	ck_assert(run_until(is_gone, NULL, 5000));
	ck_assert_int_eq(n_lost, 1);
}
END_TEST

START_TEST(helper_that_is_killed_is_lost_once_and_starts_again)
{
	start("good");
	ck_assert(run_until(is_ready, NULL, 5000));
	kill(helper.pid, SIGKILL);
	ck_assert(run_until(is_lost, NULL, 5000));
	ck_assert(run_until(is_gone, NULL, 5000));
	n_ready = 0;
	ck_assert_int_eq(helper_start(&helper), 0);
	ck_assert(run_until(is_ready, NULL, 5000));
	ck_assert_int_eq(n_lost, 1);
}
END_TEST

START_TEST(helper_that_fails_says_why)
{
	start("fails");
	ck_assert(run_until(is_lost, NULL, 5000));
	ck_assert_int_eq(n_failed_events, 1);
	ck_assert_str_eq(cause, "fails exited with status 3");
}
END_TEST

START_TEST(helper_that_fails_is_heard_to_the_end)
{
	siginfo_t info;

	start("fails_at_length");
	/* All is in the pair before the loop runs. */
	ck_assert_int_eq(waitid(P_PID, (id_t)helper.pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert(run_until(is_lost, NULL, 5000));
	ck_assert_int_eq(n_failed_events, 1);
	ck_assert_str_eq(cause, "fails_at_length exited with status 3");
}
END_TEST

START_TEST(helper_gets_its_pairs_and_nothing_else)
{
	int stray = dup(STDERR_FILENO), far = fcntl(STDERR_FILENO, F_DUPFD, 50);

	start("descriptors");
	ck_assert(run_until(is_lost, NULL, 5000));
	ck_assert_str_eq(cause, "descriptors exited with status 77");
	close(stray);
	close(far);
}
END_TEST

START_TEST(helper_not_there_is_an_error)
{
	struct helper_params params = {
		.base = base,
		.program = "missing",
		.link = "test",
		.handlers = &handlers,
		.arg = cause,
		.ping_interval_ms = 300,
	};

	helper_init(&helper, &params);
	ck_assert_int_eq(helper_start(&helper), -ENOENT);
	ck_assert_int_eq(helper.pid, 0);
}
END_TEST

/* A good helper that is up; our end of its packet pair. */
static int start_good(void)
{
	start("good");
	ck_assert(run_until(is_ready, NULL, 5000));
	return helper_take_packets(&helper);
}

/* It has ended by itself: the last thing it does is to say so. */
static void expect_farewell(int packets)
{
	char last[sizeof(FAREWELL)] = "";

	ck_assert_int_eq(helper.pid, 0);
	ck_assert_int_eq(recv(packets, last, sizeof(last), MSG_DONTWAIT), sizeof(FAREWELL));
	ck_assert_str_eq(last, FAREWELL);
	close(packets);
}

START_TEST(helper_fini_lets_a_good_one_end)
{
	int packets = start_good();

	helper_fini(&helper);
	expect_farewell(packets);
}
END_TEST

START_TEST(helper_end_lets_a_good_one_end)
{
	int packets = start_good();

	helper_end(&helper);
	ck_assert(helper_is_ending(&helper) || helper.pid == 0);
	helper_end(&helper);
	ck_assert(run_until(is_gone, NULL, 5000));
	expect_farewell(packets);
	ck_assert_int_eq(n_lost, 0);
	n_ready = 0;
	ck_assert_int_eq(helper_start(&helper), 0);
	ck_assert(run_until(is_ready, NULL, 5000));
}
END_TEST

START_TEST(helper_end_kills_one_that_hangs)
{
	start("hangs");
	ck_assert(run_until(is_ready, NULL, 5000));
	helper_end(&helper);
	ck_assert_int_eq(helper_start(&helper), -EBUSY);
	ck_assert(helper_is_ending(&helper));
	ck_assert(run_until(is_gone, NULL, 5000));
	ck_assert_int_eq(n_lost, 0);
	ck_assert_int_eq(helper_start(&helper), 0);
}
END_TEST

START_TEST(helper_fini_waits_for_one_that_is_ending)
{
	int packets = start_good();

	helper_end(&helper);
	helper_fini(&helper);
	expect_farewell(packets);
}
END_TEST

START_TEST(helper_kill_waits_for_nobody)
{
	start("hangs");
	ck_assert(run_until(is_ready, NULL, 5000));
	helper_end(&helper);
	helper_kill(&helper);
	ck_assert_ptr_null(helper.overdue);
	ck_assert(run_until(is_gone, NULL, 5000));
	helper_end(&helper);
	ck_assert(!helper_is_ending(&helper));
}
END_TEST

START_TEST(helper_fini_kills_one_that_hangs)
{
	start("hangs");
	ck_assert(run_until(is_ready, NULL, 5000));
	helper_fini(&helper);
	ck_assert_int_eq(helper.pid, 0);
	ck_assert_int_eq(n_lost, 0);
}
END_TEST

static int run_tests(void)
{
	TCase *tc = tcase_create("supervision");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, helper_that_answers_lives_on);
	tcase_add_test(tc, helper_that_hangs_is_killed);
	tcase_add_test(tc, helper_that_sends_rubbish_is_killed);
	tcase_add_test(tc, helper_that_closes_its_pair_is_killed);
	tcase_add_test(tc, helper_that_is_killed_is_lost_once_and_starts_again);
	tcase_add_test(tc, helper_that_fails_says_why);
	tcase_add_test(tc, helper_that_fails_is_heard_to_the_end);
	tcase_add_test(tc, helper_gets_its_pairs_and_nothing_else);
	tcase_add_test(tc, helper_not_there_is_an_error);
	tcase_add_test(tc, helper_end_lets_a_good_one_end);
	tcase_add_test(tc, helper_end_kills_one_that_hangs);
	tcase_add_test(tc, helper_fini_waits_for_one_that_is_ending);
	tcase_add_test(tc, helper_kill_waits_for_nobody);
	tcase_add_test(tc, helper_fini_lets_a_good_one_end);
	tcase_add_test(tc, helper_fini_kills_one_that_hangs);
	return run_suite("helper", tc);
}

int main(int argc, char *argv[])
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];
	size_t i;

	(void)argc;
	for (i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		if (strcmp(name, helpers[i].name) == 0)
			return helpers[i].run();
	}
	return run_tests();
}
