/* SPDX-License-Identifier: MIT */
#include "client/usocket_script.h"

#include "tests/unit/client_streams.h"

#include <fcntl.h>

#define SECOND INT64_C(1000000000)
#define MS     INT64_C(1000000)

static struct usocket_script s;
static struct usocket_script_call call;
static struct usocket_script_bytes bytes;
static int other; /* the daemon's end of the channel */

static void setup_connected(void)
{
	setup_queues();
	usocket_script_init(&s);
	ck_assert_int_eq(usocket_script_adopt(&s, fake_connected(fake)), 0);
	other = fake_channel(fake, usocket_script_fileno(&s));
	bytes = (struct usocket_script_bytes){ .data = NULL };
}

static void teardown_connected(void)
{
	usocket_script_bytes_free(&bytes);
	ck_assert_int_eq(usocket_script_close(&s), 0);
	teardown();
}

static void begin(int64_t timeout_ns)
{
	ck_assert_int_eq(usocket_script_settimeout(&s, timeout_ns), 0);
	usocket_script_begin(&call, &s);
}

static void say(const char *text)
{
	ck_assert_int_eq(send(other, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void say_bye(void *arg)
{
	(void)arg;
	say("bye\n");
}

static void assert_bytes(const char *text)
{
	ck_assert_uint_eq(bytes.len, strlen(text));
	ck_assert_mem_eq(bytes.data, text, bytes.len);
}

static ssize_t read_line(size_t limit)
{
	return usocket_script_readline(&s, &call, limit, &bytes);
}

static void hang_up(void)
{
	ck_assert_int_eq(shutdown(other, SHUT_WR), 0);
}

START_TEST(read_ends_at_its_limit)
{
	say("abcdef");
	begin(USOCKET_SCRIPT_WAIT);
	ck_assert_int_eq(usocket_script_read(&s, &call, 4, &bytes), 4);
	assert_bytes("abcd");
	begin(0);
	bytes.len = 0;
	ck_assert_int_eq(usocket_script_read(&s, &call, 4, &bytes), 2);
	assert_bytes("ef");
}
END_TEST

START_TEST(read_without_limit_ends_with_the_stream)
{
	say("abc");
	hang_up();
	begin(USOCKET_SCRIPT_WAIT);
	ck_assert_int_eq(usocket_script_read(&s, &call, SIZE_MAX, &bytes), 3);
	assert_bytes("abc");
	bytes.len = 0;
	begin(USOCKET_SCRIPT_WAIT);
	ck_assert_int_eq(usocket_script_read(&s, &call, SIZE_MAX, &bytes), 0);
}
END_TEST

/* Rows M3, M4, M5. */
START_TEST(read_that_has_to_stop_gives_its_part)
{
	say("abc");
	begin(_i ? 0 : 20 * MS);
	ck_assert_int_eq(usocket_script_read(&s, &call, 10, &bytes), 3);
	assert_bytes("abc");
	bytes.len = 0;
	begin(_i ? 0 : 20 * MS);
	ck_assert_int_eq(usocket_script_read(&s, &call, 10, &bytes), _i ? -EAGAIN : -ETIMEDOUT);
}
END_TEST

START_TEST(readinto_fills_what_it_is_given)
{
	char buffer[8] = "";

	say("abcdef");
	begin(20 * MS);
	ck_assert_int_eq(usocket_script_readinto(&s, &call, buffer, 4), 4);
	begin(20 * MS);
	ck_assert_int_eq(usocket_script_readinto(&s, &call, buffer + 4, 4), 2);
	ck_assert_str_eq(buffer, "abcdef");
	ck_assert_uint_eq(call.done, 2);
}
END_TEST

START_TEST(readline_takes_no_byte_beyond_the_line)
{
	char rest[8] = "";

	say("one\ntwo\n");
	begin(SECOND);
	ck_assert_int_eq(read_line(SIZE_MAX), 4);
	assert_bytes("one\n");
	ck_assert_uint_eq(usocket_script_pending(&s), 0);
	ck_assert_int_eq(read(usocket_script_fileno(&s), rest, sizeof(rest)), 4);
	ck_assert_str_eq(rest, "two\n");
}
END_TEST

/* Row M6. */
START_TEST(readline_goes_on_where_its_time_was_over)
{
	say("one ");
	begin(20 * MS);
	ck_assert_int_eq(read_line(SIZE_MAX), -ETIMEDOUT);
	ck_assert_uint_eq(usocket_script_pending(&s), 4);
	say("line\nmore");
	begin(SECOND);
	ck_assert_int_eq(read_line(SIZE_MAX), 9);
	assert_bytes("one line\n");
}
END_TEST

/* Rows M7, M8. */
START_TEST(readline_without_newlines_ends_at_its_deadline)
{
	char text[8193];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	say(text);
	begin(SECOND);
	call.deadline_ns = 1;
	ck_assert_int_eq(read_line(SIZE_MAX), -ETIMEDOUT);
	ck_assert_uint_lt(usocket_script_pending(&s), sizeof(text) - 1);
	say("\n");
	begin(SECOND);
	ck_assert_int_eq(read_line(SIZE_MAX), sizeof(text));
}
END_TEST

START_TEST(readline_ends_at_its_limit_and_at_the_end)
{
	say("abcdefg");
	hang_up();
	begin(SECOND);
	ck_assert_int_eq(read_line(3), 3);
	assert_bytes("abc");
	ck_assert_int_eq(read_line(SIZE_MAX), 4);
	assert_bytes("defg");
	ck_assert_int_eq(read_line(SIZE_MAX), 0);
	ck_assert_int_eq(read_line(0), 0);
}
END_TEST

START_TEST(readline_nonblocking_gives_the_part)
{
	begin(0);
	ck_assert_int_eq(read_line(SIZE_MAX), -EAGAIN);
	say("part");
	begin(0);
	ck_assert_int_eq(read_line(SIZE_MAX), 4);
	assert_bytes("part");
}
END_TEST

START_TEST(interrupted_call_goes_on)
{
	struct later later;
	pthread_t self = pthread_self();
	int64_t deadline;

	catch_signal(SIGUSR1);
	say("ab");
	begin(10 * SECOND);
	deadline = call.deadline_ns;
	/* The handler runs while the call waits, or before it begins to. */
	ck_assert_int_eq(pthread_kill(self, SIGUSR1), 0);
	later_start(&later, 30, say_bye, NULL);
	while (usocket_script_read(&s, &call, 6, &bytes) == -EINTR)
		;
	later_join(&later);
	ck_assert_int_eq(call.deadline_ns, deadline);
	assert_bytes("abbye\n");
}
END_TEST

static void interrupt(void *arg)
{
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
}

START_TEST(interrupted_call_is_given_up_without_loss)
{
	struct later later;
	pthread_t self = pthread_self();
	char buffer[8];

	catch_signal(SIGUSR1);
	say("abc");
	begin(10 * SECOND);
	later_start(&later, 50, interrupt, &self);
	ck_assert_int_eq(usocket_script_readinto(&s, &call, buffer, 8), -EINTR);
	later_join(&later);
	ck_assert_uint_eq(call.done, 3);
	ck_assert_int_eq(usocket_script_unread(&s, buffer, call.done), 0);
	ck_assert_uint_eq(usocket_script_pending(&s), 3);
	begin(0);
	ck_assert_int_eq(usocket_script_recv(&s, &call, buffer, 8, 0, NULL), 3);
	ck_assert_mem_eq(buffer, "abc", 3);
}
END_TEST

/* Row R16. */
START_TEST(interrupted_recv_of_all_goes_on)
{
	struct later later;
	pthread_t self = pthread_self();
	char buffer[8];
	ssize_t got;

	catch_signal(SIGUSR1);
	say("abc");
	begin(10 * SECOND);
	later_start(&later, 50, interrupt, &self);
	got = _i ? usocket_script_recv_bytes(&s, &call, 7, MSG_WAITALL, &bytes, NULL)
		 : usocket_script_recv(&s, &call, buffer, 7, MSG_WAITALL, NULL);
	ck_assert_int_eq(got, -EINTR);
	later_join(&later);
	ck_assert_uint_eq(call.done, 3);
	say("bye\n");
	got = _i ? usocket_script_recv_bytes(&s, &call, 7, MSG_WAITALL, &bytes, NULL)
		 : usocket_script_recv(&s, &call, buffer, 7, MSG_WAITALL, NULL);
	ck_assert_int_eq(got, 7);
	ck_assert_mem_eq(_i ? bytes.data : buffer, "abcbye\n", 7);
}
END_TEST

START_TEST(unread_bytes_come_in_front)
{
	char buffer[8];

	say("one ");
	begin(20 * MS);
	ck_assert_int_eq(read_line(SIZE_MAX), -ETIMEDOUT);
	ck_assert_int_eq(usocket_script_unread(&s, "0 ", 2), 0);
	begin(0);
	ck_assert_int_eq(usocket_script_recv(&s, &call, buffer, 8, MSG_PEEK, NULL), 6);
	ck_assert_int_eq(usocket_script_recv(&s, &call, buffer, 8, 0, NULL), 6);
	ck_assert_mem_eq(buffer, "0 one ", 6);
}
END_TEST

/* Row R9. */
START_TEST(recv_bytes_allocates_for_what_comes)
{
	say("abc");
	begin(SECOND);
	ck_assert_int_eq(usocket_script_recv_bytes(&s, &call, SIZE_MAX / 8, 0, &bytes, NULL), 3);
	assert_bytes("abc");
	ck_assert_uint_le(bytes.size, 1 << 20);
}
END_TEST

/* Row R7. */
START_TEST(recv_of_nothing_returns_at_once)
{
	char byte;

	begin(USOCKET_SCRIPT_WAIT);
	ck_assert_int_eq(usocket_script_recv(&s, &call, &byte, 0, 0, NULL), 0);
	ck_assert_int_eq(usocket_script_recv_bytes(&s, &call, 0, 0, &bytes, NULL), 0);
}
END_TEST

/* Row W2: what was queued counts, and the rest is no error. */
START_TEST(write_counts_what_it_queued)
{
	static char data[8 << 20];
	ssize_t sent;

	begin(_i ? 0 : 20 * MS);
	sent = usocket_script_write(&s, &call, data, sizeof(data));
	ck_assert_int_gt(sent, 0);
	ck_assert_int_lt(sent, (ssize_t)sizeof(data));
	begin(_i ? 0 : 20 * MS);
	ck_assert_int_eq(usocket_script_write(&s, &call, data, sizeof(data)),
		_i ? -EAGAIN : -ETIMEDOUT);
}
END_TEST

/* Rows W2, W12. */
START_TEST(sendall_is_all_or_an_error)
{
	static char data[8 << 20];

	begin(0);
	ck_assert_int_eq(usocket_script_sendall(&s, &call, data, sizeof(data), 0), -EAGAIN);
	ck_assert_uint_eq(call.done, 0);
	begin(20 * MS);
	ck_assert_int_eq(usocket_script_sendall(&s, &call, data, sizeof(data), 0), -ETIMEDOUT);
	ck_assert_uint_gt(call.done, 0);
}
END_TEST

/* Rows M10, G16: an error behind bytes is the next call's, once. */
START_TEST(error_behind_bytes_waits_for_the_next_call)
{
	int error = -1;
	socklen_t len = sizeof(error);

	say("abc");
	fake_set_state(fake, usocket_script_fileno(&s), TABLE_STATE_CLOSED,
		TABLE_SOCKET_WAS_CONNECTED, ECONNRESET);
	shutdown(other, SHUT_RDWR);
	begin(SECOND);
	ck_assert_int_eq(usocket_script_read(&s, &call, 10, &bytes), 3);
	begin(SECOND);
	if (_i) {
		ck_assert_int_eq(usocket_script_getsockopt(&s, SOL_SOCKET, SO_ERROR, &error, &len),
			0);
		ck_assert_int_eq(error, ECONNRESET);
	} else {
		ck_assert_int_eq(usocket_script_recv(&s, &call, &error, 1, 0, NULL), -ECONNRESET);
	}
	ck_assert_int_eq(usocket_script_recv(&s, &call, &error, 1, 0, NULL), 0);
}
END_TEST

START_TEST(what_is_pending_is_readable)
{
	struct usocket_script_poll polls[] = {
		{ .socket = &s, .events = POLLIN | POLLOUT },
		{ .fd = -1, .events = POLLIN },
	};

	usocket_script_begin_timeout(&call, 0);
	ck_assert_int_eq(usocket_script_poll(polls, 1, &call), 1);
	ck_assert_int_eq(polls[0].revents, POLLOUT);
	ck_assert_int_eq(usocket_script_unread(&s, "x", 1), 0);
	usocket_script_begin_timeout(&call, USOCKET_SCRIPT_WAIT);
	ck_assert_int_eq(usocket_script_poll(polls, 2, &call), 2);
	ck_assert_int_eq(polls[0].revents, POLLIN | POLLOUT);
	ck_assert_int_eq(polls[1].revents, POLLNVAL);
}
END_TEST

/* Row G9. */
START_TEST(closed_socket_is_bad_in_every_call)
{
	struct usocket_script_address address;
	struct usocket_script_poll polled = { .socket = &s, .events = POLLIN };
	char buffer[4] = "";
	socklen_t len = 4;
	int64_t timeout;

	usocket_script_begin(&call, &s);
	ck_assert_int_eq(usocket_script_close(&s), 0);
	ck_assert_int_eq(usocket_script_close(&s), 0);
	ck_assert_int_eq(usocket_script_fileno(&s), -1);
	ck_assert_int_eq(usocket_script_getsocketsta(&s), -1);
	ck_assert_int_eq(usocket_script_getsendacksize(&s), -1);
	ck_assert_int_eq(usocket_script_settimeout(&s, 0), -EBADF);
	ck_assert_int_eq(usocket_script_gettimeout(&s, &timeout), -EBADF);
	ck_assert_int_eq(usocket_script_recv(&s, &call, buffer, 4, 0, NULL), -EBADF);
	ck_assert_int_eq(usocket_script_recv(&s, &call, buffer, 0, 0, NULL), -EBADF);
	ck_assert_int_eq(usocket_script_readinto(&s, &call, buffer, 4), -EBADF);
	ck_assert_int_eq(usocket_script_read(&s, &call, 0, &bytes), -EBADF);
	ck_assert_int_eq(read_line(4), -EBADF);
	ck_assert_int_eq(usocket_script_write(&s, &call, "x", 1), -EBADF);
	ck_assert_int_eq(usocket_script_send(&s, &call, "x", 1, 0), -EBADF);
	ck_assert_int_eq(usocket_script_sendall(&s, &call, "x", 1, 0), -EBADF);
	ck_assert_int_eq(usocket_script_unread(&s, "x", 1), -EBADF);
	ck_assert_int_eq(usocket_script_listen(&s, 1), -EBADF);
	ck_assert_int_eq(usocket_script_shutdown(&s, SHUT_WR), -EBADF);
	ck_assert_int_eq(usocket_script_getsockname(&s, &address), -EBADF);
	ck_assert_int_eq(usocket_script_setsockopt(&s, SOL_SOCKET, SO_REUSEADDR, buffer, 4),
		-EBADF);
	ck_assert_int_eq(usocket_script_getsockopt(&s, SOL_SOCKET, SO_ERROR, buffer, &len),
		-EBADF);
	usocket_script_begin_timeout(&call, 0);
	ck_assert_int_eq(usocket_script_poll(&polled, 1, &call), 1);
	ck_assert_int_eq(polled.revents, POLLNVAL);
}
END_TEST

START_TEST(state_is_that_of_the_socket_held_now)
{
	ck_assert_int_eq(usocket_script_getsocketsta(&s), 4);
	ck_assert_int_eq(usocket_script_getsocketsta(&s), 4);
	ck_assert_int_eq(usocket_script_open(&s, AF_INET, SOCK_STREAM, -1), 0);
	ck_assert_int_eq(usocket_script_getsocketsta(&s), 0);
	ck_assert_int_eq(usocket_script_adopt(&s, fake_connected(fake)), 0);
	ck_assert_int_eq(usocket_script_getsocketsta(&s), 4);
	fake_end_socket(fake, usocket_script_fileno(&s));
	ck_assert_int_eq(usocket_script_getsocketsta(&s), 0);
}
END_TEST

static void close_it(void *arg)
{
	usocket_script_close(arg);
}

/* Row G10. */
START_TEST(close_wakes_what_waits)
{
	struct later later;
	char byte;

	begin(10 * SECOND);
	later_start(&later, 30, close_it, &s);
	ck_assert_int_eq(usocket_script_recv(&s, &call, &byte, 1, 0, NULL), -EBADF);
	later_join(&later);
}
END_TEST

START_TEST(timeout_is_told_to_the_descriptor)
{
	int fd = usocket_script_fileno(&s);
	int64_t timeout;

	begin(0);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	begin(SECOND);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(usocket_script_gettimeout(&s, &timeout), 0);
	ck_assert_int_eq(timeout, SECOND);
	begin(USOCKET_SCRIPT_WAIT);
	ck_assert(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
}
END_TEST

#define LINES 2000

/* What one of several threads that read lines got. */
struct line_reader {
	pthread_t thread;
	size_t limit;
	size_t n;      /* bytes */
	size_t n_torn; /* lines that are none of those sent */
};

static bool is_sent_line(const struct usocket_script_bytes *line)
{
	return line->len == 11 && memcmp(line->data, "0123456789\n", 11) == 0;
}

static void *read_lines(void *arg)
{
	struct usocket_script_bytes line = { .data = NULL };
	struct usocket_script_call my_call;
	struct line_reader *reader = arg;
	ssize_t got;

	do {
		usocket_script_begin_timeout(&my_call, 10 * SECOND);
		got = usocket_script_readline(&s, &my_call, reader->limit, &line);
		reader->n += got > 0 ? (size_t)got : 0;
		reader->n_torn += got > 0 && !is_sent_line(&line);
	} while (got > 0);
	usocket_script_bytes_free(&line);
	return NULL;
}

/* No byte is lost or doubled, and without a limit no line is torn. */
START_TEST(threads_read_whole_lines)
{
	struct line_reader readers[3];
	size_t n = 0;
	int i;

	for (i = 0; i < 3; i++) {
		readers[i] = (struct line_reader){ .limit = _i ? 7 : SIZE_MAX };
		ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, read_lines, &readers[i]),
			0);
	}
	for (i = 0; i < LINES; i++) {
		say("0123");
		say("456789\n");
	}
	hang_up();
	for (i = 0; i < 3; i++) {
		pthread_join(readers[i].thread, NULL);
		n += readers[i].n;
		if (_i == 0)
			ck_assert_uint_eq(readers[i].n_torn, 0);
	}
	ck_assert_uint_eq(n, LINES * 11);
}
END_TEST

static Suite *script_data_suite(void)
{
	Suite *suite = suite_create("script_data");
	TCase *tc = tcase_create("connected");

	tcase_add_checked_fixture(tc, setup_connected, teardown_connected);
	tcase_add_test(tc, read_ends_at_its_limit);
	tcase_add_test(tc, read_without_limit_ends_with_the_stream);
	tcase_add_loop_test(tc, read_that_has_to_stop_gives_its_part, 0, 2);
	tcase_add_test(tc, readinto_fills_what_it_is_given);
	tcase_add_test(tc, readline_takes_no_byte_beyond_the_line);
	tcase_add_test(tc, readline_goes_on_where_its_time_was_over);
	tcase_add_test(tc, readline_without_newlines_ends_at_its_deadline);
	tcase_add_test(tc, readline_ends_at_its_limit_and_at_the_end);
	tcase_add_test(tc, readline_nonblocking_gives_the_part);
	tcase_add_test(tc, interrupted_call_goes_on);
	tcase_add_test(tc, interrupted_call_is_given_up_without_loss);
	tcase_add_loop_test(tc, interrupted_recv_of_all_goes_on, 0, 2);
	tcase_add_test(tc, unread_bytes_come_in_front);
	tcase_add_test(tc, recv_bytes_allocates_for_what_comes);
	tcase_add_test(tc, recv_of_nothing_returns_at_once);
	tcase_add_loop_test(tc, write_counts_what_it_queued, 0, 2);
	tcase_add_test(tc, sendall_is_all_or_an_error);
	tcase_add_loop_test(tc, error_behind_bytes_waits_for_the_next_call, 0, 2);
	tcase_add_test(tc, what_is_pending_is_readable);
	tcase_add_test(tc, state_is_that_of_the_socket_held_now);
	tcase_add_test(tc, closed_socket_is_bad_in_every_call);
	tcase_add_test(tc, close_wakes_what_waits);
	tcase_add_test(tc, timeout_is_told_to_the_descriptor);
	tcase_add_loop_test(tc, threads_read_whole_lines, 0, 2);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return run_suite(script_data_suite());
}
