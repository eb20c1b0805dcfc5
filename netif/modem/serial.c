/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The port is opened once, before rights are dropped, and locked twice: flock
 * keeps other programs of good will away (ModemManager, minicom), TIOCEXCL
 * those that do not ask. A port that is unplugged fails its descriptor; then
 * this process ends, and another opens what comes back under the same name.
 *
 * Writes go out at once as far as the port takes them, the rest waits in a
 * queue of bounded size, which holds back at most a second or two.
 *
 * Nothing here waits for the port: a modem that is dead, or whose CTS is off,
 * would never let it go on. So what has not gone out is dropped when the speed
 * changes, instead of being waited for.
 */
#include "netif/modem/serial.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define QUEUE_MAX 65536
#define READ_MAX  4096

struct serial {
	int fd;
	struct serial_handlers handlers;
	struct event *readable, *writable;
	struct evbuffer *queue;
	bool is_locked; /* by us: nobody else may have it open */
	bool is_lost;
};

static const struct {
	uint32_t baud;
	speed_t speed;
} speeds[] = {
	{ 1200, B1200 },
	{ 2400, B2400 },
	{ 4800, B4800 },
	{ 9600, B9600 },
	{ 19200, B19200 },
	{ 38400, B38400 },
	{ 57600, B57600 },
	{ 115200, B115200 },
	{ 230400, B230400 },
	{ 460800, B460800 },
	{ 921600, B921600 },
	{ 1000000, B1000000 },
	{ 1500000, B1500000 },
	{ 2000000, B2000000 },
	{ 3000000, B3000000 },
	{ 4000000, B4000000 },
};

static int find_speed(uint32_t baud, speed_t *speed)
{
	for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
		if (speeds[i].baud == baud) {
			*speed = speeds[i].speed;
			return 0;
		}
	}
	return -EINVAL;
}

static int configure(int fd, uint32_t baud, bool hardware_flow)
{
	struct termios t;
	speed_t speed;

	if (find_speed(baud, &speed) != 0)
		return -EINVAL;
	if (tcgetattr(fd, &t) != 0)
		return -errno;
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL | CREAD | HUPCL;
	t.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS);
	if (hardware_flow)
		t.c_cflag |= CRTSCTS;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	cfsetispeed(&t, speed);
	cfsetospeed(&t, speed);
	return tcsetattr(fd, TCSANOW, &t) == 0 ? 0 : -errno;
}

int serial_set_baud(struct serial *serial, uint32_t baud)
{
	struct termios t;
	speed_t speed;

	if (find_speed(baud, &speed) != 0)
		return -EINVAL;
	if (tcgetattr(serial->fd, &t) != 0)
		return -errno;
	cfsetispeed(&t, speed);
	cfsetospeed(&t, speed);
	evbuffer_drain(serial->queue, serial_pending(serial));
	tcflush(serial->fd, TCOFLUSH);
	return tcsetattr(serial->fd, TCSANOW, &t) == 0 ? 0 : -errno;
}

static int lock(struct serial *serial)
{
	if (!isatty(serial->fd))
		return -ENOTTY;
	if (flock(serial->fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	serial->is_locked = ioctl(serial->fd, TIOCEXCL) == 0;
	return serial->is_locked ? 0 : -errno;
}

int serial_open(struct serial **serial, const char *path, uint32_t baud, bool hardware_flow)
{
	struct serial *s = calloc(1, sizeof(*s));
	int error;

	if (!s)
		return -ENOMEM;
	s->fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	error = s->fd < 0 ? -errno : lock(s);
	if (!error)
		error = configure(s->fd, baud, hardware_flow);
	if (error) {
		serial_free(s);
		return error;
	}
	tcflush(s->fd, TCIOFLUSH);
	*serial = s;
	return 0;
}

void serial_free(struct serial *serial)
{
	if (!serial)
		return;
	if (serial->readable)
		event_free(serial->readable);
	if (serial->writable)
		event_free(serial->writable);
	if (serial->queue)
		evbuffer_free(serial->queue);
	/* Not of a port that somebody else has locked. */
	if (serial->is_locked)
		ioctl(serial->fd, TIOCNXCL);
	if (serial->fd >= 0)
		close(serial->fd);
	free(serial);
}

static void lose(struct serial *serial, int error)
{
	if (serial->is_lost)
		return;
	serial->is_lost = true;
	event_del(serial->readable);
	event_del(serial->writable);
	serial->handlers.lost(error, serial->handlers.arg);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct serial *serial = arg;
	uint8_t bytes[READ_MAX];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		lose(serial, n < 0 ? errno : 0);
	else
		serial->handlers.input(bytes, (size_t)n, serial->handlers.arg);
}

/* An error is seen by the reading side as well, from the loop. */
static void flush(struct serial *serial)
{
	while (evbuffer_get_length(serial->queue) > 0) {
		if (evbuffer_write(serial->queue, serial->fd) <= 0) {
			event_add(serial->writable, NULL);
			return;
		}
	}
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct serial *serial = arg;

	(void)fd;
	(void)what;
	if (serial->is_lost)
		return;
	flush(serial);
	serial->handlers.drained(serial->handlers.arg);
}

int serial_start(struct serial *serial, struct event_base *base,
	const struct serial_handlers *handlers)
{
	serial->handlers = *handlers;
	serial->queue = evbuffer_new();
	serial->readable = event_new(base, serial->fd, EV_READ | EV_PERSIST, on_readable, serial);
	serial->writable = event_new(base, serial->fd, EV_WRITE, on_writable, serial);
	if (!serial->queue || !serial->readable || !serial->writable)
		return -ENOMEM;
	event_add(serial->readable, NULL);
	return 0;
}

void serial_write(struct serial *serial, const void *bytes, size_t len)
{
	bool is_waiting = serial_pending(serial) > 0;

	if (serial->is_lost || serial_pending(serial) + len > QUEUE_MAX)
		return;
	if (evbuffer_add(serial->queue, bytes, len) == 0 && !is_waiting)
		flush(serial);
}

size_t serial_pending(const struct serial *serial)
{
	return evbuffer_get_length(serial->queue);
}

void serial_set_dtr(struct serial *serial, bool is_on)
{
	int bit = TIOCM_DTR;

	/* A pseudo-terminal has no such line: nothing to be done then. */
	if (ioctl(serial->fd, is_on ? TIOCMBIS : TIOCMBIC, &bit) != 0)
		return;
}
