/* SPDX-License-Identifier: MIT */
#include "daemon/server.h"

#include "tests/unit/daemon_fixture.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct daemon_fixture f;

static void tweak(struct config *config)
{
	config->socket_mode = 0620;
	/* What is logged here is wanted, and no business of the test's reader. */
	config->log_level = (enum log_level)0;
}

static void setup(void)
{
	daemon_fixture_init(&f, tweak);
}

static void teardown(void)
{
	daemon_fixture_fini(&f);
}

static const char *path(void)
{
	return f.daemon.config.socket;
}

static void restart_expecting(int error)
{
	server_free(f.daemon.server);
	f.daemon.server = NULL;
	ck_assert_int_eq(server_new(&f.daemon.server, &f.daemon, -1), error);
}

static int listen_at(const char *where)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(un.sun_path, where);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

START_TEST(path_has_the_configured_mode)
{
	struct stat st;

	ck_assert_int_eq(stat(path(), &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_int_eq(st.st_mode & 0777, 0620);
}
END_TEST

START_TEST(path_is_removed_at_the_end)
{
	char lock[160];

	snprintf(lock, sizeof(lock), "%s.lock", path());
	ck_assert_int_eq(access(lock, F_OK), 0);
	server_free(f.daemon.server);
	f.daemon.server = NULL;
	ck_assert_int_eq(access(path(), F_OK), -1);
	ck_assert_int_eq(access(lock, F_OK), -1);
}
END_TEST

START_TEST(path_of_somebody_else_is_not_removed)
{
	int fd;

	unlink(path());
	fd = listen_at(path());
	server_free(f.daemon.server);
	f.daemon.server = NULL;
	ck_assert_int_eq(access(path(), F_OK), 0);
	close(fd);
}
END_TEST

START_TEST(path_that_is_stale_is_replaced)
{
	struct test_client c;

	unlink(path());
	close(listen_at(path()));
	restart_expecting(0);
	test_client_open(&c, &f, 0);
	test_client_close(&c);
}
END_TEST

START_TEST(path_that_is_served_is_left_alone)
{
	int fd;

	unlink(path());
	fd = listen_at(path());
	restart_expecting(-EADDRINUSE);
	ck_assert_int_eq(access(path(), F_OK), 0);
	close(fd);
}
END_TEST

START_TEST(second_server_at_the_same_path_fails)
{
	struct server *second;

	ck_assert_int_eq(server_new(&second, &f.daemon, -1), -EADDRINUSE);
	/* Also when the path is gone but the first is not. */
	unlink(path());
	ck_assert_int_eq(server_new(&second, &f.daemon, -1), -EADDRINUSE);
}
END_TEST

START_TEST(file_in_the_way_is_left_alone)
{
	struct stat st;
	FILE *file;

	unlink(path());
	file = fopen(path(), "w");
	fclose(file);
	restart_expecting(-EEXIST);
	ck_assert_int_eq(stat(path(), &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(folder_that_is_missing_is_made)
{
	char where[120];
	struct stat st;

	snprintf(where, sizeof(where), "%s/new/sock", f.folder);
	strcpy(f.daemon.config.socket, where);
	restart_expecting(0);
	snprintf(where, sizeof(where), "%s/new", f.folder);
	ck_assert_int_eq(stat(where, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, geteuid() == 0 ? 0755 : 0700);
}
END_TEST

START_TEST(folder_that_cannot_be_made_is_an_error)
{
	strcpy(f.daemon.config.socket, "/proc/none/sock");
	restart_expecting(-ENOENT);
}
END_TEST

START_TEST(socket_handed_over_is_served)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct test_client c;
	int fd;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/other", f.folder);
	fd = listen_at(un.sun_path);
	server_free(f.daemon.server);
	ck_assert_int_eq(server_new(&f.daemon.server, &f.daemon, fd), 0);
	strcpy(f.daemon.config.socket, un.sun_path);
	test_client_open(&c, &f, 0);
	test_client_close(&c);
	server_free(f.daemon.server);
	f.daemon.server = NULL;
	/* It belongs to who has made it. */
	ck_assert_int_eq(access(un.sun_path, F_OK), 0);
}
END_TEST

START_TEST(clients_without_a_descriptor_left_are_served_later)
{
	struct rlimit old, low;
	struct test_client c, d;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	test_client_connect(&c, &f);
	test_client_connect(&d, &f);
	low = old;
	low.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	daemon_fixture_run(&f, 100);
	ck_assert_uint_eq(server_sessions(f.daemon.server)->n_admitted, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	test_client_hello(&c, 0, usp_STATUS_OK);
	test_client_hello(&d, 0, usp_STATUS_OK);
	test_client_close(&c);
	test_client_close(&d);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("server");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, path_has_the_configured_mode);
	tcase_add_test(tc, path_is_removed_at_the_end);
	tcase_add_test(tc, path_of_somebody_else_is_not_removed);
	tcase_add_test(tc, path_that_is_stale_is_replaced);
	tcase_add_test(tc, path_that_is_served_is_left_alone);
	tcase_add_test(tc, second_server_at_the_same_path_fails);
	tcase_add_test(tc, file_in_the_way_is_left_alone);
	tcase_add_test(tc, folder_that_is_missing_is_made);
	tcase_add_test(tc, folder_that_cannot_be_made_is_an_error);
	tcase_add_test(tc, socket_handed_over_is_served);
	tcase_add_test(tc, clients_without_a_descriptor_left_are_served_later);
	return run_suite("server", tc);
}
