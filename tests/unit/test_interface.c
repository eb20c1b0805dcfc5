/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says of interfaces: messages made here, and lo, which every
 * machine has.
 */
#include "netif/interface.h"

#include "tests/unit/run_suite.h"

#include <check.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#define LOWER_UP 0x10000

/* ---- messages ----------------------------------------------------------------- */

static uint8_t buf[2048];
static size_t len;

static struct nlmsghdr *header(void)
{
	return (struct nlmsghdr *)buf;
}

static void begin(uint16_t type, const void *fixed, size_t size)
{
	memset(buf, 0, sizeof(buf));
	memcpy(buf + NLMSG_HDRLEN, fixed, size);
	len = NLMSG_HDRLEN + NLMSG_ALIGN(size);
	header()->nlmsg_type = type;
	header()->nlmsg_len = (uint32_t)len;
}

static void add(uint16_t type, const void *value, size_t size)
{
	struct rtattr attribute = {
		.rta_len = (uint16_t)RTA_LENGTH(size),
		.rta_type = type,
	};

	memcpy(buf + len, &attribute, sizeof(attribute));
	memcpy(buf + len + sizeof(attribute), value, size);
	len += RTA_SPACE(size);
	header()->nlmsg_len = (uint32_t)len;
}

static void begin_link(int index, unsigned int flags, const char *name)
{
	struct ifinfomsg info = {
		.ifi_index = index,
		.ifi_type = ARPHRD_ETHER,
		.ifi_flags = flags,
	};

	begin(RTM_NEWLINK, &info, sizeof(info));
	add(IFLA_IFNAME, name, strlen(name) + 1);
}

static void begin_address(int index, uint8_t family)
{
	struct ifaddrmsg info = {
		.ifa_family = family,
		.ifa_prefixlen = 24,
		.ifa_index = (unsigned int)index,
	};

	begin(RTM_NEWADDR, &info, sizeof(info));
}

static int take(struct interface *out)
{
	return interface_take(out, "wan0", buf, len);
}

START_TEST(interface_link_is_read)
{
	struct interface i = { 0 };
	uint32_t mtu = 1430;

	begin_link(7, IFF_UP | LOWER_UP, "wan0");
	add(IFLA_MTU, &mtu, sizeof(mtu));
	add(IFLA_ADDRESS, "\x02\0\0\0\0\x07", 6);
	ck_assert_int_eq(take(&i), 0);
	ck_assert_int_eq(i.index, 7);
	ck_assert_uint_eq(i.type, ARPHRD_ETHER);
	ck_assert_uint_eq(i.mtu, 1430);
	ck_assert(i.is_up && i.has_carrier && i.has_mac);
	ck_assert_mem_eq(i.mac, "\x02\0\0\0\0\x07", 6);
}
END_TEST

START_TEST(interface_of_another_name_is_passed_over)
{
	struct interface i = { 0 };

	begin_link(7, IFF_UP, "wan01");
	ck_assert_int_eq(take(&i), 0);
	ck_assert_int_eq(i.index, 0);
}
END_TEST

START_TEST(interface_without_carrier_has_none)
{
	struct interface i = { 0 };

	begin_link(7, IFF_UP, "wan0");
	ck_assert_int_eq(take(&i), 0);
	ck_assert(i.is_up && !i.has_carrier && !i.has_mac && i.has_neighbours);
	begin_link(7, IFF_UP | IFF_NOARP, "wan0");
	ck_assert_int_eq(take(&i), 0);
	ck_assert(!i.has_neighbours);
}
END_TEST

START_TEST(interface_address_of_the_kernel_is_read)
{
	struct interface i = { .index = 7 };

	begin_address(7, AF_INET);
	add(IFA_ADDRESS, "\x0a\0\0\x02", 4);
	/* The peer's is before ours. */
	add(IFA_LOCAL, "\x0a\0\0\x01", 4);
	ck_assert_int_eq(take(&i), 0);
	ck_assert_int_eq(i.kernel_address.family, ADDRESS_IPV4);
	ck_assert_mem_eq(i.kernel_address.ip, "\x0a\0\0\x01", 4);
}
END_TEST

START_TEST(interface_addresses_that_do_no_harm_are_passed_over)
{
	struct interface i = { .index = 7 };

	begin_address(7, AF_INET6);
	add(IFA_ADDRESS, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	ck_assert_int_eq(take(&i), 0);
	ck_assert_int_eq(i.kernel_address.family, ADDRESS_NONE);
	begin_address(8, AF_INET);
	add(IFA_LOCAL, "\x0a\0\0\x01", 4);
	ck_assert_int_eq(take(&i), 0);
	ck_assert_int_eq(i.kernel_address.family, ADDRESS_NONE);
}
END_TEST

START_TEST(interface_answers_end)
{
	struct interface i = { 0 };
	int error = 0;

	begin(NLMSG_DONE, &error, sizeof(error));
	ck_assert_int_eq(take(&i), 1);
	begin(NLMSG_ERROR, &error, sizeof(error));
	ck_assert_int_eq(take(&i), 1);
	error = -ENODEV;
	begin(NLMSG_ERROR, &error, sizeof(error));
	ck_assert_int_eq(take(&i), -ENODEV);
}
END_TEST

START_TEST(interface_message_cut_short_is_refused)
{
	struct interface i = { 0 };
	size_t whole, n;

	begin_link(7, IFF_UP, "wan0");
	whole = len;
	for (n = 1; n < whole; n++)
		ck_assert_int_eq(interface_take(&i, "wan0", buf, n), -EBADMSG);
	ck_assert_int_eq(i.index, 0);
}
END_TEST

START_TEST(interface_notification_concerns_its_name_or_index)
{
	begin_link(7, IFF_UP, "wan0");
	ck_assert(interface_is_concerned("wan0", 0, buf, len));
	ck_assert(interface_is_concerned("other", 7, buf, len));
	ck_assert(!interface_is_concerned("other", 8, buf, len));
	header()->nlmsg_type = RTM_DELLINK;
	ck_assert(interface_is_concerned("wan0", 0, buf, len));
	begin_address(7, AF_INET);
	ck_assert(interface_is_concerned("wan0", 7, buf, len));
	ck_assert(!interface_is_concerned("wan0", 0, buf, len));
}
END_TEST

/* ---- the kernel ------------------------------------------------------------------ */

START_TEST(interface_lo_is_there)
{
	struct interface i;

	ck_assert_int_eq(interface_query(&i, "lo"), 0);
	ck_assert_int_gt(i.index, 0);
	ck_assert_uint_eq(i.type, ARPHRD_LOOPBACK);
	ck_assert_uint_gt(i.mtu, 0);
}
END_TEST

START_TEST(interface_that_is_not_there_has_no_index)
{
	struct interface i = { .index = 1 };

	ck_assert_int_eq(interface_query(&i, "no-such-if"), 0);
	ck_assert_int_eq(i.index, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("interface");

	tcase_add_test(tc, interface_link_is_read);
	tcase_add_test(tc, interface_of_another_name_is_passed_over);
	tcase_add_test(tc, interface_without_carrier_has_none);
	tcase_add_test(tc, interface_address_of_the_kernel_is_read);
	tcase_add_test(tc, interface_addresses_that_do_no_harm_are_passed_over);
	tcase_add_test(tc, interface_answers_end);
	tcase_add_test(tc, interface_message_cut_short_is_refused);
	tcase_add_test(tc, interface_notification_concerns_its_name_or_index);
	tcase_add_test(tc, interface_lo_is_there);
	tcase_add_test(tc, interface_that_is_not_there_has_no_index);
	return run_suite("interface", tc);
}
