/* SPDX-License-Identifier: MIT */
/*
 * Accounts: who has taken how much of what.
 *
 * Each session has an account whose parent is its user's; each socket holds
 * one too, because it may outlive the session that made it. A charge goes to
 * the account and its parent, or to neither.
 */
#ifndef DAEMON_LIMITS_H
#define DAEMON_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum resource {
	RESOURCE_SESSION,
	RESOURCE_SOCKET,
	RESOURCE_LOOKUP,
	RESOURCE_WATCH,
	RESOURCE_QUEUED, /* bytes held in the daemon for its sockets */
	RESOURCE_COUNT,
};

/* The most of each resource; 0 is none at all. */
struct limits {
	uint64_t session[RESOURCE_COUNT]; /* of one session */
	uint64_t user[RESOURCE_COUNT];	  /* of all sessions of one uid */
};

struct account;
struct accounts; /* the users that have an account */

/*
 * @limits must outlive all accounts; changing them counts from the next
 * charge. NULL: no memory.
 */
struct accounts *accounts_new(const struct limits *limits);
/* No account may be left. */
void accounts_free(struct accounts *accounts);

/* The account of user @uid, made at the first reference. NULL: no memory. */
struct account *account_ref_user(struct accounts *accounts, uid_t uid);

/* A new account of a session of that user; holds a reference on the parent. */
struct account *account_new_session(struct account *user);
/* The same, of user @uid. */
struct account *account_new_session_of(struct accounts *accounts, uid_t uid);

struct account *account_ref(struct account *account);
/* Frees at the last reference; all must have been given back by then. */
void account_unref(struct account *account);

/* Returns 0, or -EMFILE if @n more would pass a limit; nothing is charged then. */
int account_charge(struct account *account, enum resource resource, uint64_t n);
void account_release(struct account *account, enum resource resource, uint64_t n);

uint64_t account_used(const struct account *account, enum resource resource);
uid_t account_uid(const struct account *account);

#endif
