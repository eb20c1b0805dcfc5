/* SPDX-License-Identifier: MIT */
/*
 * modem-sim: a modem on a pseudo-terminal, with SIM, network and the host's
 * network behind it.
 *
 * Theory of operation
 *
 * Bytes of the terminal (terminal.c, port.c) are an AT dialogue (channel.c,
 * command.c) or a call's data (call.c): PPP, whose packets go to the network
 * (network.c). What the commands are about is in the modem's parts: simcard.c,
 * radio.c, contexts.c, device.c, and one file a family of modems. The control
 * socket (control.c) makes faults.
 */
#include "tests/modem-sim/control.h"
#include "tests/modem-sim/modem.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static int run(struct event_base *base, const struct options *options)
{
	struct modem modem;
	struct control *control = NULL;
	int error = modem_init(&modem, base, options);

	if (!error && options->control_path) {
		control = control_new(&modem, options->control_path);
		error = control ? 0 : -1;
	}
	if (!error) {
		puts("ready");
		fflush(stdout);
		event_base_dispatch(base);
	}
	control_free(control);
	modem_fini(&modem);
	return error ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct options options;
	struct event_base *base;
	struct event *ends[2];
	int status;

	if (argc > 3 && strcmp(argv[1], "--tell") == 0)
		return control_tell(argv[2], argv + 3);
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		options_usage();
		control_usage();
		return 0;
	}
	if (options_take(&options, argc, argv) != 0) {
		fputs("modem-sim: see modem-sim --help\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	base = event_base_new();
	if (!base)
		return 1;
	ends[0] = evsignal_new(base, SIGTERM, on_signal, base);
	ends[1] = evsignal_new(base, SIGINT, on_signal, base);
	event_add(ends[0], NULL);
	event_add(ends[1], NULL);
	status = run(base, &options);
	event_free(ends[0]);
	event_free(ends[1]);
	event_base_free(base);
	return status;
}
