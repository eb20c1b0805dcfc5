/* SPDX-License-Identifier: MIT */
/*
 * modem-sim: a modem on a pseudo-terminal, with SIM, network and the host's
 * network behind it.
 *
 * Theory of operation
 *
 * The modem is in one of two modes: command mode takes AT commands, data mode
 * is a PPP server (lwIP's, behind the same guard as the client's) whose packets
 * go to usocket-slirp. "+++" with a second of silence around it leads back, as
 * does the end of PPP.
 *
 * Faults are switched on and off by datagrams to the control socket, one
 * command each; see `controls` below. A modem that is unplugged closes its
 * terminal and takes its name away; plugged in again it starts afresh.
 */
#include "netif/modem/pppline.h"
#include "tests/modem-sim/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_  512
#define GUARD_MS   900
#define TRIES_FULL 3
/* How often a port that nobody has open is looked at. */
#define REOPENED_MS 20

enum mode {
	MODE_COMMAND,
	MODE_DATA, /* PPP, or a call left over from before */
};

static struct sim {
	struct event_base *base;
	struct network *network;
	const char *link_path, *control_path;
	int master;
	struct event *readable, *writable, *escape, *reopened;
	struct evbuffer *out;
	int control;
	struct event *control_readable;

	enum mode mode;
	struct pppline *ppp;
	uint64_t heard_ms;
	bool was_opened; /* since it was plugged in */
	char line[LINE_MAX_];
	size_t line_len;

	/* What the options and controls say. */
	bool has_echo, is_silent, drops_ip, refuses_dial;
	int registration;
	const char *pin; /* NULL: the SIM asks for none */
	bool is_unlocked, has_no_sim;
	int tries_left;
	const char *user, *password;
	bool pap, chap;
	struct in_addr address;
	unsigned int n_calls, n_resets;
} sim = {
	.master = -1,
	.control = -1,
	.has_echo = true,
	.registration = 1,
	.tries_left = TRIES_FULL,
	.user = "",
	.password = "",
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- the terminal ------------------------------------------------------------------- */

static void flush(void)
{
	while (evbuffer_get_length(sim.out) > 0) {
		if (evbuffer_write(sim.out, sim.master) <= 0) {
			event_add(sim.writable, NULL);
			return;
		}
	}
}

static void write_bytes(const void *bytes, size_t len)
{
	if (sim.master < 0)
		return;
	evbuffer_add(sim.out, bytes, len);
	flush();
}

static void say(const char *text)
{
	write_bytes("\r\n", 2);
	write_bytes(text, strlen(text));
	write_bytes("\r\n", 2);
}

/* ---- data mode ------------------------------------------------------------------------ */

static void end_ppp(void)
{
	pppline_free(sim.ppp);
	sim.ppp = NULL;
}

static void hang_up(void)
{
	end_ppp();
	sim.mode = MODE_COMMAND;
	say("NO CARRIER");
}

static void on_ppp_output(const void *bytes, size_t len, void *arg)
{
	(void)arg;
	write_bytes(bytes, len);
}

static void on_ppp_packet(const void *packet, size_t len, void *arg)
{
	(void)arg;
	if (!sim.drops_ip)
		network_send(sim.network, packet, len);
}

static void on_ppp_up(const struct pppline_addresses *addresses, void *arg)
{
	(void)addresses;
	(void)arg;
}

static void on_ppp_down(enum pppline_end end, void *arg)
{
	(void)end;
	(void)arg;
	hang_up();
}

static void start_ppp(void)
{
	const struct pppline_config config = {
		.base = sim.base,
		.user = sim.user,
		.password = sim.password,
		.pap = sim.pap,
		.chap = sim.chap,
		.is_server = true,
		.addresses = {
			.ip4 = inet_addr("10.0.2.2"),
			.peer4 = sim.address.s_addr,
			.dns4 = { inet_addr("10.0.2.3"), inet_addr("10.0.2.3") },
		},
	};
	const struct pppline_handlers handlers = {
		.output = on_ppp_output,
		.packet = on_ppp_packet,
		.up = on_ppp_up,
		.down = on_ppp_down,
	};

	sim.mode = MODE_DATA;
	sim.n_calls++;
	sim.ppp = pppline_new(&config, &handlers);
}

static void on_network_packet(const void *packet, size_t len, void *arg)
{
	(void)arg;
	if (sim.ppp && !sim.drops_ip)
		pppline_send(sim.ppp, packet, len);
}

static void on_escape(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	sim.mode = MODE_COMMAND;
	end_ppp();
	say("OK");
}

static void take_data(const uint8_t *bytes, size_t len, uint64_t silence_ms)
{
	struct timeval guard = { .tv_usec = GUARD_MS * 1000 };

	event_del(sim.escape);
	if (len == 3 && memcmp(bytes, "+++", 3) == 0 && silence_ms >= GUARD_MS)
		event_add(sim.escape, &guard);
	else if (sim.ppp)
		pppline_input(sim.ppp, bytes, len);
}

/* ---- commands -------------------------------------------------------------------------- */

static bool is_locked(void)
{
	return sim.pin && !sim.is_unlocked;
}

static void answer(const char *text)
{
	say(text);
	say("OK");
}

static void do_ok(const char *args)
{
	(void)args;
	say("OK");
}

static void do_echo(const char *args)
{
	sim.has_echo = args[0] == '1';
	say("OK");
}

static void do_reset(const char *args)
{
	(void)args;
	sim.n_resets++;
	sim.is_silent = false;
	sim.is_unlocked = false;
	sim.has_echo = true;
	say("OK");
	say("RDY");
}

static void do_pin_state(const char *args)
{
	(void)args;
	if (sim.has_no_sim)
		say("+CME ERROR: 10");
	else if (!is_locked())
		answer("+CPIN: READY");
	else
		answer(sim.tries_left > 0 ? "+CPIN: SIM PIN" : "+CPIN: SIM PUK");
}

static void do_pin(const char *args)
{
	size_t len = sim.pin ? strlen(sim.pin) : 0;

	if (!is_locked() || sim.tries_left == 0) {
		say("+CME ERROR: 3");
	} else if (args[0] == '"' && strncmp(args + 1, sim.pin, len) == 0 &&
		args[1 + len] == '"') {
		sim.is_unlocked = true;
		sim.tries_left = TRIES_FULL;
		say("OK");
	} else {
		sim.tries_left--;
		say("+CME ERROR: 16");
	}
}

static void do_tries(const char *args)
{
	char text[64];

	(void)args;
	snprintf(text, sizeof(text), "+CPINR: SIM PIN,%d,3", sim.tries_left);
	answer(text);
}

static void do_registration(const char *name)
{
	char text[64];

	snprintf(text, sizeof(text), "%s: 0,%d,\"1A2B\",\"01C3D4E5\",7", name,
		is_locked() ? 0 : sim.registration);
	answer(text);
}

static void do_cereg(const char *args)
{
	(void)args;
	do_registration("+CEREG");
}

static void do_creg(const char *args)
{
	(void)args;
	do_registration("+CREG");
}

static void do_operator(const char *args)
{
	(void)args;
	answer("+COPS: 0,0,\"Sim Mobile\",7");
}

static void do_csq(const char *args)
{
	(void)args;
	answer("+CSQ: 20,99");
}

static void do_cesq(const char *args)
{
	(void)args;
	answer("+CESQ: 99,99,255,255,20,50");
}

static void do_dial(const char *args)
{
	(void)args;
	if (sim.refuses_dial || is_locked() || (sim.registration != 1 && sim.registration != 5)) {
		say("NO CARRIER");
		return;
	}
	say("CONNECT 150000000");
	start_ppp();
}

/* The first whose text begins the line. */
static const struct {
	const char *text;
	void (*run)(const char *args);
} commands[] = {
	{ "ATD*99", do_dial },
	{ "ATE", do_echo },
	{ "ATH", do_ok },
	{ "AT+CFUN=1,1", do_reset },
	{ "AT+CMEE=", do_ok },
	{ "AT+CPIN?", do_pin_state },
	{ "AT+CPIN=", do_pin },
	{ "AT+CPINR", do_tries },
	{ "AT+COPS=3,0", do_ok },
	{ "AT+COPS?", do_operator },
	{ "AT+CREG?", do_creg },
	{ "AT+CEREG?", do_cereg },
	{ "AT+CSQ", do_csq },
	{ "AT+CESQ", do_cesq },
	{ "AT+CGDCONT=", do_ok },
};

static void run_command(const char *line)
{
	if (strcmp(line, "AT") == 0) {
		say("OK");
		return;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		size_t len = strlen(commands[i].text);

		if (strncasecmp(line, commands[i].text, len) == 0) {
			commands[i].run(line + len);
			return;
		}
	}
	say("ERROR");
}

static void take_command_byte(uint8_t byte)
{
	if (sim.has_echo && !sim.is_silent)
		write_bytes(&byte, 1);
	if (byte != '\r') {
		if (byte >= 0x20 && sim.line_len < sizeof(sim.line) - 1)
			sim.line[sim.line_len++] = (char)byte;
		return;
	}
	sim.line[sim.line_len] = '\0';
	sim.line_len = 0;
	if (strncasecmp(sim.line, "AT", 2) != 0)
		return;
	/* A reset works even then: that is what it is for. */
	if (!sim.is_silent || strcasecmp(sim.line, "AT+CFUN=1,1") == 0)
		run_command(sim.line);
}

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

static int fail(const char *what)
{
	fprintf(stderr, "modem-sim: %s: %s\n", what, strerror(errno));
	return -1;
}

static int plug(void)
{
	struct termios t;
	char next[PATH_MAX];
	const char *name;
	int slave;

	sim.master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (sim.master < 0 || grantpt(sim.master) != 0 || unlockpt(sim.master) != 0)
		return fail("pseudo-terminal");
	name = ptsname(sim.master);
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || tcgetattr(slave, &t) != 0)
		return fail(name);
	cfmakeraw(&t);
	tcsetattr(slave, TCSANOW, &t);
	close(slave);
	snprintf(next, sizeof(next), "%s.new", sim.link_path);
	unlink(next);
	if (symlink(name, next) != 0 || rename(next, sim.link_path) != 0)
		return fail(sim.link_path);
	sim.readable = event_new(sim.base, sim.master, EV_READ | EV_PERSIST, on_readable, NULL);
	sim.writable = event_new(sim.base, sim.master, EV_WRITE, on_writable, NULL);
	event_add(sim.readable, NULL);
	sim.heard_ms = now_ms();
	sim.was_opened = false;
	return 0;
}

static void close_terminal(void)
{
	event_free(sim.readable);
	event_free(sim.writable);
	sim.readable = sim.writable = NULL;
	close(sim.master);
	sim.master = -1;
	evbuffer_drain(sim.out, evbuffer_get_length(sim.out));
}

/*
 * Nobody has the port open: Data Terminal Ready has gone, which ends a call. A
 * pseudo-terminal, unlike a serial port, stays exclusive to whoever made it so
 * after its end: the next one gets another.
 */
static void lose_terminal(void)
{
	struct timeval again = { .tv_usec = REOPENED_MS * 1000 };

	if (sim.ppp) {
		end_ppp();
		sim.mode = MODE_COMMAND;
	}
	sim.line_len = 0;
	if (sim.was_opened) {
		close_terminal();
		if (plug() != 0)
			event_base_loopbreak(sim.base);
		return;
	}
	event_del(sim.readable);
	event_add(sim.reopened, &again);
}

static void on_reopened(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (sim.readable)
		event_add(sim.readable, NULL);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = now_ms(), silence_ms = now - sim.heard_ms;
	uint8_t bytes[4096];
	ssize_t n = read(fd, bytes, sizeof(bytes));
	ssize_t i;

	(void)what;
	(void)arg;
	if (n < 0 && errno == EIO)
		lose_terminal();
	if (n <= 0)
		return;
	sim.was_opened = true;
	sim.heard_ms = now;
	for (i = 0; i < n && sim.mode == MODE_COMMAND; i++)
		take_command_byte(bytes[i]);
	if (i < n)
		take_data(bytes + i, (size_t)(n - i), silence_ms);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	flush();
}

static void unplug(void)
{
	if (sim.master < 0)
		return;
	end_ppp();
	sim.mode = MODE_COMMAND;
	sim.line_len = 0;
	sim.is_unlocked = false;
	sim.has_echo = true;
	unlink(sim.link_path);
	close_terminal();
}

/* ---- faults ----------------------------------------------------------------------------- */

static bool is_on(const char *args)
{
	return strcmp(args, "on") == 0;
}

static void set_address(const char *args)
{
	inet_pton(AF_INET, args, &sim.address);
}

static void control_carrier(const char *args)
{
	(void)args;
	if (sim.mode == MODE_DATA)
		hang_up();
}

static void control_terminate(const char *args)
{
	(void)args;
	if (sim.ppp)
		pppline_stop(sim.ppp);
}

static void control_drop(const char *args)
{
	sim.drops_ip = is_on(args);
}

static void control_silent(const char *args)
{
	sim.is_silent = is_on(args);
}

static void control_dial(const char *args)
{
	sim.refuses_dial = !is_on(args);
}

static void control_registration(const char *args)
{
	sim.registration = atoi(args);
}

static void control_plug(const char *args)
{
	if (!is_on(args))
		unplug();
	else if (sim.master < 0 && plug() != 0)
		event_base_loopbreak(sim.base);
}

static const struct {
	const char *name;
	void (*run)(const char *args);
} controls[] = {
	{ "address", set_address },		  /* of the next call: A.B.C.D */
	{ "carrier", control_carrier },		  /* lost now */
	{ "dial", control_dial },		  /* on, or off: NO CARRIER */
	{ "drop", control_drop },		  /* on: no IP packet passes */
	{ "plug", control_plug },		  /* on or off */
	{ "registration", control_registration }, /* <stat> */
	{ "silent", control_silent },		  /* on: only a reset is heard */
	{ "terminate", control_terminate },	  /* LCP, now */
};

/* Each command is answered with how often the modem was called and reset. */
static void on_control(evutil_socket_t fd, short what, void *arg)
{
	struct sockaddr_un from;
	socklen_t from_len = sizeof(from);
	char text[128], *args, reply[64];
	ssize_t n;

	(void)what;
	(void)arg;
	n = recvfrom(fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&from, &from_len);
	if (n < 0)
		return;
	text[n] = '\0';
	args = text + strcspn(text, " ");
	if (*args)
		*args++ = '\0';
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		if (strcmp(text, controls[i].name) == 0)
			controls[i].run(args);
	}
	snprintf(reply, sizeof(reply), "calls %u resets %u", sim.n_calls, sim.n_resets);
	if (sendto(fd, reply, strlen(reply), 0, (struct sockaddr *)&from, from_len) < 0)
		return;
}

static int open_control(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (!sim.control_path)
		return 0;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", sim.control_path);
	unlink(sim.control_path);
	sim.control = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sim.control < 0 || bind(sim.control, (struct sockaddr *)&a, sizeof(a)) != 0)
		return fail(sim.control_path);
	sim.control_readable = event_new(sim.base, sim.control, EV_READ | EV_PERSIST, on_control,
		NULL);
	event_add(sim.control_readable, NULL);
	return 0;
}

/* ---- life --------------------------------------------------------------------------------- */

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_base_loopbreak(sim.base);
}

static int usage(void)
{
	fputs("usage: modem-sim [OPTION...] PATH\n"
	      "A modem on a pseudo-terminal, to be found at PATH.\n"
	      "  --control PATH           datagram socket for commands\n"
	      "  --pin PIN --tries N      the SIM is locked\n"
	      "  --no-sim\n"
	      "  --auth pap|chap --user USER --password PASSWORD\n"
	      "  --start data|silent      as if left so by somebody else\n",
		stderr);
	return 2;
}

static int take_option(int option, char *value)
{
	switch (option) {
	case 'c':
		sim.control_path = value;
		return 0;
	case 'p':
		sim.pin = value;
		return 0;
	case 't':
		sim.tries_left = atoi(value);
		return 0;
	case 'n':
		sim.has_no_sim = true;
		return 0;
	case 'a':
		sim.pap = strcmp(value, "pap") == 0;
		sim.chap = strcmp(value, "chap") == 0;
		return sim.pap || sim.chap ? 0 : -1;
	case 'u':
		sim.user = value;
		return 0;
	case 'w':
		sim.password = value;
		return 0;
	case 's':
		sim.is_silent = strcmp(value, "silent") == 0;
		sim.mode = strcmp(value, "data") == 0 ? MODE_DATA : MODE_COMMAND;
		return sim.is_silent || sim.mode == MODE_DATA ? 0 : -1;
	default:
		return -1;
	}
}

static int take_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "control", required_argument, NULL, 'c' },
		{ "pin", required_argument, NULL, 'p' },
		{ "tries", required_argument, NULL, 't' },
		{ "no-sim", no_argument, NULL, 'n' },
		{ "auth", required_argument, NULL, 'a' },
		{ "user", required_argument, NULL, 'u' },
		{ "password", required_argument, NULL, 'w' },
		{ "start", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (take_option(option, optarg) != 0)
			return -1;
	}
	if (optind + 1 != argc)
		return -1;
	sim.link_path = argv[optind];
	return 0;
}

static int run(void)
{
	struct event *ends[2];

	sim.out = evbuffer_new();
	sim.escape = evtimer_new(sim.base, on_escape, NULL);
	sim.reopened = evtimer_new(sim.base, on_reopened, NULL);
	ends[0] = evsignal_new(sim.base, SIGTERM, on_signal, NULL);
	ends[1] = evsignal_new(sim.base, SIGINT, on_signal, NULL);
	event_add(ends[0], NULL);
	event_add(ends[1], NULL);
	sim.network = network_new(sim.base, on_network_packet, NULL);
	if (!sim.network || open_control() != 0 || plug() != 0)
		return 1;
	puts("ready");
	fflush(stdout);
	event_base_dispatch(sim.base);
	unplug();
	if (sim.control_readable) {
		event_free(sim.control_readable);
		close(sim.control);
		unlink(sim.control_path);
	}
	network_free(sim.network);
	event_free(ends[0]);
	event_free(ends[1]);
	event_free(sim.escape);
	event_free(sim.reopened);
	evbuffer_free(sim.out);
	return 0;
}

int main(int argc, char **argv)
{
	int status;

	set_address("10.0.2.15");
	if (take_options(argc, argv) != 0)
		return usage();
	signal(SIGPIPE, SIG_IGN);
	sim.base = event_base_new();
	if (!sim.base)
		return 1;
	status = run();
	event_base_free(sim.base);
	return status;
}
