/* SPDX-License-Identifier: MIT */
/*
 * What is made of AT lines: fields, registration, signal, and what the log may
 * have of them.
 */
#include "netif/modem/family.h"
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

/* Lines that tell a place, one after the other, and what is known then. */
static const struct {
	const char *line;
	int area_code;
	long long cell_id;
	int reject_cause;
} places[] = {
	{ "+CEREG: 2", -1, -1, -1 },
	{ "+CREG: 2,1,\"1A2B\",\"01C3D4E5\",7", 0x1a2b, 0x01c3d4e5, -1 },
	{ "+CREG: 1,00C3,A1B2,0", 0x00c3, 0xa1b2, -1 },
	{ "+C5GREG: 2,1,\"AB12CD\",\"0123456789\",11", 0xab12cd, 0x123456789, -1 },
	{ "+CEREG: 3,3,\"54A1\",\"0A0B0C0D\",7,0,15", 0x54a1, 0x0a0b0c0d, 15 },
	{ "+CGREG: 3,3,\"54A1\",\"0A0B\",2,\"01\",0,7", 0x54a1, 0x0a0b, 7 },
	/* A cause of the manufacturer's own numbering is none. */
	{ "+CEREG: 3,3,\"54A1\",\"0A0B0C0D\",7,1,15", 0x54a1, 0x0a0b0c0d, -1 },
	{ "+CREG: 2,1,\"FFFFFFF\",\"1\",7", -1, -1, -1 },
	{ "+CREG: 2,1,\"xyz\",\"1\",7", -1, -1, -1 },
	{ "+CREG: 2,1,\"\",\"\",99", -1, -1, -1 },
};

START_TEST(place_and_cause_of_a_registration)
{
	struct registration r;

	registration_init(&r);
	ck_assert(registration_take(&r, places[_i].line));
	ck_assert_int_eq(r.area_code, places[_i].area_code);
	ck_assert_int_eq(r.cell_id, places[_i].cell_id);
	ck_assert_int_eq(r.reject_cause, places[_i].reject_cause);
	ck_assert_int_le(r.technology, 11);
}
END_TEST

START_TEST(scripts_see_the_best_packet_domain)
{
	struct registration r;

	registration_init(&r);
	ck_assert_int_eq(registration_packet_stat(&r), REGISTRATION_NONE);
	r.stat[REGISTRATION_CS] = REGISTRATION_HOME;
	ck_assert_int_eq(registration_packet_stat(&r), REGISTRATION_HOME);
	r.stat[REGISTRATION_PS] = REGISTRATION_DENIED;
	ck_assert_int_eq(registration_packet_stat(&r), REGISTRATION_DENIED);
	r.stat[REGISTRATION_EPS] = REGISTRATION_ROAMING;
	ck_assert_int_eq(registration_packet_stat(&r), REGISTRATION_ROAMING);
}
END_TEST

#define U SIGNAL_UNKNOWN

static const struct {
	const char *line;
	bool is_taken;
	struct signal_levels levels; /* RSSI, RSRP, RSRQ, SINR */
} levels[] = {
	{ "+CSQ: 20,99", true, { -73, U, U, U } },
	{ "+CSQ: 0,0", true, { -113, U, U, U } },
	{ "+CSQ: 31,0", true, { -51, U, U, U } },
	{ "+CSQ: 99,99", true, { U, U, U, U } },
	{ "+CESQ: 99,99,255,255,20,50", true, { U, -91, -10, U } },
	{ "+CESQ: 99,99,255,255,255,255", true, { U, U, U, U } },
	{ "+CESQ: 1", true, { U, U, U, U } },
	{ "+QCSQ: \"LTE\",-59,-91,150,-11", true, { -59, -91, -11, 10 } },
	{ "+QCSQ: \"GSM\",-70", true, { -70, U, U, U } },
	{ "+QCSQ: \"NR5G\",-88,13,-11", true, { U, -88, -11, 13 } },
	{ "+QCSQ: \"NOSERVICE\"", true, { U, U, U, U } },
	{ "+CPSI: LTE,Online,460-11,0x5A1E,187214780,257,EUTRAN-BAND3,1850,5,5,-94,-850,-545,15",
		true, { -54, -85, -9, 15 } },
	{ "+CPSI: GSM,Online,460-00,0x182d,12401,27 EGSM 900,-64,2110,42-42", true,
		{ U, U, U, U } },
	{ "+CPSI: NO SERVICE,Online", true, { U, U, U, U } },
	{ "#RFSTS: \"222 01\",1850,-99,-68,-12,54A1,FF,0,128,19,0,\"A1\",\"22201123\",\"I\",3,3",
		true, { -68, -99, -12, U } },
	{ "#RFSTS: \"222 01\",40,-71,8,2,18,1,54A1", true, { U, U, U, U } },
	{ "+QCSQ: \"LTE\",-59000,-91,99999,-11", true, { U, -91, -11, U } },
	{ "+CREG: 1", false, { U, U, U, U } },
};

START_TEST(signal_levels)
{
	struct signal_levels s;

	signal_init(&s);
	ck_assert_int_eq(signal_take(&s, levels[_i].line), levels[_i].is_taken);
	ck_assert_int_eq(s.rssi_dbm, levels[_i].levels.rssi_dbm);
	ck_assert_int_eq(s.rsrp_dbm, levels[_i].levels.rsrp_dbm);
	ck_assert_int_eq(s.rsrq_db, levels[_i].levels.rsrq_db);
	ck_assert_int_eq(s.sinr_db, levels[_i].levels.sinr_db);
}
END_TEST

/* ---- families ------------------------------------------------------------------ */

static const struct {
	const char *manufacturer, *family;
} makers[] = {
	{ "Quectel", "quectel" },
	{ "QUECTEL Incorporated", "quectel" },
	{ "SIMCOM INCORPORATED", "simcom" },
	{ "Telit", "telit" },
	{ "u-blox", "u-blox" },
	{ "Somebody else", "generic" },
	{ "", "generic" },
};

START_TEST(family_by_its_manufacturer)
{
	const struct family *family = family_of(makers[_i].manufacturer);

	ck_assert_str_eq(family->name, makers[_i].family);
	ck_assert_ptr_eq(family_find(makers[_i].family), family);
}
END_TEST

static const struct {
	const char *family, *type;
	enum family_auth auth;
	const char *command;
} accounts[] = {
	{ "generic", "IP", FAMILY_AUTH_NONE, "AT+CGAUTH=1,0" },
	{ "generic", "IP", FAMILY_AUTH_PAP, "AT+CGAUTH=1,1,\"ada\",\"word\"" },
	{ "quectel", "IP", FAMILY_AUTH_NONE, "AT+QICSGP=1,1,\"net\",\"ada\",\"word\",0" },
	{ "quectel", "IPV6", FAMILY_AUTH_CHAP, "AT+QICSGP=1,2,\"net\",\"ada\",\"word\",2" },
	{ "quectel", "IPV4V6", FAMILY_AUTH_PAP, "AT+QICSGP=1,3,\"net\",\"ada\",\"word\",1" },
	{ "simcom", "IP", FAMILY_AUTH_CHAP, "AT+CGAUTH=1,2,\"word\",\"ada\"" },
	{ "simcom", "IP", FAMILY_AUTH_NONE, "AT+CGAUTH=1,0" },
	{ "telit", "IP", FAMILY_AUTH_PAP, "AT#PDPAUTH=1,1,\"ada\",\"word\"" },
	{ "telit", "IP", FAMILY_AUTH_NONE, "AT#PDPAUTH=1,0" },
	{ "u-blox", "IP", FAMILY_AUTH_CHAP, "AT+UAUTHREQ=1,2,\"ada\",\"word\"" },
	{ "u-blox", "IP", FAMILY_AUTH_NONE, "AT+UAUTHREQ=1,0" },
};

START_TEST(account_in_the_words_of_a_family)
{
	const struct family_account account = {
		.cid = 1,
		.type = accounts[_i].type,
		.apn = "net",
		.user = "ada",
		.password = "word",
		.auth = accounts[_i].auth,
	};
	char command[100], masked[100];

	family_find(accounts[_i].family)->write_account(command, sizeof(command), &account);
	ck_assert_str_eq(command, accounts[_i].command);
	mask_line(masked, sizeof(masked), command);
	ck_assert_ptr_null(strstr(masked, "word"));
}
END_TEST

START_TEST(families_are_named_in_a_list)
{
	char names[96], few[12];

	family_list(names, sizeof(names));
	ck_assert_str_eq(names, "generic, quectel, simcom, telit, u-blox");
	family_list(few, sizeof(few));
	ck_assert_str_eq(few, "generic, qu");
	ck_assert_ptr_null(family_find("nokia"));
}
END_TEST

static const struct {
	const char *line, *masked;
} secrets[] = {
	{ "AT+CSQ", "AT+CSQ" },
	{ "AT+CPIN=\"1234\"", "AT+CPIN=****" },
	{ "at+cpin=\"1234\"", "at+cpin=****" },
	{ "AT+CPIN?", "AT+CPIN?" },
	{ "AT+CPIN = 1234", "AT+CPIN =****" },
	{ "AT+CREG?;+CPIN2=\"1234\"", "AT+CREG?;+CPIN2=****" },
	{ "+CPIN: READY", "+CPIN: READY" },
	{ "AT+CSTT=\"apn\",\"me\",\"secret\"", "AT+CSTT=****" },
	{ "+UPSD: 0,3,\"secret\"", "+UPSD:****" },
	{ "AT#SGACT=1,1,\"me\",\"secret\"", "AT#SGACT=****" },
	{ "#SGACT: 10.0.0.1", "#SGACT: 10.0.0.1" },
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
	ADD(place_and_cause_of_a_registration, places);
	tcase_add_test(tc, scripts_see_the_best_packet_domain);
	ADD(signal_levels, levels);
	ADD(family_by_its_manufacturer, makers);
	ADD(account_in_the_words_of_a_family, accounts);
	tcase_add_test(tc, families_are_named_in_a_list);
	ADD(log_lines_have_no_secrets, secrets);
	return run_suite("modem_replies", tc);
}
