/* SPDX-License-Identifier: MIT */
#include "client/preload/prefix.h"

#include "tests/unit/run_suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static void read_ip(const char *text, uint8_t ip[16])
{
	struct in_addr ipv4;

	if (inet_pton(AF_INET, text, &ipv4) == 1)
		prefix_map_ipv4(ip, &ipv4);
	else
		ck_assert_int_eq(inet_pton(AF_INET6, text, ip), 1);
}

struct membership {
	const char *prefix;
	const char *ip;
	bool contained;
};

static const struct membership memberships[] = {
	{ "192.0.2.0/24", "192.0.2.0", true },
	{ "192.0.2.0/24", "192.0.2.255", true },
	{ "192.0.2.0/24", "192.0.3.0", false },
	{ "192.0.2.128/25", "192.0.2.127", false },
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.2", false },
	{ "0.0.0.0/0", "255.255.255.255", true },
	{ "0.0.0.0/0", "2001:db8::1", false },
	{ "192.0.2.0/24", "::ffff:192.0.2.7", true },
	{ "2001:db8::/33", "2001:db8:7fff::1", true },
	{ "2001:db8::/33", "2001:db8:8000::1", false },
	{ "::/0", "2001:db8::1", true },
	{ "::1", "::1", true },
};

START_TEST(prefix_contains_its_addresses_only)
{
	const struct membership *m = &memberships[_i];
	struct prefix prefix;
	uint8_t ip[16];

	ck_assert_int_eq(prefix_parse(&prefix, m->prefix, (unsigned int)strlen(m->prefix)), 0);
	read_ip(m->ip, ip);
	ck_assert_int_eq(prefix_contains(&prefix, ip), m->contained);
}
END_TEST

static const char *const refused[] = {
	"",
	"/",
	"1.2.3",
	"1.2.3.4/",
	"1.2.3.4/33",
	"1.2.3.4/-1",
	"1.2.3.4/8x",
	"1.2.3.4/99999999999999999999",
	"2001:db8::/129",
	"2001:db8::/ 8",
	"host.test",
	"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
};

START_TEST(prefix_malformed_is_refused)
{
	struct prefix prefix;

	ck_assert_int_eq(prefix_parse(&prefix, refused[_i], (unsigned int)strlen(refused[_i])),
		-EINVAL);
}
END_TEST

START_TEST(prefix_in_a_list_ends_at_its_length)
{
	struct prefix prefix;
	uint8_t ip[16];

	ck_assert_int_eq(prefix_parse(&prefix, "10.0.0.0/8,junk", 10), 0);
	read_ip("10.255.0.1", ip);
	ck_assert(prefix_contains(&prefix, ip));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("prefix");

	tcase_add_loop_test(tc, prefix_contains_its_addresses_only, 0,
		sizeof(memberships) / sizeof(memberships[0]));
	tcase_add_loop_test(tc, prefix_malformed_is_refused, 0,
		sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(tc, prefix_in_a_list_ends_at_its_length);
	return run_suite("run_prefix", tc);
}
