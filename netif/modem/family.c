/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One row a family; a new one is a new row. Commands are those of the vendors'
 * AT manuals:
 *
 *   quectel  EC2x, EG9x, BG9x, RG5x: +QPINC, +QCCID, +QICSGP, +QCSQ
 *   simcom   SIM7xxx, A76xx: +SPIC, +CICCID, +CGAUTH (password before user),
 *            +CPSI, +CRESET
 *   telit    LE9xx, ME9xx: #PCT, #CCID, #PDPAUTH, #RFSTS, #REBOOT
 *   u-blox   SARA, TOBY, LARA: +UPINCNT, +CCID, +UAUTHREQ, +CFUN=16
 *
 * A command that a certain model does not know is answered with an error, which
 * costs nothing: all of these are asked for what may be missing.
 */
#include "netif/modem/family.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static int write_cgauth(char *out, size_t size, const struct family_account *a)
{
	if (a->auth == FAMILY_AUTH_NONE)
		return snprintf(out, size, "AT+CGAUTH=%d,0", a->cid);
	return snprintf(out, size, "AT+CGAUTH=%d,%d,\"%s\",\"%s\"", a->cid, (int)a->auth, a->user,
		a->password);
}

static int write_simcom(char *out, size_t size, const struct family_account *a)
{
	if (a->auth == FAMILY_AUTH_NONE)
		return snprintf(out, size, "AT+CGAUTH=%d,0", a->cid);
	return snprintf(out, size, "AT+CGAUTH=%d,%d,\"%s\",\"%s\"", a->cid, (int)a->auth,
		a->password, a->user);
}

/* <context_type>: 1 IPv4, 2 IPv6, 3 both. */
static int write_quectel(char *out, size_t size, const struct family_account *a)
{
	int type = strcmp(a->type, "IPV4V6") == 0 ? 3 : strcmp(a->type, "IPV6") == 0 ? 2
										     : 1;

	return snprintf(out, size, "AT+QICSGP=%d,%d,\"%s\",\"%s\",\"%s\",%d", a->cid, type, a->apn,
		a->user, a->password, (int)a->auth);
}

static int write_telit(char *out, size_t size, const struct family_account *a)
{
	if (a->auth == FAMILY_AUTH_NONE)
		return snprintf(out, size, "AT#PDPAUTH=%d,0", a->cid);
	return snprintf(out, size, "AT#PDPAUTH=%d,%d,\"%s\",\"%s\"", a->cid, (int)a->auth, a->user,
		a->password);
}

static int write_ublox(char *out, size_t size, const struct family_account *a)
{
	if (a->auth == FAMILY_AUTH_NONE)
		return snprintf(out, size, "AT+UAUTHREQ=%d,0", a->cid);
	return snprintf(out, size, "AT+UAUTHREQ=%d,%d,\"%s\",\"%s\"", a->cid, (int)a->auth,
		a->user, a->password);
}

static const struct family families[] = {
	{
		.name = "generic",
		.pin_tries = { "AT+CPINR=\"SIM PIN\"", "+CPINR:" },
		.pin_tries_field = 1,
		.iccid = { "AT+CCID", "+CCID:" },
		.reset = "AT+CFUN=1,1",
		.write_account = write_cgauth,
	},
	{
		.name = "quectel",
		.manufacturer = "quectel",
		.pin_tries = { "AT+QPINC=\"SC\"", "+QPINC:" },
		.pin_tries_field = 1,
		.iccid = { "AT+QCCID", "+QCCID:" },
		.reset = "AT+CFUN=1,1",
		.signals = { { "AT+QCSQ", "+QCSQ:" } },
		.write_account = write_quectel,
	},
	{
		.name = "simcom",
		.manufacturer = "simcom",
		.pin_tries = { "AT+SPIC", "+SPIC:" },
		.pin_tries_field = 0,
		.iccid = { "AT+CICCID", "+ICCID:" },
		.reset = "AT+CRESET",
		.signals = { { "AT+CPSI?", "+CPSI:" } },
		.write_account = write_simcom,
	},
	{
		.name = "telit",
		.manufacturer = "telit",
		.pin_tries = { "AT#PCT", "#PCT:" },
		.pin_tries_field = 0,
		.iccid = { "AT#CCID", "#CCID:" },
		.reset = "AT#REBOOT",
		.signals = { { "AT#RFSTS", "#RFSTS:" } },
		.write_account = write_telit,
	},
	{
		.name = "u-blox",
		.manufacturer = "u-blox",
		.pin_tries = { "AT+UPINCNT", "+UPINCNT:" },
		.pin_tries_field = 0,
		.iccid = { "AT+CCID", "+CCID:" },
		.reset = "AT+CFUN=16",
		.write_account = write_ublox,
	},
};
#define N_FAMILIES (sizeof(families) / sizeof(families[0]))

const struct family *family_generic(void)
{
	return &families[0];
}

const struct family *family_find(const char *name)
{
	for (size_t i = 0; i < N_FAMILIES; i++) {
		if (strcmp(families[i].name, name) == 0)
			return &families[i];
	}
	return NULL;
}

const struct family *family_of(const char *manufacturer)
{
	for (size_t i = 0; i < N_FAMILIES; i++) {
		if (families[i].manufacturer && strcasestr(manufacturer, families[i].manufacturer))
			return &families[i];
	}
	return family_generic();
}

void family_list(char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < N_FAMILIES && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", i ? ", " : "",
			families[i].name);
}
