/* SPDX-License-Identifier: MIT */
/*
 * What is made of AT lines: fields, registration, signal, and what the log may
 * have of them.
 */
#include "netif/modem/fields.h"
#include "netif/modem/mask.h"
#include "netif/modem/registration.h"
#include "netif/modem/signal.h"

#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *line, *prefix, *fields;
} splits[] = {
	{ "+CSQ: 20,99", "+CSQ:", "20|99|" },
	{ "+COPS: 0,0,\"A, B\",7", "+COPS:", "0|0|A, B|7|" },
	{ "+X:1, ,\"\",", "+X:", "1||||" },
	{ "+X: (1,2) , 3", "+X:", "1|2|3|" },
	{ "+X: \"open", "+X:", "open|" },
	{ "plain", NULL, "plain|" },
	{ "+Y: 1", "+X:", NULL },
};

START_TEST(line_is_taken_apart)
{
	char text[200] = "";
	struct fields f;
	bool is_taken = fields_parse(&f, splits[_i].line, splits[_i].prefix);

	ck_assert_int_eq(is_taken, splits[_i].fields != NULL);
	if (!is_taken)
		return;
	for (unsigned int i = 0; i < f.n; i++) {
		strcat(text, fields_text(&f, i));
		strcat(text, "|");
	}
	ck_assert_str_eq(text, splits[_i].fields);
}
END_TEST

START_TEST(too_many_or_too_long_fields_do_no_harm)
{
	char line[FIELDS_TEXT_MAX + 8];
	struct fields f;
	long n;

	memset(line, ',', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	ck_assert(!fields_parse(&f, line, NULL));
	line[100] = '\0';
	ck_assert(fields_parse(&f, line, NULL));
	ck_assert_uint_eq(f.n, FIELDS_MAX);
	ck_assert(fields_parse(&f, "1,\"2\",x,99999999999999999999", NULL));
	ck_assert(fields_number(&f, 0, &n) && n == 1);
	ck_assert(!fields_number(&f, 1, &n));
	ck_assert(!fields_number(&f, 2, &n));
	ck_assert(!fields_number(&f, 3, &n));
	ck_assert(!fields_number(&f, 4, &n));
}
END_TEST

static const struct {
	const char *line;
	enum registration_domain domain;
	int stat; /* -1: not taken */
	const char *technology;
} registrations[] = {
	{ "+CREG: 1", REGISTRATION_CS, 1, "" },
	{ "+CREG: 0,1", REGISTRATION_CS, 1, "" },
	{ "+CREG: 2,5,\"1A2B\",\"01C3D4E5\",7", REGISTRATION_CS, 5, "LTE" },
	{ "+CREG: 1,\"1A2B\",\"01C3D4E5\",2", REGISTRATION_CS, 1, "UMTS" },
	{ "+CREG: 1,1A2B,01C3D4E5,0", REGISTRATION_CS, 1, "GSM" },
	{ "+CGREG: 0,3", REGISTRATION_PS, 3, "" },
	{ "+CGREG: 2,1,\"00C3\",\"A1B2\",6,\"01\"", REGISTRATION_PS, 1, "HSPA" },
	{ "+CEREG: 5,\"54A1\",\"0A0B0C0D\",9", REGISTRATION_EPS, 5, "NB-IoT" },
	{ "+CEREG: 4,1,,,7,,,\"00000100\",\"00100110\"", REGISTRATION_EPS, 1, "LTE" },
	{ "+CEREG: 2", REGISTRATION_EPS, 2, "" },
	{ "+C5GREG: 2,1,\"AB12CD\",\"0123456789\",11,\"01\"", REGISTRATION_5GS, 1, "NR" },
	{ "+CREG: 12", REGISTRATION_CS, -1, "" },
	{ "+CREG: ", REGISTRATION_CS, -1, "" },
	{ "+CREG: x,y", REGISTRATION_CS, -1, "" },
	{ "+CSQ: 1,2", REGISTRATION_CS, -1, "" },
};

START_TEST(registration_in_all_forms)
{
	struct registration r;

	registration_init(&r);
	ck_assert_int_eq(registration_take(&r, registrations[_i].line),
		registrations[_i].stat != -1);
	ck_assert_int_eq(r.stat[registrations[_i].domain], registrations[_i].stat);
	ck_assert_str_eq(registration_technology_name(r.technology), registrations[_i].technology);
}
END_TEST

static const struct {
	int stat[REGISTRATION_DOMAIN_COUNT]; /* CS, PS, EPS, 5GS */
	bool may_roam;
	enum registration_verdict verdict;
} judgements[] = {
	{ { -1, -1, -1, -1 }, true, REGISTRATION_WAITING },
	{ { 1, -1, -1, -1 }, false, REGISTRATION_REGISTERED },
	{ { 1, 2, 2, -1 }, false, REGISTRATION_WAITING },
	{ { 0, 0, 1, -1 }, false, REGISTRATION_REGISTERED },
	{ { 3, 5, -1, -1 }, true, REGISTRATION_REGISTERED_ROAMING },
	{ { 5, 5, 5, -1 }, false, REGISTRATION_ROAMING_FORBIDDEN },
	{ { 1, 3, 3, -1 }, true, REGISTRATION_REFUSED },
	{ { 1, 3, 2, -1 }, true, REGISTRATION_WAITING },
	{ { 0, 0, 0, 1 }, true, REGISTRATION_REGISTERED },
	{ { 6, 6, 6, -1 }, true, REGISTRATION_WAITING },
};

START_TEST(registration_verdicts)
{
	struct registration r;

	registration_init(&r);
	memcpy(r.stat, judgements[_i].stat, sizeof(r.stat));
	ck_assert_int_eq(registration_judge(&r, judgements[_i].may_roam), judgements[_i].verdict);
	ck_assert_str_ne(registration_describe(&r, judgements[_i].may_roam), "");
}
END_TEST

static const struct {
	const char *line;
	bool is_taken;
	int rssi, rsrp, rsrq;
} levels[] = {
	{ "+CSQ: 20,99", true, -73, SIGNAL_UNKNOWN, SIGNAL_UNKNOWN },
	{ "+CSQ: 0,0", true, -113, SIGNAL_UNKNOWN, SIGNAL_UNKNOWN },
	{ "+CSQ: 31,0", true, -51, SIGNAL_UNKNOWN, SIGNAL_UNKNOWN },
	{ "+CSQ: 99,99", true, SIGNAL_UNKNOWN, SIGNAL_UNKNOWN, SIGNAL_UNKNOWN },
	{ "+CESQ: 99,99,255,255,20,50", true, SIGNAL_UNKNOWN, -91, -10 },
	{ "+CESQ: 99,99,255,255,255,255", true, SIGNAL_UNKNOWN, SIGNAL_UNKNOWN, SIGNAL_UNKNOWN },
	{ "+CESQ: 1", true, SIGNAL_UNKNOWN, SIGNAL_UNKNOWN, SIGNAL_UNKNOWN },
	{ "+CREG: 1", false, SIGNAL_UNKNOWN, SIGNAL_UNKNOWN, SIGNAL_UNKNOWN },
};

START_TEST(signal_levels)
{
	struct signal_levels s;

	signal_init(&s);
	ck_assert_int_eq(signal_take(&s, levels[_i].line), levels[_i].is_taken);
	ck_assert_int_eq(s.rssi_dbm, levels[_i].rssi);
	ck_assert_int_eq(s.rsrp_dbm, levels[_i].rsrp);
	ck_assert_int_eq(s.rsrq_db, levels[_i].rsrq);
}
END_TEST

static const struct {
	const char *line, *masked;
} secrets[] = {
	{ "AT+CSQ", "AT+CSQ" },
	{ "AT+CPIN=\"1234\"", "AT+CPIN=****" },
	{ "at+cpin=\"1234\"", "at+cpin=****" },
	{ "AT+CPIN?", "AT+CPIN?" },
	/* Behind what a line left in the modem's or our buffer. */
	{ "*3at+cpin=\"1234\"", "*3at+cpin=****" },
	{ "AT+CGAUTH=1,1,\"AT+CPIN=1\"", "AT+CGAUTH=****" },
	{ "+CGAUTH: 1,1,\"user\",\"word\"", "+CGAUTH:****" },
	{ "262011234567890AT+CPIN=1", "26201**********AT+CPIN=****" },
	{ "AT+CGAUTH=1,1,\"u\",\"p\"", "AT+CGAUTH=****" },
	{ "262011234567890", "26201**********" },
	{ "+CCID: 8949020000012345678", "+CCID: 89490**************" },
	{ "+CREG: 0,1,\"1A2B\",\"01C3D4E5\",7", "+CREG: 0,1,\"1A2B\",\"01C3D4E5\",7" },
};

START_TEST(log_lines_have_no_secrets)
{
	char masked[100];

	mask_line(masked, sizeof(masked), secrets[_i].line);
	ck_assert_str_eq(masked, secrets[_i].masked);
}
END_TEST

#define ADD(test, rows) \
	tcase_add_loop_test(tc, test, 0, (int)(sizeof(rows) / sizeof(rows[0])))

int main(void)
{
	TCase *tc = tcase_create("replies");

	ADD(line_is_taken_apart, splits);
	tcase_add_test(tc, too_many_or_too_long_fields_do_no_harm);
	ADD(registration_in_all_forms, registrations);
	ADD(registration_verdicts, judgements);
	ADD(signal_levels, levels);
	ADD(log_lines_have_no_secrets, secrets);
	return run_suite("modem_replies", tc);
}
