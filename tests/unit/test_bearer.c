/* SPDX-License-Identifier: MIT */
/*
 * What mmcli and scripts print of bearers.
 */
#include "netif/bearer.h"

#include "tests/unit/run_suite.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct bearer bearer;
static char message[96];

/* The text in a buffer of its own: it is taken apart. */
static int read_mmcli(const char *text)
{
	char *copy = strdup(text);
	int r = bearer_read_mmcli(&bearer, copy, message, sizeof(message));

	free(copy);
	return r;
}

static int read_script(const char *text)
{
	char *copy = strdup(text);
	int r = bearer_read_script(&bearer, copy, message, sizeof(message));

	free(copy);
	return r;
}

static const char *text_of(const struct address *a)
{
	static char text[ADDRESS_TEXT_MAX];

	return address_ip_text(a, text);
}

#define STATUS                                                                    \
	"bearer.dbus-path            : /org/freedesktop/ModemManager1/Bearer/1\n" \
	"bearer.status.connected     : yes\n"                                     \
	"bearer.status.interface     : wwan0\n"                                   \
	"bearer.properties.apn       : internet\n"

START_TEST(mmcli_static_addresses_are_read)
{
	const struct link_parameters *p = &bearer.parameters;

	ck_assert_int_eq(read_mmcli(STATUS
				 "bearer.ipv4-config.method   : static\n"
				 "bearer.ipv4-config.address  : 10.1.2.3\n"
				 "bearer.ipv4-config.prefix   : 30\n"
				 "bearer.ipv4-config.gateway  : 10.1.2.4\n"
				 "bearer.ipv4-config.dns.length   : 2\n"
				 "bearer.ipv4-config.dns.value[1] : 192.0.2.1\n"
				 "bearer.ipv4-config.dns.value[2] : 192.0.2.2\n"
				 "bearer.ipv4-config.mtu      : 1500\n"
				 "bearer.ipv6-config.method   : static\n"
				 "bearer.ipv6-config.address  : 2001:db8::5:6\n"
				 "bearer.ipv6-config.prefix   : 64\n"
				 "bearer.ipv6-config.gateway  : 2001:db8::1\n"
				 "bearer.ipv6-config.dns.value[1] : 2001:db8::53\n"
				 "bearer.ipv6-config.mtu      : 1430\n"),
		0);
	ck_assert(bearer.is_connected && !bearer.uses_dhcp && !p->asks_routers);
	ck_assert_str_eq(bearer.interface, "wwan0");
	ck_assert_str_eq(text_of(&p->address4), "10.1.2.3");
	ck_assert_uint_eq(p->address4.port, 30);
	ck_assert_str_eq(text_of(&p->gateway4), "10.1.2.4");
	ck_assert_uint_eq(p->n_addresses6, 1);
	ck_assert_str_eq(text_of(&p->addresses6[0]), "2001:db8::5:6");
	ck_assert_str_eq(text_of(&p->gateway6), "2001:db8::1");
	ck_assert_uint_eq(p->n_dns, 3);
	ck_assert_str_eq(text_of(&p->dns[2]), "2001:db8::53");
	/* The smaller one goes for both. */
	ck_assert_uint_eq(p->mtu, 1430);
	ck_assert_uint_eq(p->interface_id[7], 6);
}
END_TEST

START_TEST(mmcli_dhcp_means_routers_for_ipv6)
{
	ck_assert_int_eq(read_mmcli(STATUS "bearer.ipv4-config.method : dhcp\n"
					   "bearer.ipv6-config.method : dhcp\n"
					   "bearer.ipv6-config.address : fe80::a:b\n"),
		0);
	ck_assert(bearer.uses_dhcp && bearer.parameters.asks_routers);
	ck_assert_int_eq(bearer.parameters.address4.family, ADDRESS_NONE);
	ck_assert_uint_eq(bearer.parameters.n_addresses6, 0);
	ck_assert_uint_eq(bearer.parameters.interface_id[5], 0x0a);
}
END_TEST

START_TEST(mmcli_bearer_that_is_not_connected_has_nothing)
{
	ck_assert_int_eq(read_mmcli("bearer.status.connected : no\n"
				    "bearer.status.interface : --\n"
				    "bearer.ipv4-config.method : --\n"
				    "bearer.ipv4-config.address : --\n"),
		0);
	ck_assert(!bearer.is_connected);
	ck_assert_str_eq(bearer.interface, "");
}
END_TEST

START_TEST(mmcli_nonsense_is_told)
{
	ck_assert_int_eq(read_mmcli("bearer.ipv4-config.address : 10.1.2\n"), -EINVAL);
	ck_assert_str_eq(message, "mmcli says bearer.ipv4-config.address: 10.1.2");
	ck_assert_int_eq(read_mmcli("bearer.ipv4-config.prefix : 33\n"), -EINVAL);
	/* What is no pair, and keys of other versions, say nothing. */
	ck_assert_int_eq(read_mmcli("\n---\nbearer.ipv4-config.color : red\nbearer : x\n"), 0);
}
END_TEST

START_TEST(mmcli_list_gives_the_paths)
{
	char text[] = "modem.generic.bearers.length   : 2\n"
		      "modem.generic.bearers.value[1] : /org/freedesktop/ModemManager1/Bearer/3\n"
		      "modem.generic.bearers.value[2] : /org/freedesktop/ModemManager1/Bearer/14\n"
		      "modem.generic.bearers.value[3] : --\n";
	char paths[BEARERS_MAX][BEARER_PATH_MAX];

	ck_assert_uint_eq(bearer_list(text, paths), 2);
	ck_assert_str_eq(paths[1], "/org/freedesktop/ModemManager1/Bearer/14");
}
END_TEST

START_TEST(script_pairs_are_read)
{
	const struct link_parameters *p = &bearer.parameters;

	ck_assert_int_eq(read_script("# of the bearer\n"
				     "address = 10.1.2.3/30\n"
				     "gateway=10.1.2.4\r\n"
				     "\n"
				     "address6=2001:db8::5/64\n"
				     "gateway=fe80::1\n"
				     "dns=192.0.2.1\n"
				     "dns=2001:db8::53\n"
				     "mtu=1400\n"
				     "dhcp=no\n"
				     "router_advertisements=yes"),
		0);
	ck_assert(bearer.is_connected && !bearer.uses_dhcp && p->asks_routers);
	ck_assert_uint_eq(p->address4.port, 30);
	ck_assert_str_eq(text_of(&p->gateway4), "10.1.2.4");
	ck_assert_str_eq(text_of(&p->gateway6), "fe80::1");
	ck_assert_uint_eq(p->n_addresses6, 1);
	ck_assert_uint_eq(p->n_dns, 2);
	ck_assert_uint_eq(p->mtu, 1400);
}
END_TEST

static const char *const wrong_scripts[] = {
	"",
	"dns=192.0.2.1\n",
	"adress=10.1.2.3\n",
	"address=10.1.2.3/33\n",
	"address=2001:db8::1/64\n",
	"address=224.0.0.1/24\n",
	"address6=10.1.2.3/24\n",
	"address6=fe80::1/64\n",
	"dhcp=perhaps\n",
	"address=10.1.2.3\nmtu=much\n",
	"address=10.1.2.3\ngateway=0.0.0.0\n",
};

START_TEST(script_nonsense_is_told)
{
	message[0] = '\0';
	ck_assert_msg(read_script(wrong_scripts[_i]) == -EINVAL, "%s", wrong_scripts[_i]);
	ck_assert(strncmp(message, "the script", 10) == 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("bearer");

	tcase_add_test(tc, mmcli_static_addresses_are_read);
	tcase_add_test(tc, mmcli_dhcp_means_routers_for_ipv6);
	tcase_add_test(tc, mmcli_bearer_that_is_not_connected_has_nothing);
	tcase_add_test(tc, mmcli_nonsense_is_told);
	tcase_add_test(tc, mmcli_list_gives_the_paths);
	tcase_add_test(tc, script_pairs_are_read);
	tcase_add_loop_test(tc, script_nonsense_is_told, 0,
		sizeof(wrong_scripts) / sizeof(wrong_scripts[0]));
	return run_suite("bearer", tc);
}
