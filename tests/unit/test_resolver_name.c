/* SPDX-License-Identifier: MIT */
#include "daemon/resolver_name.h"

#include "tests/unit/run_suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	const char *normalized; /* NULL: refused */
} names[] = {
	{ "a", "a" },
	{ "Example.ORG", "example.org" },
	{ "example.org.", "example.org" },
	{ "_sip._tcp.example", "_sip._tcp.example" },
	{ "xn--caf-dma.example", "xn--caf-dma.example" },
	{ "1and1.example", "1and1.example" },
	{ "1.2.3.example", "1.2.3.example" },
	{ "", NULL },
	{ ".", NULL },
	{ "..", NULL },
	{ "a..b", NULL },
	{ ".a", NULL },
	{ "a..", NULL },
	{ "a b", NULL },
	{ "a\tb", NULL },
	{ "a/b", NULL },
	{ "a\\.b", NULL },
	{ "a@b", NULL },
	{ "caf\xc3\xa9", NULL },
	/* What can only be a mistyped address (semantics.md A11). */
	{ "1.2.3", NULL },
	{ "1.2.3.256", NULL },
	{ "1234", NULL },
};

START_TEST(normalize_takes_or_refuses)
{
	char out[RESOLVER_NAME_SIZE];
	int r = resolver_name_normalize(names[_i].name, out);

	if (names[_i].normalized) {
		ck_assert_int_eq(r, 0);
		ck_assert_str_eq(out, names[_i].normalized);
	} else {
		ck_assert_int_eq(r, -EINVAL);
	}
}
END_TEST

START_TEST(normalize_holds_to_lengths)
{
	char name[400], out[RESOLVER_NAME_SIZE];

	memset(name, 'a', 63);
	strcpy(name + 63, ".x");
	ck_assert_int_eq(resolver_name_normalize(name, out), 0);
	memset(name, 'a', 64);
	strcpy(name + 64, ".x");
	ck_assert_int_eq(resolver_name_normalize(name, out), -EINVAL);
	for (int i = 0; i < 253; i++)
		name[i] = i % 2 ? '.' : 'a';
	name[253] = '\0';
	ck_assert_int_eq(resolver_name_normalize(name, out), 0);
	strcpy(name + 253, ".");
	ck_assert_int_eq(resolver_name_normalize(name, out), 0);
	ck_assert_uint_eq(strlen(out), 253);
	strcpy(name + 253, "a");
	ck_assert_int_eq(resolver_name_normalize(name, out), -EINVAL);
}
END_TEST

START_TEST(localhost_is_recognized)
{
	ck_assert(resolver_name_is_localhost("localhost"));
	ck_assert(resolver_name_is_localhost("a.localhost"));
	ck_assert(!resolver_name_is_localhost("alocalhost"));
	ck_assert(!resolver_name_is_localhost("localhost.example"));
	ck_assert(!resolver_name_is_localhost(""));
}
END_TEST

/* A reply with the question "a.Example", A; SERVFAIL. */
static const uint8_t reply[] = {
	0x12,
	0x34,
	0x81,
	0x82,
	0,
	1,
	0,
	0,
	0,
	0,
	0,
	0,
	1,
	'a',
	7,
	'E',
	'x',
	'a',
	'm',
	'p',
	'l',
	'e',
	0,
	0,
	1,
	0,
	1,
};

START_TEST(parse_reply_gives_code_and_name)
{
	char name[RESOLVER_NAME_SIZE];
	uint8_t rcode;

	ck_assert_int_eq(resolver_name_parse_reply(reply, sizeof(reply), &rcode, name), 0);
	ck_assert_uint_eq(rcode, 2);
	ck_assert_str_eq(name, "a.example");
}
END_TEST

START_TEST(parse_reply_cut_short_is_bad)
{
	const size_t end_of_name = 12 + 11;
	char name[RESOLVER_NAME_SIZE];
	uint8_t rcode;

	for (size_t len = 0; len < end_of_name; len++) {
		/* A copy of its very size, so that a sanitizer sees every step too far. */
		uint8_t *copy = malloc(len + 1);

		memcpy(copy, reply, len);
		ck_assert_int_eq(resolver_name_parse_reply(copy, len, &rcode, name), -EBADMSG);
		free(copy);
	}
}
END_TEST

static const struct {
	size_t at;
	uint8_t value;
} spoilt[] = {
	{ 2, 0x01 },  /* a question */
	{ 5, 0 },     /* no question in it */
	{ 5, 2 },     /* two */
	{ 4, 1 },     /* 257 */
	{ 12, 0xc0 }, /* a pointer */
	{ 12, 64 },   /* a label too long */
	{ 12, 0 },    /* the root */
	{ 14, 60 },   /* a label beyond the end */
	{ 13, '.' },  /* a dot in a label */
	{ 13, 0 },    /* a NUL in a label */
};

START_TEST(parse_reply_that_lies_is_bad)
{
	uint8_t copy[sizeof(reply)];
	char name[RESOLVER_NAME_SIZE];
	uint8_t rcode;

	memcpy(copy, reply, sizeof(reply));
	copy[spoilt[_i].at] = spoilt[_i].value;
	ck_assert_int_eq(resolver_name_parse_reply(copy, sizeof(copy), &rcode, name), -EBADMSG);
}
END_TEST

START_TEST(parse_reply_with_endless_name_is_bad)
{
	uint8_t endless[600] = { [2] = 0x80, [5] = 1 };
	char name[RESOLVER_NAME_SIZE];
	uint8_t rcode;

	for (size_t i = 12; i + 1 < sizeof(endless); i += 2) {
		endless[i] = 1;
		endless[i + 1] = 'a';
	}
	ck_assert_int_eq(resolver_name_parse_reply(endless, sizeof(endless), &rcode, name),
		-EBADMSG);
}
END_TEST

#define N(array) (int)(sizeof(array) / sizeof((array)[0]))

int main(void)
{
	TCase *tc = tcase_create("resolver_name");

	tcase_add_loop_test(tc, normalize_takes_or_refuses, 0, N(names));
	tcase_add_test(tc, normalize_holds_to_lengths);
	tcase_add_test(tc, localhost_is_recognized);
	tcase_add_test(tc, parse_reply_gives_code_and_name);
	tcase_add_test(tc, parse_reply_cut_short_is_bad);
	tcase_add_loop_test(tc, parse_reply_that_lies_is_bad, 0, N(spoilt));
	tcase_add_test(tc, parse_reply_with_endless_name_is_bad);
	return run_suite("resolver_name", tc);
}
