/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One parser for four results and their forms (TS 27.007):
 *
 *   unsolicited  <stat>[,"lac"|"tac","ci"[,<AcT>[,...]]]
 *   response     <n>,<stat>[,"lac"|"tac","ci"[,<AcT>[,...]]]
 *
 * The second field tells which it is: an area code stands in quotation marks,
 * or is left empty, a <stat> does neither. Modems that leave the marks out
 * write the area code in four hexadecimal digits, a <stat> has one or two.
 * +CGREG has a routing area code behind <AcT>, +C5GREG slice fields; <AcT> is
 * always the third field behind <stat>.
 *
 * Data need the packet domain of the technology in use; the circuit switched
 * domain counts only where a modem knows no other.
 */
#include "netif/modem/registration.h"

#include "netif/modem/fields.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const prefixes[REGISTRATION_DOMAIN_COUNT] = {
	[REGISTRATION_CS] = "+CREG:",
	[REGISTRATION_PS] = "+CGREG:",
	[REGISTRATION_EPS] = "+CEREG:",
	[REGISTRATION_5GS] = "+C5GREG:",
};

#define N_DOMAINS ((int)REGISTRATION_DOMAIN_COUNT)

/* The last that TS 27.007 7.3 names. */
#define REGISTRATION_TECHNOLOGY_MAX 15

void registration_init(struct registration *r)
{
	for (int i = 0; i < N_DOMAINS; i++)
		r->stat[i] = REGISTRATION_NONE;
	r->technology = REGISTRATION_UNKNOWN_NUMBER;
	r->area_code = r->reject_cause = REGISTRATION_UNKNOWN_NUMBER;
	r->cell_id = REGISTRATION_UNKNOWN_NUMBER;
}

/* Index of <stat> in the line, or -1. */
static int find_stat(const struct fields *f)
{
	long number;

	if (!fields_number(f, 0, &number) || number < 0)
		return -1;
	if (f->n < 2 || f->is_quoted[1] || strlen(f->text[1]) < 1 || strlen(f->text[1]) > 2)
		return 0;
	return fields_number(f, 1, &number) ? 1 : 0;
}

/* Hexadecimal digits, in quotation marks or without; NR cells have ten. */
static bool take_hex(const struct fields *f, unsigned int i, long long *number)
{
	const char *text = fields_text(f, i);
	size_t len = strlen(text);

	if (len < 1 || len > 10 || strspn(text, "0123456789abcdefABCDEF") != len)
		return false;
	*number = strtoll(text, NULL, 16);
	return true;
}

/*
 * Area and cell behind <stat>. A cause comes with <cause_type> 0 in front of it,
 * behind <AcT>; +CGREG has <rac> between.
 */
static void take_place(struct registration *r, const struct fields *f, unsigned int at, int domain)
{
	unsigned int cause_at = at + (domain == REGISTRATION_PS ? 5 : 4);
	long long area, cell;
	long type, cause;

	if (take_hex(f, at + 1, &area) && area <= 0xffffff && take_hex(f, at + 2, &cell)) {
		r->area_code = (int)area;
		r->cell_id = cell;
	}
	if (fields_number(f, cause_at, &type) && type == 0 &&
		fields_number(f, cause_at + 1, &cause) && cause >= 0 && cause <= UINT8_MAX)
		r->reject_cause = (int)cause;
}

bool registration_take(struct registration *r, const char *line)
{
	struct fields f;
	long stat, technology;
	int domain, at;

	for (domain = 0; domain < N_DOMAINS; domain++) {
		if (fields_parse(&f, line, prefixes[domain]))
			break;
	}
	if (domain == N_DOMAINS)
		return false;
	at = find_stat(&f);
	if (at < 0 || !fields_number(&f, (unsigned int)at, &stat) || stat < 0 ||
		stat > REGISTRATION_STAT_MAX)
		return false;
	r->stat[domain] = (int)stat;
	if (fields_number(&f, (unsigned int)at + 3, &technology) && technology >= 0 &&
		technology <= REGISTRATION_TECHNOLOGY_MAX)
		r->technology = (int)technology;
	take_place(r, &f, (unsigned int)at, domain);
	return true;
}

int registration_packet_stat(const struct registration *r)
{
	static const int order[] = {
		REGISTRATION_HOME,
		REGISTRATION_ROAMING,
		REGISTRATION_CSFB_HOME,
		REGISTRATION_CSFB_ROAMING,
		REGISTRATION_SEARCHING,
		REGISTRATION_DENIED,
		REGISTRATION_UNKNOWN,
		REGISTRATION_OFF,
	};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		for (int domain = REGISTRATION_PS; domain < N_DOMAINS; domain++) {
			if (r->stat[domain] == order[i])
				return order[i];
		}
	}
	return r->stat[REGISTRATION_CS];
}

static bool is_home(int stat)
{
	return stat == REGISTRATION_HOME || stat == REGISTRATION_CSFB_HOME;
}

static bool is_roaming(int stat)
{
	return stat == REGISTRATION_ROAMING || stat == REGISTRATION_CSFB_ROAMING;
}

/* True if the modem knows a domain that carries data. */
static bool has_packet_domain(const struct registration *r)
{
	for (int i = REGISTRATION_PS; i < N_DOMAINS; i++) {
		if (r->stat[i] != REGISTRATION_NONE)
			return true;
	}
	return false;
}

enum registration_verdict registration_judge(const struct registration *r, bool may_roam)
{
	int first = has_packet_domain(r) ? REGISTRATION_PS : REGISTRATION_CS;
	int last = has_packet_domain(r) ? N_DOMAINS - 1 : REGISTRATION_CS;
	bool home = false, roaming = false, refused = false, searching = false;

	for (int i = first; i <= last; i++) {
		home |= is_home(r->stat[i]);
		roaming |= is_roaming(r->stat[i]);
		refused |= r->stat[i] == REGISTRATION_DENIED;
		searching |= r->stat[i] == REGISTRATION_SEARCHING;
	}
	if (home)
		return REGISTRATION_REGISTERED;
	if (roaming)
		return may_roam ? REGISTRATION_REGISTERED_ROAMING : REGISTRATION_ROAMING_FORBIDDEN;
	return refused && !searching ? REGISTRATION_REFUSED : REGISTRATION_WAITING;
}

const char *registration_describe(const struct registration *r, bool may_roam)
{
	int best = REGISTRATION_NONE;

	switch (registration_judge(r, may_roam)) {
	case REGISTRATION_REGISTERED:
		return "registered, home network";
	case REGISTRATION_REGISTERED_ROAMING:
		return "registered, roaming";
	case REGISTRATION_ROAMING_FORBIDDEN:
		return "only a foreign network is there, and roaming = no";
	case REGISTRATION_REFUSED:
		return "the network refuses this SIM: is its subscription active?";
	case REGISTRATION_WAITING:
		break;
	}
	for (int i = 0; i < N_DOMAINS; i++) {
		if (r->stat[i] == REGISTRATION_SEARCHING || best == REGISTRATION_NONE)
			best = r->stat[i];
	}
	if (best == REGISTRATION_SEARCHING)
		return "searching a network: antenna, coverage?";
	if (best == REGISTRATION_NONE)
		return "the modem does not tell whether it is registered";
	return "not registered: antenna, coverage?";
}

const char *registration_technology_name(int technology)
{
	/* <AcT>, TS 27.007 7.3. */
	static const char *const names[] = {
		"GSM",
		"GSM",
		"UMTS",
		"EDGE",
		"HSDPA",
		"HSUPA",
		"HSPA",
		"LTE",
		"EC-GSM",
		"NB-IoT",
		"LTE",
		"NR",
		"NR",
		"LTE+NR",
	};

	if (technology < 0 || (size_t)technology >= sizeof(names) / sizeof(names[0]))
		return "";
	return names[technology];
}
