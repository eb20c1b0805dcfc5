/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One question through res.c, and the first PTR record of its answer, whoever it
 * belongs to: reverse zones may be delegated by CNAME (RFC 2317). A name that is
 * none of a host is not passed on.
 */
#include "client/preload/reverse.h"

#include "client/preload/calls.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* 32 digits with a dot each, and what follows. */
#define QUESTION_MAX 80
#define ANSWER_MAX   4096

struct reader {
	const unsigned char *start, *at, *end;
};

static void make_question(int family, const uint8_t *ip, char question[QUESTION_MAX])
{
	char *to = question;

	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)ip)) {
		family = AF_INET;
		ip += 12;
	}
	if (family == AF_INET) {
		snprintf(question, QUESTION_MAX, "%u.%u.%u.%u.in-addr.arpa", ip[3], ip[2], ip[1],
			ip[0]);
		return;
	}
	for (int i = 15; i >= 0; i--)
		to += sprintf(to, "%x.%x.", ip[i] & 0x0f, ip[i] >> 4);
	strcpy(to, "ip6.arpa");
}

/* Returns 0, or -1 if the message ends before. */
static int read_name(struct reader *r, char *name, size_t size)
{
	int n = dn_expand(r->start, r->end, r->at, name, (int)size);

	if (n < 0)
		return -1;
	r->at += n;
	return 0;
}

static int skip(struct reader *r, size_t n)
{
	if ((size_t)(r->end - r->at) < n)
		return -1;
	r->at += n;
	return 0;
}

/* The record's type, with its data next to be read; -1 at the end. */
static int read_record(struct reader *r, char *name, size_t size, size_t *data_len)
{
	int type;

	if (read_name(r, name, size) < 0 || r->end - r->at < RRFIXEDSZ)
		return -1;
	type = r->at[0] << 8 | r->at[1];
	*data_len = (size_t)r->at[8] << 8 | r->at[9];
	r->at += RRFIXEDSZ;
	return (size_t)(r->end - r->at) < *data_len ? -1 : type;
}

static int find_name(struct reader *r, char *name, size_t size)
{
	size_t data_len;
	int type;

	if (skip(r, HFIXEDSZ) < 0 || read_name(r, name, size) < 0 || skip(r, QFIXEDSZ) < 0)
		return NO_RECOVERY;
	while ((type = read_record(r, name, size, &data_len)) >= 0) {
		if (type == T_PTR)
			return read_name(r, name, size) == 0 && res_hnok(name) ? 0 : NO_RECOVERY;
		r->at += data_len;
	}
	return HOST_NOT_FOUND;
}

int reverse_look_up(int family, const void *ip, char *name, size_t size)
{
	unsigned char answer[ANSWER_MAX];
	char question[QUESTION_MAX];
	struct reader r = { .start = answer, .at = answer };
	int n;

	make_question(family, ip, question);
	n = preload_res_query(question, C_IN, T_PTR, answer, sizeof(answer));
	if (n < 0)
		return h_errno;
	r.end = answer + ((size_t)n < sizeof(answer) ? (size_t)n : sizeof(answer));
	return find_name(&r, name, size);
}
