/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A row of a table is an option: its name, what it takes, the field that it is
 * for and its line of the help text. Each word that begins with "--" is looked
 * for there; the one word that does not is the terminal's path.
 */
#include "tests/modem-sim/options.h"

#include "tests/modem-sim/contexts.h"
#include "tests/modem-sim/family.h"
#include "tests/modem-sim/help.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_FULL	3
#define BOOT_DEFAULT_MS 300
/* With --start baud, unless --baud says otherwise. */
#define BAUD_LEFT     9600
#define QUEUE_DEFAULT 65536
#define SEED_DEFAULT  1
#define PERCENT	      10000 /* of a million */

/* Puts @value into the field, or returns -1 if it makes no sense. */
typedef int (*take_fn)(void *field, const char *value);

static int take_text(void *field, const char *value)
{
	*(const char **)field = value;
	return 0;
}

static int take_flag(void *field, const char *value)
{
	(void)value;
	*(bool *)field = true;
	return 0;
}

static int take_number(void *field, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	*(uint32_t *)field = (uint32_t)n;
	return *value >= '0' && *value <= '9' && !*end && n <= UINT32_MAX ? 0 : -1;
}

static int take_percent(void *field, const char *value)
{
	char *end;
	double percent = strtod(value, &end);

	if (end == value || *end || !(percent >= 0 && percent <= 100))
		return -1;
	*(uint32_t *)field = (uint32_t)(percent * PERCENT + 0.5);
	return 0;
}

static int take_address(void *field, const char *value)
{
	return inet_pton(AF_INET, value, field) == 1 ? 0 : -1;
}

static int take_address6(void *field, const char *value)
{
	return inet_pton(AF_INET6, value, field) == 1 ? 0 : -1;
}

static int take_auth(void *field, const char *value)
{
	struct options *options = field;

	options->pap = strcmp(value, "pap") == 0;
	options->chap = strcmp(value, "chap") == 0;
	return options->pap || options->chap ? 0 : -1;
}

static int take_family(void *field, const char *value)
{
	const struct family **family = field;

	*family = family_find(value);
	return *family ? 0 : -1;
}

static int take_ports(void *field, const char *value)
{
	uint32_t *n = field;

	return take_number(n, value) == 0 && *n >= 1 && *n <= PORTS_MAX ? 0 : -1;
}

static int take_peer(void *field, const char *value)
{
	*(bool *)field = strcmp(value, "slirp") == 0;
	return *(bool *)field ? 0 : -1;
}

static int take_pdp(void *field, const char *value)
{
	unsigned int *pdp = field;

	*pdp = contexts_parse_pdp(value);
	return *pdp ? 0 : -1;
}

static unsigned int find_start(const char *name, size_t len)
{
	static const struct {
		const char *name;
		enum start start;
	} starts[] = {
		{ "data", START_DATA },
		{ "silent", START_SILENT },
		{ "baud", START_BAUD },
		{ "echo-off", START_ECHO_OFF },
		{ "garbage", START_GARBAGE },
		{ "dead", START_DEAD },
		{ "cmux", START_CMUX },
	};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		if (strlen(starts[i].name) == len && strncmp(starts[i].name, name, len) == 0)
			return starts[i].start;
	}
	return 0;
}

static int take_start(void *field, const char *value)
{
	unsigned int *starts = field;

	for (;;) {
		size_t len = strcspn(value, ",");
		unsigned int start = find_start(value, len);

		if (!start)
			return -1;
		*starts |= start;
		if (!value[len])
			return 0;
		value += len + 1;
	}
}

#define FIELD(name) offsetof(struct options, name)

static const struct option_row {
	const char *name, *value; /* value NULL: takes none */
	take_fn take;
	size_t field;
	const char *help;
} rows[] = {
	{ "control", "PATH", take_text, FIELD(control_path), "datagram socket for commands" },
	{ "family", "FAMILY", take_family, FIELD(family),
		"generic, quectel, simcom, telit, ublox" },
	{ "ports", "N", take_ports, FIELD(n_ports), "at PATH, PATH.2 and PATH.3" },
	{ "usb", NULL, take_flag, FIELD(is_usb), "a reset takes the device away for a while" },
	{ "no-cmux", NULL, take_flag, FIELD(has_no_cmux), "AT+CMUX is an error" },
	{ "three-wire", NULL, take_flag, FIELD(is_three_wire), "it does not see the port close" },
	{ "baud", "BITS_PER_S", take_number, FIELD(baud), "at another speed there is but noise" },
	{ "boot", "MS", take_number, FIELD(boot_ms), "from power to the first answer" },
	{ "register", "MS", take_number, FIELD(register_ms), "from then to registration" },
	{ "chatter", "MS", take_number, FIELD(chatter_ms), "an unsolicited line about so often" },
	{ "pin", "PIN", take_text, FIELD(pin), "the SIM is locked" },
	{ "tries", "N", take_number, FIELD(tries), "left for the PIN" },
	{ "no-sim", NULL, take_flag, FIELD(has_no_sim), "there is none" },
	{ "apn", "APN", take_text, FIELD(apn), "the only one that the network knows" },
	{ "pdp", "ip|ipv6|ipv4v6", take_pdp, FIELD(pdp), "what the network grants" },
	{ "strict-pdp", NULL, take_flag, FIELD(is_pdp_strict), "and refuses who asks for more" },
	{ "auth", "pap|chap", take_auth, 0, "the network asks for user and password" },
	{ "user", "USER", take_text, FIELD(user), "who may call" },
	{ "password", "PASSWORD", take_text, FIELD(password), "and the password" },
	{ "address", "A.B.C.D", take_address, FIELD(address), "that the caller gets" },
	{ "prefix", "ADDRESS6", take_address6, FIELD(prefix), "of the caller's IPv6 address, /64" },
	{ "rate", "BITS_PER_S", take_number, FIELD(line.bits_per_s), "of the serial line" },
	{ "line-delay", "MS", take_number, FIELD(line.delay_ms), "of the serial line, each way" },
	{ "delay", "MS", take_number, FIELD(path.delay_ms), "of the network, each way" },
	{ "loss", "PERCENT", take_percent, FIELD(path.loss), "of the packets, each way" },
	{ "reorder", "PERCENT", take_percent, FIELD(path.reorder),
		"of the packets are overtaken, each way" },
	{ "queue", "BYTES", take_number, FIELD(path.queue_bytes), "that wait for the serial line" },
	{ "seed", "N", take_number, FIELD(path.seed), "another one, other packets are lost" },
	{ "tun", "DEVICE", take_text, FIELD(tun), "the network; usocket-slirp without it" },
	{ "peer", "slirp", take_peer, FIELD(has_peer),
		"Debian's slirp answers calls, network and all" },
	{ "start", "STATE[,...]", take_start, FIELD(start),
		"as left so by somebody else: data, cmux, silent,\n"
		"baud, echo-off, garbage, dead" },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct option_row *find_row(const char *name)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	return NULL;
}

/* Returns how many words the option took, or -1 with a message on stderr. */
static int take_option(struct options *options, const char *name, const char *value)
{
	const struct option_row *row = find_row(name);

	if (!row) {
		fprintf(stderr, "modem-sim: there is no option --%s\n", name);
		return -1;
	}
	if ((row->value && !value) || row->take((char *)options + row->field, value) != 0) {
		fprintf(stderr, "modem-sim: it is --%s %s, not \"%s\"\n", name, row->value,
			value ? value : "");
		return -1;
	}
	return row->value ? 2 : 1;
}

int options_take(struct options *options, int argc, char **argv)
{
	int n;

	*options = (struct options){
		.n_ports = 1,
		.family = &family_generic,
		.boot_ms = BOOT_DEFAULT_MS,
		.tries = TRIES_FULL,
		.pdp = PDP_IP4 | PDP_IP6,
		.user = "",
		.password = "",
		.path = { .queue_bytes = QUEUE_DEFAULT, .seed = SEED_DEFAULT },
	};
	take_address(&options->address, "10.0.2.15");
	take_address6(&options->prefix, "fec0::");
	for (int i = 1; i < argc; i += n) {
		n = 1;
		if (strncmp(argv[i], "--", 2) == 0)
			n = take_option(options, argv[i] + 2, argv[i + 1]);
		else if (!options->device)
			options->device = argv[i];
		else
			n = -1;
		if (n < 0)
			return -1;
	}
	if (options->start & START_BAUD && !options->baud)
		options->baud = BAUD_LEFT;
	return options->device ? 0 : -1;
}

void options_usage(void)
{
	puts("usage: modem-sim [OPTION...] PATH\n"
	     "       modem-sim --tell CONTROL-SOCKET COMMAND...\n"
	     "A modem on a pseudo-terminal, to be found at PATH.\n");
	for (size_t i = 0; i < N_ROWS; i++) {
		char text[64];

		snprintf(text, sizeof(text), "--%s %s", rows[i].name,
			rows[i].value ? rows[i].value : "");
		help_print(text, rows[i].help);
	}
}
