/* SPDX-License-Identifier: MIT */
/*
 * usocket-modem: the modem link's helper.
 *
 * Theory of operation
 *
 * Started by usocketd with the packet pair as descriptor 3 and the message
 * pair as descriptor 4 (proto/helper.proto), and by nobody else. It takes its
 * configuration, opens the port, drops all rights, and makes one call. It ends
 * with the call, which it reports, or when either pair is closed, that is when
 * the daemon ends, however it ends, or does not want the call any more; then it hangs up, as
 * a modem without DTR would not notice. A port that is busy is tried for a while: by
 * ModemManager, which looks at new ports, or by the helper before this one, which the
 * kernel may not be done with.
 *
 * Packets that the daemon does not take are dropped: the peer is behind a
 * network that drops as well. Packets for the network wait in flows.c while the
 * port has enough to send.
 */
#include "netif/helper_process.h"
#include "netif/log.h"
#include "netif/modem/call.h"
#include "netif/modem/flows.h"
#include "netif/modem/serial.h"
#include "netif/slirp/rights.h"
#include "proto/table.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX	 65535
#define PACKETS_PER_TURN 16
/* Two packets keep the line busy; more in its queue only adds delay. */
#define PENDING_MAX 3200
/* How often a busy port is tried again, and how many times. */
#define BUSY_MS	   100
#define BUSY_TRIES 20

static struct {
	struct event_base *base;
	struct event *messages, *packets, *again;
	struct call_config config;
	struct serial *line, *control; /* NULL: none */
	unsigned int n_busy;	       /* tries that found a port busy */
	struct call *call;	       /* NULL: not started yet */
	struct flows *flows;	       /* packets for the network */
	int status;
	uint8_t packet[PACKET_MAX];
} helper;

static void finish(int status)
{
	helper.status = status;
	event_base_loopbreak(helper.base);
}

static void fail(enum table_link_reason reason, bool is_final, const char *what, const char *why)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;

	event.which_body = ush_HelperEvent_failed_tag;
	event.body.failed.reason = (uint32_t)reason;
	event.body.failed.is_final = is_final;
	snprintf(event.body.failed.cause, sizeof(event.body.failed.cause), "%s: %s", what, why);
	helper_process_send(&event);
	finish(1);
}

/* ---- the call's handlers ------------------------------------------------------------ */

static void on_call_event(const ush_HelperEvent *event, void *arg)
{
	(void)arg;
	helper_process_send(event);
	if (event->which_body == ush_HelperEvent_failed_tag)
		finish(1);
}

static void on_call_log(uint32_t level, const char *text, void *arg)
{
	(void)arg;
	helper_process_log(level, text);
}

static void on_call_packet(const void *packet, size_t len, void *arg)
{
	(void)arg;
	if (send(HELPER_FD_PACKETS, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Gives the port what it has room for. */
static void send_packets(void)
{
	size_t len;

	while (call_pending(helper.call) <= PENDING_MAX) {
		len = flows_take(helper.flows, helper.packet, now_ms());
		if (!len)
			return;
		call_send(helper.call, helper.packet, len);
	}
}

static void on_call_writable(void *arg)
{
	(void)arg;
	if (helper.call)
		send_packets();
}

static const struct call_handlers call_handlers = {
	.event = on_call_event,
	.log = on_call_log,
	.packet = on_call_packet,
	.writable = on_call_writable,
};

/* ---- commands ------------------------------------------------------------------------- */

static const char *open_error(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return "not permitted: add the daemon's user to the port's group (dialout)";
	case EBUSY:
		return "in use by another program (ModemManager?)";
	case ENOTTY:
		return "not a serial port";
	case EINVAL:
		return "the port does not know this baud";
	default:
		return strerror(error);
	}
}

static enum table_link_reason open_reason(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return TABLE_REASON_SYSTEM;
	case EBUSY:
		return TABLE_REASON_DEVICE_BUSY;
	case ENOTTY:
	case EINVAL:
		return TABLE_REASON_CONFIGURATION;
	default:
		return TABLE_REASON_DEVICE;
	}
}

/* Ports of USB modems, which have several; see call_mux.c. */
static bool is_usb_port(const char *device)
{
	char path[PATH_MAX];
	const char *name;

	if (!realpath(device, path))
		return false;
	name = strrchr(path, '/') + 1;
	return strncmp(name, "ttyUSB", 6) == 0 || strncmp(name, "ttyACM", 6) == 0;
}

/* Returns whether it is open; if not, another try is due, or it has failed. */
static bool open_port(struct serial **port, const char *device)
{
	const struct timeval later = { .tv_usec = BUSY_MS * 1000 };
	const ush_HelperModem *m = &helper.config.modem;
	int error = *port ? 0 : serial_open(port, device, m->baud, m->hardware_flow);

	if (error == -EBUSY && helper.n_busy++ < BUSY_TRIES)
		event_add(helper.again, &later);
	else if (error)
		fail(open_reason(-error), error == -ENOTTY || error == -EINVAL, device,
			open_error(-error));
	return error == 0;
}

static void make_call(void)
{
	const ush_HelperModem *m = &helper.config.modem;
	struct call_ports ports;
	int error;

	if (!open_port(&helper.line, m->device) ||
		(m->at_device[0] && !open_port(&helper.control, m->at_device)))
		return;
	error = rights_drop();
	if (error) {
		fail(TABLE_REASON_SYSTEM, true, "rights cannot be dropped",
			strerror(-error));
		return;
	}
	ports.line = helper.line;
	ports.control = helper.control;
	helper.call = call_new(helper.base, &ports, &helper.config, &call_handlers);
	if (!helper.call)
		fail(TABLE_REASON_SYSTEM, false, "usocket-modem", "out of memory");
	else
		event_add(helper.packets, NULL);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	make_call();
}

static void start(const ush_HelperStart *start)
{
	if (helper.call || helper.line || helper.n_busy > 0)
		return;
	helper.config.mtu = start->mtu;
	helper.config.is_serial_line = !is_usb_port(helper.config.modem.device);
	make_call();
}

static void take_user_command(const ush_HelperAt *at)
{
	ush_HelperEvent event = ush_HelperEvent_init_zero;

	if (helper.call) {
		call_user_command(helper.call, at->sequence, at->command);
		return;
	}
	event.which_body = ush_HelperEvent_at_answer_tag;
	event.body.at_answer.sequence = at->sequence;
	event.body.at_answer.is_final = true;
	strcpy(event.body.at_answer.line, "the modem's port is not open");
	helper_process_send(&event);
}

static void handle(const ush_HelperCommand *command)
{
	switch (command->which_body) {
	case ush_HelperCommand_ping_tag:
		helper_process_pong(command->body.ping.sequence);
		break;
	case ush_HelperCommand_init_tag:
		if (helper.config.n_inits < CALL_INITS_MAX)
			helper.config.inits[helper.config.n_inits++] = command->body.init;
		break;
	case ush_HelperCommand_bearer_tag:
		helper.config.bearer = command->body.bearer;
		if (helper.call)
			call_set_bearer(helper.call, &command->body.bearer);
		break;
	case ush_HelperCommand_modem_tag:
		helper.config.modem = command->body.modem;
		break;
	case ush_HelperCommand_start_tag:
		start(&command->body.start);
		break;
	case ush_HelperCommand_at_tag:
		take_user_command(&command->body.at);
		break;
	default:
		break;
	}
}

static void on_message(evutil_socket_t fd, short what, void *arg)
{
	ush_HelperCommand command = ush_HelperCommand_init_zero;
	uint8_t buf[HELPER_MESSAGE_MAX];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	(void)what;
	(void)arg;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		finish(0);
	else if (helper_decode_command(&command, buf, (size_t)n) != 0)
		fail(TABLE_REASON_HELPER, false, "message", strerror(EBADMSG));
	else
		handle(&command);
}

/* ---- packets ---------------------------------------------------------------------------- */

static void on_packets(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	(void)arg;
	for (int i = 0; i < PACKETS_PER_TURN; i++) {
		ssize_t n = recv(fd, helper.packet, sizeof(helper.packet), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			finish(0);
			return;
		}
		flows_put(helper.flows, helper.packet, (size_t)n, now_ms());
	}
	send_packets();
}

/* ---- life --------------------------------------------------------------------------------- */

static void run(void)
{
	helper.base = event_base_new();
	if (!helper.base)
		return;
	helper.messages = event_new(helper.base, HELPER_FD_MESSAGES, EV_READ | EV_PERSIST,
		on_message, NULL);
	helper.packets = event_new(helper.base, HELPER_FD_PACKETS, EV_READ | EV_PERSIST,
		on_packets, NULL);
	helper.again = evtimer_new(helper.base, on_again, NULL);
	helper.flows = flows_new();
	if (!helper.messages || !helper.packets || !helper.again || !helper.flows)
		return;
	event_add(helper.messages, NULL);
	event_base_dispatch(helper.base);
	if (helper.call)
		call_hang_up(helper.call);
}

static void clean_up(void)
{
	struct event *events[] = { helper.messages, helper.packets, helper.again };

	call_free(helper.call);
	flows_free(helper.flows);
	serial_free(helper.line);
	serial_free(helper.control);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (events[i])
			event_free(events[i]);
	}
	if (helper.base)
		event_base_free(helper.base);
}

int main(void)
{
	if (!helper_process_is_started_by_daemon()) {
		fputs("usocket-modem is started by usocketd, which see.\n", stderr);
		return 2;
	}
	helper.status = 1;
	rights_prepare(HELPER_FD_MESSAGES + 1);
	run();
	clean_up();
	return helper.status;
}
