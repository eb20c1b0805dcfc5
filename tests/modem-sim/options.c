/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A row of a table is an option: its name, what it takes and does, and its
 * line of the help text. Each is tried in turn for each word that begins with
 * "--"; the one word that does not is the terminal's path.
 */
#include "tests/modem-sim/options.h"

#include "tests/modem-sim/contexts.h"
#include "tests/modem-sim/family.h"
#include "tests/modem-sim/help.h"

#include <arpa/inet.h>
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

struct option_row {
	const char *name, *value; /* value NULL: takes none */
	int (*take)(struct options *options, const char *value);
	const char *help;
};

static int take_prefix(struct options *options, const char *value)
{
	return inet_pton(AF_INET6, value, &options->prefix) == 1 ? 0 : -1;
}

static int take_control(struct options *options, const char *value)
{
	options->control_path = value;
	return 0;
}

static int take_pin(struct options *options, const char *value)
{
	options->pin = value;
	return 0;
}

static int take_tries(struct options *options, const char *value)
{
	options->tries = atoi(value);
	return options->tries >= 0 ? 0 : -1;
}

static int take_no_sim(struct options *options, const char *value)
{
	(void)value;
	options->has_no_sim = true;
	return 0;
}

static int take_auth(struct options *options, const char *value)
{
	options->pap = strcmp(value, "pap") == 0;
	options->chap = strcmp(value, "chap") == 0;
	return options->pap || options->chap ? 0 : -1;
}

static int take_user(struct options *options, const char *value)
{
	options->user = value;
	return 0;
}

static int take_password(struct options *options, const char *value)
{
	options->password = value;
	return 0;
}

static int take_address(struct options *options, const char *value)
{
	return inet_pton(AF_INET, value, &options->address) == 1 ? 0 : -1;
}

static int take_number(const char *value, uint32_t *number)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	*number = (uint32_t)n;
	return *value >= '0' && *value <= '9' && !*end && n <= UINT32_MAX ? 0 : -1;
}

static int take_percent(const char *value, uint32_t *of_a_million)
{
	char *end;
	double percent = strtod(value, &end);

	if (end == value || *end || !(percent >= 0 && percent <= 100))
		return -1;
	*of_a_million = (uint32_t)(percent * PERCENT + 0.5);
	return 0;
}

static int take_family(struct options *options, const char *value)
{
	options->family = family_find(value);
	return options->family ? 0 : -1;
}

static int take_ports(struct options *options, const char *value)
{
	int error = take_number(value, &options->n_ports);

	return !error && options->n_ports >= 1 && options->n_ports <= PORTS_MAX ? 0 : -1;
}

static int take_peer(struct options *options, const char *value)
{
	options->has_peer = strcmp(value, "slirp") == 0;
	return options->has_peer ? 0 : -1;
}

static int take_no_cmux(struct options *options, const char *value)
{
	(void)value;
	options->has_no_cmux = true;
	return 0;
}

static int take_baud(struct options *options, const char *value)
{
	return take_number(value, &options->baud);
}

static int take_boot(struct options *options, const char *value)
{
	return take_number(value, &options->boot_ms);
}

static int take_register(struct options *options, const char *value)
{
	return take_number(value, &options->register_ms);
}

static int take_chatter(struct options *options, const char *value)
{
	return take_number(value, &options->chatter_ms);
}

static int take_apn(struct options *options, const char *value)
{
	options->apn = value;
	return 0;
}

static int take_pdp(struct options *options, const char *value)
{
	options->pdp = contexts_parse_pdp(value);
	return options->pdp ? 0 : -1;
}

static int take_strict_pdp(struct options *options, const char *value)
{
	(void)value;
	options->is_pdp_strict = true;
	return 0;
}

static int take_rate(struct options *options, const char *value)
{
	return take_number(value, &options->line.bits_per_s);
}

static int take_line_delay(struct options *options, const char *value)
{
	return take_number(value, &options->line.delay_ms);
}

static int take_delay(struct options *options, const char *value)
{
	return take_number(value, &options->path.delay_ms);
}

static int take_loss(struct options *options, const char *value)
{
	return take_percent(value, &options->path.loss);
}

static int take_reorder(struct options *options, const char *value)
{
	return take_percent(value, &options->path.reorder);
}

static int take_queue(struct options *options, const char *value)
{
	return take_number(value, &options->path.queue_bytes);
}

static int take_seed(struct options *options, const char *value)
{
	uint32_t seed;

	if (take_number(value, &seed) != 0)
		return -1;
	options->path.seed = seed;
	return 0;
}

static int take_tun(struct options *options, const char *value)
{
	options->tun = value;
	return 0;
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

static int take_start(struct options *options, const char *value)
{
	for (;;) {
		size_t len = strcspn(value, ",");
		unsigned int start = find_start(value, len);

		if (!start)
			return -1;
		options->start |= start;
		if (!value[len])
			return 0;
		value += len + 1;
	}
}

static const struct option_row rows[] = {
	{ "control", "PATH", take_control, "datagram socket for commands" },
	{ "family", "FAMILY", take_family, "generic, quectel, simcom, telit, ublox" },
	{ "ports", "N", take_ports, "at PATH, PATH.2 and PATH.3" },
	{ "no-cmux", NULL, take_no_cmux, "AT+CMUX is an error" },
	{ "baud", "BITS_PER_S", take_baud, "at another speed there is but noise" },
	{ "boot", "MS", take_boot, "from power to the first answer" },
	{ "register", "MS", take_register, "from then to registration" },
	{ "chatter", "MS", take_chatter, "an unsolicited line about so often" },
	{ "pin", "PIN", take_pin, "the SIM is locked" },
	{ "tries", "N", take_tries, "left for the PIN" },
	{ "no-sim", NULL, take_no_sim, "there is none" },
	{ "apn", "APN", take_apn, "the only one that the network knows" },
	{ "pdp", "ip|ipv6|ipv4v6", take_pdp, "what the network grants" },
	{ "strict-pdp", NULL, take_strict_pdp, "and refuses who asks for more" },
	{ "auth", "pap|chap", take_auth, "the network asks for user and password" },
	{ "user", "USER", take_user, "who may call" },
	{ "password", "PASSWORD", take_password, "and the password" },
	{ "address", "A.B.C.D", take_address, "that the caller gets" },
	{ "prefix", "ADDRESS6", take_prefix, "of the caller's IPv6 address, /64" },
	{ "rate", "BITS_PER_S", take_rate, "of the serial line" },
	{ "line-delay", "MS", take_line_delay, "of the serial line, each way" },
	{ "delay", "MS", take_delay, "of the network, each way" },
	{ "loss", "PERCENT", take_loss, "of the packets, each way" },
	{ "reorder", "PERCENT", take_reorder, "of the packets are overtaken, each way" },
	{ "queue", "BYTES", take_queue, "that wait for the serial line" },
	{ "seed", "N", take_seed, "another one, other packets are lost" },
	{ "tun", "DEVICE", take_tun, "the network; usocket-slirp without it" },
	{ "peer", "slirp", take_peer, "Debian's slirp answers calls, network and all" },
	{ "start", "STATE[,...]", take_start, "as left so by somebody else: data, cmux, silent,\n"
					      "baud, echo-off, garbage, dead" },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* Returns how many words the option took, or -1. */
static int take_option(struct options *options, const char *name, const char *value)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		if (!rows[i].value)
			return rows[i].take(options, NULL) == 0 ? 1 : -1;
		return value && rows[i].take(options, value) == 0 ? 2 : -1;
	}
	return -1;
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
	take_address(options, "10.0.2.15");
	take_prefix(options, "fec0::");
	for (int i = 1; i < argc; i += n) {
		n = 1;
		if (strncmp(argv[i], "--", 2) == 0)
			n = take_option(options, argv[i] + 2, argv[i + 1]);
		else if (!options->device)
			options->device = argv[i];
		else
			return -1;
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
