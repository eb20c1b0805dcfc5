/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A look-up outlives whoever asked for it, so it is owned by the list it is in
 * and holds a reference on the account that is charged for it.
 */
#include "daemon/socks_lookup.h"

#include "daemon/limits.h"

#include <errno.h>
#include <stdlib.h>

struct socks_lookup {
	struct account *account; /* referenced; one RESOURCE_LOOKUP charged */
	struct lookup *lookup;
	resolver_done_fn done; /* NULL: abandoned */
	void *arg;
	LIST_ENTRY(socks_lookup) link;
};

static void discard(struct socks_lookup *l)
{
	LIST_REMOVE(l, link);
	account_release(l->account, RESOURCE_LOOKUP, 1);
	account_unref(l->account);
	free(l);
}

static void on_answer(const struct resolver_answer *answer, void *arg)
{
	struct socks_lookup *l = arg;
	resolver_done_fn done = l->done;
	void *done_arg = l->arg;

	discard(l);
	if (done)
		done(answer, done_arg);
}

int socks_lookup_new(struct socks_lookup **out, struct socks_lookup_list *list,
	struct resolver *resolver, struct account *account, const char *name,
	resolver_done_fn done, void *arg)
{
	struct socks_lookup *l = calloc(1, sizeof(*l));
	int r = l ? account_charge(account, RESOURCE_LOOKUP, 1) : -ENOBUFS;

	if (r < 0) {
		free(l);
		return r;
	}
	l->account = account_ref(account);
	l->done = done;
	l->arg = arg;
	LIST_INSERT_HEAD(list, l, link);
	r = resolver_start(resolver, name, ADDRESS_NONE, on_answer, l, &l->lookup);
	if (r < 0) {
		discard(l);
		return r;
	}
	*out = l;
	return 0;
}

void socks_lookup_abandon(struct socks_lookup *l)
{
	if (l)
		l->done = NULL;
}

void socks_lookups_fini(struct socks_lookup_list *list)
{
	struct socks_lookup *l;

	while ((l = LIST_FIRST(list)) != NULL) {
		lookup_cancel(l->lookup);
		discard(l);
	}
}
