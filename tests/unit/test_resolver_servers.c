/* SPDX-License-Identifier: MIT */
#include "daemon/resolver_servers.h"

#include "daemon/usocketd.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define LINKS 3

/* Servers are separated by blanks; as expected each with its scope after #. */
static const struct servers_row {
	const char *configured;
	struct {
		uint8_t rank;
		const char *dns;
	} links[LINKS];
	const char *expected;
} rows[] = {
	{ "", { { 0, "" }, { 0, "" }, { 0, "" } }, "" },
	{ "", { { 1, "192.0.2.1" }, { 2, "192.0.2.2" }, { 3, "192.0.2.3" } }, "192.0.2.1#1" },
	{ "", { { 3, "192.0.2.1" }, { 2, "192.0.2.2" }, { 1, "192.0.2.3" } }, "192.0.2.3#3" },
	/* Of a link that is down nobody is asked. */
	{ "", { { 0, "192.0.2.1" }, { 1, "192.0.2.2" }, { 0, "" } }, "192.0.2.2#2" },
	{ "", { { 0, "192.0.2.1" }, { 0, "192.0.2.2" }, { 0, "" } }, "" },
	/* The best one has none. */
	{ "", { { 1, "" }, { 2, "192.0.2.2 2001:db8::2" }, { 0, "" } },
		"192.0.2.2#2 2001:db8::2#2" },
	{ "", { { 1, "fe80::1" }, { 0, "" }, { 0, "" } }, "fe80::1#1" },
	{ "", { { 1, "127.0.0.1" }, { 0, "" }, { 0, "" } }, "127.0.0.1#0" },
	/* What is configured goes before all links' own. */
	{ "198.51.100.1", { { 1, "192.0.2.1" }, { 0, "" }, { 0, "" } }, "198.51.100.1#0" },
	{ "198.51.100.1 127.0.0.1", { { 0, "" }, { 0, "" }, { 0, "" } }, "127.0.0.1#0" },
};

static size_t parse(struct address *out, const char *list)
{
	char copy[200], *save, *one;
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", list);
	for (one = strtok_r(copy, " ", &save); one; one = strtok_r(NULL, " ", &save))
		ck_assert_int_eq(address_parse_ip(&out[n++], one), 0);
	return n;
}

static void list(char *text, size_t size, const struct address *servers, size_t n)
{
	char one[ADDRESS_TEXT_MAX];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		struct address bare = servers[i];

		bare.scope = 0;
		len += (size_t)snprintf(text + len, size - len, "%s%s#%u", i > 0 ? " " : "",
			address_ip_text(&bare, one), servers[i].scope);
	}
}

START_TEST(servers_are_those_of_the_best_link)
{
	const struct servers_row *row = &rows[_i];
	static struct usocketd daemon;
	struct address servers[CONFIG_SERVERS_MAX] = { 0 };
	char text[300];
	size_t n;

	memset(&daemon, 0, sizeof(daemon));
	daemon.n_links = LINKS;
	daemon.config.n_servers = (uint32_t)parse(daemon.config.servers, row->configured);
	for (int i = 0; i < LINKS; i++) {
		daemon.link_records[i].rank = row->links[i].rank;
		parse(daemon.link_records[i].dns, row->links[i].dns);
	}
	n = resolver_servers_choose(&daemon, servers);
	list(text, sizeof(text), servers, n);
	ck_assert_str_eq(text, row->expected);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("servers");

	tcase_add_loop_test(tc, servers_are_those_of_the_best_link, 0,
		sizeof(rows) / sizeof(rows[0]));
	return run_suite("resolver_servers", tc);
}
