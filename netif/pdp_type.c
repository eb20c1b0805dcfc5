/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Most networks that have only one of both grant it when both are asked for.
 * Some refuse the call instead (TS 24.301 causes 50 and 51, or any other), so
 * after a refusal IPv4 alone is asked for, then IPv6 alone, then both again.
 * What was granted is remembered for the SIM, so that its next call begins
 * there; refusals since then go on from it.
 *
 * Where the configuration wants one type, that is the one.
 */
#include "netif/pdp_type.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

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

static unsigned int first_type(const struct pdp_type *p)
{
	const struct pdp_type_grant *grant = find_grant(p);
	unsigned int i = 0;

	while (grant && i < N_TYPES - 1 && types[i] != grant->type)
		i++;
	return i;
}

const char *pdp_type_now(const struct pdp_type *p)
{
	if (p->wanted && strcmp(p->wanted, PDP_TYPE_BOTH) != 0)
		return p->wanted;
	return types[(first_type(p) + p->n_refused) % N_TYPES];
}

void pdp_type_take_sim(struct pdp_type *p, const char *iccid)
{
	if (strcmp(p->iccid, iccid) == 0)
		return;
	snprintf(p->iccid, sizeof(p->iccid), "%s", iccid);
	p->n_refused = 0;
}

void pdp_type_refused(struct pdp_type *p)
{
	p->n_refused++;
}

void pdp_type_granted(struct pdp_type *p)
{
	struct pdp_type_grant grant = { .type = pdp_type_now(p) };
	const struct pdp_type_grant *old = find_grant(p);
	size_t n = old ? (size_t)(old - p->grants) : PDP_TYPE_SIMS - 1;

	p->n_refused = 0;
	if (!p->iccid[0])
		return;
	memcpy(grant.iccid, p->iccid, sizeof(grant.iccid));
	memmove(p->grants + 1, p->grants, n * sizeof(p->grants[0]));
	p->grants[0] = grant;
}

const char *pdp_type_find(const char *name)
{
	for (unsigned int i = 0; i < N_TYPES; i++) {
		if (strcasecmp(name, types[i]) == 0)
			return types[i];
	}
	return NULL;
}
