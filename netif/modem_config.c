/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The keys of a modem's link, one function each, which checks a value and puts
 * it where it will be sent to the helper from. A value that ends up between the
 * quotation marks of an AT command must not be able to leave them.
 */
#include "netif/modem_private.h"

#include "netif/modem/family.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BAUD_DEFAULT	   115200
#define SIGNAL_INTERVAL_MS 30000

/* Text that goes into an AT command between quotation marks. */
static int set_text(char *out, size_t out_size, const char *value, const char *what, char *error,
	size_t size)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++) {
		if (!isprint((unsigned char)value[i]) || value[i] == '"')
			len = out_size;
	}
	if (len >= out_size) {
		snprintf(error, size, "%s is up to %zu printable characters without \"", what,
			out_size - 1);
		return -EINVAL;
	}
	snprintf(out, out_size, "%s", value);
	return 0;
}

static int set_port(char *out, size_t out_size, const char *value, const char *what, char *error,
	size_t size)
{
	if (value[0] == '/' && strlen(value) < out_size) {
		snprintf(out, out_size, "%s", value);
		return 0;
	}
	snprintf(error, size, "%s is the path of a serial port, such as /dev/ttyUSB2", what);
	return -EINVAL;
}

static int set_device(struct link *link, const char *value, char *error, size_t size)
{
	ush_HelperModem *m = &modem_of(link)->modem;

	return set_port(m->device, sizeof(m->device), value, "device", error, size);
}

static int set_at_device(struct link *link, const char *value, char *error, size_t size)
{
	ush_HelperModem *m = &modem_of(link)->modem;

	return set_port(m->at_device, sizeof(m->at_device), value, "at_device", error, size);
}

static int set_cmux(struct link *link, const char *value, char *error, size_t size)
{
	static const struct {
		const char *name;
		ush_HelperCmux cmux;
	} kinds[] = {
		{ "auto", ush_HelperCmux_CMUX_AUTO },
		{ "yes", ush_HelperCmux_CMUX_ON },
		{ "no", ush_HelperCmux_CMUX_OFF },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(value, kinds[i].name) == 0) {
			modem_of(link)->modem.cmux = kinds[i].cmux;
			return 0;
		}
	}
	snprintf(error, size, "cmux is auto, yes or no");
	return -EINVAL;
}

static int set_family(struct link *link, const char *value, char *error, size_t size)
{
	ush_HelperModem *m = &modem_of(link)->modem;
	char names[96];

	if (strcmp(value, "auto") == 0) {
		m->family[0] = '\0';
		return 0;
	}
	if (!family_find(value)) {
		family_list(names, sizeof(names));
		snprintf(error, size, "family is auto, %s", names);
		return -EINVAL;
	}
	snprintf(m->family, sizeof(m->family), "%s", value);
	return 0;
}

static int set_signal_interval(struct link *link, const char *value, char *error, size_t size)
{
	struct modem *modem = modem_of(link);
	long seconds;

	if (link_parse_number(value, 0, 86400, &seconds) != 0) {
		snprintf(error, size, "signal_interval is 0 (never) to 86400 seconds");
		return -EINVAL;
	}
	modem->modem.signal_interval_ms = (uint32_t)seconds * 1000;
	modem->has_signal_interval = true;
	return 0;
}

static int set_baud(struct link *link, const char *value, char *error, size_t size)
{
	long baud;

	if (link_parse_number(value, 1200, 4000000, &baud) != 0) {
		snprintf(error, size, "baud is a number of bits a second from 1200 to 4000000");
		return -EINVAL;
	}
	modem_of(link)->modem.baud = (uint32_t)baud;
	return 0;
}

static int set_flow(struct link *link, const char *value, char *error, size_t size)
{
	if (strcmp(value, "hardware") != 0 && strcmp(value, "none") != 0) {
		snprintf(error, size, "flow is hardware or none");
		return -EINVAL;
	}
	modem_of(link)->modem.hardware_flow = value[0] == 'h';
	return 0;
}

static int set_roaming(struct link *link, const char *value, char *error, size_t size)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
		snprintf(error, size, "roaming is yes or no");
		return -EINVAL;
	}
	modem_of(link)->modem.roaming = value[0] == 'y';
	return 0;
}

static int set_pin(struct link *link, const char *value, char *error, size_t size)
{
	struct modem *modem = modem_of(link);
	size_t len = strlen(value);

	if (len < 4 || len > 8 || strspn(value, "0123456789") != len) {
		snprintf(error, size, "pin is 4 to 8 digits");
		return -EINVAL;
	}
	snprintf(modem->modem.pin, sizeof(modem->modem.pin), "%s", value);
	/* This one has not been. */
	modem->is_pin_tried = false;
	return 0;
}

/* The first line of a file; without a "/" it is one of systemd's credentials. */
static int read_secret(const char *name, char *out, size_t out_size, char *error, size_t size)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char path[512];
	FILE *f;

	if (strchr(name, '/') || !folder)
		snprintf(path, sizeof(path), "%s", name);
	else
		snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "re");
	if (!f) {
		snprintf(error, size, "%s: %s", path, strerror(errno));
		return -EINVAL;
	}
	if (!fgets(out, (int)out_size, f))
		out[0] = '\0';
	fclose(f);
	out[strcspn(out, "\r\n")] = '\0';
	return 0;
}

static int set_pin_file(struct link *link, const char *value, char *error, size_t size)
{
	char pin[80];

	if (read_secret(value, pin, sizeof(pin), error, size) != 0)
		return -EINVAL;
	return set_pin(link, pin, error, size);
}

static int set_apn(struct link *link, const char *value, char *error, size_t size)
{
	ush_HelperBearer *b = &modem_of(link)->bearer;

	return set_text(b->apn, sizeof(b->apn), value, "apn", error, size);
}

static int set_pdp_type(struct link *link, const char *value, char *error, size_t size)
{
	const char *type = pdp_type_find(value);

	if (type) {
		modem_of(link)->type.wanted = type;
		return 0;
	}
	snprintf(error, size, "pdp_type is ip, ipv6 or ipv4v6");
	return -EINVAL;
}

static int set_user(struct link *link, const char *value, char *error, size_t size)
{
	ush_HelperBearer *b = &modem_of(link)->bearer;

	return set_text(b->user, sizeof(b->user), value, "user", error, size);
}

static int set_password(struct link *link, const char *value, char *error, size_t size)
{
	ush_HelperBearer *b = &modem_of(link)->bearer;

	return set_text(b->password, sizeof(b->password), value, "password", error, size);
}

static int set_password_file(struct link *link, const char *value, char *error, size_t size)
{
	char password[80];

	if (read_secret(value, password, sizeof(password), error, size) != 0)
		return -EINVAL;
	return set_password(link, password, error, size);
}

static int set_auth(struct link *link, const char *value, char *error, size_t size)
{
	static const struct {
		const char *name;
		bool pap, chap;
	} kinds[] = {
		{ "none", false, false },
		{ "pap", true, false },
		{ "chap", false, true },
		{ "both", true, true },
	};
	ush_HelperBearer *b = &modem_of(link)->bearer;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(value, kinds[i].name) != 0)
			continue;
		b->pap = kinds[i].pap;
		b->chap = kinds[i].chap;
		modem_of(link)->has_auth = true;
		return 0;
	}
	snprintf(error, size, "auth is none, pap, chap or both");
	return -EINVAL;
}

static int set_init(struct link *link, const char *value, char *error, size_t size)
{
	struct modem *modem = modem_of(link);
	ush_HelperInit *init = &modem->inits[modem->n_inits];

	if (modem->n_inits == MODEM_INITS_MAX || strncasecmp(value, "AT", 2) != 0 ||
		strlen(value) >= sizeof(init->command)) {
		snprintf(error, size, "init is an AT command of up to %zu characters, %d at most",
			sizeof(init->command) - 1, MODEM_INITS_MAX);
		return -EINVAL;
	}
	snprintf(init->command, sizeof(init->command), "%s", value);
	modem->n_inits++;
	return 0;
}

const struct link_key modem_keys[] = {
	{ "apn", set_apn },
	{ "at_device", set_at_device },
	{ "auth", set_auth },
	{ "baud", set_baud },
	{ "cmux", set_cmux },
	{ "device", set_device },
	{ "family", set_family },
	{ "flow", set_flow },
	{ "init", set_init },
	{ "password", set_password },
	{ "password_file", set_password_file },
	{ "pdp_type", set_pdp_type },
	{ "pin", set_pin },
	{ "pin_file", set_pin_file },
	{ "roaming", set_roaming },
	{ "signal_interval", set_signal_interval },
	{ "user", set_user },
	{ NULL, NULL },
};

const char *const modem_live_keys[] = {
	"apn",
	"auth",
	"password",
	"pdp_type",
	"pin",
	"roaming",
	"signal_interval",
	"user",
	NULL,
};

int modem_check(const struct link *link, char *error, size_t size)
{
	if (modem_of(link)->modem.device[0])
		return 0;
	snprintf(error, size, "the driver modem needs device");
	return -EINVAL;
}

void modem_set_defaults(struct modem *modem)
{
	if (!modem->modem.baud)
		modem->modem.baud = BAUD_DEFAULT;
	if (!modem->has_signal_interval)
		modem->modem.signal_interval_ms = SIGNAL_INTERVAL_MS;
	if (!modem->has_auth)
		modem->bearer.pap = modem->bearer.chap = modem->bearer.user[0] != '\0';
}

/* What the record says of the bearer: it is known before any modem is. */
