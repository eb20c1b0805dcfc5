// SPDX-License-Identifier: MIT
/*
 * Forwards packets between two TUN devices whose descriptors it inherits: the
 * kernel's TCP on either side then pays for a TUN device as usocketd does. A
 * packet is passed on as it was read, with its virtio header if the devices
 * have one. With the arguments of a line it is that line (line.c).
 *
 * usage: forward FD FD [BYTES/S-THERE BYTES/S-BACK DELAY-S LOSS QUEUE-THERE QUEUE-BACK]
 *
 * THERE is from the first descriptor to the second.
 */
#include "line.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Packets of one side until the other has its turn. */
#define TURN 64

static char packet[65536 + 64];

/* What the device does not take is lost, as on a line. */
static void pass(int from, int to)
{
	for (int i = 0; i < TURN; i++) {
		ssize_t n = read(from, packet, sizeof(packet));

		if (n <= 0 || write(to, packet, (size_t)n) != n)
			return;
	}
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void take_in(struct line *line, int from)
{
	ssize_t n;

	while ((n = read(from, packet, sizeof(packet))) > 0)
		line_put(line, now_s(), packet, (size_t)n);
}

static void let_out(struct line *line, int to)
{
	size_t n;

	while ((n = line_take(line, now_s(), packet, sizeof(packet))) > 0) {
		if (write(to, packet, n) != (ssize_t)n)
			return;
	}
}

/* Waits for a packet, or until one arrives at the end of its line. */
static void wait_on_lines(struct pollfd *fds, const struct line *lines)
{
	struct timespec timeout;
	double next = -1;

	for (int i = 0; i < 2; i++) {
		double at = line_next_s(&lines[i]);

		if (at >= 0 && (next < 0 || at < next))
			next = at;
	}
	if (next >= 0) {
		double left = next - now_s();

		if (left < 0)
			left = 0;
		timeout.tv_sec = (time_t)left;
		timeout.tv_nsec = (long)((left - (double)timeout.tv_sec) * 1e9);
	}
	if (ppoll(fds, 2, next < 0 ? NULL : &timeout, NULL) < 0)
		exit(1);
}

static void be_line(struct pollfd *fds, char **arguments)
{
	struct line lines[2];

	/* Timers are late by 50 us otherwise. */
	prctl(PR_SET_TIMERSLACK, 1);
	for (int i = 0; i < 2; i++)
		line_init(&lines[i], atof(arguments[i]), atof(arguments[2]), atof(arguments[3]),
			(size_t)atol(arguments[4 + i]));
	for (;;) {
		wait_on_lines(fds, lines);
		for (int i = 0; i < 2; i++) {
			take_in(&lines[i], fds[i].fd);
			let_out(&lines[i], fds[!i].fd);
		}
	}
}

static void be_wire(struct pollfd *fds)
{
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			exit(1);
		for (int i = 0; i < 2; i++) {
			if (fds[i].revents)
				pass(fds[i].fd, fds[!i].fd);
		}
	}
}

int main(int argc, char **argv)
{
	struct pollfd fds[2];

	if (argc != 3 && argc != 9) {
		fprintf(stderr, "usage: forward FD FD [BYTES/S-THERE BYTES/S-BACK DELAY-S LOSS "
				"QUEUE-THERE QUEUE-BACK]\n");
		return 2;
	}
	for (int i = 0; i < 2; i++)
		fds[i] = (struct pollfd){ .fd = atoi(argv[i + 1]), .events = POLLIN };
	if (argc == 9)
		be_line(fds, argv + 3);
	be_wire(fds);
	return 1;
}
