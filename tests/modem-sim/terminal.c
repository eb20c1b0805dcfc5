/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The name that others open is a symbolic link to the pseudo-terminal's. The
 * master reads EIO for as long as nobody has the other end open, so it is
 * looked at now and then instead of being waited for.
 *
 * A pseudo-terminal, unlike a serial port, stays exclusive (TIOCEXCL) to
 * whoever made it so after its end, and keeps what was not read. It is given back
 * as a port would be; where only root may do that, the next user gets another,
 * which looks as if the modem had been plugged in anew.
 */
#include "tests/modem-sim/terminal.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* How often a port that nobody has open is looked at. */
#define REOPENED_MS 20
#define QUEUE_MAX   (1u << 20)
#define QUEUE_BUSY  8192
#define READ_MAX    4096

struct terminal {
	struct event_base *base;
	const char *path;
	struct terminal_handlers handlers;
	int master; /* -1: unplugged */
	struct event *readable, *writable, *reopened;
	struct evbuffer *queue;
	bool was_opened; /* this pseudo-terminal */
	bool is_paused;
};

static int fail(const char *what)
{
	fprintf(stderr, "modem-sim: %s: %s\n", what, strerror(errno));
	return -1;
}

static void flush(struct terminal *terminal)
{
	while (evbuffer_get_length(terminal->queue) > 0) {
		if (evbuffer_write(terminal->queue, terminal->master) <= 0) {
			event_add(terminal->writable, NULL);
			return;
		}
	}
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct terminal *terminal = arg;

	(void)fd;
	(void)what;
	flush(terminal);
	if (evbuffer_get_length(terminal->queue) == 0)
		terminal->handlers.drained(terminal->handlers.arg);
}

static void watch(struct terminal *terminal)
{
	if (terminal->readable && !terminal->is_paused)
		event_add(terminal->readable, NULL);
}

static void close_master(struct terminal *terminal)
{
	if (terminal->readable)
		event_free(terminal->readable);
	if (terminal->writable)
		event_free(terminal->writable);
	terminal->readable = terminal->writable = NULL;
	if (terminal->master >= 0)
		close(terminal->master);
	terminal->master = -1;
	event_del(terminal->reopened);
	evbuffer_drain(terminal->queue, evbuffer_get_length(terminal->queue));
}

enum past {
	PAST_UNUSED,   /* nobody has had it open, as far as can be told */
	PAST_RELEASED, /* somebody had, and nothing is left of it */
	PAST_KEPT,     /* and it stays his: only root may open it */
};

/* Its last user may have gone without a word. */
static enum past give_back(const struct terminal *terminal)
{
	int slave = open(ptsname(terminal->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	enum past past = terminal->was_opened ? PAST_RELEASED : PAST_UNUSED;
	int is_exclusive = 0;

	if (slave < 0)
		return errno == EBUSY ? PAST_KEPT : past;
	if (ioctl(slave, TIOCGEXCL, &is_exclusive) == 0 && is_exclusive)
		past = PAST_RELEASED;
	if (past == PAST_RELEASED) {
		ioctl(slave, TIOCNXCL);
		tcflush(slave, TCIOFLUSH);
	}
	close(slave);
	return past;
}

static void start_over(struct terminal *terminal)
{
	event_del(terminal->writable);
	evbuffer_drain(terminal->queue, evbuffer_get_length(terminal->queue));
	terminal->was_opened = terminal->is_paused = false;
}

static void replace(struct terminal *terminal)
{
	close_master(terminal);
	if (terminal_plug(terminal) != 0)
		event_base_loopbreak(terminal->base);
}

static void lose(struct terminal *terminal)
{
	struct timeval again = { .tv_usec = REOPENED_MS * 1000 };
	enum past past = give_back(terminal);

	if (past == PAST_KEPT) {
		replace(terminal);
	} else {
		event_del(terminal->readable);
		event_add(terminal->reopened, &again);
	}
	if (past == PAST_RELEASED)
		start_over(terminal);
	if (past != PAST_UNUSED)
		terminal->handlers.closed(terminal->handlers.arg);
}

static void on_reopened(evutil_socket_t fd, short what, void *arg)
{
	struct terminal *terminal = arg;

	(void)fd;
	(void)what;
	watch(terminal);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct terminal *terminal = arg;
	uint8_t bytes[READ_MAX];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)what;
	if (n < 0 && errno == EIO)
		lose(terminal);
	if (n <= 0)
		return;
	terminal->was_opened = true;
	terminal->handlers.input(bytes, (size_t)n, terminal->handlers.arg);
}

static int make_raw(const char *name)
{
	struct termios t;
	int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (slave < 0)
		return -1;
	if (tcgetattr(slave, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(slave, TCSANOW, &t);
	}
	return close(slave);
}

/* Gives the pseudo-terminal its name, in one step. */
static int name_it(const char *name, const char *path)
{
	char next[PATH_MAX];

	snprintf(next, sizeof(next), "%s.new", path);
	unlink(next);
	return symlink(name, next) == 0 && rename(next, path) == 0 ? 0 : -1;
}

int terminal_plug(struct terminal *terminal)
{
	const char *name;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	terminal->master = master;
	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
		return fail("pseudo-terminal");
	name = ptsname(master);
	if (make_raw(name) != 0)
		return fail(name);
	if (name_it(name, terminal->path) != 0)
		return fail(terminal->path);
	terminal->readable = event_new(terminal->base, master, EV_READ | EV_PERSIST, on_readable,
		terminal);
	terminal->writable = event_new(terminal->base, master, EV_WRITE, on_writable, terminal);
	if (!terminal->readable || !terminal->writable)
		return fail("libevent");
	terminal->was_opened = terminal->is_paused = false;
	watch(terminal);
	return 0;
}

void terminal_unplug(struct terminal *terminal)
{
	if (terminal->master < 0)
		return;
	unlink(terminal->path);
	close_master(terminal);
}

bool terminal_is_plugged(const struct terminal *terminal)
{
	return terminal->master >= 0;
}

void terminal_write(struct terminal *terminal, const void *bytes, size_t len)
{
	if (terminal->master < 0 || evbuffer_get_length(terminal->queue) + len > QUEUE_MAX)
		return;
	evbuffer_add(terminal->queue, bytes, len);
	if (evbuffer_get_length(terminal->queue) == len)
		flush(terminal);
}

bool terminal_is_busy(const struct terminal *terminal)
{
	return evbuffer_get_length(terminal->queue) > QUEUE_BUSY;
}

unsigned int terminal_baud(const struct terminal *terminal)
{
	static const struct {
		speed_t speed;
		unsigned int baud;
	} speeds[] = {
		{ B1200, 1200 },
		{ B2400, 2400 },
		{ B4800, 4800 },
		{ B9600, 9600 },
		{ B19200, 19200 },
		{ B38400, 38400 },
		{ B57600, 57600 },
		{ B115200, 115200 },
		{ B230400, 230400 },
		{ B460800, 460800 },
		{ B921600, 921600 },
		{ B3000000, 3000000 },
	};
	struct termios t;

	if (tcgetattr(terminal->master, &t) != 0)
		return 0;
	for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
		if (speeds[i].speed == cfgetospeed(&t))
			return speeds[i].baud;
	}
	return 0;
}

void terminal_set_reading(struct terminal *terminal, bool is_on)
{
	terminal->is_paused = !is_on;
	if (is_on)
		watch(terminal);
	else if (terminal->readable)
		event_del(terminal->readable);
}

struct terminal *terminal_new(struct event_base *base, const char *path,
	const struct terminal_handlers *handlers)
{
	struct terminal *terminal = calloc(1, sizeof(*terminal));

	if (!terminal)
		return NULL;
	terminal->base = base;
	terminal->path = path;
	terminal->handlers = *handlers;
	terminal->master = -1;
	terminal->queue = evbuffer_new();
	terminal->reopened = evtimer_new(base, on_reopened, terminal);
	if (terminal->queue && terminal->reopened)
		return terminal;
	terminal_free(terminal);
	return NULL;
}

void terminal_free(struct terminal *terminal)
{
	if (!terminal)
		return;
	if (terminal->queue && terminal->reopened)
		terminal_unplug(terminal);
	if (terminal->reopened)
		event_free(terminal->reopened);
	if (terminal->queue)
		evbuffer_free(terminal->queue);
	free(terminal);
}
