/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The resolver's own calls (resolver(3)). libc's make their sockets inside libc,
 * where nothing can be intercepted, so only what sends nothing is left to them:
 * reading /etc/resolv.conf and writing a query. The servers that it names, and those
 * that a program puts into its state, are the kernel's world; the daemon's are asked
 * (dns.c). Options, times and the search list are the state's.
 */
#include "client/preload/calls.h"

#include "client/preload/dns.h"
#include "client/preload/linux_errno.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define QUERY_ROOM 512
/* An OPT record: root, type, class, TTL, no data (RFC 6891 6.1). */
#define OPT_SIZE 11
/* What fits into IPv6's least MTU (RFC 8200 5). */
#define OPT_PAYLOAD 1232

static struct __res_state *own_state(void)
{
	struct __res_state *state = &_res;

	if (!(state->options & RES_INIT) && res_ninit(state) < 0)
		return NULL;
	return state;
}

/* Returns -1: both h_errno and the state's say why. */
static int fail(struct __res_state *state, int why)
{
	if (state)
		state->res_h_errno = why;
	h_errno = why;
	return -1;
}

/* ---- sending ------------------------------------------------------------ */

int preload_res_nsend(void *of, const unsigned char *query, int query_len, unsigned char *answer,
	int len)
{
	const struct __res_state *state = of;
	struct dns_manner manner = {
		.by_tcp = state->options & RES_USEVC,
		.takes_truncated = state->options & RES_IGNTC,
		.n_tries = state->retry > 0 ? state->retry : 1,
		.wait_ms = (state->retrans > 0 ? state->retrans : RES_TIMEOUT) * 1000,
	};
	int r;

	if (query_len < 0 || len < 0)
		return linux_fail(EINVAL);
	r = dns_exchange(query, (size_t)query_len, answer, (size_t)len, &manner);
	return r < 0 ? linux_fail(linux_errno(-r)) : r;
}

int preload_res_send(const unsigned char *query, int query_len, unsigned char *answer, int len)
{
	struct __res_state *state = own_state();

	return state ? preload_res_nsend(state, query, query_len, answer, len) : -1;
}

/* ---- one question ------------------------------------------------------- */

static int add_opt(const struct __res_state *state, unsigned char *query, int n, int answer_room)
{
	unsigned int payload = answer_room < OPT_PAYLOAD ? (unsigned int)answer_room : OPT_PAYLOAD;
	unsigned char *at = query + n;

	if (!(state->options & (RES_USE_EDNS0 | RES_USE_DNSSEC)) || n + OPT_SIZE > QUERY_ROOM)
		return n;
	if (payload < PACKETSZ)
		payload = PACKETSZ;
	memset(at, 0, OPT_SIZE);
	at[2] = T_OPT;
	at[3] = (unsigned char)(payload >> 8);
	at[4] = (unsigned char)payload;
	/* The DO bit, RFC 3225 3. */
	at[7] = state->options & RES_USE_DNSSEC ? 0x80 : 0;
	query[11] = 1;
	return n + OPT_SIZE;
}

/* What an answer without what was asked for means. */
static int judge(struct __res_state *state, const unsigned char *answer, int n)
{
	unsigned int code = dns_code(answer);

	if (code == NOERROR && dns_n_answers(answer) != 0)
		return n;
	switch (code) {
	case NXDOMAIN:
		return fail(state, HOST_NOT_FOUND);
	case SERVFAIL:
		return fail(state, TRY_AGAIN);
	case NOERROR:
		return fail(state, NO_DATA);
	default:
		return fail(state, NO_RECOVERY);
	}
}

int preload_res_nquery(void *of, const char *name, int class, int type, unsigned char *answer,
	int len)
{
	struct __res_state *state = of;
	unsigned char query[QUERY_ROOM];
	int n;

	if (len < HFIXEDSZ)
		return fail(state, NO_RECOVERY);
	n = res_nmkquery(state, QUERY, name, class, type, NULL, 0, NULL, query, sizeof(query));
	if (n <= 0)
		return fail(state, NO_RECOVERY);
	n = add_opt(state, query, n, len);
	n = preload_res_nsend(state, query, n, answer, len);
	if (n < 0)
		return fail(state, TRY_AGAIN);
	return judge(state, answer, n);
}

int preload_res_query(const char *name, int class, int type, unsigned char *answer, int len)
{
	struct __res_state *state = own_state();

	return state ? preload_res_nquery(state, name, class, type, answer, len)
		     : fail(NULL, NETDB_INTERNAL);
}

int preload_res_nquerydomain(void *of, const char *name, const char *domain, int class, int type,
	unsigned char *answer, int len)
{
	char whole[MAXDNAME];
	int n = domain ? snprintf(whole, sizeof(whole), "%s.%s", name, domain)
		       : snprintf(whole, sizeof(whole), "%s", name);

	if (n < 0 || (size_t)n >= sizeof(whole))
		return fail(of, NO_RECOVERY);
	return preload_res_nquery(of, whole, class, type, answer, len);
}

int preload_res_querydomain(const char *name, const char *domain, int class, int type,
	unsigned char *answer, int len)
{
	struct __res_state *state = own_state();

	return state ? preload_res_nquerydomain(state, name, domain, class, type, answer, len)
		     : fail(NULL, NETDB_INTERNAL);
}

/* ---- the search list ---------------------------------------------------- */

struct search {
	struct __res_state *state;
	const char *name;
	int class, type;
	unsigned char *answer;
	int len;
	int best; /* h_errno that is told if nothing is found; 0: none yet */
};

/* What is known of the name weighs more than that it is unknown elsewhere. */
static int try_name(struct search *s, const char *domain)
{
	int n = preload_res_nquerydomain(s->state, s->name, domain, s->class, s->type, s->answer,
		s->len);

	if (n < 0 && (s->best == 0 || s->best == HOST_NOT_FOUND))
		s->best = h_errno;
	return n;
}

/* Whether another domain may have it. */
static bool goes_on(void)
{
	return h_errno == HOST_NOT_FOUND || h_errno == NO_DATA;
}

static int try_domains(struct search *s)
{
	int n = -1;

	for (int i = 0; i < MAXDNSRCH && s->state->dnsrch[i]; i++) {
		const char *domain = s->state->dnsrch[i];

		/* "." stands for the name as it is. */
		n = try_name(s, *domain && strcmp(domain, ".") != 0 ? domain : NULL);
		if (n >= 0 || !goes_on() || !(s->state->options & RES_DNSRCH))
			break;
	}
	return n;
}

static unsigned int count_dots(const char *name)
{
	unsigned int n = 0;

	for (; *name; name++)
		n += *name == '.';
	return n;
}

static bool has_domains(const struct __res_state *state, unsigned int dots)
{
	return state->options & (dots > 0 ? RES_DNSRCH : RES_DEFNAMES);
}

int preload_res_nsearch(void *of, const char *name, int class, int type, unsigned char *answer,
	int len)
{
	struct search s = {
		.state = of,
		.name = name,
		.class = class,
		.type = type,
		.answer = answer,
		.len = len,
	};
	unsigned int dots = count_dots(name);
	size_t n_name = strlen(name);
	bool is_whole = n_name > 0 && name[n_name - 1] == '.';
	bool is_first = is_whole || dots >= s.state->ndots;
	int n = -1;

	if (is_first) {
		n = try_name(&s, NULL);
		if (n >= 0 || is_whole || !goes_on())
			return n;
	}
	if (has_domains(s.state, dots))
		n = try_domains(&s);
	if (n < 0 && !is_first && (s.best == 0 || goes_on()) &&
		!(dots == 0 && s.state->options & RES_NOTLDQUERY))
		n = try_name(&s, NULL);
	return n >= 0 ? n : fail(s.state, s.best ? s.best : HOST_NOT_FOUND);
}

int preload_res_search(const char *name, int class, int type, unsigned char *answer, int len)
{
	struct __res_state *state = own_state();

	return state ? preload_res_nsearch(state, name, class, type, answer, len)
		     : fail(NULL, NETDB_INTERNAL);
}
