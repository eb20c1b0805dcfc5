/* SPDX-License-Identifier: MIT */
/*
 * usocket-slirp: the slirp link's helper.
 *
 * Theory of operation
 *
 * Started by usocketd with the packet pair as descriptor 3 and the message
 * pair as descriptor 4 (proto/helper.proto), and by nobody else. It waits for
 * its configuration, opens the host's ports that are to be forwarded, drops
 * all rights, says that it is ready, and from then on carries frames between
 * the daemon and libslirp.
 *
 * It ends when either pair is closed, that is when the daemon ends, however it
 * ends. Frames that the daemon does not take are queued and then dropped; the
 * daemon is never waited for.
 */
#include "netif/helper_process.h"
#include "netif/log.h"
#include "netif/slirp/backend.h"
#include "netif/slirp/rights.h"
#include "proto/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define FRAME_MAX	(65535 + 14)
#define FRAMES_PER_TURN 64
#define FORWARDS_MAX	64

enum turn {
	TURN_GO_ON,
	TURN_END, /* a pair is closed */
	TURN_FAIL,
};

static struct {
	struct backend *backend; /* NULL: not started yet */
	ush_HelperForward forwards[FORWARDS_MAX];
	unsigned int n_forwards;
	uint8_t frame[FRAME_MAX];
} helper;

static enum turn fail(const char *what, int error)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;

	event.which_body = ush_HelperEvent_failed_tag;
	event.body.failed.reason = TABLE_REASON_SYSTEM;
	snprintf(event.body.failed.cause, sizeof(event.body.failed.cause), "%s: %s", what,
		strerror(error));
	helper_process_send(&event);
	return TURN_FAIL;
}

/* A port that is taken is no reason to have no link. */
static void open_forwards(void)
{
	unsigned int i;

	for (i = 0; i < helper.n_forwards; i++) {
		const ush_HelperForward *forward = &helper.forwards[i];
		int error = backend_add_forward(helper.backend, forward);
		char text[160];

		if (error == 0)
			continue;
		snprintf(text, sizeof(text), "%s port %u of the host cannot be forwarded: %s",
			forward->udp ? "UDP" : "TCP", forward->host_port, strerror(-error));
		helper_process_log(LOG_LEVEL_ERROR, text);
	}
}

static enum turn start(const ush_HelperStart *start)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;
	int error;

	if (helper.backend)
		return TURN_GO_ON;
	helper.backend = backend_new(HELPER_FD_PACKETS, start->mtu, helper_process_log);
	if (!helper.backend)
		return fail("libslirp", ENOMEM);
	open_forwards();
	error = rights_drop();
	if (error)
		return fail("rights cannot be dropped", -error);
	event.which_body = ush_HelperEvent_ready_tag;
	backend_describe(helper.backend, &event.body.ready);
	helper_process_send(&event);
	return TURN_GO_ON;
}

static enum turn handle(const ush_HelperCommand *command)
{
	switch (command->which_body) {
	case ush_HelperCommand_ping_tag:
		helper_process_pong(command->body.ping.sequence);
		return TURN_GO_ON;
	case ush_HelperCommand_forward_tag:
		if (helper.n_forwards < FORWARDS_MAX)
			helper.forwards[helper.n_forwards++] = command->body.forward;
		return TURN_GO_ON;
	case ush_HelperCommand_start_tag:
		return start(&command->body.start);
	default:
		return TURN_GO_ON;
	}
}

static enum turn read_message(int flags)
{
	ush_HelperCommand command = ush_HelperCommand_init_zero;
	uint8_t buf[HELPER_MESSAGE_MAX];
	ssize_t n;

	n = recv(HELPER_FD_MESSAGES, buf, sizeof(buf), flags);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return TURN_GO_ON;
	if (n <= 0)
		return TURN_END;
	if (helper_decode_command(&command, buf, (size_t)n) != 0)
		return fail("message", EBADMSG);
	return handle(&command);
}

static enum turn read_frames(void)
{
	int i;

	for (i = 0; i < FRAMES_PER_TURN; i++) {
		ssize_t n;

		n = recv(HELPER_FD_PACKETS, helper.frame, sizeof(helper.frame), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return TURN_GO_ON;
		if (n <= 0)
			return TURN_END;
		backend_input(helper.backend, helper.frame, (size_t)n);
	}
	return TURN_GO_ON;
}

static enum turn turn(void)
{
	struct pollfd own[] = {
		{ .fd = HELPER_FD_PACKETS, .events = POLLIN },
		{ .fd = HELPER_FD_MESSAGES, .events = POLLIN },
	};
	enum turn result = TURN_GO_ON;
	int error;

	error = backend_poll(helper.backend, own, sizeof(own) / sizeof(own[0]));
	if (error)
		return fail("poll", -error);
	if (own[0].revents)
		result = read_frames();
	if (result == TURN_GO_ON && own[1].revents)
		result = read_message(MSG_DONTWAIT);
	return result;
}

int main(void)
{
	enum turn result = TURN_GO_ON;

	if (!helper_process_is_started_by_daemon()) {
		fputs("usocket-slirp is started by usocketd, which see.\n", stderr);
		return 2;
	}
	rights_prepare(HELPER_FD_MESSAGES + 1);
	while (result == TURN_GO_ON && !helper.backend)
		result = read_message(0);
	while (result == TURN_GO_ON)
		result = turn();
	backend_free(helper.backend);
	return result == TURN_END ? 0 : 1;
}
