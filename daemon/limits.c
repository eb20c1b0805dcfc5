/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Accounts form trees of two levels: a session's account holds a reference on
 * its user's, users are found by uid in a hash. Accounts are shared (a socket
 * outlives its session), so they are counted; the last reference of a user's
 * account takes it out of the hash.
 *
 * A charge is checked against every level before any level is changed.
 */
#include "daemon/limits.h"

#include "netif/hash.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct accounts {
	const struct limits *limits;
	struct account *users; /* by uid */
};

struct account {
	struct accounts *accounts;
	struct account *parent; /* referenced; NULL: a user's account */
	uid_t uid;
	unsigned int n_refs;
	uint64_t used[RESOURCE_COUNT];
	UT_hash_handle hh; /* of users only */
};

struct accounts *accounts_new(const struct limits *limits)
{
	struct accounts *accounts = calloc(1, sizeof(*accounts));

	if (accounts)
		accounts->limits = limits;
	return accounts;
}

void accounts_free(struct accounts *accounts)
{
	if (!accounts)
		return;
	assert(!accounts->users);
	free(accounts);
}

static struct account *account_new(struct accounts *accounts, struct account *parent, uid_t uid)
{
	struct account *account = calloc(1, sizeof(*account));

	if (!account)
		return NULL;
	account->accounts = accounts;
	account->parent = parent;
	account->uid = uid;
	account->n_refs = 1;
	return account;
}

struct account *account_ref_user(struct accounts *accounts, uid_t uid)
{
	struct account *account;

	HASH_FIND(hh, accounts->users, &uid, sizeof(uid), account);
	if (account)
		return account_ref(account);
	account = account_new(accounts, NULL, uid);
	if (account)
		HASH_ADD(hh, accounts->users, uid, sizeof(uid), account);
	return account;
}

struct account *account_new_session(struct account *user)
{
	struct account *account = account_new(user->accounts, user, user->uid);

	if (account)
		account_ref(user);
	return account;
}

struct account *account_new_session_of(struct accounts *accounts, uid_t uid)
{
	struct account *user = account_ref_user(accounts, uid);
	struct account *account = user ? account_new_session(user) : NULL;

	account_unref(user);
	return account;
}

struct account *account_ref(struct account *account)
{
	account->n_refs++;
	return account;
}

static void account_free(struct account *account)
{
	for (int i = 0; i < RESOURCE_COUNT; i++)
		assert(account->used[i] == 0);
	if (!account->parent)
		HASH_DELETE(hh, account->accounts->users, account);
	free(account);
}

void account_unref(struct account *account)
{
	while (account) {
		struct account *parent = account->parent;

		assert(account->n_refs > 0);
		if (--account->n_refs > 0)
			return;
		account_free(account);
		account = parent;
	}
}

static uint64_t limit_of(const struct account *account, enum resource resource)
{
	const struct limits *limits = account->accounts->limits;

	return account->parent ? limits->session[resource] : limits->user[resource];
}

int account_charge(struct account *account, enum resource resource, uint64_t n)
{
	for (struct account *a = account; a; a = a->parent) {
		uint64_t limit = limit_of(a, resource);

		if (a->used[resource] > limit || n > limit - a->used[resource])
			return -EMFILE;
	}
	for (struct account *a = account; a; a = a->parent)
		a->used[resource] += n;
	return 0;
}

void account_release(struct account *account, enum resource resource, uint64_t n)
{
	for (struct account *a = account; a; a = a->parent) {
		assert(a->used[resource] >= n);
		a->used[resource] -= n;
	}
}

uint64_t account_used(const struct account *account, enum resource resource)
{
	return account->used[resource];
}

uid_t account_uid(const struct account *account)
{
	return account->uid;
}
