/* SPDX-License-Identifier: MIT */
#include "netif/link.h"

#include "tests/unit/run_suite.h"

static const struct {
	const char *command;
	bool is_harmful;
} rows[] = {
	{ "AT", false },
	{ "at+csq", false },
	{ "ATI", false },
	{ "ATI1;+CSQ", false },
	{ "AT+CGDCONT=1,\"IP\",\"add;d\"", false },
	{ "AT+COPS=0;+CREG?", false },
	{ "AT+CMUX=?", false },
	{ "AT+CMUX?", false },
	{ "AT+IPR ?", false },
	{ "AT+CMGF=1", false },
	{ "AT%DATA=1", false },
	{ "AT&V", false },
	{ "ATS7=45", false },
	{ "ATD*99#", true },
	{ "at d112;", true },
	{ "ATH", true },
	{ "ATO", true },
	{ "ATA", true },
	{ "ATZ", true },
	{ "AT&F", true },
	{ "ATE1", true },
	{ "ATX4D*99#", true },
	{ "AT+CSQ;D*99#", true },
	{ "AT+CSQ; +CMUX=0", true },
	{ "AT+CGDCONT=1,\"IP\",\"a;b\";+CGDATA=\"PPP\",1", true },
	{ "AT+cmux=0", true },
	{ "AT+IPR=9600", true },
	{ "AT+CMGS=\"1\"", true },
	{ "+++", false }, /* no AT command: link_at() says so */
	{ "", false },
};

START_TEST(command_that_takes_the_line_away_is_found)
{
	const char *why = link_at_harm(rows[_i].command);

	ck_assert_msg((why != NULL) == rows[_i].is_harmful, "%s: %s", rows[_i].command,
		why ? why : "harmless");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("harm");

	tcase_add_loop_test(tc, command_that_takes_the_line_away_is_found, 0,
		(int)(sizeof(rows) / sizeof(rows[0])));
	return run_suite("link_at", tc);
}
