/* SPDX-License-Identifier: MIT */
#include "proto/fdpass.h"

#include "tests/unit/run_suite.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int pair[2];

static void open_pair(int type)
{
	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
}

static void close_pair(void)
{
	close(pair[0]);
	close(pair[1]);
}

static unsigned int count_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void send_copies(size_t n)
{
	int fds[FDPASS_MAX];
	size_t i;

	for (i = 0; i < n; i++)
		fds[i] = STDERR_FILENO;
	ck_assert_int_eq(fdpass_send(pair[0], "text", 4, fds, n, 0), 4);
}

START_TEST(fdpass_descriptor_arrives_close_on_exec)
{
	int fds[2] = { -1, -1 };
	size_t n_fds = 2;
	struct stat sent, received;
	char buf[8];

	open_pair(SOCK_SEQPACKET);
	send_copies(1);
	ck_assert_int_eq(fdpass_recv(pair[1], buf, sizeof(buf), fds, &n_fds, 0), 4);
	ck_assert_mem_eq(buf, "text", 4);
	ck_assert_uint_eq(n_fds, 1);
	ck_assert_int_eq(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	fstat(STDERR_FILENO, &sent);
	fstat(fds[0], &received);
	ck_assert_uint_eq(sent.st_ino, received.st_ino);
	close(fds[0]);
	close_pair();
}
END_TEST

START_TEST(fdpass_without_descriptors_gives_none)
{
	int fd = -1;
	size_t n_fds = 1;
	char buf[8];

	open_pair(SOCK_STREAM);
	send_copies(0);
	ck_assert_int_eq(fdpass_recv(pair[1], buf, sizeof(buf), &fd, &n_fds, 0), 4);
	ck_assert_uint_eq(n_fds, 0);
	ck_assert_int_eq(fd, -1);
	close_pair();
}
END_TEST

START_TEST(fdpass_surplus_descriptors_are_closed)
{
	unsigned int n_before;
	size_t n_fds = 0;
	char buf[8];
	int fd;

	open_pair(SOCK_SEQPACKET);
	n_before = count_open();
	send_copies(FDPASS_MAX);
	ck_assert_int_eq(fdpass_recv(pair[1], buf, sizeof(buf), NULL, &n_fds, 0), 4);
	ck_assert_uint_eq(n_fds, 0);
	ck_assert_uint_eq(count_open(), n_before);
	send_copies(3);
	n_fds = 1;
	ck_assert_int_eq(fdpass_recv(pair[1], buf, sizeof(buf), &fd, &n_fds, 0), 4);
	ck_assert_uint_eq(n_fds, 1);
	ck_assert_uint_eq(count_open(), n_before + 1);
	close(fd);
	close_pair();
}
END_TEST

START_TEST(fdpass_long_message_is_refused_with_its_descriptors)
{
	unsigned int n_before;
	size_t n_fds = 4;
	int fds[4];
	char buf[3];

	open_pair(SOCK_SEQPACKET);
	n_before = count_open();
	send_copies(2);
	ck_assert_int_eq(fdpass_recv(pair[1], buf, sizeof(buf), fds, &n_fds, 0), -EMSGSIZE);
	ck_assert_uint_eq(n_fds, 0);
	ck_assert_uint_eq(count_open(), n_before);
	close_pair();
}
END_TEST

START_TEST(fdpass_end_and_errors_are_told_apart)
{
	size_t n_fds = 0;
	char buf[8];

	open_pair(SOCK_SEQPACKET);
	ck_assert_int_eq(fdpass_recv(pair[1], buf, sizeof(buf), NULL, &n_fds, MSG_DONTWAIT),
		-EAGAIN);
	close(pair[0]);
	ck_assert_int_eq(fdpass_recv(pair[1], buf, sizeof(buf), NULL, &n_fds, 0), 0);
	/* No SIGPIPE. */
	ck_assert_int_eq(fdpass_send(pair[1], "x", 1, NULL, 0, 0), -EPIPE);
	ck_assert_int_eq(fdpass_send(pair[1], "x", 1, &pair[1], FDPASS_MAX + 1, 0), -EINVAL);
	close(pair[1]);
}
END_TEST

/* On a stream, a read takes the descriptors of one message only. */
START_TEST(fdpass_stream_messages_stay_apart)
{
	size_t n_fds = 4;
	int fds[4];
	char buf[8];

	open_pair(SOCK_STREAM);
	send_copies(1);
	send_copies(2);
	ck_assert_int_eq(fdpass_recv(pair[1], buf, sizeof(buf), fds, &n_fds, 0), 4);
	ck_assert_uint_eq(n_fds, 1);
	close(fds[0]);
	n_fds = 4;
	ck_assert_int_eq(fdpass_recv(pair[1], buf, sizeof(buf), fds, &n_fds, 0), 4);
	ck_assert_uint_eq(n_fds, 2);
	close(fds[0]);
	close(fds[1]);
	close_pair();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("fdpass");

	tcase_add_test(tc, fdpass_descriptor_arrives_close_on_exec);
	tcase_add_test(tc, fdpass_without_descriptors_gives_none);
	tcase_add_test(tc, fdpass_surplus_descriptors_are_closed);
	tcase_add_test(tc, fdpass_long_message_is_refused_with_its_descriptors);
	tcase_add_test(tc, fdpass_end_and_errors_are_told_apart);
	tcase_add_test(tc, fdpass_stream_messages_stay_apart);
	return run_suite("fdpass", tc);
}
