/* SPDX-License-Identifier: MIT */
/*
 * The ingress stage, table by table: a packet as text, and what becomes of it.
 * Each packet lies in a buffer of exactly its length.
 */
#include "netif/ingress.h"

#include "tests/unit/hex.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASS	  INGRESS_ACCEPTED
#define SHORT	  TABLE_DROP_SHORT
#define VERSION	  TABLE_DROP_VERSION
#define LENGTH	  TABLE_DROP_LENGTH
#define OPTIONS	  TABLE_DROP_OPTIONS
#define EXTENSION TABLE_DROP_EXTENSION
#define TRANSPORT TABLE_DROP_TRANSPORT
#define MARTIAN	  TABLE_DROP_MARTIAN
#define FRAME	  TABLE_DROP_FRAME

/* Addresses: the peer 10.0.2.2 and fec0::2, ours 10.0.2.15 and fec0::15. */
#define PEER4	   "0a000202"
#define US4	   "0a00020f"
#define PEER6	   "fec00000 00000000 00000000 00000002"
#define US6	   "fec00000 00000000 00000000 00000015"
#define LINK6	   "fe800000 00000000 00000000 00000002"
#define ANY6	   "00000000 00000000 00000000 00000000"
#define NODES6	   "ff020000 00000000 00000000 00000001"
#define SOLICITED6 "ff020000 00000000 00000001 ff000015"

#define IP4_FROM(total, protocol, src, dst) \
	"4500" total "00010000 40" protocol "0000" src dst
#define IP4(total, protocol)		       IP4_FROM(total, protocol, PEER4, US4)
#define IP6_FROM(length, next, hops, src, dst) "60000000" length next hops src dst
#define IP6(length, next)		       IP6_FROM(length, next, "40", PEER6, US6)
#define ND(length, src, dst)		       IP6_FROM(length, "3a", "ff", src, dst)

#define UDP4				       IP4("001c", "11") "0fa00035 00080000"
#define SOURCE_MAC			       "0101525500000002"
#define TARGET_MAC			       "0201525500000002"

struct row {
	const char *name;
	enum table_drop expected;
	const char *packet;
};

static bool is_ours(enum address_family family, const uint8_t *ip, void *arg)
{
	size_t len;
	uint8_t *ours = hex_bytes(family == ADDRESS_IPV4 ? US4 : US6, &len);
	bool result = memcmp(ip, ours, len) == 0;

	ck_assert_ptr_eq(arg, NULL);
	free(ours);
	return result;
}

static const struct ingress_source outside = { .ours = is_ours };
static const struct ingress_source ourselves;

static const char *drop_name(enum table_drop drop)
{
	return drop == INGRESS_ACCEPTED ? "accepted" : table_drop_name(drop);
}

static void check_rows_from(const struct row *rows, size_t n, const struct ingress_source *source)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct ingress_packet info;
		enum table_drop drop;
		size_t len;
		uint8_t *packet = hex_bytes(rows[i].packet, &len);

		drop = ingress_check(packet, len, source, &info);
		free(packet);
		ck_assert_msg(drop == rows[i].expected, "%s: %s, not %s", rows[i].name,
			drop_name(drop), drop_name(rows[i].expected));
	}
}

#define check_rows(rows) check_rows_from(rows, sizeof(rows) / sizeof((rows)[0]), &outside)

/* ---- IPv4 ---------------------------------------------------------------------- */

static const struct row ip4_headers[] = {
	{ "nothing", SHORT, "" },
	{ "version 5", VERSION, "55" },
	{ "version 0", VERSION, "00000000" },
	{ "one byte", SHORT, "45" },
	{ "19 bytes", SHORT, "4500001c000100004011000"
			     "00a0002020a0002" },
	{ "smallest", PASS, IP4("0014", "84") },
	{ "header of 16", LENGTH, "44"
				  "00001400010000408400000a0002020a00020f" },
	{ "header longer than total", LENGTH, "46"
					      "0000140001000040840000" PEER4 US4 "01010101" },
	{ "header past the end", LENGTH, "4f"
					 "00003c0001000040840000" PEER4 US4 },
	{ "total shorter than header", LENGTH, IP4("0013", "84") },
	{ "total 0", LENGTH, IP4("0000", "84") },
	{ "total past the end", LENGTH, IP4("0015", "84") },
	{ "padding behind", PASS, UDP4 "000000000000" },
};

START_TEST(ip4_header_bad_is_dropped)
{
	check_rows(ip4_headers);
}
END_TEST

#define IP4_OPTIONS(words, total, options) \
	"4" words "00" total "00010000 40110000" PEER4 US4 options "0fa00035 00080000"

static const struct row ip4_options[] = {
	{ "no-operations", PASS, IP4_OPTIONS("6", "0020", "01010101") },
	{ "end of list, then rubbish", PASS, IP4_OPTIONS("6", "0020", "00ffffff") },
	{ "record route", PASS, IP4_OPTIONS("7", "0024", "0707040000000000") },
	{ "router alert", PASS, IP4_OPTIONS("6", "0020", "94040000") },
	{ "length 0", OPTIONS, IP4_OPTIONS("6", "0020", "94000000") },
	{ "length 1", OPTIONS, IP4_OPTIONS("6", "0020", "94010000") },
	{ "length past the header", OPTIONS, IP4_OPTIONS("6", "0020", "94050000") },
	{ "length missing", OPTIONS, IP4_OPTIONS("6", "0020", "01010194") },
	{ "loose source route", OPTIONS, IP4_OPTIONS("7", "0024", "8307040a00020101") },
	{ "strict source route", OPTIONS, IP4_OPTIONS("7", "0024", "8907040a00020101") },
};

START_TEST(ip4_options_bad_are_dropped)
{
	check_rows(ip4_options);
}
END_TEST

#define FROM4(src) IP4_FROM("001c", "11", src, US4) "0fa00035 00080000"
#define TO4(dst)   IP4_FROM("001c", "11", PEER4, dst) "0fa00035 00080000"

static const struct row ip4_martians[] = {
	{ "from multicast", MARTIAN, FROM4("e0000001") },
	{ "from broadcast", MARTIAN, FROM4("ffffffff") },
	{ "from class E", MARTIAN, FROM4("f0000001") },
	{ "from loopback", MARTIAN, FROM4("7f000001") },
	{ "from 0.0.0.0", MARTIAN, FROM4("00000000") },
	{ "from 0.1.2.3", MARTIAN, FROM4("00010203") },
	{ "from ourselves", MARTIAN, FROM4(US4) },
	{ "from link-local", PASS, FROM4("a9fe0102") },
	{ "to loopback", MARTIAN, TO4("7f000001") },
	{ "to 0.0.0.0", MARTIAN, TO4("00000000") },
	{ "to class E", MARTIAN, TO4("f0000001") },
	{ "to multicast", PASS, TO4("e0000001") },
	{ "to broadcast", PASS, TO4("ffffffff") },
	{ "group query from 0.0.0.0", PASS,
		IP4_FROM("001c", "02", "00000000", "e0000001") "1164ee9b 00000000" },
};

START_TEST(ip4_martian_is_dropped)
{
	check_rows(ip4_martians);
}
END_TEST

#define FRAGMENT4(total, field, checksum, payload) \
	"4500" total "0001" field "4011" checksum PEER4 US4 payload

static const struct row ip4_fragments[] = {
	{ "first", PASS, FRAGMENT4("001c", "2000", "42c0", "0fa00035 00400000") },
	{ "last", PASS, FRAGMENT4("0018", "0001", "62c3", "01020304") },
	{ "wrong header checksum", LENGTH, FRAGMENT4("0018", "0001", "62c2", "01020304") },
	{ "empty", LENGTH, FRAGMENT4("0014", "0001", "62c7", "") },
	{ "not a multiple of 8 with more", LENGTH, FRAGMENT4("0018", "2001", "42c3", "01020304") },
	{ "past 64 K", LENGTH, FRAGMENT4("001c", "1fff", "42c1", "01020304 05060708") },
	{ "first without a whole header", TRANSPORT,
		FRAGMENT4("001c", "2000", "42c0", "0fa00035 00080000") },
	{ "first TCP without a whole header", SHORT,
		"4500001c00012000400642cb" PEER4 US4 "0fa0005000001000" },
	{ "fragmented IGMP", TRANSPORT, "4500001c00012000400242cf" PEER4 US4 "1164000000000000" },
};

START_TEST(ip4_fragment_bad_is_dropped)
{
	check_rows(ip4_fragments);
}
END_TEST

/* ---- transport ------------------------------------------------------------------ */

#define TCP4(total, words, flags, rest) \
	IP4(total, "06")                \
	"0fa00050 00001000 00000000" words "0" flags "ffff 00000000" rest
#define TCP_SYN(total, words, options) TCP4(total, words, "02", options)
#define TCP_ACK(total, words, options) TCP4(total, words, "10", options)

static const struct row tcp_segments[] = {
	{ "bare", PASS, TCP_ACK("0028", "5", "") },
	{ "19 bytes", SHORT, IP4("0027", "06") "0fa00050000010000000000050"
					       "02ffff000000" },
	{ "header of 16", TRANSPORT, TCP_SYN("0028", "4", "") },
	{ "header past the end", TRANSPORT, TCP_SYN("0028", "6", "") },
	{ "header of 60 past the end", TRANSPORT, TCP_SYN("0028", "f", "") },
	{ "usual options of SYN", PASS,
		TCP_SYN("003c", "a", "020405b4 0402 080a0000000100000000 01 030307") },
	{ "end of list, then rubbish", PASS, TCP_SYN("002c", "6", "00ffffff") },
	{ "unknown option", PASS, TCP_SYN("002c", "6", "fe040102") },
	{ "length 0", TRANSPORT, TCP_SYN("002c", "6", "fe000000") },
	{ "length 1", TRANSPORT, TCP_SYN("002c", "6", "fe010000") },
	{ "length past the header", TRANSPORT, TCP_SYN("002c", "6", "fe050000") },
	{ "length missing", TRANSPORT, TCP_SYN("002c", "6", "010101fe") },
	{ "MSS of 3 bytes", TRANSPORT, TCP_SYN("002c", "6", "02030501") },
	{ "MSS 0", TRANSPORT, TCP_SYN("002c", "6", "02040000") },
	{ "MSS 47", TRANSPORT, TCP_SYN("002c", "6", "0204002f") },
	{ "MSS 48", PASS, TCP_SYN("002c", "6", "02040030") },
	{ "MSS without SYN", TRANSPORT, TCP_ACK("002c", "6", "020405b4") },
	{ "window scale of 4 bytes", TRANSPORT, TCP_SYN("002c", "6", "03040700") },
	{ "window scale without SYN", TRANSPORT, TCP_ACK("002c", "6", "03030701") },
	{ "SACK permitted without SYN", TRANSPORT, TCP_ACK("002c", "6", "04020101") },
	{ "one SACK block", PASS, TCP_ACK("0034", "8", "0101050a0000100000002000") },
	{ "SACK of 9 bytes", TRANSPORT, TCP_ACK("0034", "8", "010101050900001000000020") },
	{ "timestamps of 9 bytes", TRANSPORT, TCP_ACK("0034", "8", "010101080900001000000020") },
};

START_TEST(tcp_header_bad_is_dropped)
{
	check_rows(tcp_segments);
}
END_TEST

static const struct row udp_datagrams[] = {
	{ "empty", PASS, UDP4 },
	{ "DHCP without a message", TRANSPORT, IP4("001c", "11") "00430044 00080000" },
	{ "to a server of DHCP", PASS, IP4("001c", "11") "00440043 00080000" },
	{ "7 bytes", SHORT, IP4("001b", "11") "0fa00035000800" },
	{ "length 0", TRANSPORT, IP4("001c", "11") "0fa0003500000000" },
	{ "length 7", TRANSPORT, IP4("001c", "11") "0fa0003500070000" },
	{ "longer than the packet", TRANSPORT, IP4("001c", "11") "0fa0003500090000" },
	{ "shorter than the packet", TRANSPORT, IP4("001d", "11") "0fa000350008000000" },
	{ "IPv6", PASS, IP6("0008", "11") "0fa0003500081234" },
	{ "IPv6 without checksum", TRANSPORT, IP6("0008", "11") "0fa0003500080000" },
};

START_TEST(udp_header_bad_is_dropped)
{
	check_rows(udp_datagrams);
}
END_TEST

#define QUOTED4 IP4_FROM("001c", "11", US4, PEER4)

static const struct row icmp_messages[] = {
	{ "echo", PASS, IP4("001c", "01") "0800000000010001" },
	{ "7 bytes", SHORT, IP4("001b", "01") "08000000000100" },
	{ "unreachable", PASS,
		IP4("0038", "01") "0303000000000000" QUOTED4 "00350fa000080000" },
	{ "unreachable that quotes too little", TRANSPORT,
		IP4("0037", "01") "0303000000000000" QUOTED4 "00350fa0000800" },
	{ "IGMP of 7 bytes", SHORT, IP4_FROM("001b", "02", PEER4, "e0000001") "11640000000000" },
};

START_TEST(icmp_message_bad_is_dropped)
{
	check_rows(icmp_messages);
}
END_TEST

/* ---- IPv6 ---------------------------------------------------------------------- */

#define UDP6 "0fa0003500081234"

static const struct row ip6_headers[] = {
	{ "39 bytes", SHORT, "60000000003b40"
			     "fec00000000000000000000000000002"
			     "fec00000000000000000000000000015" },
	{ "nothing inside", PASS, IP6("0000", "3b") },
	{ "payload past the end", LENGTH, IP6("0001", "3b") },
	{ "padding behind", PASS, IP6("0008", "11") UDP6 "0000" },
	{ "unknown protocol", PASS, IP6("0004", "84") "00000000" },
	{ "UDP missing", SHORT, IP6("0000", "11") },
};

START_TEST(ip6_header_bad_is_dropped)
{
	check_rows(ip6_headers);
}
END_TEST

#define FROM6(src) IP6_FROM("0008", "11", "40", src, US6) UDP6
#define TO6(dst)   IP6_FROM("0008", "11", "40", PEER6, dst) UDP6

static const struct row ip6_martians[] = {
	{ "from multicast", MARTIAN, FROM6(NODES6) },
	{ "from loopback", MARTIAN, FROM6("00000000000000000000000000000001") },
	{ "from mapped IPv4", MARTIAN, FROM6("00000000000000000000ffff0a000202") },
	{ "from :: to unicast", MARTIAN, FROM6(ANY6) },
	{ "from ourselves", MARTIAN, FROM6(US6) },
	{ "from link-local", PASS, FROM6(LINK6) },
	{ "to loopback", MARTIAN, TO6("00000000000000000000000000000001") },
	{ "to ::", MARTIAN, TO6(ANY6) },
	{ "to mapped IPv4", MARTIAN, TO6("00000000000000000000ffff0a00020f") },
	{ "to reserved multicast", MARTIAN, TO6("ff000000000000000000000000000001") },
	{ "to interface-local multicast", MARTIAN, TO6("ff010000000000000000000000000001") },
	{ "to link-local multicast", PASS, TO6(NODES6) },
};

START_TEST(ip6_martian_is_dropped)
{
	check_rows(ip6_martians);
}
END_TEST

#define PADN6 "010400000000"

static const struct row ip6_extensions[] = {
	{ "hop-by-hop", PASS, IP6("0010", "00") "1100" PADN6 UDP6 },
	{ "hop-by-hop, destination, routing", PASS,
		IP6("0020", "00") "3c00" PADN6 "2b00" PADN6 "1100000000000000" UDP6 },
	{ "hop-by-hop second", EXTENSION, IP6("0018", "3c") "0000" PADN6 "1100" PADN6 UDP6 },
	{ "cut off", EXTENSION, IP6("0007", "00") "1100"
						  "0104000000" },
	{ "longer than the packet", EXTENSION, IP6("0008", "00") "1101" PADN6 },
	{ "option past the header", EXTENSION, IP6("0010", "00") "1100"
								 "010500000000" UDP6 },
	{ "option length missing", EXTENSION, IP6("0010", "00") "1100"
								"010300000005" UDP6 },
	{ "pads of one", PASS, IP6("0010", "3c") "1100"
						 "000000000000" UDP6 },
	{ "jumbo payload", EXTENSION, IP6("0010", "00") "1100"
							"c20400100000" UDP6 },
	{ "unknown option", PASS, IP6("0010", "3c") "1100"
						    "3e0400000000" UDP6 },
	{ "route with a stop left", EXTENSION, IP6("0010", "2b") "1100000100000000" UDP6 },
	{ "UDP missing behind it", SHORT, IP6("0008", "00") "1100" PADN6 },
	{ "no next header behind it", PASS, IP6("0008", "3c") "3b00" PADN6 },
	{ "nine of them", EXTENSION,
		IP6("0048", "3c") "3c00" PADN6 "3c00" PADN6 "3c00" PADN6 "3c00" PADN6 "3c00" PADN6
				  "3c00" PADN6 "3c00" PADN6 "3c00" PADN6 "3b00" PADN6 },
};

START_TEST(ip6_extension_bad_is_dropped)
{
	check_rows(ip6_extensions);
}
END_TEST

static const struct row ip6_fragments[] = {
	{ "first", PASS, IP6("0010", "2c") "1100000100000007"
					   "0fa0003500401234" },
	{ "last", PASS, IP6("000c", "2c") "1100000800000007"
					  "01020304" },
	{ "alone", PASS, IP6("0010", "2c") "1100000000000007" UDP6 },
	{ "cut off", EXTENSION, IP6("0007", "2c") "11000008000000" },
	{ "empty", EXTENSION, IP6("0008", "2c") "1100000800000007" },
	{ "not a multiple of 8 with more", EXTENSION,
		IP6("000c", "2c") "1100000900000007"
				  "01020304" },
	{ "past 64 K", EXTENSION, IP6("0010", "2c") "1100fff800000007"
						    "0102030405060708" },
	{ "two fragment headers", EXTENSION,
		IP6("0018", "2c") "2c00000000000007"
				  "1100000000000007" UDP6 },
	{ "first without a whole UDP header", TRANSPORT,
		IP6("0010", "2c") "1100000100000007"
				  "0fa0003500081234" },
	{ "first with extension and UDP", PASS,
		IP6("0018", "2c") "3c00000100000007"
				  "1100" PADN6 "0fa0003500401234" },
	{ "first with a cut extension", EXTENSION,
		IP6("0010", "2c") "3c00000100000007"
				  "1101" PADN6 },
	{ "later one that looks like an extension", PASS,
		IP6("0010", "2c") "3c00000800000007"
				  "11ff000000000000" },
	{ "neighbour discovery alone", TRANSPORT,
		IP6_FROM("0020", "2c", "ff", PEER6, US6) "3a00000000000007"
							 "8700000000000000" US6 },
};

START_TEST(ip6_fragment_bad_is_dropped)
{
	check_rows(ip6_fragments);
}
END_TEST

/* ---- ICMPv6 -------------------------------------------------------------------- */

#define ROUTER(flags, rest)	    "8600000040" flags "0708 0000000000000000" rest
#define PREFIX_OPTION(bits, prefix) "0304" bits "c0 00000e10 00000708 00000000" prefix
#define DOC_PREFIX		    "20010db8000000000000000000000000"

static const struct row icmp6_messages[] = {
	{ "echo", PASS, IP6("0008", "3a") "8000000000010001" },
	{ "7 bytes", SHORT, IP6("0007", "3a") "80000000000100" },
	{ "unknown type", PASS, IP6("0008", "3a") "c800000000000000" },
	{ "unreachable", PASS,
		IP6("0030", "3a") "0104000000000000" IP6_FROM("0008", "11", "40", US6, PEER6) },
	{ "unreachable that quotes too little", TRANSPORT, IP6("0008", "3a") "0104000000000000" },
	{ "too big, 1280", PASS,
		IP6("0030", "3a") "0200000000000500" IP6_FROM("0008", "11", "40", US6, PEER6) },
	{ "too big, 1279", TRANSPORT,
		IP6("0030", "3a") "02000000000004ff" IP6_FROM("0008", "11", "40", US6, PEER6) },
	{ "too big, 0", TRANSPORT,
		IP6("0030", "3a") "0200000000000000" IP6_FROM("0008", "11", "40", US6, PEER6) },
	{ "group query", PASS,
		IP6_FROM("0018", "3a", "01", LINK6, NODES6) "8200000003e80000" ANY6 },
	{ "group query from afar", TRANSPORT,
		IP6_FROM("0018", "3a", "02", LINK6, NODES6) "8200000003e80000" ANY6 },
	{ "group query not from a router", MARTIAN,
		IP6_FROM("0018", "3a", "01", PEER6, NODES6) "8200000003e80000" ANY6 },
	{ "group query cut off", TRANSPORT,
		IP6_FROM("0008", "3a", "01", LINK6, NODES6) "8200000003e80000" },
};

START_TEST(icmp6_message_bad_is_dropped)
{
	check_rows(icmp6_messages);
}
END_TEST

static const struct row nd_messages[] = {
	{ "solicitation", PASS, ND("0020", PEER6, SOLICITED6) "8700000000000000" US6 SOURCE_MAC },
	{ "solicitation from afar", TRANSPORT,
		IP6_FROM("0020", "3a", "fe", PEER6, SOLICITED6) "8700000000000000" US6 SOURCE_MAC },
	{ "solicitation with code 1", TRANSPORT,
		ND("0020", PEER6, SOLICITED6) "8701000000000000" US6 SOURCE_MAC },
	{ "solicitation cut off", TRANSPORT, ND("0010", PEER6, SOLICITED6) "8700000000000000"
									   "fec0000000000000" },
	{ "solicitation for a multicast address", TRANSPORT,
		ND("0020", PEER6, SOLICITED6) "8700000000000000" NODES6 SOURCE_MAC },
	{ "option of length 0", TRANSPORT,
		ND("0020", PEER6, SOLICITED6) "8700000000000000" US6 "0100525500000002" },
	{ "option past the end", TRANSPORT,
		ND("0020", PEER6, SOLICITED6) "8700000000000000" US6 "0102525500000002" },
	{ "half an option", TRANSPORT,
		ND("001a", PEER6, SOLICITED6) "8700000000000000" US6 "0101" },
	{ "duplicate detection", PASS, ND("0018", ANY6, SOLICITED6) "8700000000000000" US6 },
	{ "duplicate detection with a source MAC", TRANSPORT,
		ND("0020", ANY6, SOLICITED6) "8700000000000000" US6 SOURCE_MAC },
	{ "duplicate detection of everybody", TRANSPORT,
		ND("0018", ANY6, NODES6) "8700000000000000" US6 },
	{ "advertisement", PASS, ND("0020", PEER6, US6) "8800000060000000" PEER6 TARGET_MAC },
	{ "advertisement with an option of length 0", TRANSPORT,
		ND("0020", PEER6, US6) "8800000060000000" PEER6 "0200525500000002" },
	{ "solicited advertisement to everybody", TRANSPORT,
		ND("0020", PEER6, NODES6) "8800000060000000" PEER6 TARGET_MAC },
	{ "router", PASS,
		ND("0038", LINK6, NODES6) ROUTER("00", SOURCE_MAC)
			PREFIX_OPTION("40", DOC_PREFIX) },
	{ "router, not link-local", MARTIAN, ND("0010", PEER6, NODES6) ROUTER("00", "") },
	{ "router with an option of length 0", TRANSPORT,
		ND("0018", LINK6, NODES6) ROUTER("00", "0500000000000000") },
	{ "router with a short prefix option", TRANSPORT,
		ND("0018", LINK6, NODES6) ROUTER("00", "030140c000000e10") },
	{ "router with 129 bits of prefix", TRANSPORT,
		ND("0030", LINK6, NODES6) ROUTER("00", "") PREFIX_OPTION("81", DOC_PREFIX) },
	{ "router with a multicast prefix", TRANSPORT,
		ND("0030", LINK6, NODES6) ROUTER("00", "") PREFIX_OPTION("40", NODES6) },
	{ "router with prefix ::", TRANSPORT,
		ND("0030", LINK6, NODES6) ROUTER("00", "") PREFIX_OPTION("40", ANY6) },
	{ "redirect", PASS,
		ND("0030", LINK6, US6) "8900000000000000" LINK6 PEER6 TARGET_MAC },
	{ "redirect to a multicast address", TRANSPORT,
		ND("0028", LINK6, US6) "8900000000000000" NODES6 PEER6 },
	{ "redirect, not from a router", MARTIAN,
		ND("0028", PEER6, US6) "8900000000000000" LINK6 PEER6 },
};

START_TEST(nd_message_bad_is_dropped)
{
	check_rows(nd_messages);
}
END_TEST

/* ---- looped back ---------------------------------------------------------------- */

static const struct row looped[] = {
	{ "from 127.0.0.1", PASS,
		IP4_FROM("001c", "11", "7f000001", "7f000001") "0fa0003500080000" },
	{ "from our own address", PASS, IP4_FROM("001c", "11", US4, US4) "0fa0003500080000" },
	{ "from ::1", PASS,
		IP6_FROM("0008", "11", "40", "00000000000000000000000000000001",
			"00000000000000000000000000000001") "0fa0003500080000" },
	{ "bad options", OPTIONS, IP4_OPTIONS("6", "0020", "94000000") },
	{ "bad TCP header", TRANSPORT, TCP_SYN("0028", "f", "") },
};

START_TEST(looped_packet_may_be_from_us_but_not_malformed)
{
	check_rows_from(looped, sizeof(looped) / sizeof(looped[0]), &ourselves);
}
END_TEST

/* ---- what the check reports ------------------------------------------------------ */

static struct ingress_packet accept_packet(const char *text)
{
	struct ingress_packet info;
	size_t len;
	uint8_t *packet = hex_bytes(text, &len);

	ck_assert_int_eq(ingress_check(packet, len, &outside, &info), INGRESS_ACCEPTED);
	free(packet);
	return info;
}

START_TEST(info_of_padded_packet_has_its_own_length)
{
	struct ingress_packet info = accept_packet(UDP4 "000000000000");

	ck_assert_int_eq(info.family, ADDRESS_IPV4);
	ck_assert_int_eq(info.protocol, 17);
	ck_assert_int_eq(info.length, 28);
	ck_assert_int_eq(info.payload_at, 20);
	ck_assert_int_eq(info.flags, 0);
}
END_TEST

START_TEST(info_of_extension_headers_finds_transport)
{
	struct ingress_packet info = accept_packet(IP6("0010", "00") "1100" PADN6 UDP6);

	ck_assert_int_eq(info.family, ADDRESS_IPV6);
	ck_assert_int_eq(info.protocol, 17);
	ck_assert_int_eq(info.length, 56);
	ck_assert_int_eq(info.payload_at, 48);
}
END_TEST

START_TEST(info_of_fragment_describes_it)
{
	struct ingress_packet info;

	info = accept_packet(FRAGMENT4("0018", "0001", "62c3", "01020304"));
	ck_assert_int_eq(info.flags, INGRESS_FRAGMENT | INGRESS_LAST);
	ck_assert_int_eq(info.fragment_offset, 8);
	ck_assert_int_eq(info.fragment_id, 1);
	ck_assert_int_eq(info.payload_at, 20);
	info = accept_packet(IP6("0018", "2c") "3c00000100000007"
					       "1100" PADN6 "0fa0003500401234");
	ck_assert_int_eq(info.flags, INGRESS_FRAGMENT);
	ck_assert_int_eq(info.fragment_offset, 0);
	ck_assert_int_eq(info.fragment_id, 7);
	ck_assert_int_eq(info.protocol, 60);
	ck_assert_int_eq(info.payload_at, 48);
}
END_TEST

START_TEST(info_of_group_message_says_so)
{
	struct ingress_packet info;

	info = accept_packet(IP4_FROM("001c", "02", PEER4, "e0000001") "1164ee9b00000000");
	ck_assert_int_eq(info.flags, INGRESS_GROUP);
	info = accept_packet(IP6_FROM("0018", "3a", "01", LINK6, NODES6) "8200000003e80000" ANY6);
	ck_assert_int_eq(info.flags, INGRESS_GROUP);
}
END_TEST

/* Every beginning of a good packet, with and without its length put right. */
static void check_prefixes(const char *text)
{
	size_t len, n;
	uint8_t *packet = hex_bytes(text, &len);

	for (n = 0; n < len; n++) {
		struct ingress_packet info;
		uint8_t *cut = malloc(n ? n : 1);

		memcpy(cut, packet, n);
		ck_assert_int_ne(ingress_check(cut, n, &outside, &info), INGRESS_ACCEPTED);
		if (n >= 4 && packet[0] >> 4 == 4)
			cut[3] = (uint8_t)n;
		if (n >= 40 && packet[0] >> 4 == 6)
			cut[5] = (uint8_t)(n - 40);
		/* Only that it stays inside counts. */
		ingress_check(cut, n, &outside, &info);
		free(cut);
	}
	free(packet);
}

START_TEST(cut_packet_is_not_read_past_its_end)
{
	check_prefixes(TCP_SYN("003c", "a", "020405b4 0402 080a0000000100000000 01 030307"));
	check_prefixes(IP4_OPTIONS("7", "0024", "0707040000000000"));
	check_prefixes(IP6("0020", "00") "3c00" PADN6 "2b00" PADN6 "1100000000000000" UDP6);
	check_prefixes(IP6("0018", "2c") "3c00000100000007"
					 "1100" PADN6 "0fa0003500401234");
	check_prefixes(ND("0038", LINK6, NODES6) ROUTER("00", SOURCE_MAC)
			PREFIX_OPTION("40", DOC_PREFIX));
}
END_TEST

/* ---- Ethernet -------------------------------------------------------------------- */

#define US_MAC		 "525500000001"
#define PEER_MAC	 "525500000002"
#define ETHER(dst, type) dst PEER_MAC type
#define ARP_FROM(mac, ip, operation)  \
	ETHER("ffffffffffff", "0806") \
	"00010800060400" operation mac ip "000000000000" US4
#define ARP(operation) ARP_FROM(PEER_MAC, PEER4, operation)

static const struct frame_row {
	const char *name;
	enum table_drop expected;
	enum ingress_frame kind;
	const char *frame;
} frames[] = {
	{ "IPv4", PASS, INGRESS_FRAME_IP, ETHER(US_MAC, "0800") "45" },
	{ "IPv6", PASS, INGRESS_FRAME_IP, ETHER(US_MAC, "86dd") "60" },
	{ "to everybody", PASS, INGRESS_FRAME_IP, ETHER("ffffffffffff", "0800") "45" },
	{ "to another host", PASS, INGRESS_FRAME_OTHER_HOST, ETHER("525500000009", "0800") "45" },
	{ "nothing", FRAME, 0, "" },
	{ "only a header", FRAME, 0, ETHER(US_MAC, "0800") },
	{ "IPv6 that says IPv4", FRAME, 0, ETHER(US_MAC, "0800") "60" },
	{ "IPv4 that says IPv6", FRAME, 0, ETHER(US_MAC, "86dd") "45" },
	{ "unknown type", FRAME, 0, ETHER(US_MAC, "88cc") "00" },
	{ "length instead of type", FRAME, 0, ETHER(US_MAC, "0010") "42" },
	{ "from a group", FRAME, 0, US_MAC "0100000000020800"
					   "45" },
	{ "from ourselves", FRAME, 0, US_MAC US_MAC "0800"
						    "45" },
	{ "ARP request", PASS, INGRESS_FRAME_ARP, ARP("01") },
	{ "ARP reply", PASS, INGRESS_FRAME_ARP, ARP("02") },
	{ "ARP with padding", PASS, INGRESS_FRAME_ARP, ARP("01") "000000000000" },
	{ "ARP probe", PASS, INGRESS_FRAME_ARP, ARP_FROM(PEER_MAC, "00000000", "01") },
	{ "ARP operation 0", FRAME, 0, ARP("00") },
	{ "ARP operation 3", FRAME, 0, ARP("03") },
	{ "ARP cut off", FRAME, 0, ETHER(US_MAC, "0806") "0001080006040001" PEER_MAC PEER4 },
	{ "ARP for long addresses", FRAME, 0,
		ETHER(US_MAC, "0806") "0001080008040001" PEER_MAC PEER4 "000000000000" US4 },
	{ "ARP from a group", FRAME, 0, ARP_FROM("010000000002", PEER4, "01") },
	{ "ARP from MAC 0", FRAME, 0, ARP_FROM("000000000000", PEER4, "01") },
	{ "ARP for our address", MARTIAN, 0, ARP_FROM(PEER_MAC, US4, "02") },
	{ "ARP from multicast", MARTIAN, 0, ARP_FROM(PEER_MAC, "e0000001", "02") },
	{ "ARP from loopback", MARTIAN, 0, ARP_FROM(PEER_MAC, "7f000001", "02") },
};

START_TEST(frame_bad_is_dropped)
{
	size_t i, len;

	for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		uint8_t *mac = hex_bytes(US_MAC, &len);
		uint8_t *frame = hex_bytes(frames[i].frame, &len);
		enum ingress_frame kind = INGRESS_FRAME_IP;
		enum table_drop drop = ingress_check_frame(frame, len, mac, &outside, &kind);

		ck_assert_msg(drop == frames[i].expected, "%s: %s, not %s", frames[i].name,
			drop_name(drop), drop_name(frames[i].expected));
		if (drop == INGRESS_ACCEPTED)
			ck_assert_msg(kind == frames[i].kind, "%s: kind %d", frames[i].name, kind);
		free(frame);
		free(mac);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("packets");

	tcase_add_test(tc, ip4_header_bad_is_dropped);
	tcase_add_test(tc, ip4_options_bad_are_dropped);
	tcase_add_test(tc, ip4_martian_is_dropped);
	tcase_add_test(tc, ip4_fragment_bad_is_dropped);
	tcase_add_test(tc, tcp_header_bad_is_dropped);
	tcase_add_test(tc, udp_header_bad_is_dropped);
	tcase_add_test(tc, icmp_message_bad_is_dropped);
	tcase_add_test(tc, ip6_header_bad_is_dropped);
	tcase_add_test(tc, ip6_martian_is_dropped);
	tcase_add_test(tc, ip6_extension_bad_is_dropped);
	tcase_add_test(tc, ip6_fragment_bad_is_dropped);
	tcase_add_test(tc, icmp6_message_bad_is_dropped);
	tcase_add_test(tc, nd_message_bad_is_dropped);
	tcase_add_test(tc, looped_packet_may_be_from_us_but_not_malformed);
	tcase_add_test(tc, info_of_padded_packet_has_its_own_length);
	tcase_add_test(tc, info_of_extension_headers_finds_transport);
	tcase_add_test(tc, info_of_fragment_describes_it);
	tcase_add_test(tc, info_of_group_message_says_so);
	tcase_add_test(tc, cut_packet_is_not_read_past_its_end);
	tcase_add_test(tc, frame_bad_is_dropped);
	return run_suite("ingress", tc);
}
