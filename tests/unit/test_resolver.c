/* SPDX-License-Identifier: MIT */
#include "daemon/resolver.h"

#include "netif/stack.h"
#include "proto/status.h"
#include "tests/unit/daemon_fixture.h"
#include "tests/unit/fake_dns.h"
#include "tests/unit/run_suite.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PORT	    5300
#define SECOND_PORT 5301
/* Long before a time-out of a minute; a machine may stand still meanwhile. */
#define AT_ONCE_MS 20000

static struct daemon_fixture f;
static struct fake_dns dns, second;

/* One look-up and what came of it. */
struct result {
	int n_calls;
	struct resolver_answer answer;
	struct lookup *lookup;
};

static struct address loopback_server(uint16_t port)
{
	return (struct address){ .family = ADDRESS_IPV4, .port = port, .ip = { 127, 0, 0, 1 } };
}

static void one_server(struct config *config)
{
	config->servers[0] = loopback_server(PORT);
	config->n_servers = 1;
	config->resolve_timeout_s = 3;
}

static void setup(void)
{
	daemon_fixture_init(&f, one_server);
	fake_dns_start(&dns, PORT, false);
	fake_dns_start(&second, SECOND_PORT, false);
}

static void teardown(void)
{
	fake_dns_stop(&second);
	fake_dns_stop(&dns);
	daemon_fixture_fini(&f);
}

static void on_done(const struct resolver_answer *answer, void *arg)
{
	struct result *result = arg;

	result->n_calls++;
	result->answer = *answer;
}

static void start(struct result *result, const char *name, enum address_family family)
{
	*result = (struct result){ 0 };
	ck_assert_int_eq(resolver_start(f.daemon.resolver, name, family, on_done, result,
				 &result->lookup),
		0);
	ck_assert_int_eq(result->n_calls, 0);
}

static bool is_done(void *arg)
{
	return ((struct result *)arg)->n_calls > 0;
}

static struct result wait_for(struct result *result)
{
	daemon_fixture_run_until(&f, is_done, result);
	ck_assert_int_eq(result->n_calls, 1);
	return *result;
}

static struct result resolve(const char *name, enum address_family family)
{
	struct result result;

	start(&result, name, family);
	return wait_for(&result);
}

/* All addresses as one text, separated by blanks. */
static const char *addresses(const struct result *result)
{
	static char text[1024];
	char one[ADDRESS_TEXT_MAX];

	text[0] = '\0';
	for (size_t i = 0; i < result->answer.n_addresses; i++) {
		if (i > 0)
			strcat(text, " ");
		strcat(text, address_ip_text(&result->answer.addresses[i], one));
	}
	return text;
}

static void use_servers(uint32_t n, struct address a, struct address b)
{
	f.daemon.config.servers[0] = a;
	f.daemon.config.servers[1] = b;
	f.daemon.config.n_servers = n;
	resolver_update_servers(f.daemon.resolver);
	daemon_fixture_run(&f, 5);
}

/* ---- without a question ---- */

static const struct {
	const char *name;
	enum address_family family;
	const char *addresses; /* NULL: unknown */
} immediate[] = {
	{ "192.0.2.9", ADDRESS_NONE, "192.0.2.9" },
	{ "192.0.2.9", ADDRESS_IPV4, "192.0.2.9" },
	{ "192.0.2.9", ADDRESS_IPV6, NULL },
	{ "2001:db8::9", ADDRESS_NONE, "2001:db8::9" },
	{ "fe80::1%2", ADDRESS_IPV6, "fe80::1%2" },
	{ "2001:db8::9", ADDRESS_IPV4, NULL },
	{ "localhost", ADDRESS_NONE, "127.0.0.1 ::1" },
	{ "LocalHost.", ADDRESS_IPV4, "127.0.0.1" },
	{ "any.localhost", ADDRESS_IPV6, "::1" },
	{ "", ADDRESS_NONE, NULL },
	{ ".", ADDRESS_NONE, NULL },
	{ "a..b", ADDRESS_NONE, NULL },
	{ ".a", ADDRESS_NONE, NULL },
	{ "two words", ADDRESS_NONE, NULL },
	{ "b\\097d", ADDRESS_NONE, NULL },
	{ "caf\xc3\xa9.example", ADDRESS_NONE, NULL },
};

START_TEST(lookup_that_needs_no_server_asks_none)
{
	struct result result = resolve(immediate[_i].name, immediate[_i].family);

	if (immediate[_i].addresses) {
		ck_assert_int_eq(result.answer.error, 0);
		ck_assert_str_eq(addresses(&result), immediate[_i].addresses);
	} else {
		ck_assert_int_eq(result.answer.error, RESOLVE_UNKNOWN);
		ck_assert_uint_eq(result.answer.n_addresses, 0);
	}
	ck_assert_uint_eq(dns.n_a + dns.n_aaaa, 0);
}
END_TEST

START_TEST(lookup_of_label_too_long_is_unknown)
{
	char name[300];
	struct result result;

	memset(name, 'a', 64);
	strcpy(name + 64, ".example");
	result = resolve(name, ADDRESS_NONE);
	ck_assert_int_eq(result.answer.error, RESOLVE_UNKNOWN);
	for (int i = 0; i < 254; i++)
		name[i] = i % 2 ? '.' : 'a';
	strcpy(name + 253, "ab");
	result = resolve(name, ADDRESS_NONE);
	ck_assert_int_eq(result.answer.error, RESOLVE_UNKNOWN);
	ck_assert_uint_eq(dns.n_a, 0);
}
END_TEST

/* ---- answers ---- */

static const struct {
	const char *name;
	enum address_family family;
	int error;
	const char *addresses;
	const char *canonical;
} answers[] = {
	{ "four.example", ADDRESS_IPV4, 0, "192.0.2.1 192.0.2.2", "four.example" },
	{ "FOUR.Example.", ADDRESS_IPV4, 0, "192.0.2.1 192.0.2.2", "four.example" },
	{ "four.example", ADDRESS_NONE, 0, "192.0.2.1 192.0.2.2", "four.example" },
	{ "four.example", ADDRESS_IPV6, RESOLVE_UNKNOWN, "", "" },
	{ "four", ADDRESS_IPV4, 0, "192.0.2.1 192.0.2.2", "four" },
	{ "six.example", ADDRESS_IPV6, 0, "2001:db8::1", "six.example" },
	{ "six.example", ADDRESS_NONE, 0, "2001:db8::1", "six.example" },
	{ "six.example", ADDRESS_IPV4, RESOLVE_UNKNOWN, "", "" },
	{ "both.example", ADDRESS_NONE, 0, "192.0.2.1 192.0.2.2 2001:db8::1", "both.example" },
	{ "both.example", ADDRESS_IPV6, 0, "2001:db8::1", "both.example" },
	{ "alias.example", ADDRESS_NONE, 0, "192.0.2.1 192.0.2.2 2001:db8::1", "both.example" },
	{ "none.example", ADDRESS_NONE, RESOLVE_UNKNOWN, "", "" },
	{ "nx.example", ADDRESS_NONE, RESOLVE_UNKNOWN, "", "" },
	{ "nx.example", ADDRESS_IPV4, RESOLVE_UNKNOWN, "", "" },
	{ "fail.example", ADDRESS_IPV4, RESOLVE_FAILED, "", "" },
	{ "fail.example", ADDRESS_NONE, RESOLVE_FAILED, "", "" },
	{ "refused.example", ADDRESS_IPV4, RESOLVE_FAILED, "", "" },
	{ "silent.example", ADDRESS_IPV4, RESOLVE_AGAIN, "", "" },
	{ "spoof.example", ADDRESS_IPV4, 0, "192.0.2.1 192.0.2.2", "spoof.example" },
	{ "garbage.example", ADDRESS_IPV4, 0, "192.0.2.1 192.0.2.2", "garbage.example" },
	{ "half.example", ADDRESS_NONE, 0, "192.0.2.1 192.0.2.2", "half.example" },
	{ "a_b-c.four.example", ADDRESS_IPV4, RESOLVE_UNKNOWN, "", "" },
};

START_TEST(lookup_gives_what_the_server_says)
{
	struct result result = resolve(answers[_i].name, answers[_i].family);

	ck_assert_int_eq(result.answer.error, answers[_i].error);
	ck_assert_str_eq(addresses(&result), answers[_i].addresses);
	ck_assert_str_eq(result.answer.canonical, answers[_i].canonical);
}
END_TEST

START_TEST(lookup_of_cut_off_answer_goes_by_tcp)
{
	struct result result = resolve("large.example", ADDRESS_IPV4);

	ck_assert_int_eq(result.answer.error, 0);
	ck_assert_uint_eq(result.answer.n_addresses, RESOLVER_ADDRESSES_MAX);
	ck_assert_uint_ge(dns.n_tcp, 1);
}
END_TEST

START_TEST(lookup_of_silent_server_ends_in_time)
{
	uint64_t start_ns = stack_now_ns(), took_ms;
	struct result result = resolve("silent.example", ADDRESS_NONE);

	took_ms = (stack_now_ns() - start_ns) / 1000000;
	ck_assert_int_eq(result.answer.error, RESOLVE_AGAIN);
	ck_assert_uint_ge(took_ms, 1500);
	ck_assert_uint_le(took_ms, AT_ONCE_MS);
	ck_assert_uint_ge(dns.n_a, 2);
}
END_TEST

START_TEST(lookup_with_one_family_silent_ends_after_grace)
{
	uint64_t start_ns = stack_now_ns();
	struct result result;

	f.daemon.config.resolve_timeout_s = 60;
	use_servers(1, loopback_server(PORT), loopback_server(0));
	result = resolve("half.example", ADDRESS_NONE);
	ck_assert_int_eq(result.answer.error, 0);
	ck_assert_uint_le((stack_now_ns() - start_ns) / 1000000, AT_ONCE_MS);
}
END_TEST

START_TEST(lookup_over_ipv6_works)
{
	struct address server = { .family = ADDRESS_IPV6, .port = 5302, .ip = { [15] = 1 } };
	struct fake_dns dns6;
	struct result result;

	fake_dns_start(&dns6, 5302, true);
	use_servers(1, server, server);
	result = resolve("both.example", ADDRESS_NONE);
	ck_assert_int_eq(result.answer.error, 0);
	ck_assert_uint_eq(dns6.n_a, 1);
	result = resolve("large.example", ADDRESS_IPV4);
	ck_assert_int_eq(result.answer.error, 0);
	ck_assert_uint_ge(dns6.n_tcp, 1);
	fake_dns_stop(&dns6);
}
END_TEST

START_TEST(source_ports_are_dynamic_and_vary)
{
	uint16_t ports[8];
	int n_same = 0;

	for (int i = 0; i < 8; i++) {
		char name[32];

		snprintf(name, sizeof(name), "four.x%d", i);
		resolve(name, ADDRESS_IPV4);
		ports[i] = dns.latest_source_port;
		ck_assert_uint_ge(ports[i], 49152);
		n_same += i > 0 && ports[i] == ports[i - 1];
	}
	ck_assert_int_le(n_same, 1);
}
END_TEST

/* ---- servers ---- */

START_TEST(second_server_answers_when_first_is_silent)
{
	struct result result;

	dns.mute = true;
	use_servers(2, loopback_server(PORT), loopback_server(SECOND_PORT));
	result = resolve("four.example", ADDRESS_IPV4);
	ck_assert_int_eq(result.answer.error, 0);
	ck_assert_uint_ge(second.n_a, 1);
}
END_TEST

START_TEST(second_server_answers_when_first_refuses)
{
	struct result result;

	dns.refuse_all = true;
	use_servers(2, loopback_server(PORT), loopback_server(SECOND_PORT));
	result = resolve("four.example", ADDRESS_IPV4);
	ck_assert_int_eq(result.answer.error, 0);
	ck_assert_uint_ge(dns.n_a, 1);
	ck_assert_uint_ge(second.n_a, 1);
}
END_TEST

START_TEST(no_server_means_again_at_once)
{
	uint64_t start_ns = stack_now_ns();
	struct result result;

	f.daemon.config.resolve_timeout_s = 60;
	use_servers(0, loopback_server(0), loopback_server(0));
	result = resolve("four.example", ADDRESS_NONE);
	ck_assert_int_eq(result.answer.error, RESOLVE_AGAIN);
	ck_assert_uint_le((stack_now_ns() - start_ns) / 1000000, AT_ONCE_MS);
	result = resolve("192.0.2.1", ADDRESS_NONE);
	ck_assert_int_eq(result.answer.error, 0);
}
END_TEST

START_TEST(remote_server_without_a_link_means_again_at_once)
{
	struct address remote = { .family = ADDRESS_IPV4, .ip = { 192, 0, 2, 53 } };
	uint64_t start_ns = stack_now_ns();
	struct result result;

	f.daemon.config.resolve_timeout_s = 60;
	use_servers(1, remote, remote);
	result = resolve("four.example", ADDRESS_NONE);
	ck_assert_int_eq(result.answer.error, RESOLVE_AGAIN);
	ck_assert_uint_le((stack_now_ns() - start_ns) / 1000000, AT_ONCE_MS);
}
END_TEST

START_TEST(unreachable_server_means_again_at_once)
{
	struct address remote = { .family = ADDRESS_IPV4, .ip = { 192, 0, 2, 53 } };
	uint64_t start_ns = stack_now_ns();
	struct result result;

	f.daemon.config.resolve_timeout_s = 60;
	/* The table says that a link is up, the stack has no route. */
	f.daemon.link_records[0].rank = 1;
	f.daemon.n_links = 1;
	use_servers(1, remote, remote);
	result = resolve("four.example", ADDRESS_NONE);
	f.daemon.n_links = 0;
	ck_assert_int_eq(result.answer.error, RESOLVE_AGAIN);
	ck_assert_uint_le((stack_now_ns() - start_ns) / 1000000, AT_ONCE_MS);
}
END_TEST

START_TEST(servers_of_links_are_used_when_none_is_configured)
{
	struct result result;

	f.daemon.link_records[0].rank = 1;
	f.daemon.link_records[0].dns[0] = loopback_server(PORT);
	f.daemon.n_links = 1;
	use_servers(0, loopback_server(0), loopback_server(0));
	result = resolve("four.example", ADDRESS_IPV4);
	ck_assert_int_eq(result.answer.error, 0);
	f.daemon.link_records[0].rank = 0;
	resolver_update_servers(f.daemon.resolver);
	daemon_fixture_run(&f, 5);
	result = resolve("both.example", ADDRESS_IPV4);
	f.daemon.n_links = 0;
	ck_assert_int_eq(result.answer.error, RESOLVE_AGAIN);
}
END_TEST

START_TEST(new_servers_are_asked_again_and_empty_the_cache)
{
	struct resolver_stats stats;
	struct result result;

	resolve("four.example", ADDRESS_IPV4);
	dns.mute = true;
	start(&result, "both.example", ADDRESS_IPV4);
	daemon_fixture_run(&f, 50);
	ck_assert_int_eq(result.n_calls, 0);
	use_servers(1, loopback_server(SECOND_PORT), loopback_server(0));
	result = wait_for(&result);
	ck_assert_int_eq(result.answer.error, 0);
	ck_assert_uint_eq(second.n_a, 1);
	resolver_stats(f.daemon.resolver, &stats);
	ck_assert_uint_eq(stats.cache_entries, 1);
}
END_TEST

START_TEST(lost_servers_end_what_is_under_way)
{
	struct result result;

	start(&result, "silent.example", ADDRESS_NONE);
	daemon_fixture_run(&f, 20);
	use_servers(0, loopback_server(0), loopback_server(0));
	ck_assert_int_eq(result.n_calls, 1);
	ck_assert_int_eq(result.answer.error, RESOLVE_AGAIN);
}
END_TEST

START_TEST(same_servers_after_an_outage_keep_the_cache)
{
	resolve("four.example", ADDRESS_IPV4);
	use_servers(0, loopback_server(0), loopback_server(0));
	use_servers(1, loopback_server(PORT), loopback_server(0));
	resolve("four.example", ADDRESS_IPV4);
	ck_assert_uint_eq(dns.n_a, 1);
}
END_TEST

/* ---- cache ---- */

START_TEST(lookup_again_is_answered_from_cache)
{
	struct resolver_stats stats;
	struct result result;

	resolve("both.example", ADDRESS_NONE);
	result = resolve("BOTH.example.", ADDRESS_IPV6);
	ck_assert_str_eq(addresses(&result), "2001:db8::1");
	result = resolve("both.example", ADDRESS_NONE);
	ck_assert_str_eq(addresses(&result), "192.0.2.1 192.0.2.2 2001:db8::1");
	ck_assert_uint_eq(dns.n_a, 1);
	ck_assert_uint_eq(dns.n_aaaa, 1);
	resolver_stats(f.daemon.resolver, &stats);
	ck_assert_uint_eq(stats.cache_entries, 2);
	ck_assert_uint_eq(stats.cache_misses, 2);
	ck_assert_uint_eq(stats.cache_hits, 3);
}
END_TEST

START_TEST(lookup_of_unknown_name_again_is_answered_from_cache)
{
	resolve("nx.example", ADDRESS_IPV4);
	resolve("nx.example", ADDRESS_IPV4);
	ck_assert_uint_eq(dns.n_a, 1);
}
END_TEST

START_TEST(lookup_after_ttl_asks_again)
{
	resolve("brief.example", ADDRESS_IPV4);
	resolve("brief.example", ADDRESS_IPV4);
	ck_assert_uint_eq(dns.n_a, 1);
	daemon_fixture_run(&f, 1100);
	resolve("brief.example", ADDRESS_IPV4);
	ck_assert_uint_eq(dns.n_a, 2);
}
END_TEST

START_TEST(lookup_with_zero_ttl_asks_each_time)
{
	resolve("zero.example", ADDRESS_IPV4);
	resolve("zero.example", ADDRESS_IPV4);
	ck_assert_uint_eq(dns.n_a, 2);
}
END_TEST

START_TEST(failures_are_not_cached)
{
	unsigned int n;

	resolve("fail.example", ADDRESS_IPV4);
	n = dns.n_a;
	resolve("fail.example", ADDRESS_IPV4);
	ck_assert_uint_gt(dns.n_a, n);
}
END_TEST

/* ---- several at once ---- */

START_TEST(lookups_of_one_name_share_a_question)
{
	struct result results[10];

	for (int i = 0; i < 10; i++)
		start(&results[i], "both.example", i % 2 ? ADDRESS_NONE : ADDRESS_IPV4);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(wait_for(&results[i]).answer.error, 0);
	ck_assert_uint_eq(dns.n_a, 1);
	ck_assert_uint_eq(dns.n_aaaa, 1);
}
END_TEST

START_TEST(lookups_of_many_names_at_once_all_end)
{
	struct result results[200];
	char name[32];

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "both.n%d", i);
		start(&results[i], name, ADDRESS_NONE);
	}
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(wait_for(&results[i]).answer.error, 0);
}
END_TEST

START_TEST(lookup_cancelled_is_not_called_back)
{
	struct resolver_stats stats;
	struct result waiting, ready, other;

	start(&waiting, "both.example", ADDRESS_NONE);
	start(&other, "both.example", ADDRESS_NONE);
	start(&ready, "192.0.2.1", ADDRESS_NONE);
	lookup_cancel(waiting.lookup);
	lookup_cancel(ready.lookup);
	wait_for(&other);
	daemon_fixture_run(&f, 50);
	ck_assert_int_eq(waiting.n_calls, 0);
	ck_assert_int_eq(ready.n_calls, 0);
	resolver_stats(f.daemon.resolver, &stats);
	ck_assert_uint_eq(stats.n_lookups, 0);
}
END_TEST

START_TEST(resolver_ends_with_lookups_under_way)
{
	static struct result results[3];

	start(&results[0], "silent.example", ADDRESS_NONE);
	start(&results[1], "large.example", ADDRESS_NONE);
	start(&results[2], "192.0.2.1", ADDRESS_NONE);
	/* teardown frees it all; nothing may be called or leak. */
}
END_TEST

/* ---- hosts ---- */

static void write_hosts(const char *text)
{
	FILE *file;

	snprintf(f.daemon.config.hosts, sizeof(f.daemon.config.hosts), "%s/hosts", f.folder);
	file = fopen(f.daemon.config.hosts, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

START_TEST(hosts_answer_before_servers)
{
	struct result result;

	write_hosts("# comment\n"
		    "203.0.113.1\tFour.example four # its short name\n"
		    "  2001:db8::77   four.example\n"
		    "203.0.113.1 four.example\n"
		    "nonsense four.example\n"
		    "203.0.113.3\n"
		    "203.0.113.4 bad..name good.example\n");
	result = resolve("four.example", ADDRESS_NONE);
	ck_assert_str_eq(addresses(&result), "203.0.113.1 2001:db8::77");
	ck_assert_str_eq(result.answer.canonical, "four.example");
	result = resolve("FOUR", ADDRESS_IPV4);
	ck_assert_str_eq(addresses(&result), "203.0.113.1");
	ck_assert_str_eq(result.answer.canonical, "four.example");
	result = resolve("good.example", ADDRESS_NONE);
	ck_assert_str_eq(addresses(&result), "203.0.113.4");
	ck_assert_uint_eq(dns.n_a, 0);
}
END_TEST

START_TEST(hosts_without_the_family_leave_it_to_servers)
{
	struct result result;

	write_hosts("203.0.113.1 six.example\n");
	result = resolve("six.example", ADDRESS_IPV6);
	ck_assert_str_eq(addresses(&result), "2001:db8::1");
}
END_TEST

START_TEST(hosts_changed_are_read_again)
{
	struct result result;

	write_hosts("203.0.113.1 name.test\n");
	result = resolve("name.test", ADDRESS_IPV4);
	ck_assert_str_eq(addresses(&result), "203.0.113.1");
	write_hosts("203.0.113.22 name.test\n");
	result = resolve("name.test", ADDRESS_IPV4);
	ck_assert_str_eq(addresses(&result), "203.0.113.22");
	unlink(f.daemon.config.hosts);
	result = resolve("name.test", ADDRESS_IPV4);
	ck_assert_int_eq(result.answer.error, RESOLVE_UNKNOWN);
}
END_TEST

START_TEST(hosts_override_localhost)
{
	struct result result;

	write_hosts("127.0.0.5 localhost\n");
	result = resolve("localhost", ADDRESS_NONE);
	ck_assert_str_eq(addresses(&result), "127.0.0.5");
}
END_TEST

#define N(array) (int)(sizeof(array) / sizeof((array)[0]))

static void add_more(TCase *tc)
{
	tcase_add_test(tc, lookup_again_is_answered_from_cache);
	tcase_add_test(tc, lookup_of_unknown_name_again_is_answered_from_cache);
	tcase_add_test(tc, lookup_after_ttl_asks_again);
	tcase_add_test(tc, lookup_with_zero_ttl_asks_each_time);
	tcase_add_test(tc, failures_are_not_cached);
	tcase_add_test(tc, lookups_of_one_name_share_a_question);
	tcase_add_test(tc, lookups_of_many_names_at_once_all_end);
	tcase_add_test(tc, lookup_cancelled_is_not_called_back);
	tcase_add_test(tc, resolver_ends_with_lookups_under_way);
	tcase_add_test(tc, hosts_answer_before_servers);
	tcase_add_test(tc, hosts_without_the_family_leave_it_to_servers);
	tcase_add_test(tc, hosts_changed_are_read_again);
	tcase_add_test(tc, hosts_override_localhost);
}

int main(void)
{
	TCase *tc = tcase_create("resolver");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, lookup_that_needs_no_server_asks_none, 0, N(immediate));
	tcase_add_test(tc, lookup_of_label_too_long_is_unknown);
	tcase_add_loop_test(tc, lookup_gives_what_the_server_says, 0, N(answers));
	tcase_add_test(tc, lookup_of_cut_off_answer_goes_by_tcp);
	tcase_add_test(tc, lookup_of_silent_server_ends_in_time);
	tcase_add_test(tc, lookup_with_one_family_silent_ends_after_grace);
	tcase_add_test(tc, lookup_over_ipv6_works);
	tcase_add_test(tc, source_ports_are_dynamic_and_vary);
	tcase_add_test(tc, second_server_answers_when_first_is_silent);
	tcase_add_test(tc, second_server_answers_when_first_refuses);
	tcase_add_test(tc, no_server_means_again_at_once);
	tcase_add_test(tc, remote_server_without_a_link_means_again_at_once);
	tcase_add_test(tc, unreachable_server_means_again_at_once);
	tcase_add_test(tc, servers_of_links_are_used_when_none_is_configured);
	tcase_add_test(tc, new_servers_are_asked_again_and_empty_the_cache);
	tcase_add_test(tc, lost_servers_end_what_is_under_way);
	tcase_add_test(tc, same_servers_after_an_outage_keep_the_cache);
	add_more(tc);
	return run_suite("resolver", tc);
}
