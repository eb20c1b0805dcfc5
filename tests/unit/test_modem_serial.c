/* SPDX-License-Identifier: MIT */
/*
 * The serial port, on a pseudo-terminal whose other end reads or does not.
 */
#include "netif/modem/serial.h"

#include "tests/unit/run_suite.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct event_base *base;
static struct serial *serial;
static int master;
static char name[64];
static char received[256];
static size_t n_received;
static unsigned int n_drained, n_lost;
static int lost_error;

static void on_input(const uint8_t *bytes, size_t len, void *arg)
{
	(void)arg;
	ck_assert_uint_le(n_received + len, sizeof(received));
	memcpy(received + n_received, bytes, len);
	n_received += len;
}

static void on_drained(void *arg)
{
	(void)arg;
	n_drained++;
}

static void on_lost(int error, void *arg)
{
	(void)arg;
	n_lost++;
	lost_error = error;
}

static void setup(void)
{
	const struct serial_handlers handlers = { on_input, on_drained, on_lost, NULL };

	master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	ck_assert_int_ge(master, 0);
	ck_assert(grantpt(master) == 0 && unlockpt(master) == 0);
	snprintf(name, sizeof(name), "%s", ptsname(master));
	base = event_base_new();
	ck_assert_int_eq(serial_open(&serial, name, 115200, false), 0);
	ck_assert_int_eq(serial_start(serial, base, &handlers), 0);
	n_received = n_drained = n_lost = 0;
}

static void teardown(void)
{
	serial_free(serial);
	event_base_free(base);
	if (master >= 0)
		close(master);
}

static void run_until(const unsigned int *n)
{
	while (*n == 0)
		event_base_loop(base, EVLOOP_ONCE);
}

/* More than the port takes, of which it says that some waits. */
static void fill(void)
{
	static const char bytes[1000];

	for (int i = 0; i < 60; i++)
		serial_write(serial, bytes, sizeof(bytes));
	ck_assert_uint_gt(serial_pending(serial), 0);
}

static void empty(void)
{
	char bytes[4096];

	while (read(master, bytes, sizeof(bytes)) > 0)
		;
}

START_TEST(bytes_pass_unchanged_both_ways)
{
	static const char text[] = "\r\nOK\r\n\x03\x04\x11\x13\x7f\xff";
	char back[sizeof(text)];

	ck_assert_int_eq(write(master, text, sizeof(text)), sizeof(text));
	while (n_received < sizeof(text))
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_mem_eq(received, text, sizeof(text));
	serial_write(serial, text, sizeof(text));
	ck_assert_uint_eq(serial_pending(serial), 0);
	ck_assert_int_eq(read(master, back, sizeof(back)), sizeof(text));
	ck_assert_mem_eq(back, text, sizeof(text));
}
END_TEST

START_TEST(open_of_what_is_no_free_port_fails)
{
	struct serial *other = NULL;
	int port = open(name, O_RDWR | O_NOCTTY), is_exclusive = 0;

	ck_assert_int_eq(serial_open(&other, name, 115200, false), -EBUSY);
	/* That failed, and the port is as exclusive as before: only root could open it. */
	if (port >= 0) {
		ck_assert_int_eq(ioctl(port, TIOCGEXCL, &is_exclusive), 0);
		ck_assert_int_ne(is_exclusive, 0);
		close(port);
	}
	ck_assert_int_eq(serial_open(&other, "/dev/null", 115200, false), -ENOTTY);
	ck_assert_int_eq(serial_open(&other, "/nowhere", 115200, false), -ENOENT);
	ck_assert_ptr_null(other);
}
END_TEST

START_TEST(queue_is_bounded_and_drained)
{
	static const char bytes[1000];

	fill();
	for (int i = 0; i < 1000; i++)
		serial_write(serial, bytes, sizeof(bytes));
	ck_assert_uint_le(serial_pending(serial), 65536);
	empty();
	run_until(&n_drained);
	while (serial_pending(serial) > 0) {
		empty();
		event_base_loop(base, EVLOOP_ONCE);
	}
	ck_assert_uint_eq(n_lost, 0);
}
END_TEST

/* What the old speed has not taken is noise at the new one, and not waited for. */
START_TEST(speed_changes_though_the_modem_takes_nothing)
{
	struct termios t;

	fill();
	ck_assert_int_eq(serial_set_baud(serial, 9600), 0);
	ck_assert_int_eq(tcgetattr(master, &t), 0);
	ck_assert_uint_eq(cfgetospeed(&t), B9600);
	ck_assert_uint_eq(serial_pending(serial), 0);
	empty();
	serial_write(serial, "AT\r", 3);
	ck_assert_int_eq(read(master, received, sizeof(received)), 3);
	ck_assert_int_eq(serial_set_baud(serial, 12345), -EINVAL);
}
END_TEST

START_TEST(port_that_goes_away_is_told_once)
{
	close(master);
	master = -1;
	run_until(&n_lost);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(n_lost, 1);
	ck_assert(lost_error == 0 || lost_error == EIO);
	serial_write(serial, "AT\r", 3);
	ck_assert_uint_eq(serial_pending(serial), 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("serial");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, bytes_pass_unchanged_both_ways);
	tcase_add_test(tc, open_of_what_is_no_free_port_fails);
	tcase_add_test(tc, queue_is_bounded_and_drained);
	tcase_add_test(tc, speed_changes_though_the_modem_takes_nothing);
	tcase_add_test(tc, port_that_goes_away_is_told_once);
	return run_suite("modem_serial", tc);
}
