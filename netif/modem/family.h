/* SPDX-License-Identifier: MIT */
/*
 * Families of modems: what differs between vendors' AT commands, as const data.
 */
#ifndef NETIF_MODEM_FAMILY_H
#define NETIF_MODEM_FAMILY_H

#include "netif/modem/signal.h"

#include <stdbool.h>
#include <stddef.h>

/* How many signal commands a family may have besides +CSQ and +CESQ. */
#define FAMILY_SIGNALS_MAX 2

/* <auth_prot> of +CGAUTH, TS 27.007 10.1.31, which all vendors number alike. */
enum family_auth {
	FAMILY_AUTH_NONE = 0,
	FAMILY_AUTH_PAP = 1,
	FAMILY_AUTH_CHAP = 2,
};

/* What goes into the command that gives a PDP context its user and password. */
struct family_account {
	int cid;
	const char *type; /* "IP", "IPV6" or "IPV4V6" */
	const char *apn;
	const char *user, *password;
	enum family_auth auth;
};

/* A query, and what its answer's line begins with. */
struct family_query {
	const char *command; /* NULL: the family has none */
	const char *prefix;
};

struct family {
	const char *name; /* of the configuration's key `family` */
	/* What +CGMI says, in part, in any case; NULL: it is never found so. */
	const char *manufacturer;
	/* Tries left for the SIM's PIN, and which number of the answer says it. */
	struct family_query pin_tries;
	unsigned int pin_tries_field;
	/* The SIM card's number. */
	struct family_query iccid;
	/* Restarts the modem; it answers OK, or not at all. */
	const char *reset;
	/* Signal levels; an answer is taken by signal_take(). */
	struct family_query signals[FAMILY_SIGNALS_MAX];
	/*
	 * Writes the command for a context's account. Returns its length, as
	 * snprintf().
	 */
	int (*write_account)(char *out, size_t size, const struct family_account *account);
};

/* The one that fits every modem which keeps to TS 27.007. */
const struct family *family_generic(void);

/* By the configuration's name, or NULL. */
const struct family *family_find(const char *name);

/* By what the modem says of its manufacturer; never NULL. */
const struct family *family_of(const char *manufacturer);

/* The names of all, separated by ", ". */
void family_list(char *out, size_t size);

#endif
