/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Most networks that have only one of both grant it when both are asked for.
 * Some refuse the call instead. If they say that the type is why (TS 24.301
 * 9.9.4.4 causes 28, 50 and 51, or the same in words), what they have is asked
 * for next, and remembered for the SIM once it is granted. A call that is refused
 * without a word may have failed for any reason: only when it has three times is
 * another type tried, in the order both, IPv4, IPv6; what comes of such a guess
 * is not remembered, lest a crowded cell leaves a gateway without IPv4 for good.
 *
 * Where the configuration wants one type, that is the one.
 */
#include "netif/pdp_type.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CALLS_MAX	   3

#define CAUSE_UNKNOWN_TYPE 28
#define CAUSE_IP4_ONLY	   50
#define CAUSE_IP6_ONLY	   51

static const char *const types[] = { PDP_TYPE_BOTH, PDP_TYPE_IP4, PDP_TYPE_IP6 };
#define N_TYPES ((unsigned int)(sizeof(types) / sizeof(types[0])))

static const struct pdp_type_grant *find_grant(const struct pdp_type *p)
{
	for (size_t i = 0; p->iccid[0] && i < PDP_TYPE_SIMS; i++) {
		if (strcmp(p->grants[i].iccid, p->iccid) == 0)
			return &p->grants[i];
	}
	return NULL;
}

const char *pdp_type_now(const struct pdp_type *p)
{
	const struct pdp_type_grant *grant = find_grant(p);

	if (p->wanted && strcmp(p->wanted, PDP_TYPE_BOTH) != 0)
		return p->wanted;
	if (p->next)
		return p->next;
	return grant ? grant->type : PDP_TYPE_BOTH;
}

static void start_over(struct pdp_type *p)
{
	p->next = NULL;
	p->is_told = false;
	p->n_calls = 0;
}

void pdp_type_take_sim(struct pdp_type *p, const char *iccid)
{
	if (strcmp(p->iccid, iccid) == 0)
		return;
	snprintf(p->iccid, sizeof(p->iccid), "%s", iccid);
	start_over(p);
}

/* A number that stands alone in the text. */
static bool has_number(const char *text, long number)
{
	char *end;

	while (*text) {
		if (!isdigit((unsigned char)*text)) {
			text++;
			continue;
		}
		if (strtol(text, &end, 10) == number)
			return true;
		text = end;
	}
	return false;
}

static const char *following(const char *type)
{
	unsigned int i;

	for (i = 0; i < N_TYPES - 1 && strcmp(types[i], type) != 0; i++)
		;
	return types[(i + 1) % N_TYPES];
}

/* What the cause says is to be asked for; NULL: it says nothing of types. */
static const char *type_of_cause(const char *cause, const char *refused)
{
	if (strcasestr(cause, "ipv4 only") || has_number(cause, CAUSE_IP4_ONLY))
		return PDP_TYPE_IP4;
	if (strcasestr(cause, "ipv6 only") || has_number(cause, CAUSE_IP6_ONLY))
		return PDP_TYPE_IP6;
	if (strcasestr(cause, "pdp type") || strcasestr(cause, "pdn type") ||
		has_number(cause, CAUSE_UNKNOWN_TYPE))
		return following(refused);
	return NULL;
}

void pdp_type_refused(struct pdp_type *p, const char *cause)
{
	const char *refused = pdp_type_now(p), *next = type_of_cause(cause, refused);

	/* The very type that it says it has: then the cause is another one. */
	if (next && strcmp(next, refused) != 0) {
		p->next = next;
		p->is_told = true;
		p->n_calls = 0;
	} else if (++p->n_calls == CALLS_MAX) {
		p->next = following(refused);
		p->is_told = false;
		p->n_calls = 0;
	}
}

static void remember(struct pdp_type *p, const char *type)
{
	const struct pdp_type_grant *old = find_grant(p);
	size_t n = old ? (size_t)(old - p->grants) : PDP_TYPE_SIMS - 1;
	struct pdp_type_grant grant = { .type = type };

	memcpy(grant.iccid, p->iccid, sizeof(grant.iccid));
	memmove(p->grants + 1, p->grants, n * sizeof(p->grants[0]));
	p->grants[0] = grant;
}

void pdp_type_granted(struct pdp_type *p)
{
	if (p->iccid[0] && (!p->next || p->is_told))
		remember(p, pdp_type_now(p));
	start_over(p);
}

void pdp_type_forget(struct pdp_type *p)
{
	struct pdp_type_grant *grant = (struct pdp_type_grant *)find_grant(p);

	if (grant)
		memset(grant, 0, sizeof(*grant));
	start_over(p);
}

const char *pdp_type_find(const char *name)
{
	for (unsigned int i = 0; i < N_TYPES; i++) {
		if (strcasecmp(name, types[i]) == 0)
			return types[i];
	}
	return NULL;
}
