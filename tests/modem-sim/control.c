/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Each datagram is a command, its name and its arguments, found in a table.
 * It is answered, to whoever has bound an address: with counts of calls, bytes
 * and packets, or with what is wrong with it.
 */
#include "tests/modem-sim/control.h"

#include "tests/modem-sim/call.h"
#include "tests/modem-sim/help.h"
#include "tests/modem-sim/modem.h"
#include "tests/modem-sim/path.h"
#include "tests/modem-sim/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define COMMAND_MAX 512

struct control {
	struct modem *modem;
	const char *path;
	int fd;
	struct event *readable;
};

/* Returns 0, or -1 for arguments that make no sense. */
typedef int (*control_fn)(struct modem *modem, const char *args);

static int do_address(struct modem *modem, const char *args)
{
	struct in_addr address;

	if (inet_pton(AF_INET, args, &address) != 1)
		return -1;
	call_set_address(modem->call, address);
	return 0;
}

static int do_carrier(struct modem *modem, const char *args)
{
	(void)args;
	modem_lose_carrier(modem);
	return 0;
}

static int do_detach(struct modem *modem, const char *args)
{
	(void)args;
	contexts_deactivate(modem, "NW PDN DEACT");
	modem_lose_carrier(modem);
	return 0;
}

static void set_dial(struct modem *modem, bool is_on)
{
	call_set_answering(modem->call, is_on);
}

static void set_drop(struct modem *modem, bool is_on)
{
	call_set_dropping(modem->call, is_on);
}

static void set_plug(struct modem *modem, bool is_on)
{
	if (!is_on)
		modem_unplug(modem);
	else if (modem_plug(modem) != 0)
		event_base_loopbreak(modem->base);
}

static int do_registration(struct modem *modem, const char *args)
{
	static const struct {
		const char *name;
		enum radio_stat stat;
	} stats[] = {
		{ "off", STAT_NOT_REGISTERED },
		{ "home", STAT_HOME },
		{ "searching", STAT_SEARCHING },
		{ "denied", STAT_DENIED },
		{ "unknown", STAT_UNKNOWN },
		{ "roaming", STAT_ROAMING },
	};

	for (size_t i = 0; i < sizeof(stats) / sizeof(stats[0]); i++) {
		if (strcmp(stats[i].name, args) == 0 || args[0] == '0' + (int)stats[i].stat) {
			modem->radio.grant = stats[i].stat;
			radio_update(modem);
			return 0;
		}
	}
	return -1;
}

static void set_auth(struct modem *modem, bool is_on)
{
	call_set_refusing(modem->call, !is_on);
}

static void set_ppp(struct modem *modem, bool is_on)
{
	call_set_mute(modem->call, !is_on);
}

static int do_pdp(struct modem *modem, const char *args)
{
	unsigned int pdp = contexts_parse_pdp(args);

	if (!pdp)
		return -1;
	modem->granted = pdp;
	return 0;
}

static void set_echo(struct modem *modem, bool is_on)
{
	for (uint32_t i = 0; i < modem->n_ports; i++)
		port_set_echo(modem->ports[i], is_on);
}

static int do_fault(struct modem *modem, const char *args)
{
	return faults_take(&modem->faults, args);
}

static int do_noise(struct modem *modem, const char *args)
{
	for (uint32_t i = 0; i < modem->n_ports; i++)
		port_rustle(modem->ports[i], strtoul(args, NULL, 10));
	return 0;
}

static int do_power(struct modem *modem, const char *args)
{
	if (strcmp(args, "off") == 0)
		modem_power(modem, MODEM_OFF);
	else if (strcmp(args, "on") == 0 || strcmp(args, "cycle") == 0)
		modem_power(modem, MODEM_STARTING);
	else
		return -1;
	return 0;
}

static int do_announce(struct modem *modem, const char *args)
{
	modem_announce(modem, args);
	return 0;
}

static int do_sim(struct modem *modem, const char *args)
{
	static const struct {
		const char *name;
		enum simcard_state state;
		int tries_left; /* -1: as they are */
	} states[] = {
		{ "ready", SIMCARD_READY, -1 },
		{ "pin", SIMCARD_LOCKED, -1 },
		{ "puk", SIMCARD_LOCKED, 0 },
		{ "out", SIMCARD_MISSING, -1 },
		{ "busy", SIMCARD_BUSY, -1 },
		{ "broken", SIMCARD_BROKEN, -1 },
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(states[i].name, args) != 0)
			continue;
		modem->simcard.state = states[i].state;
		if (states[i].tries_left >= 0)
			modem->simcard.tries_left = states[i].tries_left;
		modem_announce(modem, simcard_line(&modem->simcard));
		if (!simcard_is_ready(&modem->simcard))
			modem_lose_carrier(modem);
		radio_update(modem);
		return 0;
	}
	return -1;
}

static int do_signal(struct modem *modem, const char *args)
{
	struct radio *radio = &modem->radio;
	int n = sscanf(args, "%d %d %d %d", &radio->rssi, &radio->rsrp, &radio->rsrq,
		&radio->sinr);

	return n == 4 ? 0 : -1;
}

static int do_technology(struct modem *modem, const char *args)
{
	modem->radio.technology = atoi(args);
	return 0;
}

static void set_silent(struct modem *modem, bool is_on)
{
	modem->is_silent = is_on;
}

static int do_status(struct modem *modem, const char *args)
{
	(void)modem;
	(void)args;
	return 0;
}

static int do_renegotiate(struct modem *modem, const char *args)
{
	(void)args;
	call_renegotiate(modem->call);
	return 0;
}

static int do_terminate(struct modem *modem, const char *args)
{
	(void)args;
	call_terminate(modem->call);
	return 0;
}

static const struct row {
	const char *name, *args;
	/* Either of these; set is for on and off. */
	control_fn run;
	void (*set)(struct modem *modem, bool is_on);
	const char *help;
} rows[] = {
	{ "address", "A.B.C.D", .run = do_address, .help = "that the next call gets" },
	{ "announce", "LINE", .run = do_announce, .help = "an unsolicited line, now" },
	{ "auth", "on|off", .set = set_auth, .help = "off: user and password are refused" },
	{ "carrier", "", .run = do_carrier, .help = "is lost: NO CARRIER" },
	{ "detach", "", .run = do_detach, .help = "the network deactivates all contexts" },
	{ "dial", "on|off", .set = set_dial, .help = "off: calls end with NO CARRIER" },
	{ "drop", "on|off", .set = set_drop, .help = "on: PPP stays, but no IP packet passes" },
	{ "echo", "on|off", .set = set_echo, .help = "of commands" },
	{ "fault", "TEXT KIND[:N] [TIMES|always]", .run = do_fault,
		.help = "happens to commands that begin with TEXT: silence,\n"
			"error, cme:CODE, carrier, garbage, late:MS, hang,\n"
			"reset, unplug:BACK_MS, power; `fault clear` ends all" },
	{ "noise", "BYTES", .run = do_noise, .help = "comes from the port, now" },
	{ "pdp", "ip|ipv6|ipv4v6", .run = do_pdp, .help = "that the network grants" },
	{ "plug", "on|off", .set = set_plug, .help = "off: the device is gone" },
	{ "power", "on|off|cycle", .run = do_power, .help = "off: no answer to anything" },
	{ "ppp", "on|off", .set = set_ppp, .help = "off: PPP hears and says nothing" },
	{ "registration", "STATE", .run = do_registration,
		.help = "off, home, searching, denied, unknown, roaming" },
	{ "renegotiate", "", .run = do_renegotiate, .help = "PPP, with the address of now" },
	{ "signal", "RSSI RSRP RSRQ SINR", .run = do_signal, .help = "in dBm and dB" },
	{ "silent", "on|off", .set = set_silent, .help = "on: only AT+CFUN=1,1 is heard" },
	{ "sim", "STATE", .run = do_sim, .help = "ready, pin, puk, out, busy, broken" },
	{ "status", "", .run = do_status, .help = "counts" },
	{ "technology", "ACT", .run = do_technology, .help = "as in +COPS: 7 is LTE" },
	{ "terminate", "", .run = do_terminate, .help = "the network ends PPP" },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct row *find_row(const char *name)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if (strcmp(name, rows[i].name) == 0)
			return &rows[i];
	}
	return NULL;
}

static int run_row(struct modem *modem, const struct row *row, const char *args)
{
	bool is_on = strcmp(args, "on") == 0;

	if (row->run)
		return row->run(modem, args);
	if (!is_on && strcmp(args, "off") != 0)
		return -1;
	row->set(modem, is_on);
	return 0;
}

/* Words in pairs, the first two of which will always be these. */
static void put_counts(const struct modem *modem, char *text, size_t size)
{
	const struct path_counts *sent = call_sent(modem->call);
	const struct path_counts *received = call_received(modem->call);
	uint64_t in = 0, out = 0;

	for (uint32_t i = 0; i < modem->n_ports; i++)
		port_count(modem->ports[i], &in, &out);
	snprintf(text, size,
		"calls %u resets %u in %" PRIu64 " out %" PRIu64
		" sent %u lost %u reordered %u received %u lost %u reordered %u dropped %u"
		" calling %d",
		call_count(modem->call), modem->n_resets, in, out, sent->passed, sent->lost,
		sent->reordered, received->passed, received->lost, received->reordered,
		received->dropped, call_channel(modem->call) != NULL);
}

static void run(struct modem *modem, char *text, char *reply, size_t size)
{
	char *args = text + strcspn(text, " ");
	const struct row *row;

	if (*args)
		*args++ = '\0';
	row = find_row(text);
	if (!row)
		snprintf(reply, size, "error: there is no command \"%.40s\"", text);
	else if (run_row(modem, row, args) != 0)
		snprintf(reply, size, "error: it is %s %s, not \"%.40s\"", row->name, row->args,
			args);
	else
		put_counts(modem, reply, size);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct control *control = arg;
	struct sockaddr_un from;
	socklen_t from_len = sizeof(from);
	char text[COMMAND_MAX], reply[COMMAND_MAX];
	ssize_t n;

	(void)what;
	n = recvfrom(fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&from, &from_len);
	if (n < 0)
		return;
	text[n] = '\0';
	run(control->modem, text, reply, sizeof(reply));
	/* Who has no address wants no answer; who does not read it is not waited for. */
	if (from_len > sizeof(from.sun_family) &&
		sendto(fd, reply, strlen(reply), MSG_DONTWAIT, (struct sockaddr *)&from,
			from_len) < 0)
		perror("modem-sim: control socket");
}

void control_usage(void)
{
	puts("\nCommands for the control socket:");
	for (size_t i = 0; i < N_ROWS; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s %s", rows[i].name, rows[i].args);
		help_print(text, rows[i].help);
	}
}

static int open_socket(struct control *control)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", control->path);
	unlink(control->path);
	control->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (control->fd < 0 || bind(control->fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		fprintf(stderr, "modem-sim: %s: %s\n", control->path, strerror(errno));
		return -1;
	}
	control->readable = event_new(control->modem->base, control->fd, EV_READ | EV_PERSIST,
		on_readable, control);
	return control->readable && event_add(control->readable, NULL) == 0 ? 0 : -1;
}

struct control *control_new(struct modem *modem, const char *path)
{
	struct control *control = calloc(1, sizeof(*control));

	if (!control)
		return NULL;
	control->modem = modem;
	control->path = path;
	control->fd = -1;
	if (open_socket(control) == 0)
		return control;
	control_free(control);
	return NULL;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	if (control->readable)
		event_free(control->readable);
	if (control->fd >= 0) {
		close(control->fd);
		unlink(control->path);
	}
	free(control);
}
